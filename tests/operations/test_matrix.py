"""Every operation, asked for by every kind of caller: who gets past the door, and what the others are told."""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from docs.pages import page, quoted
from operations.principals import ACCOUNT, OTHER, Keys, People, allowing, denying, document, session_keys
from operations.raw import JSON, Answer, Wire
from penstock.auth.key_file import open_sealer
from penstock.auth.sessions import Sessions
from penstock.operations.registry import HANDLERS
from penstock.operations.resources import resources_of
from penstock.ports.artifacts import Location, Scope, ScopedKeys
from penstock.ports.identity import Pass
from serving import Server, serving

REGION = "eu-test-1"
ROUTES = {target.partition(".")[2]: (target, route) for target, route in HANDLERS.items()}
PAST = "past the door"
NOT_PAST = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}
(SAID,) = (
    line for line in page("docs/reference/policies.md").splitlines() if "for the server's root, whatever" in line
)
ROOT_ALONE = set(quoted(SAID))
ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
ROLE_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/role/"
PARTNERS = {name for name in ROUTES if "ThirdParty" in name and "Webhook" not in name}

# What a member that must be there is given, by its name, where any word will not do.
WORDS: dict[str, Any] = {
    "actionExecutionId": "00000000-0000-4000-8000-000000000000",
    "connectionArn": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/none",
    "jobId": "00000000-0000-4000-8000-000000000000",
    "owner": "ThirdParty",
    "pipelineExecutionId": "00000000-0000-4000-8000-000000000000",
    "policy": document(),
    "provider": "GitHub",
    "resourceArn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:none",
    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/none",
    "targetPipelineExecutionId": "00000000-0000-4000-8000-000000000000",
    "token": "00000000-0000-4000-8000-000000000000",
    "version": "1",
}


def sample(kind: inspect.Type, name: str) -> Any:
    """Something well-formed that names nothing that there is."""
    match kind:
        case inspect.StructType():
            return {field.encode_name: sample(field.type, field.encode_name) for field in kind.fields if field.required}
        case inspect.LiteralType():
            return "Custom" if "Custom" in kind.values else kind.values[0]
        case inspect.VarTupleType():
            return [sample(kind.item_type, name)] * (kind.min_length or 0)
        case inspect.DictType():
            return {}
        case inspect.IntType():
            return kind.ge or 0
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return False
        case _:
            return WORDS.get(name, "none")


@cache
def body(name: str) -> bytes:
    """A request that gets as far as its operation."""
    kind = inspect.type_info(ROUTES[name][1].operation.input)
    given = msgspec.json.encode(sample(kind, ""))
    msgspec.json.decode(given, type=ROUTES[name][1].operation.input)
    return given


class Callers:
    """One of each kind, on a server of their own."""

    def __init__(self, server: Server) -> None:
        self.people = people = People(server)
        everything = allowing("*")
        self.allowed = people.user("allowed", everything)
        self.silent = people.user("silent")
        self.denied = people.user("denied", everything, denying("*"))
        self.stranger = people.user("stranger", everything, account=OTHER)
        self.token = session_keys(people.sts(self.allowed).get_session_token())
        self.role = people.assume(self.allowed, people.role("role", everything, trust=[ACCOUNT]))
        self.narrowed = people.assume(self.allowed, ROLE, "narrow", Policy=document(allowing("codepipeline:Get*")))
        self.partner = people.user("partner", allowing(*(f"codepipeline:{name}" for name in sorted(PARTNERS))))
        self.revoked = people.user("revoked", everything)
        people.call("DeletePrincipal", name="revoked")
        sessions = Sessions(open_sealer(server.data_dir / "key", None))
        place = Location("bucket", "key")
        self.job = keys_of(sessions.mint(Scope(ACCOUNT, REGION, "job-1", (place,), (), time.time() + 900)))
        principal_id = people.sts(self.allowed).get_caller_identity()["UserId"]
        self.expired = keys_of(sessions.issue(Pass(principal_id, ACCOUNT, REGION, time.time() - 1)))
        self.wrong = {**self.allowed, "aws_secret_access_key": "x" * 40}

    def answers(self, keys: Keys | None) -> dict[str, str]:
        """What came of every operation: a refusal's words, or that there was none of the door's."""
        wire = Wire(self.people.server, REGION, keys)
        return {name: told(wire.ask(body=body(name), X_Amz_Target=ROUTES[name][0])) for name in ROUTES}


