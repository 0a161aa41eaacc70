"""`penstock key`: replacing the key of a running server, and what it says of its keys."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.running import Ended, penstock, plain
from operations.partner import user_keys
from serving import Server, serving
from waiting import eventually

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("keys") / "data") as started:
        yield started


def key(server: Server, *arguments: str) -> Ended:
    return penstock("key", *arguments, "--data-dir", server.data_dir)


def ids(server: Server) -> list[str]:
    """Newest first."""
    ended = key(server, "status", "--json")
    assert (ended.code, ended.err) == (0, "")
    told: dict[str, Any] = json.loads(ended.out)
    assert (told["heldIn"], told["isComplete"]) == ("KeyFile", True)
    return [each["keyId"] for each in told["keys"]]


def settled(status: str) -> list[str]:
    """The lines once nothing is left under an older key."""
    lines = status.splitlines()
    return lines if all("still seals 0 secrets" in line for line in lines[1:]) else []


def test_it_replaces_the_key_and_says_what_becomes_of_the_old_one(server: Server) -> None:
    old = ids(server)[0]
    ended = key(server, "rotate")
    new = ids(server)[0]
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"sealing with key {new}; key {old} goes once nothing needs it\n"
    assert len((server.data_dir / "key").read_text().split()) == len(ids(server))


def test_it_prints_json(server: Server) -> None:
    old = ids(server)[0]
    told = json.loads(key(server, "rotate", "--json").out)
    assert told == {"keyId": ids(server)[0], "replacedKeyId": old}


def test_the_status_says_of_each_key_since_when_and_what_it_seals(server: Server) -> None:
    key(server, "rotate")
    lines = eventually(lambda: settled(key(server, "status").out))
    # The key of fingerprints is always there.
    assert re.fullmatch(rf"[0-9a-f]{{8}}  since {MOMENT}  seals [1-9]\d* secrets?, and all that comes", lines[0])
    replaced = rf"[0-9a-f]{{8}}  replaced {MOMENT}  still seals 0 secrets; goes after {MOMENT}"
    assert lines[1:]
    for line in lines[1:]:
        assert re.fullmatch(replaced, line)


def test_who_is_not_root_is_refused_in_one_line(server: Server) -> None:
    keys = user_keys(server, "mighty", ["*"])
    caller = {name.upper(): value for name, value in keys.items()}
    environment = plain(AWS_ENDPOINT_URL=server.url, **caller)
    for command in ("rotate", "status"):
        ended = penstock("key", command, environment=environment)
        assert ended.code == 1
        assert ended.line.endswith("only the server's root may")


def test_a_key_file_that_cannot_be_written_is_one_line_and_changes_nothing(server: Server) -> None:
    before = ids(server)
    (server.data_dir / "key.new").mkdir()
    try:
        ended = key(server, "rotate")
    finally:
        (server.data_dir / "key.new").rmdir()
    assert ended.code == 1
    assert "The new key cannot be kept, and everything is as it was" in ended.line
    assert ids(server) == before


def test_a_key_file_that_others_may_read_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with serving(tmp_path / "data"):
        pass
    (tmp_path / "data" / "key").chmod(0o640)
    ended = penstock("serve", "--port", "0", "--data-dir", tmp_path / "data")
    assert ended.code == 1
    assert ended.line.endswith(
        f"is open to others than its owner (its mode is 0640): close it with 'chmod 600 {tmp_path}/data/key'."
    )
