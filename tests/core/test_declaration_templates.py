"""Pipelines that others have really made: they pass the rules."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.declaration_samples import ACCOUNT, REGION, find
from penstock.core.declaration import Surroundings, bind_actions, check, normalise
from penstock.wire import types as wire

FOLDER = Path(__file__).parents[2].parent / "shared" / "fixtures" / "cdk-templates"
PIPELINES = [
    pytest.param(resource["Properties"], id=f"{path.name.removesuffix('.json')}/{name}")
    for path in sorted(FOLDER.glob("*.json"))
    for name, resource in json.loads(path.read_text())["Resources"].items()
    if resource["Type"] == "AWS::CodePipeline::Pipeline"
]
# What CloudFormation does with a pipeline beside declaring it.
NOT_DECLARED = {"RestartExecutionOnUpdate", "DisableInboundStageTransitions", "Tags"}
SETTLED_LATER = {
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
    "Region": REGION,
    "NotificationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t",
}


def declared(value: Any, member: str = "") -> Any:
    """What the service would be sent for a part of a template."""
    if isinstance(value, list):
        return [declared(each, member) for each in value]
    if not isinstance(value, dict):
        return value
    if is_intrinsic(value):
        return SETTLED_LATER.get(member, "later")
    if member == "Configuration":
        return {key: text(declared(each, key)) for key, each in value.items()}
    return {key[0].lower() + key[1:]: declared(each, key) for key, each in value.items()}


def is_intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and (value.keys() <= {"Ref"} or next(iter(value)).startswith("Fn::"))


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def pipeline(properties: dict[str, Any]) -> wire.PipelineDeclaration:
    members = declared({key: value for key, value in properties.items() if key not in NOT_DECLARED})
    if stores := members.get("artifactStores"):
        members["artifactStores"] = {store["region"]: store["artifactStore"] for store in stores}
    return msgspec.convert({"name": "later", **members}, wire.PipelineDeclaration)


@pytest.mark.skipif(not PIPELINES, reason=f"no CDK templates in {FOLDER}")
@pytest.mark.parametrize("properties", PIPELINES)
def test_a_pipeline_of_a_cdk_template_passes(properties: dict[str, Any]) -> None:
    declaration = pipeline(properties)
    check(declaration, find, Surroundings(ACCOUNT, REGION))
    check(normalise(declaration, 1), find, Surroundings(ACCOUNT, REGION))
    assert all(binding.timeout_seconds for binding in bind_actions(declaration, find, ACCOUNT, REGION).values())
