"""A pipeline that keeps all rules, its parts, and small changes that break one."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from penstock.core.action_types import ActionTypeRules, builtin, type_key
from penstock.core.declaration import Surroundings, check
from penstock.wire import types as wire
from penstock.wire.errors import ApiError

Json = dict[str, Any]
Change = Callable[[Json], Any]

ACCOUNT = "111122223333"
REGION = "us-east-1"
BUCKET = {"type": "S3", "location": "artifacts"}
STORES_HERE = {"artifactStore": None, "artifactStores": {REGION: BUCKET}}
STORES_IN_TWO_REGIONS = {"artifactStore": None, "artifactStores": {REGION: BUCKET, "eu-west-1": BUCKET}}
VARIABLE = {"name": "Colour", "defaultValue": "red"}

CRANE = ActionTypeRules.of_custom(
    msgspec.convert(
        {
            "id": {"category": "Deploy", "owner": "Custom", "provider": "Crane", "version": "1"},
            "actionConfigurationProperties": [
                {"name": "Site", "required": True, "key": True, "secret": False, "queryable": True},
                {"name": "Password", "required": False, "key": False, "secret": True},
            ],
            "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 1},
            "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 1},
        },
        wire.ActionType,
    )
)


def find(type_id: wire.ActionTypeId) -> ActionTypeRules | None:
    return CRANE if type_id == CRANE.id else builtin().get(type_key(type_id, ACCOUNT, REGION))


def action(name: str, kind: str, configuration: Json | None = None, **members: Any) -> Json:
    category, provider, *owner = kind.split("/")
    type_id = {"category": category, "owner": owner[0] if owner else "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": type_id, "configuration": configuration or {}, **members}


def artifacts(*names: str) -> list[Json]:
    return [{"name": name} for name in names]


def source(name: str = "Fetch", output: str = "Code", key: str = "k", **members: Any) -> Json:
    configuration = {"S3Bucket": "b", "S3ObjectKey": key}
    return action(name, "Source/S3", configuration, **{"outputArtifacts": artifacts(output), **members})


def connection() -> Json:
    configuration = {"ConnectionArn": "arn", "FullRepositoryId": "o/r", "BranchName": "main"}
    return action("Fetch", "Source/CodeStarSourceConnection", configuration, outputArtifacts=artifacts("Code"))


def build(name: str = "Build", configuration: Json | None = None, **members: Any) -> Json:
    default = {"ProjectName": "p"} if configuration is None else configuration
    return action(name, "Build/CodeBuild", default, **{"inputArtifacts": artifacts("Code"), **members})


def approval(name: str = "Ask", text: str | None = None, **members: Any) -> Json:
    return action(name, "Approval/Manual", {"CustomData": text} if text else {}, **members)


def notifying(topic: str) -> Json:
    return action("Ask", "Approval/Manual", {"NotificationArn": topic})


def deploy(site: str = "north", password: str | None = None, **members: Any) -> Json:
    secret = {} if password is None else {"Password": password}
    return action("Lift", "Deploy/Crane/Custom", {"Site": site, **secret}, **members)


def commands(**members: Any) -> Json:
    return action("Shell", "Compute/Commands", **{"inputArtifacts": artifacts("Code"), "commands": ["make"], **members})


def stage(name: str, *actions: Json, **members: Any) -> Json:
    return {"name": name, "actions": list(actions), **members}


FIRST = stage("Source", source())


def rule(provider: str = "VariableCheck", configuration: Json | None = None, name: str = "R", **members: Any) -> Json:
    if provider == "VariableCheck" and configuration is None:
        configuration = {"Variable": "#{codepipeline.PipelineExecutionId}", "Value": "x", "Operator": "EQ"}
    type_id = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "ruleTypeId": type_id, "configuration": configuration or {}, **members}


def gate(*rules: Json, **members: Any) -> Json:
    return {"conditions": [{"rules": list(rules) or [rule()], **members}]}


def pipeline() -> Json:
    return {
        "name": "p",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline",
        "artifactStore": BUCKET,
        "stages": [FIRST, stage("Build", build()), stage("Release", approval(), deploy())],
    }


def of(**members: Any) -> Change:
    """The pipeline with other members."""
    return lambda declared: declared.update(deepcopy(members))


def stages(*new: Json, **members: Any) -> Change:
    """The pipeline with other stages, and maybe other members."""
    return of(stages=new, **members)


def last(*actions: Json, **members: Any) -> Change:
    """The pipeline with a last stage of other actions, and maybe other members."""
    return stages(FIRST, stage("Build", build()), stage("Release", *actions), **members)


def gated(position: int = 1, mode: str = "SUPERSEDED", **gates: Any) -> Change:
    """The pipeline with something before or behind a stage, of which the second is `Build`."""

    def change(declared: Json) -> None:
        declared["executionMode"] = mode
        declared["stages"][position] = {**declared["stages"][position], **gates}

    return change


def changed(change: Change) -> Json:
    declared = pipeline()
    change(declared)
    return declared


def declaration(declared: Json) -> wire.PipelineDeclaration:
    return msgspec.convert(declared, wire.PipelineDeclaration)


def checked(declared: Json, previous: Json | None = None) -> None:
    before = None if previous is None else declaration(previous)
    check(declaration(declared), find, Surroundings(ACCOUNT, REGION, before))


class Row(Struct):
    """What is refused in which words, beside a neighbour that passes."""

    error: type[ApiError]
    message: str
    broken: Change
    neighbour: Change

    def verify(self) -> None:
        with pytest.raises(self.error) as refused:
            checked(changed(self.broken))
        assert (type(refused.value), refused.value.message) == (self.error, self.message)
        checked(changed(self.neighbour))


def table(*rows: Row) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.message[:70]) for row in rows])
