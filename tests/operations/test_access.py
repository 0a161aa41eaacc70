"""Principals: made, listed, shown, changed and taken away, by those who may."""

import json
from typing import Any

import pytest

from operations.principals import ACCOUNT, OTHER, People, allowing, ask_own, denying, document
from operations.scene import fresh_region
from serving import Server

EVERYTHING = document(allowing("*"))
MANAGE = allowing("penstock:*")


@pytest.fixture
def people(shared_server: Server) -> People:
    return People(shared_server)


@pytest.fixture
def name() -> str:
    return fresh_region()


@pytest.fixture
def account(name: str) -> str:
    """An account that nobody is in yet."""
    number = int.from_bytes(name.encode(), "big") % 10**12
    return f"{number:012}"


def told(people: People, operation: str, **parameters: Any) -> tuple[str, str]:
    """The code and the words of root's refusal."""
    answer = ask_own(people.server, None, operation, **parameters)
    assert answer.status == 400, answer.body
    return answer.code, answer.message


def names(people: People, account: str) -> list[str]:
    return [each["name"] for each in people.call("ListPrincipals", account=account)["principals"]]


class TestShown:
    def test_a_user_with_its_policy_and_the_ids_of_its_keys(self, people: People, name: str) -> None:
        policy = document(allowing("codepipeline:Get*"))
        made = people.call("CreatePrincipal", name=name, policy=policy)
        shown = people.call("GetPrincipal", name=name)
        created_at = shown.pop("createdAt")
        assert shown == {
            "name": name,
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
            "kind": "user",
            "policies": [policy],
            "keys": [{"accessKeyId": made["accessKeyId"], "createdAt": created_at}],
        }
        assert made["secretAccessKey"] not in json.dumps(shown)

    def test_a_role_with_its_trust_and_without_keys(self, people: People, name: str) -> None:
        trust = [OTHER, f"arn:aws:iam::{ACCOUNT}:user/ann", f"arn:aws:sts::{OTHER}:assumed-role/a/b"]
        arn = people.role(name, trust=trust)
        shown = people.call("GetPrincipal", name=name)
        assert (shown["arn"], shown["kind"], shown["keys"], shown["trust"]) == (arn, "role", [], trust)

    def test_all_of_an_account_by_name_and_in_pages(self, people: People, account: str) -> None:
        for each in ("c", "a"):
            people.user(each, account=account)
        people.role("b", trust=[OTHER], account=account)
        found = people.call("ListPrincipals", account=account)
        assert [(each["name"], each["kind"]) for each in found["principals"]] == [
            ("a", "user"),
            ("b", "role"),
            ("c", "user"),
        ]
        assert all(each.keys() == {"name", "arn", "kind", "createdAt"} for each in found["principals"])
        first = people.call("ListPrincipals", account=account, maxResults=2)
        second = people.call("ListPrincipals", account=account, maxResults=2, nextToken=first["nextToken"])
        assert [each["name"] for page in (first, second) for each in page["principals"]] == ["a", "b", "c"]
        assert "nextToken" not in second
        code, _ = told(people, "ListPrincipals", account=OTHER, nextToken=first["nextToken"])
        assert code == "InvalidNextTokenException"


