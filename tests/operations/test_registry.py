"""The operations as a whole: which are built, what those without an output answer, what those that are not say."""

import json
import urllib.error
import urllib.request
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from declarations import custom_source, pipeline, stage
from operations.partner import Partner, declaration
from operations.scene import Scene, build
from penstock.operations.registry import HANDLERS, NOT_BUILT
from penstock.wire.catalog import OPERATIONS, TARGET_PREFIX

MODEL = botocore.session.get_session().get_service_model("codepipeline")
WITHOUT_OUTPUT = sorted(name for name in MODEL.operation_names if MODEL.operation_model(name).output_shape is None)


def send(scene: Scene, operation: str, body: bytes) -> tuple[int, bytes]:
    """The status and the raw body that the server answers with."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{TARGET_PREFIX}.{operation}"}
    request = AWSRequest("POST", f"{scene.server.url}/", data=body, headers=headers)
    keys = scene.server.root_keys
    signer = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    SigV4Auth(signer, "codepipeline", scene.region).add_auth(request)
    sent = urllib.request.Request(request.url, request.body, dict(request.headers))
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def test_every_operation_of_the_service_is_built() -> None:
    built = {name.partition(".")[2] for name in HANDLERS if name.startswith(TARGET_PREFIX)}
    assert built == set(MODEL.operation_names) == set(OPERATIONS)


def test_nothing_is_left_to_build() -> None:
    assert not NOT_BUILT


def given_for(scene: Scene, operation: str) -> dict[str, Any]:
    """A request with which an operation that has no output succeeds."""
    transition = {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound"}
    failure = {"type": "JobFailed", "message": "x"}
    if operation.startswith("PutThirdParty"):
        return partner_request(scene, {"failureDetails": failure} if "Failure" in operation else {})
    if operation.startswith("PutJob"):
        job = scene.take()
        return {"jobId": job["id"]} | ({"failureDetails": failure} if "Failure" in operation else {})
    if operation == "OverrideStageCondition":
        return turned_away(scene)
    if operation == "UpdateActionType":
        return {"actionType": declaration(Partner(scene).provider)}
    return {
        "DeleteCustomActionType": {"category": "Build", "provider": "Builder", "version": "1"},
        "DeletePipeline": {"name": "line"},
        "DisableStageTransition": {**transition, "reason": "freeze"},
        "EnableStageTransition": transition,
    }[operation]


def turned_away(scene: Scene) -> dict[str, Any]:
    """An execution that a condition has kept out of its stage."""
    identity = {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"}
    never = {
        "name": "Never",
        "ruleTypeId": identity,
        "configuration": {"Variable": "a", "Value": "b", "Operator": "EQ"},
    }
    gate = {"conditions": [{"result": "FAIL", "rules": [never]}]}
    scene.pipeline("gated", {**stage("Ship", build("Send")), "beforeEntry": gate}, pipelineType="V2")
    scene.work("Origin")
    return {
        "pipelineName": "gated",
        "stageName": "Ship",
        "pipelineExecutionId": scene.newest("gated"),
        "conditionType": "BEFORE_ENTRY",
    }


def partner_request(scene: Scene, more: dict[str, Any]) -> dict[str, Any]:
    partner = Partner(scene)
    scene.pipeline("partnered", stage("Check", partner.action()))
    scene.work("Origin")
    return {"jobId": partner.take(), "clientToken": partner.token, **more}


@pytest.mark.parametrize("operation", [name for name in WITHOUT_OUTPUT if name not in NOT_BUILT])
def test_an_operation_without_an_output_answers_zero_bytes(scene: Scene, operation: str) -> None:
    scene.line()
    body = json.dumps(given_for(scene, operation)).encode()
    assert send(scene, operation, body) == (200, b"")


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource"])
def test_an_operation_with_an_empty_output_answers_an_empty_object(scene: Scene, operation: str) -> None:
    scene.line()
    arn = f"arn:aws:codepipeline:{scene.region}:123456789012:line"
    more = {"tags": []} if operation == "TagResource" else {"tagKeys": []}
    assert send(scene, operation, json.dumps({"resourceArn": arn, **more}).encode()) == (200, b"{}")


REQUIRED = [
    name for name in sorted(set(OPERATIONS) - NOT_BUILT) if MODEL.operation_model(name).input_shape.required_members
]


@pytest.mark.parametrize("operation", REQUIRED)
def test_an_empty_request_names_every_member_that_is_missing(scene: Scene, operation: str) -> None:
    status, body = send(scene, operation, b"{}")
    answer = json.loads(body)
    assert (status, answer["__type"]) == (400, "ValidationException")
    missing = MODEL.operation_model(operation).input_shape.required_members
    for member in missing:
        wanted = f"at '{member}' failed to satisfy constraint: Member must not be null"
        assert wanted in answer["message"]


def sample(shape: Any, depth: int = 0) -> Any:
    """Something of the wrong form in every place of a request."""
    if shape.type_name == "structure":
        return {name: sample(member, depth + 1) for name, member in shape.members.items()} if depth < 6 else {}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"": sample(shape.value, depth + 1)}
    return {"string": "\u0000 \ud7ff" * 3, "integer": -1, "boolean": True, "timestamp": -1e300}[shape.type_name]


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - NOT_BUILT))
def test_nonsense_in_every_member_gets_a_declared_error(scene: Scene, operation: str) -> None:
    scene.line()
    before = (scene.statuses(), scene.actions(), scene.aws.list_pipelines()["pipelines"])
    model = MODEL.operation_model(operation)
    status, body = send(scene, operation, json.dumps(sample(model.input_shape)).encode())
    if status != 200:
        declared = {shape.name for shape in model.error_shapes} | {
            "SerializationException",
            "PipelineNotFoundException",
        }
        assert json.loads(body)["__type"] in declared
        assert status == 400
    assert (scene.statuses(), scene.actions(), scene.aws.list_pipelines()["pipelines"]) == before


def test_members_that_the_operation_does_not_have_are_ignored(scene: Scene) -> None:
    scene.types()
    odd = {"name": "Build", "actions": [{**build("Make"), "colour": "red"}], "weight": 3}
    declared = {**pipeline("line", stage("Source", custom_source()), odd), "flavour": None}
    status, body = send(scene, "CreatePipeline", json.dumps({"pipeline": declared, "surprise": [{"x": None}]}).encode())
    assert status == 200
    assert b"colour" not in body
    assert scene.statuses() == ["InProgress"]


def test_members_that_are_null_count_as_left_out(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    given = {"jobId": job["id"], "continuationToken": None, "outputVariables": None, "executionDetails": None}
    assert send(scene, "PutJobSuccessResult", json.dumps(given).encode()) == (200, b"")
    assert scene.statuses() == ["Succeeded"]
