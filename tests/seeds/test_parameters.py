"""The paths of the two Swagger files: a GET with each parameter that they list, and 200 as the response."""

import json
from typing import Any

import pytest

from operations.partner import user_keys
from operations.queries import Queries, written
from operations.raw import Answer
from seeds.board import EXECUTION_DETAILS, REVISION, Board, Round, told
from seeds.documents import (
    ACKNOWLEDGE,
    CUSTOM_ACKNOWLEDGE,
    DETAILS,
    MODEL,
    PARTNER_FAILURE,
    PARTNER_SUCCESS,
    PATHS,
    POLL,
    Path,
)

FAILURE = {"type": "JobFailed", "message": "no good"}
FOREIGN = {
    "AllowReassignment": "true",
    "AssociationId": "eipassoc-1",
    "DeviceIndex": "0",
    "Domain": "vpc",
    "InstanceId": "i-1",
    "NetworkInterfaceId": "eni-1",
    "PrivateIpAddress.N": "192.0.2.2",
    "PublicIp": "192.0.2.1",
    "SecondaryPrivateIpAddressCount": "2",
    "SnapshotId": "snap-1",
    "VolumeId": "vol-1",
}
FOREIGN_ROWS = [(path, name) for path in PATHS for name in path.foreign]
MEMBER_ROWS = [(path, name) for path in PATHS for name, what in path.parameters.items() if what == "member"]


def rows(found: list[tuple[Path, str]]) -> Any:
    names = [f"{path.title.replace(' ', '')}-{path.operation}-{name}" for path, name in found]
    return pytest.mark.parametrize(("path", "name"), found, ids=names)


each_path = pytest.mark.parametrize(
    "path", PATHS, ids=[f"{path.title.replace(' ', '')}-{path.operation}" for path in PATHS]
)


def members(board: Board, operation: str, begun: Round) -> dict[str, Any]:
    """Every parameter of the path that is a member of the operation's input."""
    known = {"jobId": begun.partner.id, "clientToken": board.partner.token}
    match operation:
        case "AcknowledgeJob":
            return {"jobId": begun.custom.id, "nonce": begun.custom.nonce}
        case "AcknowledgeThirdPartyJob":
            return {**known, "nonce": begun.partner.nonce}
        case "GetThirdPartyJobDetails":
            return known
        case "PollForThirdPartyJobs":
            return {"actionTypeId": board.partner.type_id, "maxBatchSize": 1}
        case "PutThirdPartyJobFailureResult":
            return {**known, "failureDetails": FAILURE}
    result = {"continuationToken": "on", "currentRevision": REVISION, "executionDetails": EXECUTION_DETAILS}
    return {**known, **result}


def ready(board: Board, operation: str) -> Round:
    """A round in which the operation has something to do: a job to poll, to acknowledge, or to give a result of."""
    begun = board.begin()
    if operation in (POLL, PARTNER_FAILURE, PARTNER_SUCCESS):
        assert board.partner.acknowledge(*begun.partner) == "InProgress"
    if operation == POLL:
        board.partner.succeed(begun.partner.id, continuationToken="on")
    return begun


def check_done(board: Board, operation: str, begun: Round, answer: Answer) -> None:
    """The operation has done what its summary says, and told what it had to tell."""
    match operation:
        case "AcknowledgeJob" | "AcknowledgeThirdPartyJob":
            assert told(answer) == {"status": "InProgress"}
        case "GetThirdPartyJobDetails":
            assert told(answer)["jobDetails"]["id"] == begun.partner.id
        case "PollForThirdPartyJobs":
            (job,) = told(answer)["jobs"]
            assert job["clientId"] == board.partner.client_id
            assert job["jobId"] != begun.partner.id
        case "PutThirdPartyJobFailureResult":
            assert (answer.status, answer.body) == (200, b"")
            assert board.status_of("Check", begun) == "Failed"
        case "PutThirdPartyJobSuccessResult":
            assert (answer.status, answer.body) == (200, b"")
            (job,) = board.partner.poll()
            assert board.partner.details(job["jobId"])["data"]["continuationToken"] == "on"
    board.abandon(begun)


