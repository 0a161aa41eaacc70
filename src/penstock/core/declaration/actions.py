"""Rules of each action by itself: that its type exists, and that the action is made as its type demands."""

import re

from penstock.core.action_types import ActionTypeRules, ArtifactCount
from penstock.core.declaration.places import (
    FindActionType,
    PlacedAction,
    Surroundings,
    placed_actions,
    region_constant,
)
from penstock.core.declaration.secrets import MASK, stored_value
from penstock.core.limits import QUERYABLE_VALUE_LENGTH_MAX
from penstock.core.variables import OPENING
from penstock.wire import types as wire
from penstock.wire.errors import InvalidActionDeclarationException

__all__ = ["check_actions"]

_QUERYABLE_VALUE = re.compile(rf"[a-zA-Z0-9_-]{{1,{QUERYABLE_VALUE_LENGTH_MAX}}}")

_ARN = re.compile(r"arn:[^:]+:(?P<service>[^:]*):(?P<region>[^:]*):[^:]+:.+")


def check_actions(declaration: wire.PipelineDeclaration, find: FindActionType, surroundings: Surroundings) -> None:
    """Raise `InvalidActionDeclarationException` for the first action that is wrong by itself."""
    names: set[tuple[str, str]] = set()
    for placed in placed_actions(declaration):
        action = placed.action
        if (placed.stage, action.name) in names:
            raise InvalidActionDeclarationException(
                f"Action name '{action.name}' is used more than once in stage '{placed.stage}'"
            )
        names.add((placed.stage, action.name))
        rules = find(action.action_type_id)
        if rules is None:
            raise _unavailable(action, surroundings.region)
        if rules.is_v2_only and declaration.pipeline_type == "V1":
            raise InvalidActionDeclarationException(f"{rules.id.provider} Action can only be used with V2 pipelines.")
        _check_action(placed, rules, surroundings)


def _check_action(placed: PlacedAction, rules: ActionTypeRules, surroundings: Surroundings) -> None:
    action = placed.action
    _check_region(placed, rules, surroundings.region)
    _check_keys(action, rules)
    _check_secrets(placed, rules, surroundings.previous)
    _check_queryable(action, rules)
    _check_count(action.name, "input", len(action.input_artifacts or ()), rules.inputs)
    _check_count(action.name, "output", len(action.output_artifacts or ()), rules.outputs)
    _check_compute(action, rules)
    if rules.id.category == "Approval":
        _check_notification(action, surroundings.region)
    elif action.timeout_in_minutes is not None:
        raise InvalidActionDeclarationException(
            f"The following action cannot contain a timeoutInMinutes field: {action.name}. "
            "To use the timeoutInMinutes field, use a manual approval action."
        )


def _unavailable(action: wire.ActionDeclaration, region: str) -> InvalidActionDeclarationException:
    wanted = action.action_type_id
    return InvalidActionDeclarationException(
        f"ActionType (Category: '{wanted.category}', Provider: '{wanted.provider}', Owner: '{wanted.owner}', "
        f"Version: '{wanted.version}') in action '{action.name}' is not available in region "
        f"'{region_constant(action.region or region)}'"
    )


def _check_region(placed: PlacedAction, rules: ActionTypeRules, region: str) -> None:
    action = placed.action
    may_be_elsewhere = rules.id.owner == "AWS" and rules.id.category != "Source"
    if action.region not in (None, region) and not may_be_elsewhere:
        raise InvalidActionDeclarationException(
            f"Action '{action.name}' in stage '{placed.stage}' cannot run in region '{action.region}'. "
            f"Source, ThirdParty and Custom actions run in the region of the pipeline, '{region}'."
        )


def _check_keys(action: wire.ActionDeclaration, rules: ActionTypeRules) -> None:
    configuration = action.configuration or {}
    for known in rules.properties:
        if known.required and known.name not in configuration:
            raise InvalidActionDeclarationException(
                f"Action configuration for action '{action.name}' is missing required configuration '{known.name}'"
            )
    names = {known.name for known in rules.properties}
    for unknown in (key for key in configuration if key not in names):
        raise InvalidActionDeclarationException(
            f"Action configuration for action '{action.name}' contains unknown configuration '{unknown}'"
        )


def _check_secrets(placed: PlacedAction, rules: ActionTypeRules, previous: wire.PipelineDeclaration | None) -> None:
    configuration = placed.action.configuration or {}
    for key in rules.secret_keys:
        if configuration.get(key) == MASK:
            stored_value(placed.stage, placed.action, key, previous)


def _check_queryable(action: wire.ActionDeclaration, rules: ActionTypeRules) -> None:
    key = rules.query_property
    value = (action.configuration or {}).get(key) if key is not None else None
    # What a reference stands for is known only in a run.
    if value is None or OPENING in value or _QUERYABLE_VALUE.fullmatch(value):
        return
    raise InvalidActionDeclarationException(
        f"Action configuration for action '{action.name}' contains an invalid value for the queryable property "
        f"'{key}'. It can only be up to {QUERYABLE_VALUE_LENGTH_MAX} characters long and contain letters, digits, "
        "'_' and '-'."
    )


def _check_count(name: str, kind: str, declared: int, allowed: ArtifactCount) -> None:
    if declared < allowed.minimum:
        raise InvalidActionDeclarationException(
            f"Action {name} declares {declared} {kind} artifacts which is less than the minimum count "
            f"({allowed.minimum})"
        )
    if declared > allowed.maximum:
        raise InvalidActionDeclarationException(
            f"Action {name} declares {declared} {kind} artifacts which is more than the maximum count "
            f"({allowed.maximum})"
        )


def _check_compute(action: wire.ActionDeclaration, rules: ActionTypeRules) -> None:
    if rules.is_compute and not action.commands:
        raise InvalidActionDeclarationException(f"Action {action.name} must have a non-empty commands field")
    if not rules.is_compute:
        # The service names the commands field for files too.
        if action.commands or any(artifact.files for artifact in action.output_artifacts or ()):
            raise _compute_only(action, "a commands")
        if action.output_variables:
            raise _compute_only(action, "an outputVariables")
    if action.environment_variables and not rules.takes_environment:
        raise _compute_only(action, "an environmentVariables")


def _compute_only(action: wire.ActionDeclaration, field: str) -> InvalidActionDeclarationException:
    return InvalidActionDeclarationException(
        f"The following action cannot contain {field} field: {action.name}. "
        f"To use the {field.rsplit(maxsplit=1)[-1]} field, use a compute action."
    )


def _check_notification(action: wire.ActionDeclaration, region: str) -> None:
    topic = (action.configuration or {}).get("NotificationArn")
    if topic is None or OPENING in topic:
        return
    arn = _ARN.fullmatch(topic)
    if arn is None:
        raise InvalidActionDeclarationException(
            f"The ARN {topic} you specified for sending notifications for the approval action {action.name} contains "
            "a format error."
        )
    if arn["service"] == "sns" and arn["region"] == region:
        return
    problem = (
        "the AWS service for this ARN cannot be used to send approval requests."
        if arn["service"] != "sns"
        else "the ARN is not in the same region as the pipeline."
    )
    raise InvalidActionDeclarationException(
        f"The ARN {topic} has been specified for sending notifications for the approval action {action.name}, "
        f"but {problem}"
    )
