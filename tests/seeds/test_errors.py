"""Errors of the three pages: each is provoked, with its status, and no other ever comes."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest

from operations.partner import user_keys
from operations.queries import Queries
from operations.raw import Wire
from operations.scene import UNKNOWN_ID
from seeds.board import WAYS, Board
from seeds.documents import ACKNOWLEDGE, DETAILS, ERRORS, SUCCESS, page

CLIENT, NONCE, JOB, GONE = (
    "InvalidClientTokenException",
    "InvalidNonceException",
    "InvalidJobException",
    "JobNotFoundException",
)
STATE, INVALID = "InvalidJobStateException", "ValidationException"
NO_UUID = "not-a-job"

Members = dict[str, Any]


def acknowledge(board: Board, **other: Any) -> Members:
    """Again, as the worker that holds the job may."""
    held = board.held.partner
    return {"jobId": held.id, "clientToken": board.partner.token, "nonce": held.nonce} | other


def details(board: Board, **other: Any) -> Members:
    return {"jobId": board.held.partner.id, "clientToken": board.partner.token} | other


def outdated(board: Board) -> str:
    """A nonce that was told before the one that is told now."""
    job_id = board.handed_out.partner.id
    first: str = board.partner.details(job_id)["nonce"]
    assert board.partner.details(job_id)["nonce"] != first
    return first


class Provoked(NamedTuple):
    """A request and the error that it gets."""

    operation: str
    code: str
    what: str
    members: Callable[[Board], Members]


PROVOKED = [
    Provoked(ACKNOWLEDGE, CLIENT, "no-token-of-anybody", lambda board: acknowledge(board, clientToken="x")),
    Provoked(
        ACKNOWLEDGE, CLIENT, "another-clients", lambda board: acknowledge(board, clientToken=board.stranger.token)
    ),
    Provoked(
        ACKNOWLEDGE, CLIENT, "its-client-id", lambda board: acknowledge(board, clientToken=board.partner.client_id)
    ),
    Provoked(ACKNOWLEDGE, NONCE, "never-told", lambda board: acknowledge(board, nonce="7")),
    Provoked(
        ACKNOWLEDGE, NONCE, "another-jobs", lambda board: acknowledge(board, nonce=board.handed_out.partner.nonce)
    ),
    Provoked(
        ACKNOWLEDGE,
        NONCE,
        "outdated",
        lambda board: acknowledge(board, jobId=board.handed_out.partner.id, nonce=outdated(board)),
    ),
    Provoked(ACKNOWLEDGE, GONE, "no-such-job", lambda board: acknowledge(board, jobId=UNKNOWN_ID)),
    Provoked(ACKNOWLEDGE, GONE, "an-invalid-format", lambda board: acknowledge(board, jobId=NO_UUID)),
    Provoked(ACKNOWLEDGE, GONE, "a-custom-actions", lambda board: acknowledge(board, jobId=board.held.custom.id)),
    Provoked(ACKNOWLEDGE, INVALID, "an-empty-nonce", lambda board: acknowledge(board, nonce="")),
    Provoked(ACKNOWLEDGE, INVALID, "nothing", lambda board: {}),
    Provoked(DETAILS, CLIENT, "no-token-of-anybody", lambda board: details(board, clientToken="x")),
    Provoked(DETAILS, CLIENT, "another-clients", lambda board: details(board, clientToken=board.stranger.token)),
    Provoked(DETAILS, CLIENT, "its-client-id", lambda board: details(board, clientToken=board.partner.client_id)),
    Provoked(DETAILS, JOB, "a-custom-actions", lambda board: details(board, jobId=board.held.custom.id)),
    Provoked(DETAILS, GONE, "no-such-job", lambda board: details(board, jobId=UNKNOWN_ID)),
    Provoked(DETAILS, GONE, "an-invalid-format", lambda board: details(board, jobId=NO_UUID)),
    Provoked(DETAILS, GONE, "an-ended-one", lambda board: details(board, jobId=board.ended.partner.id)),
    Provoked(DETAILS, INVALID, "an-empty-job-id", lambda board: details(board, jobId="")),
    Provoked(DETAILS, INVALID, "nothing", lambda board: {}),
    Provoked(SUCCESS, STATE, "not-acknowledged", lambda board: {"jobId": board.handed_out.custom.id}),
    Provoked(SUCCESS, STATE, "already-ended", lambda board: {"jobId": board.ended.custom.id}),
    Provoked(
        SUCCESS,
        STATE,
        "already-ended-and-with-a-token",
        lambda board: {"jobId": board.ended.custom.id, "continuationToken": "on"},
    ),
    Provoked(SUCCESS, STATE, "given-up", lambda board: {"jobId": board.given_up.custom.id}),
    Provoked(SUCCESS, GONE, "no-such-job", lambda board: {"jobId": UNKNOWN_ID}),
    Provoked(SUCCESS, INVALID, "an-invalid-format", lambda board: {"jobId": NO_UUID}),
    Provoked(SUCCESS, INVALID, "a-partners", lambda board: {"jobId": board.held.partner.id}),
    Provoked(SUCCESS, INVALID, "nothing", lambda board: {}),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", PROVOKED, ids=lambda case: f"{case.operation}-{case.code}-{case.what}")
def test_a_documented_error_comes_with_its_status(board: Board, case: Provoked, way: str) -> None:
    answer = board.ask(way, case.operation, **case.members(board))
    expected = (ERRORS[case.operation][case.code], case.code)
    assert (answer.status, answer.code) == expected, page(case.operation, f"Errors: {case.code}")


def test_every_documented_error_is_provoked() -> None:
    documented = {(operation, code) for operation, errors in ERRORS.items() for code in errors}
    assert {(case.operation, case.code) for case in PROVOKED} == documented


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", ERRORS)
def test_who_may_not_gets_a_common_error(board: Board, operation: str, way: str) -> None:
    """API reference, each page, Errors: Common Errors."""
    keys = user_keys(board.wire.server, f"{operation}-{way}", ["codepipeline:ListPipelines"])
    members = {ACKNOWLEDGE: acknowledge, DETAILS: details}.get(operation, lambda board: {"jobId": UNKNOWN_ID})(board)
    if way == "GET":
        answer = Queries(board.wire, keys).get(operation, **members)
    else:
        answer = Wire(board.wire.server, board.wire.region, keys).call(operation, **members)
    assert (answer.status, answer.code) == (400, "AccessDeniedException")
    assert f"codepipeline:{operation}" in answer.message


class Value(NamedTuple):
    """A value of a member and the errors that it may bring; none if there is nothing wrong with it."""

    value: Any
    codes: tuple[str, ...] = ()


LEFT_OUT = object()
MISTYPED = "SerializationException"
TOO_LONG = "x" * 2049
EMPTY, LONG, ABSENT = Value("", (INVALID,)), Value(TOO_LONG, (INVALID,)), Value(LEFT_OUT, (INVALID,))
OF_NO_STRING = [Value(7, (MISTYPED,)), Value({}, (MISTYPED,))]


def tokens(board: Board) -> list[Value]:
    foreign = Value(board.stranger.token, (CLIENT,))
    return [Value(board.partner.token), foreign, EMPTY, LONG, ABSENT, *OF_NO_STRING]


def partner_jobs(board: Board, of_others: str, ended: tuple[str, ...]) -> list[Value]:
    """`of_others` is what a custom action's job is refused with, and `ended` what one is that has ended."""
    good = [Value(board.handed_out.partner.id), Value(board.held.partner.id)]
    bad = [Value(UNKNOWN_ID, (GONE,)), Value(NO_UUID, (GONE,)), Value(board.held.custom.id, (of_others,))]
    return [*good, Value(board.ended.partner.id, ended), *bad, EMPTY, LONG, ABSENT, *OF_NO_STRING]


