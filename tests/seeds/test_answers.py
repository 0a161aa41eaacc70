"""Response Syntax and Response Elements: which members an answer has, of what type, and each status of an acknowledgement."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from declarations import stage
from operations.faithful import Witness
from operations.partner import Partner
from operations.scene import Scene
from seeds import documents, later
from seeds.board import KEY, REVISION, WAYS, Board, Round, told
from seeds.documents import ACKNOWLEDGE, DETAILS, MODEL, NEVER_ANSWERED, STATUSES, SUCCESS, SYNTAX, page
from serving import Server, serving
from waiting import eventually

JSON = "application/x-amz-json-1.1"
SYNTAX_OF_DETAILS = documents.paths(SYNTAX[DETAILS])
ANSWERED = sorted(SYNTAX_OF_DETAILS - set(NEVER_ANSWERED))


def syntax_of(shape: Any) -> Any:
    """What the newest model of the service has for a Response Syntax."""
    match shape.type_name:
        case "structure":
            return {name: syntax_of(member) for name, member in shape.members.items()}
        case "list":
            return [syntax_of(shape.member)]
        case "map":
            return {"*": syntax_of(shape.value)}
        case _:
            return shape.type_name


@pytest.fixture(scope="module", params=WAYS)
def answers(board: Board, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The details of a first job, and of the one that follows with its continuation token."""
    begun, way = board.take(), request.param
    board.partner.succeed(begun.partner.id, continuationToken="half way")
    (polled,) = board.partner.poll()
    jobs = (board.begin().partner.id, polled["jobId"])
    return [told(board.ask(way, DETAILS, jobId=each, clientToken=board.partner.token)) for each in jobs]