class TestChanged:
    def test_what_is_not_given_stays(self, people: People, name: str) -> None:
        people.role(name, allowing("s3:*"), trust=[OTHER])
        people.call("UpdatePrincipal", name=name, policy=EVERYTHING)
        people.call("UpdatePrincipal", name=name, trust=[ACCOUNT])
        shown = people.call("GetPrincipal", name=name)
        assert (shown["policies"], shown["trust"]) == ([EVERYTHING], [ACCOUNT])

    def test_one_that_is_taken_away_is_gone_and_its_name_is_free(self, people: People, account: str) -> None:
        people.user("ann", account=account)
        assert people.call("DeletePrincipal", name="ann", account=account) == {}
        assert names(people, account) == []
        people.role("ann", trust=[OTHER], account=account)
        assert names(people, account) == ["ann"]

    @pytest.mark.parametrize("operation", ["GetPrincipal", "UpdatePrincipal", "DeletePrincipal"])
    def test_nobody_is_found_by_a_name_that_is_not_there(self, people: People, name: str, operation: str) -> None:
        more = {"policy": EVERYTHING} if operation == "UpdatePrincipal" else {}
        people.user(name, account=OTHER)
        assert told(people, operation, name=name, **more) == (
            "ResourceNotFoundException",
            f"The account {ACCOUNT} has no principal '{name}'",
        )


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"role": True}, "A role needs trust"),
            ({"trust": [OTHER]}, "A role needs trust"),
            ({"role": True, "trust": []}, "at 'trust' failed to satisfy constraint: Member must have length greater"),
            ({"role": True, "trust": ["anybody"]}, "at 'trust' failed to satisfy constraint"),
            ({"role": True, "trust": ["*"]}, "at 'trust' failed to satisfy constraint"),
            ({"role": True, "trust": ["arn:aws:iam::1:user/x"]}, "at 'trust' failed to satisfy constraint"),
            ({"role": True, "trust": [OTHER], "name": "penstock"}, "taken for one of the server's own"),
            ({"role": True, "trust": [OTHER], "name": "penstock-job"}, "taken for one of the server's own"),
            ({"account": "12"}, "at 'account' failed to satisfy constraint"),
            ({"policy": '{"Statement": {"Effect": "Maybe"}}'}, "The policy is not a valid IAM policy document: "),
        ],
    )
    def test_a_wrong_principal_is_not_made(self, people: People, name: str, given: dict[str, Any], words: str) -> None:
        code, message = told(people, "CreatePrincipal", **{"name": name, "policy": EVERYTHING, **given})
        assert code == "ValidationException"
        assert words in message
        assert name not in names(people, ACCOUNT)

    def test_a_name_is_taken_once_by_users_and_roles_alike(self, people: People, name: str) -> None:
        people.user(name)
        given = {"name": name, "policy": EVERYTHING}
        for more in ({}, {"role": True, "trust": [OTHER]}):
            code, message = told(people, "CreatePrincipal", **given, **more)
            assert (code, message) == (
                "ValidationException",
                f"The account {ACCOUNT} has a principal '{name}' already",
            )

    def test_a_wrong_update_changes_nothing(self, people: People, name: str) -> None:
        people.user(name, allowing("s3:*"))
        before = people.call("GetPrincipal", name=name)
        assert told(people, "UpdatePrincipal", name=name)[1] == "An update gives a policy, or a role's trust"
        assert "not a valid IAM policy document" in told(people, "UpdatePrincipal", name=name, policy="{}")[1]
        message = told(people, "UpdatePrincipal", name=name, policy=EVERYTHING, trust=[OTHER])[1]
        assert message == f"The principal '{name}' is no role: nobody assumes it"
        assert people.call("GetPrincipal", name=name) == before


class TestWhoMay:
    OPERATIONS = ("CreatePrincipal", "ListPrincipals", "GetPrincipal", "UpdatePrincipal", "DeletePrincipal")

    def given(self, operation: str, name: str) -> dict[str, Any]:
        named = {} if operation == "ListPrincipals" else {"name": name}
        return named | ({"policy": EVERYTHING} if operation in ("CreatePrincipal", "UpdatePrincipal") else {})

    def test_whoever_may_manage_principals_does_so_in_the_own_account(self, people: People, account: str) -> None:
        keys = people.user("admin", MANAGE, account=account)
        people.user("ann")
        for operation in self.OPERATIONS:
            answer = ask_own(people.server, keys, operation, **self.given(operation, "bob"))
            assert answer.status == 200, answer.body
            assert ask_own(people.server, keys, operation, **self.given(operation, "eve"), account=account).code in (
                "",
                "ResourceNotFoundException",
            )
        assert names(people, account) == ["admin"]

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_nobody_but_root_reaches_into_another_account(self, people: People, account: str, operation: str) -> None:
        keys = people.user("admin", allowing("*"), account=account)
        given = self.given(operation, f"by-{account}")
        answer = ask_own(people.server, keys, operation, **given, account=ACCOUNT)
        assert (answer.status, answer.code) == (400, "AccessDeniedException")
        assert answer.message.endswith(f"penstock:{operation} for account {ACCOUNT}: only the server's root may")
        assert f"by-{account}" not in names(people, ACCOUNT)

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_a_policy_may_name_the_principals_that_one_manages(
        self, people: People, account: str, operation: str
    ) -> None:
        ours = f"arn:aws:penstock::{account}:principal/team-*"
        keys = people.user("lead", allowing("penstock:*", resource=ours), account=account)
        for each in ("team-ann", "bob"):
            if operation != "CreatePrincipal":
                people.user(each, account=account)
        allowed, refused = (
            ask_own(people.server, keys, operation, **self.given(operation, each)) for each in ("team-ann", "bob")
        )
        if operation == "ListPrincipals":
            assert refused.message.split(" because")[0].endswith(f"arn:aws:penstock::{account}:principal/*")
        else:
            assert (allowed.status, refused.code) == (200, "AccessDeniedException")

    def test_who_may_make_principals_may_make_one_who_may_more(self, people: People, account: str) -> None:
        keys = people.user("maker", allowing("penstock:CreatePrincipal"), denying("s3:*"), account=account)
        answer = ask_own(people.server, keys, "CreatePrincipal", name="more", policy=EVERYTHING)
        assert answer.status == 200