def nonces(board: Board) -> list[Value]:
    return [Value("wrong", (NONCE,)), EMPTY, LONG, ABSENT, *OF_NO_STRING]


def custom_jobs(board: Board) -> list[Value]:
    states = [Value(board.handed_out.custom.id, (STATE,)), Value(board.ended.custom.id, (STATE,))]
    bad = [Value(UNKNOWN_ID, (GONE,)), Value(board.held.partner.id, (INVALID,)), Value(NO_UUID, (INVALID,))]
    return [*states, *bad, EMPTY, LONG, ABSENT, *OF_NO_STRING]


def objects(valid: Members, wrong: Members) -> list[Value]:
    return [Value(LEFT_OUT), Value(valid), Value(wrong, (INVALID,)), Value(7, (MISTYPED,)), Value([], (MISTYPED,))]


def menus(board: Board, operation: str) -> dict[str, list[Value]]:
    """What each member may be in the walk below."""
    if operation == ACKNOWLEDGE:
        return {"jobId": partner_jobs(board, GONE, ()), "clientToken": tokens(board), "nonce": nonces(board)}
    if operation == DETAILS:
        return {"jobId": partner_jobs(board, JOB, (GONE,)), "clientToken": tokens(board)}
    revision = {"revision": "f00", "changeIdentifier": "1"}
    return {
        "jobId": custom_jobs(board),
        "continuationToken": [Value("on"), EMPTY, LONG, Value(LEFT_OUT), *OF_NO_STRING],
        "currentRevision": objects(revision, {"revision": "f00"}),
        "executionDetails": objects({"percentComplete": 1}, {"percentComplete": 101}),
    }


def walk(board: Board, operation: str, way: str) -> Iterator[tuple[Members, set[str]]]:
    """Requests with every combination of these values, and the errors that each may get."""
    menu = menus(board, operation)
    for values in product(*menu.values()):
        # A parameter is text: it cannot be of another type.
        if way == "JSON" or not any(MISTYPED in value.codes for value in values):
            named = zip(menu, values, strict=True)
            members = {name: value.value for name, value in named if value.value is not LEFT_OUT}
            yield members, {code for value in values for code in value.codes}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", ERRORS)
def test_no_error_comes_but_a_documented_one_with_a_cause_in_the_request(
    board: Board, operation: str, way: str
) -> None:
    seen = set()
    for members, causes in walk(board, operation, way):
        answer = board.ask(way, operation, **members)
        assert (answer.status == 200) == (not causes), (members, answer)
        assert not causes or answer.code in causes, (members, answer)
        seen.add(answer.code if causes else "none")
    assert seen >= set(ERRORS[operation]) | ({MISTYPED} if way == "JSON" else set())