@each_path
def test_a_get_with_all_parameters_is_answered_with_200(board: Board, path: Path) -> None:
    begun = ready(board, path.operation)
    given = members(board, path.operation, begun)
    foreign = {name: FOREIGN[name] for name in path.foreign}
    dry_run = {"DryRun": "false"} if "DryRun" in path.parameters else {}
    assert set(path.parameters) == {*given, *foreign, *dry_run}
    answer = board.ask("GET", path.operation, **given, **foreign, **dry_run)
    assert answer.status == 200, path.cite("responses: 200")
    check_done(board, path.operation, begun, answer)


def settled(board: Board, operation: str) -> dict[str, Any]:
    """A request that can be made again and again: it tells something, or is refused because the job has ended."""
    begun = board.ended if operation in (PARTNER_FAILURE, PARTNER_SUCCESS) else board.held
    return members(board, operation, begun)


def outline(answer: Answer) -> tuple[int, str, list[str]]:
    return answer.status, answer.code if answer.body else "", sorted(json.loads(answer.body or b"{}"))


@rows(FOREIGN_ROWS)
@pytest.mark.parametrize("value", ["usual", "", "a" * 3000, '{"a": [1]}', "vol-1 & others=ü"])
def test_a_parameter_of_another_service_is_ignored(board: Board, path: Path, name: str, value: str) -> None:
    given = settled(board, path.operation)
    with_it = given | {name: FOREIGN[name] if value == "usual" else value}
    expected = outline(board.ask("GET", path.operation, **given))
    assert outline(board.ask("GET", path.operation, **with_it)) == expected, path.cite(name)
    assert outline(board.ask("JSON", path.operation, **with_it)) == expected, path.cite(name)


@rows(MEMBER_ROWS)
def test_a_parameter_is_required_where_the_model_says_so(board: Board, path: Path, name: str) -> None:
    """The files call no parameter required; the API model does."""
    given = settled(board, path.operation)
    del given[name]
    answer = board.ask("GET", path.operation, **given)
    if name in MODEL.operation_model(path.operation).input_shape.required_members:
        assert (answer.status, answer.code) == (400, "ValidationException"), path.cite(name)
        assert f"at '{name}' failed to satisfy constraint: Member must not be null" in answer.message
    else:
        assert answer.code != "ValidationException", path.cite(name)


@rows(MEMBER_ROWS)
def test_a_parameter_has_its_say(board: Board, path: Path, name: str) -> None:
    """Another value of it is refused, so it is not one of those that are ignored."""
    wrong: dict[str, Any] = {"maxBatchSize": 0, "nonce": "another", "clientToken": "another"}
    structured = ("actionTypeId", "currentRevision", "executionDetails", "failureDetails")
    wrong |= dict.fromkeys(structured, "text") | {"jobId": "x" * 513, "continuationToken": ""}
    answer = board.ask("GET", path.operation, **settled(board, path.operation) | {name: wrong[name]})
    expected = {"nonce": "InvalidNonceException", "clientToken": "InvalidClientTokenException"}
    assert (answer.status, answer.code) == (400, expected.get(name, "ValidationException")), path.cite(name)


class TestDryRun:
    """The files list DryRun for all but PutThirdPartyJobFailureResult; here every operation has it."""

    @each_path
    def test_with_permission_it_is_an_error_and_nothing_is_done(self, board: Board, path: Path) -> None:
        begun = ready(board, path.operation)
        given = members(board, path.operation, begun)
        answer = board.ask("GET", path.operation, **given, DryRun="true")
        assert (answer.status, answer.code) == (412, "DryRunOperation"), path.cite("DryRun")
        if path.operation in (ACKNOWLEDGE, DETAILS):
            # The nonce is still the one that was told before: nobody has looked again, nobody has acknowledged.
            nonce = {"nonce": begun.partner.nonce}
            assert told(board.ask("GET", ACKNOWLEDGE, **members(board, DETAILS, begun), **nonce))
        check_done(board, path.operation, begun, board.ask("GET", path.operation, **given))

    @each_path
    def test_without_permission_it_is_another_error(self, board: Board, path: Path) -> None:
        keys = user_keys(board.wire.server, f"{path.title}-{path.operation}".replace(" ", ""), ["s3:*"])
        answer = Queries(board.wire, keys).get(path.operation, **settled(board, path.operation), DryRun="true")
        assert (answer.status, answer.code) == (400, "AccessDeniedException"), path.cite("DryRun")
        assert f"codepipeline:{path.operation}" in answer.message


