"""Bad requests get the declared error, tell nothing of the inside, and change nothing."""

import json
import re
from collections.abc import Iterator

import pytest

from declarations import custom_source, pipeline, stage
from operations.raw import JSON, Answer, Wire
from operations.scene import UNKNOWN_ID, Scene, build

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSIDES = re.compile(rb"Traceback|File \"|\.py\b|penstock\.|msgspec|sqlite|Exception\(")


@pytest.fixture(autouse=True)
def untouched(scene: Scene) -> Iterator[None]:
    """What was there before a test's requests is there after them, and the server never stumbled over them."""
    scene.line()
    job = scene.poll()[0]
    before = picture(scene)
    log = len(scene.server.log())
    yield
    assert picture(scene) == before
    assert "Traceback" not in scene.server.log()[log:]
    assert scene.aws.get_job_details(jobId=job["id"])["jobDetails"]["id"] == job["id"]


def picture(scene: Scene) -> list:
    return [
        scene.executions(),
        scene.actions(),
        scene.aws.get_pipeline_state(name="line")["stageStates"],
        scene.aws.list_pipelines()["pipelines"],
        scene.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"],
        scene.aws.get_pipeline(name="line")["pipeline"],
    ]


def refused(answer: Answer, status: int, code: str) -> None:
    """Exactly this error, as every client expects it, and not a word of what the server is made of."""
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == JSON
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert "date" in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert not INSIDES.search(answer.body)


MALFORMED = {
    "no JSON": b"hello",
    "half an object": b'{"name": ',
    "two objects": b"{}{}",
    "a trailing comma": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "a list": b"[]",
    "a text": b'"{}"',
    "a number": b"7",
    "null": b"null",
    "bad UTF-8": b'{"name": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "NaN": b'{"name": NaN}',
    "a zero byte": b'{"name": "x"}\x00',
    "a byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "spaces": b"   ",
    "brackets without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 50_000,
    "a form": b"name=x&Action=GetPipeline",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("operation", ["GetPipeline", "CreatePipeline"])
def test_what_is_no_json_object_is_a_serialization_exception(wire: Wire, operation: str, body: bytes) -> None:
    answer = wire.ask(operation, body)
    if (body, operation) == (b"null", "GetPipeline"):
        assert answer.status == 400
        return
    refused(answer, 400, "SerializationException")


WRONG_TYPES = [
    ("GetPipeline", {"name": 7}),
    ("GetPipeline", {"name": ["line"]}),
    ("GetPipeline", {"name": {"line": 1}}),
    ("GetPipeline", {"name": "line", "version": "one"}),
    ("GetPipeline", {"name": "line", "version": []}),
    ("CreatePipeline", {"pipeline": "line"}),
    ("CreatePipeline", {"pipeline": {"name": "new", "roleArn": "arn:aws:iam::123456789012:role/x", "stages": {}}}),
    ("PutJobSuccessResult", {"jobId": UNKNOWN_ID, "outputVariables": ["a"]}),
    ("PutJobSuccessResult", {"jobId": UNKNOWN_ID, "outputVariables": {"a": {"b": 1}}}),
    ("PutJobFailureResult", {"jobId": UNKNOWN_ID, "failureDetails": "broken"}),
    ("StopPipelineExecution", {"pipelineName": "line", "pipelineExecutionId": UNKNOWN_ID, "abandon": []}),
]


@pytest.mark.parametrize(("operation", "parameters"), WRONG_TYPES)
def test_values_of_another_type_are_a_serialization_exception(wire: Wire, operation: str, parameters: dict) -> None:
    refused(wire.call(operation, **parameters), 400, "SerializationException")


@pytest.mark.parametrize("version", [10**30, -(10**30), 2**31, 2**63, 1.5, 1e300])
def test_a_number_of_any_size_is_no_fault(wire: Wire, version: float) -> None:
    answer = wire.call("GetPipeline", name="line", version=version)
    assert answer.status in (200, 400)
    if answer.status == 400:
        codes = ("ValidationException", "SerializationException", "PipelineVersionNotFoundException")
        assert answer.code in codes


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("CodePipeline_20150709.MakeCoffee", "an operation that is none"),
        ("CodePipeline_20150709.getpipeline", "another case"),
        ("CodePipeline_20150709.", "no operation"),
        ("CodePipeline_20160101.GetPipeline", "another service version"),
        ("GetPipeline", "no prefix"),
        ("Penstock.Nothing", "our own that is none"),
        ("\xff\xfe", "bytes that are no text"),
    ],
)
def test_an_unknown_operation_says_so(wire: Wire, target: str, what: str) -> None:
    refused(wire.ask("X", b"{}", X_Amz_Target=target), 400, "UnknownOperationException")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_no_operation(wire: Wire, method: str) -> None:
    headers = wire.signed("ListPipelines", b"", method)
    answer = wire.send(headers, b"", method)
    assert answer.status == 400
    if method != "HEAD":
        refused(answer, 400, "UnknownOperationException")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/xml", "application/x-www-form-urlencoded", ""]
)
def test_another_content_type_is_refused(wire: Wire, content_type: str | None) -> None:
    refused(wire.ask("ListPipelines", b"{}", Content_Type=content_type), 400, "SerializationException")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-amz-json-1.0", "Application/X-AMZ-JSON-1.1; charset=utf-8"]
)
def test_json_by_its_other_names_is_taken(wire: Wire, content_type: str) -> None:
    assert wire.ask("ListPipelines", b"{}", Content_Type=content_type).status == 200