def keys_of(keys: ScopedKeys) -> Keys:
    return {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token,
    }


def told(answer: Answer) -> str:
    if answer.status == 200:
        return PAST
    assert answer.status == 400, answer.body
    return f"{answer.code}: {answer.message}" if answer.code in NOT_PAST else PAST


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with serving(tmp_path_factory.mktemp("matrix") / "data") as server:
        yield Callers(server)


def past_the_door(arn: str, *, is_root: bool = False) -> dict[str, str]:
    """What somebody is told who may do everything; some things are root's alone."""
    reserved = {} if is_root else {name: root_alone(arn, name) for name in ROOT_ALONE}
    return dict.fromkeys(ROUTES, PAST) | reserved


def root_alone(arn: str, name: str) -> str:
    return (
        f"AccessDeniedException: User: {arn} is not authorized to perform: penstock:{name}: only the server's root may"
    )


def refused(arn: str, name: str, why: str = "because no identity-based policy allows the {} action") -> str:
    route = ROUTES[name][1]
    request = msgspec.json.decode(body(name), type=route.operation.input)
    resource = resources_of(name, request, REGION, ACCOUNT)[0]
    subject = f"User: {arn} is not authorized to perform: {route.iam_action} on resource: {resource}"
    return f"AccessDeniedException: {subject} {why.format(route.iam_action)}"


def user(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def test_root_gets_past_the_door_everywhere(callers: Callers) -> None:
    assert callers.answers(None) == past_the_door("", is_root=True)


def test_so_does_a_user_who_may_do_everything(callers: Callers) -> None:
    assert callers.answers(callers.allowed) == past_the_door(user("allowed"))


def test_so_does_the_session_token_of_one(callers: Callers) -> None:
    assert callers.answers(callers.token) == past_the_door(user("allowed"))


def test_so_does_whoever_has_assumed_a_role_that_may(callers: Callers) -> None:
    assert callers.answers(callers.role) == past_the_door(f"{ROLE_SESSION}session")


def test_so_does_another_accounts_user_into_that_account(callers: Callers) -> None:
    assert callers.answers(callers.stranger) == past_the_door(user("stranger", OTHER))


def test_a_user_without_permissions_is_told_what_is_missing_for_each(callers: Callers) -> None:
    assert callers.answers(callers.silent) == {name: refused(user("silent"), name) for name in ROUTES}


def test_a_user_who_is_denied_is_told_so_for_each(callers: Callers) -> None:
    why = "with an explicit deny in an identity-based policy"
    assert callers.answers(callers.denied) == {name: refused(user("denied"), name, why) for name in ROUTES}


def test_a_session_that_was_narrowed_does_no_more_than_its_policy_says(callers: Callers) -> None:
    why = "because no session policy allows the {} action"
    assert callers.answers(callers.narrowed) == {
        name: PAST if route.iam_action.startswith("codepipeline:Get") else refused(f"{ROLE_SESSION}narrow", name, why)
        for name, (_, route) in ROUTES.items()
    }


def test_a_partners_worker_does_the_five_things_that_it_may(callers: Callers) -> None:
    assert len(PARTNERS) == 5
    assert callers.answers(callers.partner) == {
        name: PAST if name in PARTNERS else refused(user("partner"), name) for name in ROUTES
    }


def test_a_jobs_credentials_open_objects_alone(callers: Callers) -> None:
    job = f"arn:aws:sts::{ACCOUNT}:assumed-role/penstock-job/job-1"
    assert callers.answers(callers.job) == {name: refused(job, name) for name in ROUTES}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("expired", "ExpiredTokenException: The security token included in the request is expired"),
        ("revoked", "UnrecognizedClientException: The security token included in the request is invalid."),
        ("wrong", "InvalidSignatureException: The request signature we calculated does not match"),
    ],
)
def test_who_is_not_known_gets_nowhere(callers: Callers, kind: str, words: str) -> None:
    for name, said in callers.answers(getattr(callers, kind)).items():
        assert said.startswith(words), name


def test_who_does_not_sign_gets_nowhere(callers: Callers) -> None:
    wire = Wire(callers.people.server, REGION)
    for name, (target, _) in ROUTES.items():
        answer = wire.send({"Content-Type": JSON, "X-Amz-Target": target}, body(name))
        assert told(answer) == "MissingAuthenticationTokenException: Missing Authentication Token", name
