"""`penstock partner`: registering an action type, and linking an account to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.running import Ended, penstock
from serving import Server

EXAMPLE = Path(__file__).parents[2] / "examples" / "partner.json"


def declaration(provider: str, **changed: Any) -> dict[str, Any]:
    declared = json.loads(EXAMPLE.read_text())
    declared["id"] |= {"provider": provider}
    return declared | changed


@pytest.fixture
def register(shared_server: Server, tmp_path: Path) -> Any:
    def run(declared: dict[str, Any], *more: str) -> Ended:
        file = tmp_path / "partner.json"
        file.write_text(json.dumps(declared))
        return penstock("partner", "register", file, "--data-dir", shared_server.data_dir, *more)

    return run


def link(server: Server, provider: str) -> Ended:
    return penstock("partner", "link", "--provider", provider, "--version", "1", "--data-dir", server.data_dir)


def test_a_registered_type_can_be_linked_to_and_polled_for(shared_server: Server, register: Any) -> None:
    ended = register(declaration("Plumber"))
    assert (ended.code, ended.out, ended.err) == (0, "registered Test/ThirdParty/Plumber/1\n", "")
    linked = link(shared_server, "Plumber")
    assert linked.code == 0
    assert list(json.loads(linked.out)) == ["clientId", "clientToken"]
    action_type = {"category": "Test", "owner": "ThirdParty", "provider": "Plumber", "version": "1"}
    assert shared_server.client("codepipeline").poll_for_third_party_jobs(actionTypeId=action_type)["jobs"] == []


def test_the_type_is_printed_as_it_is_kept(register: Any) -> None:
    declared = declaration("Printer")
    ended = register(declared, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["id"] == declared["id"]


def test_registering_the_same_again_changes_nothing_and_another_is_refused(register: Any) -> None:
    assert register(declaration("Twice")).code == 0
    assert register(declaration("Twice")).code == 0
    refused = register(declaration("Twice", description="something else"))
    assert refused.code == 1
    assert "choose another version" in refused.line


def test_linking_again_keeps_the_client_and_gives_a_new_token(shared_server: Server, register: Any) -> None:
    register(declaration("Again"))
    first, second = (json.loads(link(shared_server, "Again").out) for _ in range(2))
    assert first["clientId"] == second["clientId"]
    assert first["clientToken"] != second["clientToken"]


def test_what_is_no_partner_type_is_refused_in_one_line(register: Any) -> None:
    aws = declaration("Theirs")
    aws["id"]["owner"] = "AWS"
    assert register(aws).line.startswith("penstock: ValidationException: A partner's action type has the owner")
    assert register({"id": aws["id"]}).line.startswith("penstock: ValidationException: ")
    assert register({}).code == 1
