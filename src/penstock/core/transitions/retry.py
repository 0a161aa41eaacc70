"""Retrying a stage in place: the same execution goes on, and what failed is tried again."""

from collections.abc import Iterator

from penstock.core.commands import RetryStage
from penstock.core.events import Event, StageRetried
from penstock.core.lookup import declared_stage, require_latest, require_room
from penstock.core.model import Execution, Pipeline, StageRun
from penstock.core.moment import Moment
from penstock.core.refusals import StageIsBusy, StageNotRetryable

__all__ = ["retry"]


def retry(state: Pipeline, command: RetryStage, moment: Moment) -> Iterator[Event]:
    """API: RetryStageExecution."""
    head = state.head
    declaration = state.versions[head.version].declaration
    declared_stage(declaration, command.stage)
    execution = require_latest(state, command.stage, command.execution_id)
    if state.versions[execution.version].declaration.stages != declaration.stages:
        raise StageNotRetryable(
            f"The structure of pipeline '{head.name}' has changed since: the execution ran version {execution.version}, "
            f"the pipeline is at version {head.version}"
        )
    _check_run(execution, execution.stages[command.stage], command)
    if not execution.is_open:
        require_room(state)
    yield StageRetried(execution.id, command.stage, command.mode, "ManualStageRetry", moment.now)


def _check_run(execution: Execution, run: StageRun, command: RetryStage) -> None:
    if execution.status == "Stopping" or execution.cancelling:
        raise StageIsBusy(f"The execution '{execution.id}' is being stopped")
    attempts = run.actions.values()
    is_working = any(attempt.status == "InProgress" for attempt in attempts)
    has_failed = any(attempt.status in ("Failed", "Abandoned") for attempt in attempts)
    has_failed_gate = any(condition.status in ("Failed", "Abandoned") for condition in run.gates.values())
    if run.status == "InProgress" and not has_failed:
        raise StageIsBusy(f"The stage '{command.stage}' is in progress, and nothing in it has failed")
    if not (has_failed or has_failed_gate or run.status == "Stopped"):
        raise StageNotRetryable(f"The stage '{command.stage}' is {run.status}: nothing in it has failed")
    if command.mode == "ALL_ACTIONS" and is_working:
        raise StageNotRetryable(
            f"Actions of stage '{command.stage}' are in progress: all of them can be retried when none is"
        )
