"""Request Syntax and Request Parameters of the three pages: what is required, how long, of what form, of what type."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from operations.raw import Answer
from operations.scene import UNKNOWN_ID
from seeds.board import EXECUTION_DETAILS, REVISION, WAYS, Board, told
from seeds.documents import ACKNOWLEDGE, DETAILS, REQUEST, SUCCESS, Member, page

LEFT_OUT = object()
# Two bytes and one character each: lengths are counted in characters.
LETTER = "ü"
# What a value is refused with that has a good form and names nothing.
NAMES_NOTHING = {
    "clientToken": "InvalidClientTokenException",
    "jobId": "JobNotFoundException",
    "nonce": "InvalidNonceException",
}
OPTIONAL = [member for member in REQUEST if not member.is_required and "." not in member.name]


class Case(NamedTuple):
    """A member with a value; `code` is what it is refused with, and `says` a part of the message."""

    member: Member
    what: str
    value: Any
    code: str
    cites: str
    says: str = ""

    @property
    def name(self) -> str:
        return f"{self.member.operation}-{self.member.name}-{self.what}"


def well_formed(board: Board, operation: str) -> dict[str, Any]:
    """All required members, for a job that is handed out; an acknowledgement with another nonce, which changes nothing."""
    if operation == SUCCESS:
        return {"jobId": board.handed_out.custom.id}
    known = {"jobId": board.handed_out.partner.id, "clientToken": board.partner.token}
    return known | {"nonce": "another"} if operation == ACKNOWLEDGE else known


def with_member(members: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The members with one more or another; a member of an object stands in an object that is else as it should be."""
    outer, _, inner = name.partition(".")
    if inner:
        whole = {"currentRevision": REVISION, "executionDetails": EXECUTION_DETAILS}[outer]
        return members | {outer: whole | {inner: value}}
    if value is LEFT_OUT:
        return {known: given for known, given in members.items() if known != name}
    return members | {name: value}


def asked(board: Board, way: str, case: Case) -> Answer:
    members = with_member(well_formed(board, case.member.operation), case.member.name, case.value)
    return board.ask(way, case.member.operation, **members)


