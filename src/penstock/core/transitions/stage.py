"""What can happen next, does: the next group of actions, the end of a stage, the next stage, the end of the execution."""

from collections.abc import Iterator

from penstock.core.admission import admit
from penstock.core.events import Event, ExecutionEnded, StageEnded
from penstock.core.lookup import current_stage, stage_run, version_of
from penstock.core.model import Execution, Pipeline, StageRun
from penstock.core.moment import Moment
from penstock.core.transitions.action import start_action
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
    if any(action.status == "InProgress" for action in run.actions.values()):
        if not _is_ending(execution, run):
            yield from _start_group(state, execution, stage, run, moment)
        return
    yield from _conclude(state, execution, stage, run, moment)


def _is_ending(execution: Execution, run: StageRun) -> bool:
    """No further action may start: the execution is being ended, or an action of the stage has failed."""
    ended_badly = any(action.status in ("Failed", "Abandoned") for action in run.actions.values())
    return execution.cancelling or execution.status == "Stopping" or ended_badly


def _conclude(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """Nothing works in the stage: it ends, or its next group starts."""
    if execution.cancelling:
        yield StageEnded(execution.id, stage.name, "Cancelled", moment.now)
        yield ExecutionEnded(execution.id, "Cancelled", moment.now, summary="Cancelled by an update of the pipeline")
    elif execution.status == "Stopping":
        yield StageEnded(execution.id, stage.name, "Stopped", moment.now)
        yield ExecutionEnded(execution.id, "Stopped", moment.now)
    elif _is_ending(execution, run):
        yield StageEnded(execution.id, stage.name, "Failed", moment.now)
        yield ExecutionEnded(execution.id, "Failed", moment.now)
    elif len(run.actions) == len(stage.actions):
        yield StageEnded(execution.id, stage.name, "Succeeded", moment.now)
    else:
        yield from _start_group(state, execution, stage, run, moment)


def _start_group(
    state: Pipeline, execution: Execution, stage: wire.StageDeclaration, run: StageRun, moment: Moment
) -> Iterator[Event]:
    """Start what is missing of the first group that is not done; a later group waits for all of the earlier ones."""
    pending = [action for action in stage.actions if _is_pending(action, run)]
    order = min((action.run_order or 1 for action in pending), default=None)
    for action in pending:
        if (action.run_order or 1) == order and action.name not in run.actions:
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
