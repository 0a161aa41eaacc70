"""Nothing secret leaves the process but to whom it belongs: not in logs, answers, pages, files, dumps or reprs."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.operations import own_types
from penstock.ports.artifacts import ScopedKeys
from penstock.ports.identity import AccessKey, Principal
from penstock.server.compose import compose
from penstock.server.credentials import RootKeys
from penstock.server.settings import load
from planted import OF_JOBS, Planted, go_through

# What a declaration shows to everybody who may see it is no secret at rest, though it is one in a log.
SHOWN = {"variable of a build"}
# The folder's own keys, which nobody but the server's owner may read.
KEPT = ("key", "credentials")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    made = Planted(tmp_path_factory.mktemp("leaks"))
    try:
        go_through(made)
    finally:
        made.end()
    return made


def found_in(text: str | bytes, planted: Planted, but: set[str] | frozenset[str] = frozenset()) -> set[str]:
    """The kinds of the secrets that are in a text."""
    raw = text.encode() if isinstance(text, str) else text
    return {
        kind
        for kind, secrets in planted.secrets.items()
        if kind not in but and any(secret.encode() in raw for secret in secrets)
    }


def test_the_log_holds_none(planted: Planted) -> None:
    assert "DEBUG" in planted.log
    assert planted.log.count("Traceback") >= 2, "faults within were provoked"
    assert "Fatal Python error: Aborted" in planted.log, "the dump of a crash is there too"
    assert found_in(planted.log, planted) == set()


@pytest.mark.parametrize("form", [r"penstock:v1:", r"AWS4-HMAC-SHA256 Credential=", r"[Ss]ignature[=:]\W*[0-9a-f]{64}"])
def test_the_log_holds_nothing_of_the_form_of_one(planted: Planted, form: str) -> None:
    """Such as the credentials of the server's own workers, which nobody else is told."""
    assert re.findall(form, planted.log) == []


def test_what_is_printed_holds_none(planted: Planted) -> None:
    assert "console: " in planted.out
    assert found_in(planted.out, planted) == set()


def test_no_answer_holds_one_that_it_is_not_there_to_tell(planted: Planted) -> None:
    assert len(planted.left) > 200
    leaks = [
        (left.what, found_in(left.text, planted, left.may_carry | (set() if "GetActionLog" in left.what else SHOWN)))
        for left in planted.left
    ]
    assert [leak for leak in leaks if leak[1]] == []


def test_no_answer_holds_a_sealed_text_but_for_tokens(planted: Planted) -> None:
    """What is sealed at rest is for nobody outside either."""
    tokens = {*OF_JOBS, "session token"}
    answers = [(left.what, left.text) for left in planted.left if not left.may_carry & tokens]
    assert [what for what, text in answers if "penstock:v1:" in text] == []


def test_the_answers_that_are_there_to_tell_one_tell_it(planted: Planted) -> None:
    """Or the search would find nothing anywhere."""
    told = {name for left in planted.left for name in found_in(left.text, planted) & left.may_carry}
    assert told >= {"custom secret", "partner secret", "job secret", "job token", "client token", "user secret"}
    assert told >= {"webhook token", "connection token", "connection secret"}


def test_the_files_hold_none(planted: Planted) -> None:
    folder = planted.server.data_dir
    files = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in KEPT]
    assert {"penstock.db", "penstock.db-wal"} <= {path.name for path in files}
    leaks = {path.name: found_in(path.read_bytes(), planted, SHOWN) for path in files}
    assert {name: found for name, found in leaks.items() if found} == {}


def test_no_repr_shows_one(tmp_path: Path) -> None:
    """Whatever is composed, and what an operation of penstock's own answers."""
    given = {"data_dir": tmp_path, "root_access_key_id": "AKIAPLANTED", "root_secret_access_key": "planted"}

    async def composed() -> list[object]:
        settings = load(given, environment={})
        installation = compose(settings, "off", "http://127.0.0.1:1")
        await installation.storage.close()
        environment = installation.environment
        return [settings, installation, environment, environment.vault, environment.door, environment.credentials]

    key = "planted"
    for each in asyncio.run(composed()):
        shown = repr(each)
        assert key not in shown
        assert (tmp_path / "key").read_text().strip() not in shown
    for secretive in (
        RootKeys("AKIAPLANTED", key),
        AccessKey("AKIAPLANTED", key, Principal("arn", "1", "root", "AKIAPLANTED")),
        ScopedKeys("ASIAPLANTED", key, key),
        own_types.CreatePrincipalOutput(access_key_id="AKIAPLANTED", secret_access_key=key, arn="arn"),
        own_types.LinkPartnerOutput(client_id="client", client_token=key),
        own_types.ConnectRepositoryOutput(url="https://hook", secret=key),
    ):
        assert key not in repr(secretive)