class TestPolling:
    def test_it_determines_whether_there_are_any_jobs(self, board: Board) -> None:
        """Swagger, Put Third Party Job Success Result, PollForThirdPartyJobs: description."""
        given = {"actionTypeId": board.partner.type_id}
        assert told(board.ask("GET", POLL, **given)) == {"jobs": []}
        begun = ready(board, POLL)
        (job,) = told(board.ask("GET", POLL, **given))["jobs"]
        assert set(job) == {"clientId", "jobId"}
        assert told(board.ask("GET", POLL, **given)) == {"jobs": []}
        board.abandon(begun)

    def test_the_batch_size_is_the_most_jobs_of_one_call(self, board: Board) -> None:
        """Swagger, Put Third Party Job Success Result, PollForThirdPartyJobs: maxBatchSize."""
        rounds = [board.take() for _ in range(3)]
        for begun in rounds:
            board.partner.succeed(begun.partner.id, continuationToken="on")
        batches = [board.ask("GET", POLL, actionTypeId=board.partner.type_id, maxBatchSize="2") for _ in range(3)]
        assert [len(told(batch)["jobs"]) for batch in batches] == [2, 1, 0]
        for begun in rounds:
            board.abandon(begun)


class TestFailing:
    """Swagger, Put Third Party Job Success Result, PutThirdPartyJobFailureResult: failureDetails. The types are the model's."""

    TYPES = MODEL.shape_for("FailureType").enum

    @pytest.mark.parametrize("kind", TYPES)
    def test_the_details_are_those_of_the_failure(self, board: Board, kind: str) -> None:
        begun = ready(board, PARTNER_FAILURE)
        given = members(board, PARTNER_FAILURE, begun) | {"failureDetails": FAILURE | {"type": kind}}
        assert board.ask("GET", PARTNER_FAILURE, **given).body == b""
        assert board.run_of("Check", begun)["output"]["executionResult"]["errorDetails"] == {
            "code": kind,
            "message": "no good",
        }
        board.abandon(begun)

    @pytest.mark.parametrize("kind", ["jobFailed", "Broken", "", "JobFailed "])
    def test_there_are_no_other_types(self, board: Board, kind: str) -> None:
        given = settled(board, PARTNER_FAILURE) | {"failureDetails": FAILURE | {"type": kind}}
        answer = board.ask("GET", PARTNER_FAILURE, **given)
        assert (answer.status, answer.code) == (400, "ValidationException")
        assert all(each in answer.message for each in self.TYPES)


@each_path
def test_the_scheme_is_http_and_what_is_produced_is_json(board: Board, path: Path) -> None:
    """Both files: schemes, produces, consumes. Their clients name application/json as what they send and take."""
    assert board.wire.server.url.startswith("http://")
    query = written({"Action": path.operation, **settled(board, path.operation)})
    named = {"Accept": "application/json", "Content-Type": "application/json"}
    answer = board.queries.send("GET", f"/?{query}", headers=named)
    assert outline(answer) == outline(board.ask("GET", path.operation, **settled(board, path.operation)))
    assert answer.headers["content-type"] == "application/json"


def test_the_json_form_consumes_application_json(board: Board) -> None:
    body = json.dumps(settled(board, CUSTOM_ACKNOWLEDGE)).encode()
    answer = board.wire.ask(CUSTOM_ACKNOWLEDGE, body, Content_Type="application/json")
    assert told(answer) == {"status": "InProgress"}
