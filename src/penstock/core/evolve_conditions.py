"""What events of conditions and their rules make of the state."""

from msgspec.structs import replace

from penstock.core.events import (
    ConditionEnded,
    ConditionStarted,
    RuleEnded,
    RuleJobEnded,
    RuleJobOffered,
    RuleStarted,
)
from penstock.core.model import ConditionRun, Execution, Gate, Pipeline, RuleRun
from penstock.wire import types as wire

__all__ = ["ConditionEvent", "evolve_condition"]

ConditionEvent = ConditionStarted | ConditionEnded | RuleStarted | RuleEnded | RuleJobEnded | RuleJobOffered


def evolve_condition(state: Pipeline, event: ConditionEvent) -> Pipeline:
    execution = state.executions[event.execution_id]
    match event:
        case ConditionStarted():
            changed = _with_condition(execution, event, ConditionRun(status="InProgress", changed_at=event.at))
        case ConditionEnded():
            known = execution.stages[event.stage].gates[event.gate]
            ended = replace(known, status=event.status, summary=event.summary, changed_at=event.at)
            changed = _with_condition(execution, event, ended)
        case RuleStarted():
            execution = replace(execution, runs_started=execution.runs_started + 1)
            changed = _with_rule(execution, event, _started(event, execution.runs_started))
        case RuleEnded():
            changed = _with_rule(execution, event, _ended(_rule(execution, event), event))
        case RuleJobEnded():
            run = replace(_detailed(_rule(execution, event), event.details), job_id=None, changed_at=event.at)
            changed = _with_rule(execution, event, run)
        case RuleJobOffered():
            run = replace(_rule(execution, event), job_id=event.job.id, changed_at=event.at)
            changed = _with_rule(execution, event, run)
    return replace(state, executions={**state.executions, execution.id: changed})


def _started(event: RuleStarted, number: int) -> RuleRun:
    return RuleRun(
        id=event.run_id,
        status="InProgress",
        started_at=event.at,
        changed_at=event.at,
        number=number,
        deadline_at=event.timeout_at,
        job_id=event.job.id if event.job is not None else None,
    )


def _ended(run: RuleRun, event: RuleEnded) -> RuleRun:
    run = _detailed(run, event.details)
    return replace(run, status=event.status, job_id=None, error=event.error, changed_at=event.at)


def _detailed(run: RuleRun, details: wire.ExecutionDetails | None) -> RuleRun:
    if details is None:
        return run
    return replace(
        run,
        summary=details.summary if details.summary is not None else run.summary,
        external_id=details.external_execution_id or run.external_id,
    )


def _rule(execution: Execution, event: RuleEnded | RuleJobEnded | RuleJobOffered) -> RuleRun:
    return execution.stages[event.stage].gates[event.gate].rules[event.rule]


def _with_rule(
    execution: Execution, event: RuleStarted | RuleEnded | RuleJobEnded | RuleJobOffered, run: RuleRun
) -> Execution:
    condition = execution.stages[event.stage].gates[event.gate]
    return _with_condition(execution, event, replace(condition, rules={**condition.rules, event.rule: run}))


def _with_condition(execution: Execution, event: ConditionEvent, condition: ConditionRun) -> Execution:
    passage = execution.stages[event.stage]
    gates: dict[Gate, ConditionRun] = {**passage.gates, event.gate: condition}
    stages = {**execution.stages, event.stage: replace(passage, gates=gates)}
    return replace(execution, stages=stages, updated_at=event.at)
