"""Conditions of a stage: what is looked at before it starts, after it has succeeded, and after it has failed.

A condition is met if all of its rules succeed. Before entry and on success its result follows if it is *not* met; on failure,
if it is met. While a condition is open the execution holds the stage.
"""

from collections.abc import Iterator

from penstock.core.commands import OverrideCondition
from penstock.core.events import ConditionEnded, ConditionStarted, Event, ExecutionResumed, RuleEnded
from penstock.core.lookup import current_stage, declared_stage, require_latest, require_room
from penstock.core.model import ConditionRun, Execution, Gate, Pipeline, StageRun
from penstock.core.moment import Moment
from penstock.core.refusals import ConditionNotOverridable
from penstock.core.transitions.rule import start_rule
from penstock.wire import types as wire

__all__ = ["abandon", "condition_at", "declared_rule", "examine", "override", "verdict_at"]

GATES: tuple[Gate, ...] = ("beforeEntry", "onSuccess", "onFailure")


def condition_at(stage: wire.StageDeclaration, gate: Gate) -> wire.Condition | None:
    """What the stage declares for a gate."""
    match gate:
        case "beforeEntry":
            declared = stage.before_entry.conditions if stage.before_entry is not None else ()
        case "onSuccess":
            declared = stage.on_success.conditions if stage.on_success is not None else ()
        case _:
            declared = (stage.on_failure.conditions or ()) if stage.on_failure is not None else ()
    return declared[0] if declared else None


def declared_rule(stage: wire.StageDeclaration, gate: Gate, name: str) -> wire.RuleDeclaration:
    condition = condition_at(stage, gate)
    assert condition is not None, "a rule runs at a gate that has a condition"
    return next(rule for rule in condition.rules or () if rule.name == name)


def verdict_at(run: StageRun, gate: Gate) -> str | None:
    """How a gate's condition came out; None while it was not looked at."""
    condition = run.gates.get(gate)
    return condition.status if condition is not None else None


def examine(
    state: Pipeline, execution: Execution, run: StageRun, gate: Gate, condition: wire.Condition, moment: Moment
) -> Iterator[Event]:
    """Open the condition of a gate, or close it once each of its rules has ended."""
    stage = current_stage(state, execution).name
    known = run.gates.get(gate)
    if known is None:
        yield ConditionStarted(execution.id, stage, gate, moment.now)
        for rule in condition.rules or ():
            yield from start_rule(state, execution, gate, rule, moment)
    elif all(rule.status != "InProgress" for rule in known.rules.values()):
        is_met = all(rule.status == "Succeeded" for rule in known.rules.values())
        summary = None if is_met else _summary(known)
        yield ConditionEnded(
            execution.id, stage, gate, "Succeeded" if is_met else "Failed", moment.now, summary=summary
        )


def _summary(condition: ConditionRun) -> str:
    failed = ", ".join(name for name, rule in condition.rules.items() if rule.status != "Succeeded")
    return f"Not met by: {failed}"


def abandon(state: Pipeline, execution: Execution, run: StageRun, moment: Moment) -> Iterator[Event]:
    """Give up what conditions wait for: the execution is being ended."""
    stage = current_stage(state, execution).name
    for gate, condition in run.gates.items():
        if condition.status == "InProgress":
            yield from _abandoned_rules(execution, stage, gate, condition, moment)
            yield ConditionEnded(execution.id, stage, gate, "Abandoned", moment.now)


def _abandoned_rules(
    execution: Execution, stage: str, gate: Gate, condition: ConditionRun, moment: Moment
) -> Iterator[Event]:
    for name, rule in condition.rules.items():
        if rule.status == "InProgress":
            yield RuleEnded(execution.id, stage, gate, name, rule.id, "Abandoned", moment.now, job_id=rule.job_id)


def override(state: Pipeline, command: OverrideCondition, moment: Moment) -> Iterator[Event]:
    """API: OverrideStageCondition. The stage goes on as if the condition had been met."""
    declared_stage(state.versions[state.head.version].declaration, command.stage)
    execution = require_latest(state, command.stage, command.execution_id)
    run = execution.stages[command.stage]
    condition = run.gates.get(command.gate)
    if condition is None or condition.status not in ("InProgress", "Failed") or run.status == "Skipped":
        raise ConditionNotOverridable(
            f"The condition {command.gate} of stage '{command.stage}' is not waiting and has not failed"
        )
    yield from _abandoned_rules(execution, command.stage, command.gate, condition, moment)
    yield ConditionEnded(
        execution.id,
        command.stage,
        command.gate,
        "Overridden",
        moment.now,
        summary=f"Overridden by {command.by}",
    )
    if not execution.is_open:
        require_room(state)
        yield ExecutionResumed(execution.id, command.stage, moment.now)