def by_name(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


ways = pytest.mark.parametrize("way", WAYS)


def missing() -> Iterator[Case]:
    for member in REQUEST:
        if member.is_required:
            says = f"Value null at '{member.name}' failed to satisfy constraint: Member must not be null"
            cites = member.cite("Required: Yes")
            yield Case(member, "missing", LEFT_OUT, "ValidationException", cites, says)


@ways
@by_name(list(missing()))
def test_what_is_required_must_be_there(board: Board, case: Case, way: str) -> None:
    answer = asked(board, way, case)
    assert (answer.status, answer.code) == (400, case.code), case.cites
    assert case.says in answer.message, case.cites


@by_name(list(missing()))
def test_null_is_not_there(board: Board, case: Case) -> None:
    answer = asked(board, "JSON", case._replace(value=None))
    assert (answer.status, answer.code) == (400, case.code), case.cites
    assert case.says in answer.message, case.cites


def of_lengths() -> Iterator[Case]:
    for member in REQUEST:
        if member.lengths is None:
            continue
        shortest, longest = member.lengths
        cites, at = member.cite("Length Constraints"), f"at '{member.name}' failed to satisfy constraint: Member must"
        over, under = f"{at} have length less than or equal to {longest}", f"{at} have length greater than or equal to"
        yield Case(member, "empty", "", "ValidationException", cites, f"{under} {shortest}")
        yield Case(member, f"{longest + 1}-characters", LETTER * (longest + 1), "ValidationException", cites, over)
        if member.is_required:
            code = NAMES_NOTHING[member.name]
            yield Case(member, f"{shortest}-character", LETTER * shortest, code, cites)
            yield Case(member, f"{longest}-characters", LETTER * longest, code, cites)


@ways
@by_name(list(of_lengths()))
def test_a_length_is_kept_from_its_minimum_to_its_maximum(board: Board, case: Case, way: str) -> None:
    answer = asked(board, way, case)
    assert (answer.status, answer.code) == (400, case.code), case.cites
    assert case.says in answer.message, case.cites


@ways
@pytest.mark.parametrize("length", [1, 2048], ids=[f"{SUCCESS}-continuationToken-{n}-characters" for n in (1, 2048)])
def test_a_continuation_token_of_a_good_length_is_taken(board: Board, length: int, way: str) -> None:
    """API reference, PutJobSuccessResult, continuationToken: Length Constraints."""
    begun = board.take()
    assert board.ask(way, SUCCESS, jobId=begun.custom.id, continuationToken=LETTER * length).status == 200
    (next_job,) = board.scene.poll()
    assert next_job["data"]["continuationToken"] == LETTER * length
    board.abandon(begun)


def of_patterns() -> Iterator[Case]:
    (member,) = (member for member in REQUEST if member.pattern is not None)
    cites, says = member.cite("Pattern"), f"Member must satisfy regular expression pattern: {member.pattern}"
    yield Case(member, "a-UUID-of-no-job", UNKNOWN_ID, "JobNotFoundException", cites)
    for what, value in {
        "empty": "",
        "in-capitals": "ABCDEF00-0000-4000-8000-000000000000",
        "another-letter": UNKNOWN_ID.replace("4", "g"),
        "without-hyphens": UNKNOWN_ID.replace("-", ""),
        "a-digit-less": UNKNOWN_ID[:-1],
        "a-digit-more": UNKNOWN_ID + "0",
        "in-braces": f"{{{UNKNOWN_ID}}}",
        "with-a-space-before-it": f" {UNKNOWN_ID}",
        "with-a-line-feed-after-it": f"{UNKNOWN_ID}\n",
        "two-of-them": f"{UNKNOWN_ID} {UNKNOWN_ID}",
    }.items():
        yield Case(member, what, value, "ValidationException", cites, says)


@ways
@by_name(list(of_patterns()))
def test_a_pattern_is_kept_by_the_whole_value(board: Board, case: Case, way: str) -> None:
    answer = asked(board, way, case)
    assert (answer.status, answer.code) == (400, case.code), case.cites
    assert case.says in answer.message, case.cites


MISTYPED: dict[str, dict[str, Any]] = {
    "String": {"a-number": 7, "a-boolean": True, "a-list": ["x"], "an-object": {"x": "y"}},
    "number": {"a-text": "some", "a-boolean": True, "a-list": [1], "an-object": {"x": 1}},
    "object": {"a-text": "some", "a-number": 7, "a-boolean": True, "a-list": [{}]},
}


def mistyped() -> Iterator[Case]:
    for member in REQUEST:
        part = "Request Syntax" if "." in member.name else f"Type: {member.kind}"
        for what, value in MISTYPED[member.kind].items():
            yield Case(member, what, value, "SerializationException", member.cite(part))


@by_name(list(mistyped()))
def test_a_value_of_another_type_is_refused(board: Board, case: Case) -> None:
    answer = asked(board, "JSON", case)
    assert (answer.status, answer.code) == (400, case.code), case.cites


# A parameter that is a String is text, whatever is written in it.
@by_name([case for case in mistyped() if case.member.kind == "object" or "." in case.member.name])
def test_so_is_json_of_another_type_in_a_parameter(board: Board, case: Case) -> None:
    answer = asked(board, "GET", case)
    # What is no JSON at all is told by the parameter's name.
    is_json = case.member.kind != "object" or not isinstance(case.value, str)
    assert (answer.status, answer.code) == (400, case.code if is_json else "ValidationException"), case.cites


@pytest.mark.parametrize("operation", [ACKNOWLEDGE, DETAILS, SUCCESS])
@pytest.mark.parametrize("body", [b"clientToken", b"[]", b'"text"', b'{"jobId":', b"\xff", b"<a/>"], ids=repr)
def test_a_request_is_in_json_format(board: Board, operation: str, body: bytes) -> None:
    answer = board.wire.ask(operation, body)
    cites = page(operation, "Request Parameters")
    assert (answer.status, answer.code) == (400, "SerializationException"), cites


@ways
@pytest.mark.parametrize("member", OPTIONAL, ids=lambda member: f"{SUCCESS}-{member.name}")
def test_what_is_not_required_may_be_there_alone(board: Board, member: Member, way: str) -> None:
    """Without any of them is how `Board.finish` does it."""
    begun = board.take()
    value = {"continuationToken": "half way", "currentRevision": REVISION, "executionDetails": EXECUTION_DETAILS}[
        member.name
    ]
    answer = board.ask(way, SUCCESS, **{"jobId": begun.custom.id, member.name: value})
    assert (answer.status, answer.body) == (200, b""), member.cite("Required: No")
    board.abandon(begun)


@ways
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currentRevision.created", 1700000000),
        ("currentRevision.created", 1700000000.25),
        ("executionDetails.percentComplete", 0),
        ("executionDetails.percentComplete", 100),
    ],
)
def test_a_number_is_taken(board: Board, name: str, value: float, way: str) -> None:
    """API reference, PutJobSuccessResult, Request Syntax."""
    answer = board.ask(way, SUCCESS, **with_member(well_formed(board, SUCCESS), name, value))
    # Everything about the request is as it should be, but that the job is not acknowledged.
    assert (answer.status, answer.code) == (400, "InvalidJobStateException")


@ways
def test_the_whole_of_each_request_syntax_is_taken(board: Board, way: str) -> None:
    begun = board.begin()
    known = {"jobId": begun.partner.id, "clientToken": board.partner.token}
    nonce = told(board.ask(way, DETAILS, **known))["jobDetails"]["nonce"]
    assert told(board.ask(way, ACKNOWLEDGE, **known, nonce=nonce)) == {"status": "InProgress"}
    board.scene.aws.acknowledge_job(jobId=begun.custom.id, nonce=begun.custom.nonce)
    whole = {"continuationToken": "half way", "currentRevision": REVISION, "executionDetails": EXECUTION_DETAILS}
    answer = board.ask(way, SUCCESS, jobId=begun.custom.id, **whole)
    assert (answer.status, answer.body) == (200, b"")
    (next_job,) = board.scene.poll()
    assert next_job["data"]["continuationToken"] == "half way"
    board.abandon(begun)
