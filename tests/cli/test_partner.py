"""`penstock partner`: registering an action type, linking an account to it, and the tokens of the link."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from cli.running import Ended, penstock, plain
from operations.partner import linked_account
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


class TestTokens:
    @pytest.fixture
    def run(self, shared_server: Server, register: Any, request: pytest.FixtureRequest) -> Any:
        """Commands about a partner of the test's own, to which the account is linked."""
        provider = "".join(word.title() for word in request.node.name.split("[")[0].split("_")[1:6])[:35]
        register(declaration(provider))
        link(shared_server, provider)

        def run(name: str, *more: object) -> Ended:
            named = () if name == "list" else ("--provider", provider, "--version", "1")
            return penstock("partner", name, *named, "--data-dir", shared_server.data_dir, *more)

        run.provider = provider  # type: ignore[attr-defined]
        return run

    def test_a_rotation_prints_both_and_until_when_the_old_one_is_valid(self, run: Any) -> None:
        before = time.time()
        ended = run("rotate", "--overlap", "90")
        assert (ended.code, ended.err) == (0, "")
        printed = json.loads(ended.out)
        assert list(printed) == ["clientId", "clientToken", "previousTokenValidUntil"]
        assert before + 89 < printed["previousTokenValidUntil"] < time.time() + 91
        again = json.loads(run("rotate").out)
        assert again["clientId"] == printed["clientId"]
        assert again["clientToken"] != printed["clientToken"]
        assert again["previousTokenValidUntil"] > time.time() + 3500

    def test_a_revoked_link_says_so_and_has_no_token_before_the_next(self, run: Any) -> None:
        client_id = json.loads(run("rotate").out)["clientId"]
        ended = run("revoke")
        assert (ended.code, ended.out, ended.err) == (0, f"revoked all tokens of client {client_id}\n", "")
        assert json.loads(run("revoke", "--json").out) == {"clientId": client_id}
        listed = run("list")
        assert "  no valid token: the partner's workers are refused\n" in listed.out
        printed = json.loads(run("rotate").out)
        assert (printed["clientId"], printed["previousTokenValidUntil"]) == (client_id, None)

    def test_a_list_shows_links_with_their_tokens_and_registered_types_and_nothing_secret(self, run: Any) -> None:
        printed = json.loads(run("rotate").out)
        ended = run("list")
        assert (ended.code, ended.err) == (0, "")
        moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        link_of = rf"linked to {run.provider} version 1 as client {printed['clientId']} since {moment}"
        tokens = rf"  token of {moment}, valid until {moment}\n  token of {moment}\n"
        assert re.search(rf"^{link_of}\n{tokens}", ended.out, re.MULTILINE)
        assert f"registered Test/ThirdParty/{run.provider}/1\n" in ended.out
        told = json.loads(run("list", "--json").out)
        (mine,) = [each for each in told["links"] if each["provider"] == run.provider]
        assert (mine["clientId"], len(mine["tokens"])) == (printed["clientId"], 2)
        assert [set(token) for token in mine["tokens"]] == [{"createdAt", "validUntil"}, {"createdAt"}]
        assert declaration(run.provider)["id"] in told["actionTypes"]
        assert printed["clientToken"] not in ended.out + json.dumps(told)

    def test_a_list_is_of_all_pages(self, shared_server: Server) -> None:
        providers = [f"Q{number:02}" for number in range(60)]
        keys = linked_account(shared_server, "420000000001", links=providers, types=providers)
        names = {name.upper(): key for name, key in keys.items()}
        environment = plain(AWS_ENDPOINT_URL=shared_server.url, **names)
        listed = json.loads(penstock("partner", "list", "--json", environment=environment).out)
        assert list(listed) == ["links", "actionTypes"]
        assert [[each["provider"] for each in rows] for rows in listed.values()] == [providers, providers]
        told = penstock("partner", "list", environment=environment).out
        assert (told.count("linked to Q"), told.count("registered Test/ThirdParty/Q")) == (60, 60)

    @pytest.mark.parametrize("command", ["rotate", "revoke"])
    def test_without_a_link_one_line_says_what_to_do(self, shared_server: Server, command: str) -> None:
        named = ("--provider", "Nobody", "--version", "1", "--data-dir", shared_server.data_dir)
        refused = penstock("partner", command, *named)
        assert refused.code == 1
        assert refused.line.startswith("penstock: ResourceNotFoundException: ")
        assert refused.line.endswith("link it with 'penstock partner link'")

    @pytest.mark.parametrize("overlap", ["-1", "2592001", "soon"])
    def test_a_wrong_overlap_is_wrong_usage(self, run: Any, overlap: str) -> None:
        ended = run("rotate", "--overlap", overlap)
        assert ended.code == 2
        assert "--overlap" in ended.line


def test_a_type_whose_function_does_the_jobs_can_be_registered(register: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:check"
    executor = {"type": "Lambda", "configuration": {"lambdaExecutorConfiguration": {"lambdaFunctionArn": arn}}}
    ended = register(declaration("Functional", executor=executor), "--json")
    assert (ended.code, json.loads(ended.out)["executor"]) == (0, executor)
