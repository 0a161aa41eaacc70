"""What can happen next, does: the next group of actions, the end of a stage, the next stage, the end of the execution."""

from collections.abc import Iterator

from penstock.core import limits
from penstock.core.admission import admit
from penstock.core.events import Event, ExecutionEnded, RollbackAsked, StageEnded, StageRetried
from penstock.core.lookup import current_stage, stage_run, version_of
from penstock.core.model import Execution, Pipeline, StageRun
from penstock.core.moment import Moment
from penstock.core.transitions.action import start_action
from penstock.core.transitions.condition import abandon, condition_at, examine, verdict_at
from penstock.wire import types as wire

__all__ = ["advance"]


def advance(state: Pipeline, execution: Execution, moment: Moment) -> Iterator[Event]:
    """The next events of one open execution; none while it waits for somebody."""
    if execution.waiting:
        yield from _travel(state, execution, moment)
        return
    stage = current_stage(state, execution)
    run = stage_run(state, execution)
    if run.status not in ("InProgress", "Stopping"):
        return
    if run.gates and any(condition.status == "InProgress" for condition in run.gates.values()):
        yield from _attend(state, execution, stage, run, moment)
    elif not _is_ended_from_outside(execution) and verdict_at(run, "beforeEntry") == "Failed":
        yield from _turned_away(execution, stage, moment)
    elif "InProgress" in [action.status for action in run.actions.values()]:
        if not _is_ending(execution, run):
            yield from _start_group(state, execution, stage, run, moment)
    else:
        yield from _conclude(state, execution, stage, run, moment)


def _attend(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """A condition is open: it is closed when its rules have ended, or given up with the execution."""
    if _is_ended_from_outside(execution):
        yield from abandon(state, execution, run, moment)
        return
    for gate, known in run.gates.items():
        condition = condition_at(stage, gate)
        if known.status == "InProgress" and condition is not None:
            yield from examine(state, execution, run, gate, condition, moment)


def _turned_away(execution: Execution, stage: wire.StageDeclaration, moment: Moment) -> Iterator[Event]:
    """The condition before entry is not met."""
    condition = condition_at(stage, "beforeEntry")
    if condition is not None and condition.result == "SKIP":
        yield StageEnded(execution.id, stage.name, "Skipped", moment.now)
    else:
        yield from _failed(execution, stage, moment, "The condition before entry was not met")


def _is_ended_from_outside(execution: Execution) -> bool:
    return execution.cancelling or execution.status == "Stopping"


def _is_ending(execution: Execution, run: StageRun) -> bool:
    """No further action may start: the execution is being ended, or an action of the stage has failed."""
    return _is_ended_from_outside(execution) or _has_failed(run)


def _has_failed(run: StageRun) -> bool:
    statuses = [action.status for action in run.actions.values()]
    return "Failed" in statuses or "Abandoned" in statuses


def _conclude(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """Nothing works in the stage: it ends, or its next group starts."""
    entry = condition_at(stage, "beforeEntry")
    if execution.cancelling:
        yield StageEnded(execution.id, stage.name, "Cancelled", moment.now)
        yield ExecutionEnded(execution.id, "Cancelled", moment.now, summary="Cancelled by an update of the pipeline")
    elif execution.status == "Stopping":
        yield StageEnded(execution.id, stage.name, "Stopped", moment.now)
        yield ExecutionEnded(execution.id, "Stopped", moment.now)
    elif entry is not None and verdict_at(run, "beforeEntry") is None:
        yield from examine(state, execution, run, "beforeEntry", entry, moment)
    elif _has_failed(run):
        yield from _after_failure(state, execution, stage, run, moment)
    elif len(run.actions) == len(stage.actions):
        yield from _after_success(state, execution, stage, run, moment)
    else:
        yield from _start_group(state, execution, stage, run, moment)


def _after_success(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    condition = condition_at(stage, "onSuccess")
    verdict = verdict_at(run, "onSuccess")
    if condition is None or verdict in ("Succeeded", "Overridden"):
        yield StageEnded(execution.id, stage.name, "Succeeded", moment.now)
    elif verdict is None:
        yield from examine(state, execution, run, "onSuccess", condition, moment)
    else:
        yield from _failed(execution, stage, moment, "The condition on success was not met")
        if condition.result == "ROLLBACK":
            yield from _rollback(state, execution, stage, moment)


def _after_failure(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """One retry by itself if the stage asks for it; else the end, and the rollback that the stage asks for."""
    declared = stage.on_failure
    condition = condition_at(stage, "onFailure")
    if declared is not None and declared.result == "RETRY" and run.automatic_retries == 0:
        mode = declared.retry_configuration.retry_mode if declared.retry_configuration is not None else None
        yield StageRetried(execution.id, stage.name, mode or "FAILED_ACTIONS", "AutomatedStageRetry", moment.now)
        return
    verdict = verdict_at(run, "onFailure")
    if condition is not None and verdict is None:
        yield from examine(state, execution, run, "onFailure", condition, moment)
        return
    yield from _failed(execution, stage, moment, None)
    result = declared.result if declared is not None else None
    if condition is not None and verdict == "Succeeded":
        result = condition.result
    if result == "ROLLBACK":
        yield from _rollback(state, execution, stage, moment)


def _failed(execution: Execution, stage: wire.StageDeclaration, moment: Moment, summary: str | None) -> Iterator[Event]:
    yield StageEnded(execution.id, stage.name, "Failed", moment.now)
    yield ExecutionEnded(execution.id, "Failed", moment.now, summary=summary)


def _rollback(state: Pipeline, execution: Execution, stage: wire.StageDeclaration, moment: Moment) -> Iterator[Event]:
    """To the last standard execution that succeeded here; nothing where there is none, or after a failed rollback."""
    slot = state.head.slots.get(stage.name)
    target = slot.succeeded if slot is not None else None
    if target is not None and target != execution.id and execution.kind == "STANDARD":
        yield RollbackAsked(stage.name, target, moment.now)


def _start_group(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """Start what is missing of the first group that is not done; a later group waits for all of the earlier ones."""
    pending = [action for action in stage.actions if _is_pending(action, run)]
    order = min((action.run_order or 1 for action in pending), default=None)
    startable = [action for action in pending if (action.run_order or 1) == order and action.name not in run.actions]
    if execution.mode == "PARALLEL":
        working = sum(attempt.status == "InProgress" for attempt in run.actions.values())
        startable = startable[: max(0, limits.PARALLEL_ACTIONS_MAX - working)]
    for action in startable:
        yield from start_action(state, execution, action, moment)


def _is_pending(action: wire.ActionDeclaration, run: StageRun) -> bool:
    attempt = run.actions.get(action.name)
    return attempt is None or attempt.status != "Succeeded"


def _travel(state: Pipeline, execution: Execution, moment: Moment) -> Iterator[Event]:
    """Between two stages: to the end, into the next stage, or into its queue. One that stands in a queue stays there."""
    stages = version_of(state, execution).declaration.stages
    if execution.status == "Stopping":
        yield ExecutionEnded(execution.id, "Stopped", moment.now)
    elif execution.cancelling:
        yield ExecutionEnded(execution.id, "Cancelled", moment.now, summary="Cancelled by an update of the pipeline")
    elif execution.position == len(stages):
        yield ExecutionEnded(execution.id, "Succeeded", moment.now)
    elif execution.waiting_since is None:
        name = stages[execution.position].name
        yield from admit(state.head.slots.get(name), name, execution.id, execution.mode, moment.now)
