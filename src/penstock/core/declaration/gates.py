"""Rules of what stands before and behind a stage: its conditions, and what follows its failure."""

from penstock.core.declaration.places import region_constant
from penstock.core.rule_types import RuleTypeRules, builtin, rule_type_key
from penstock.core.variables import OPENING
from penstock.wire import types as wire
from penstock.wire.errors import InvalidStageDeclarationException

__all__ = ["check_gates"]

_BEFORE_ENTRY = "beforeEntry"
_ON_SUCCESS = "onSuccess"
_ON_FAILURE = "onFailure"

# UG: stage-conditions. FAIL is what happens after a failure anyway
_RESULTS = {
    _BEFORE_ENTRY: ("FAIL", "SKIP"),
    _ON_SUCCESS: ("FAIL", "ROLLBACK"),
    _ON_FAILURE: ("FAIL", "ROLLBACK"),
}

_COMMANDS = "Commands"
_OPERATORS = ("EQ", "NE", "CONTAINS", "MATCHES")
_SKIPPING = ("LambdaInvoke", "VariableCheck")


def check_gates(stage: wire.StageDeclaration, is_first: bool, is_parallel: bool, region: str) -> None:
    """Raise `InvalidStageDeclarationException` for a gate that cannot work where it stands."""
    for gate, conditions in _conditions(stage).items():
        for condition in conditions:
            if condition.result is not None and condition.result not in _RESULTS[gate]:
                raise InvalidStageDeclarationException(
                    f"Stage '{stage.name}' has a condition in '{gate}' with the result {condition.result}. "
                    f"The result can be {' or '.join(_RESULTS[gate])}."
                )
            _check_rules(stage.name, gate, condition, region)
    if stage.on_failure is not None:
        _check_failure(stage.name, stage.on_failure)
    _check_rollback(stage, is_first, is_parallel)


def _conditions(stage: wire.StageDeclaration) -> dict[str, tuple[wire.Condition, ...]]:
    return {
        _BEFORE_ENTRY: stage.before_entry.conditions if stage.before_entry else (),
        _ON_SUCCESS: stage.on_success.conditions if stage.on_success else (),
        _ON_FAILURE: (stage.on_failure.conditions if stage.on_failure else None) or (),
    }


def _check_failure(stage: str, failure: wire.FailureConditions) -> None:
    if failure.result is not None and failure.conditions:
        # The service leaves the last quotation mark open.
        raise InvalidStageDeclarationException(
            "The following stage cannot have a failure exit gate configured with both top level result and "
            f"conditions: '{stage}"
        )
    if failure.result == "SKIP":
        raise InvalidStageDeclarationException(
            f"Stage '{stage}' has the failure result SKIP. The result can be ROLLBACK, RETRY or FAIL."
        )
    if failure.retry_configuration is not None and failure.result != "RETRY":
        raise InvalidStageDeclarationException(
            f"Stage '{stage}' has a retry configuration, which can only be used with the failure result RETRY."
        )


def _check_rollback(stage: wire.StageDeclaration, is_first: bool, is_parallel: bool) -> None:
    conditions = _conditions(stage)
    failure = [
        stage.on_failure.result if stage.on_failure else None,
        *(each.result for each in conditions[_ON_FAILURE]),
    ]
    success = [each.result for each in conditions[_ON_SUCCESS]]
    if "ROLLBACK" in failure and is_parallel:
        raise InvalidStageDeclarationException(
            "Failure conditions with rollback result type cannot be added to a PARALLEL pipeline."
        )
    if "ROLLBACK" in success and is_parallel:
        raise InvalidStageDeclarationException(
            "Success conditions with rollback result type cannot be added to a PARALLEL pipeline."
        )
    if "ROLLBACK" in (*failure, *success) and is_first:
        raise InvalidStageDeclarationException(
            f"Stage '{stage.name}' contains the source actions. Conditions with rollback result type cannot be added "
            "to it."
        )


def _check_rules(stage: str, gate: str, condition: wire.Condition, region: str) -> None:
    if not condition.rules:
        raise InvalidStageDeclarationException(f"Stage '{stage}' has a condition in '{gate}' without rules.")
    names: set[str] = set()
    for rule in condition.rules:
        if rule.name in names:
            raise InvalidStageDeclarationException(f"Rule name '{rule.name}' is used more than once in stage '{stage}'")
        names.add(rule.name)
        _check_rule(rule, region)
        if condition.result == "SKIP" and rule.rule_type_id.provider not in _SKIPPING:
            raise InvalidStageDeclarationException(
                f"Stage '{stage}' has a condition with the result SKIP and the rule '{rule.name}'. "
                f"SKIP can only be used with {' and '.join(_SKIPPING)} rules."
            )


def _check_rule(rule: wire.RuleDeclaration, region: str) -> None:
    provider, version = rule.rule_type_id.provider, rule.rule_type_id.version or "1"
    known = builtin().get(rule_type_key(rule.rule_type_id))
    if known is None:
        raise InvalidStageDeclarationException(
            f"RuleType (Category: 'Rule', Provider: '{provider}', Owner: 'AWS', Version: '{version}') in rule "
            f"'{rule.name}' is not available in region '{region_constant(rule.region or region)}'"
        )
    _check_keys(rule, known)
    operator = (rule.configuration or {}).get("Operator", "EQ")
    if provider == "VariableCheck" and OPENING not in operator and operator not in _OPERATORS:
        raise InvalidStageDeclarationException(
            f"Rule configuration for rule '{rule.name}' contains the invalid value '{operator}' for 'Operator'. "
            f"Valid values are {', '.join(_OPERATORS)}."
        )
    if provider == _COMMANDS and not rule.commands:
        raise InvalidStageDeclarationException(f"Rule {rule.name} must have a non-empty commands field")
    if provider != _COMMANDS and rule.commands:
        raise InvalidStageDeclarationException(
            f"The following rule cannot contain a commands field: {rule.name}. "
            "To use the commands field, use a Commands rule."
        )


def _check_keys(rule: wire.RuleDeclaration, known: RuleTypeRules) -> None:
    keys = rule.configuration or {}
    for missing in (each.name for each in known.properties if each.required and each.name not in keys):
        raise InvalidStageDeclarationException(
            f"Rule configuration for rule '{rule.name}' is missing required configuration '{missing}'"
        )
    names = {each.name for each in known.properties}
    for unknown in (key for key in keys if key not in names):
        raise InvalidStageDeclarationException(
            f"Rule configuration for rule '{rule.name}' contains unknown configuration '{unknown}'"
        )