def leaves(answer: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of an answer with its path as Response Syntax has it."""
    if isinstance(answer, dict):
        for name, item in answer.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(answer, list):
        for item in answer:
            yield from leaves(item, f"{path}[]")
    else:
        yield documents.as_in_the_syntax(path), answer


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: f"{DETAILS}-{path}")
def test_each_member_of_the_syntax_is_there_and_a_string(answers: list[dict[str, Any]], path: str) -> None:
    found = [value for answer in answers for where, value in leaves(answer) if where == path]
    cites = page(DETAILS, f"Response Syntax: {path}")
    assert found, cites
    assert all(isinstance(value, str) and value for value in found), cites


def test_what_is_there_besides_is_in_no_answer(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert not {where for where, _ in leaves(answer)} - set(ANSWERED)
    assert set(NEVER_ANSWERED) < SYNTAX_OF_DETAILS


def test_the_first_job_alone_has_no_continuation_token(answers: list[dict[str, Any]]) -> None:
    first, second = (answer["jobDetails"]["data"] for answer in answers)
    assert "continuationToken" not in first
    assert second["continuationToken"] == "half way"


def test_the_syntax_has_no_member_that_the_newest_model_lacks() -> None:
    for operation, syntax in SYNTAX.items():
        newest = syntax_of(MODEL.operation_model(operation).output_shape)
        assert documents.paths(syntax) <= documents.paths(newest)


def test_the_elements_say_what_is_to_be_done(board: Board, answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        data = answer["jobDetails"]["data"]
        assert data["actionTypeId"] == board.partner.type_id
        assert data["encryptionKey"] == KEY
        context = data["pipelineContext"]
        assert (context["pipelineName"], context["stage"]["name"], context["action"]["name"]) == (
            "line",
            "Work",
            "Check",
        )
        (given,), (wanted,) = data["inputArtifacts"], data["outputArtifacts"]
        assert (given["name"], given["revision"], wanted["name"]) == ("App", REVISION["revision"], "Report")
        assert {each["location"]["type"] for each in (given, wanted)} == {"S3"}
        assert {each["location"]["s3Location"]["bucketName"] for each in (given, wanted)} == {"artifact-bucket"}


@pytest.mark.parametrize("way", WAYS)
def test_answers_are_json_with_status_200(board: Board, way: str) -> None:
    """API reference, AcknowledgeThirdPartyJob and GetThirdPartyJobDetails, Response Elements."""
    held = board.held.partner
    known = {"jobId": held.id, "clientToken": board.partner.token}
    for operation, members in ((ACKNOWLEDGE, {**known, "nonce": held.nonce}), (DETAILS, known)):
        answer = board.ask(way, operation, **members)
        assert (answer.status, answer.headers["content-type"]) == (200, JSON)
        assert set(json.loads(answer.body)) == set(SYNTAX[operation])


@pytest.mark.parametrize("way", WAYS)
def test_a_taken_result_is_200_with_an_empty_body(board: Board, way: str) -> None:
    """API reference, PutJobSuccessResult, Response Elements."""
    begun = board.take()
    answer = board.ask(way, SUCCESS, jobId=begun.custom.id)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    board.abandon(begun)


def as_it_is(board: Board, begun: Round) -> None:
    pass


def succeeded(board: Board, begun: Round) -> None:
    board.partner.succeed(begun.partner.id)


def to_be_continued(board: Board, begun: Round) -> None:
    board.partner.succeed(begun.partner.id, continuationToken="on")
    assert board.partner.poll()


def failed(board: Board, begun: Round) -> None:
    board.partner.fail(begun.partner.id)


def abandoned(board: Board, begun: Round) -> None:
    board.abandon(begun)


REACHED = {
    as_it_is: "InProgress",
    succeeded: "Succeeded",
    to_be_continued: "Succeeded",
    failed: "Failed",
    abandoned: "Failed",
}
# An acknowledgement makes an end of these, whichever the job is in, or is refused.
BEFORE = ("Created", "Queued", "Dispatched")
# By a test of its own, on a clock that is moved.
IN_TIME = ("TimedOut",)


def acknowledged(board: Board, way: str, begun: Round) -> dict[str, Any]:
    known = {"jobId": begun.partner.id, "clientToken": board.partner.token, "nonce": begun.partner.nonce}
    return told(board.ask(way, ACKNOWLEDGE, **known))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("becomes", REACHED, ids=lambda what: f"{ACKNOWLEDGE}-status-{what.__name__}")
def test_an_acknowledgement_tells_the_status(board: Board, becomes: Any, way: str) -> None:
    """API reference, AcknowledgeThirdPartyJob, status: Valid Values. The first time, and again once something became of it."""
    begun = board.begin()
    assert acknowledged(board, way, begun) == {"status": "InProgress"}
    becomes(board, begun)
    assert acknowledged(board, way, begun) == {"status": REACHED[becomes]}
    if REACHED[becomes] != "Failed":
        board.abandon(begun)


def test_a_job_that_was_given_up_before_it_was_acknowledged_has_failed(board: Board) -> None:
    begun = board.begin()
    board.abandon(begun)
    assert acknowledged(board, "JSON", begun) == {"status": "Failed"}


def test_a_job_that_is_not_handed_out_cannot_be_acknowledged(board: Board) -> None:
    """API reference, AcknowledgeThirdPartyJob, status: Created and Queued are statuses of jobs without a nonce."""
    begun = board.take()
    board.partner.succeed(begun.partner.id, continuationToken="on")
    # Nobody is told of such a job: only the database knows its id.
    with sqlite3.connect(f"file:{board.wire.server.data_dir / 'penstock.db'}?mode=ro", uri=True) as database:
        where = "execution_id = ? AND client_id IS NOT NULL AND status = 'Queued'"
        ((job_id,),) = database.execute(f"SELECT id FROM jobs WHERE {where}", [begun.execution_id]).fetchall()
    known = {"jobId": job_id, "clientToken": board.partner.token}
    for nonce in (begun.partner.nonce, "None", "null"):
        assert board.ask("JSON", ACKNOWLEDGE, **known, nonce=nonce).code == "InvalidNonceException"
    assert "nonce" not in told(board.ask("JSON", DETAILS, **known))["jobDetails"]
    (polled,) = board.partner.poll()
    assert polled["jobId"] == job_id
    board.abandon(begun)


def test_a_job_whose_time_is_over_has_timed_out(tmp_path: Path) -> None:
    """API reference, AcknowledgeThirdPartyJob, status: TimedOut. The server is started again a minute later."""
    witness = Witness()
    with serving(tmp_path / "data") as server:
        partner = Partner(Scene(server, witness), jobTimeout=60)
        partner.scene.types()
        partner.scene.pipeline("line", stage("Work", partner.action()))
        partner.scene.work("Origin")
        (polled,) = partner.poll()
        known = {"jobId": polled["jobId"], "nonce": partner.details(polled["jobId"])["nonce"]}
        assert partner.acknowledge(known["jobId"], known["nonce"]) == "InProgress"
    moved = Server(tmp_path / "data", prefix=(sys.executable, later.__file__, "61"))
    try:
        partner.scene = Scene(moved, witness, region=partner.scene.region)
        assert eventually(lambda: partner.scene.statuses() == ["Failed"])
        assert partner.acknowledge(known["jobId"], known["nonce"]) == "TimedOut"
    finally:
        moved.stop()
    assert not witness.complaints


def test_every_status_is_reached_or_is_before_an_acknowledgement() -> None:
    (shape,) = MODEL.operation_model(ACKNOWLEDGE).output_shape.members.values()
    assert list(STATUSES) == shape.enum
    assert sorted({*REACHED.values(), *BEFORE, *IN_TIME}) == sorted(STATUSES)