def test_an_empty_body_is_an_empty_request(wire: Wire) -> None:
    assert wire.ask("ListPipelines", b"").status == 200
    refused(wire.ask("GetPipeline", b""), 400, "ValidationException")


class TestSize:
    def test_a_body_over_one_mebibyte_is_refused(self, wire: Wire) -> None:
        answer = wire.ask("ListPipelines", b'{"x": "' + b"a" * (1 << 20) + b'"}')
        assert answer.status == 413
        assert UUID.fullmatch(answer.headers["x-amzn-requestid"])

    def test_a_body_of_one_mebibyte_is_read(self, wire: Wire) -> None:
        body = b'{"x": "' + b"a" * ((1 << 20) - 9) + b'"}'
        assert len(body) == 1 << 20
        assert wire.ask("ListPipelines", body).status == 200

    def test_deep_nesting_in_an_unknown_member_is_no_fault(self, wire: Wire) -> None:
        for depth in (100, 5_000, 200_000):
            body = b'{"x": ' + b"[" * depth + b"]" * depth + b"}"
            answer = wire.ask("ListPipelines", body)
            assert answer.status == 200 or answer.code == "SerializationException"

    def test_deep_nesting_where_it_counts_is_no_fault(self, wire: Wire) -> None:
        body = b'{"pipeline": ' + b'{"stages": [' * 1_000 + b"]}" * 1_000 + b"}"
        assert wire.ask("CreatePipeline", body).code in ("ValidationException", "SerializationException")

    def test_a_great_many_violations_make_no_endless_answer(self, wire: Wire) -> None:
        stages = [{"name": "!", "actions": [{"name": "!"}] * 20}] * 400
        answer = wire.call("CreatePipeline", pipeline={"name": "!", "stages": stages})
        refused(answer, 400, "ValidationException")
        assert len(answer.body) < 4 << 20

    def test_a_text_that_looks_bad_to_a_pattern_takes_no_time(self, wire: Wire) -> None:
        hostile = "a" * 100_000 + "!"
        refused(wire.call("GetPipeline", name=hostile), 400, "ValidationException")
        refused(wire.call("ListTagsForResource", resourceArn="arn:aws:" + ":" * 50_000), 400, "ValidationException")

    @pytest.mark.parametrize("number", ["1" * 500_000, "1e999999999"])
    def test_numbers_without_end_take_no_time(self, wire: Wire, number: str) -> None:
        answer = wire.ask("GetPipeline", b'{"name": "line", "version": ' + number.encode() + b"}")
        assert (answer.status, answer.code) in {(400, "SerializationException"), (400, "ValidationException")}


class TestReferences:
    """Texts of a declaration that are read by rules of their own."""

    @pytest.mark.parametrize("text", ["#{", "#{}", "#{a}", "#{.b}", "#{a.}", "#{a.b", "#{nobody.key}", "#{#{a.b}.c}"])
    def test_a_reference_to_nothing_is_refused(self, wire: Wire, text: str) -> None:
        tell = build("Make")
        tell["actionTypeId"] = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
        tell["configuration"] = {"CustomData": text}
        declared = pipeline("other", stage("Source", custom_source()), stage("Gate", tell))
        assert wire.call("CreatePipeline", pipeline=declared).code == "InvalidActionDeclarationException"

    def test_a_hostile_text_of_references_takes_no_time(self, wire: Wire) -> None:
        tell = build("Make")
        tell["actionTypeId"] = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
        tell["configuration"] = {"CustomData": "#{a" * 300}
        declared = pipeline("other", stage("Source", custom_source()), stage("Gate", tell))
        assert wire.call("CreatePipeline", pipeline=declared).status == 400


@pytest.mark.parametrize("seconds", ["-1", "21", "nan", "inf", "soon", "", "1" * 400])
def test_a_pause_out_of_bounds_is_refused(wire: Wire, seconds: str) -> None:
    given = {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"}
    body = json.dumps({"actionTypeId": given}).encode()
    refused(wire.ask("PollForJobs", body, x_penstock_wait_seconds=seconds), 400, "ValidationException")
