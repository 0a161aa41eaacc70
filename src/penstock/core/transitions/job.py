"""Results of jobs, and jobs that get none."""

from collections.abc import Iterator

from penstock.core.commands import JobFailed, JobLost, JobSucceeded
from penstock.core.events import ActionEnded, Event, JobEnded
from penstock.core.lookup import execution_of_run
from penstock.core.model import ActionRun, Execution, Job, Pipeline
from penstock.core.moment import Moment
from penstock.core.refusals import JobNotInProgress
from penstock.core.revisions import reported_revision
from penstock.core.transitions.action import offer_again
from penstock.wire import types as wire

__all__ = ["fail", "lose", "succeed"]


def _working(state: Pipeline, job: Job) -> tuple[Execution, ActionRun]:
    """The attempt that this job works for, or a refusal: the job is not acknowledged, or ended, or its stamp is stale."""
    found = execution_of_run(state, job.execution_id, job.stage, job.action, job.run_id)
    if job.status != "InProgress" or job.ended or found is None or found[1].job_id != job.id:
        status = job.status if job.status != "InProgress" else "no longer in progress"
        raise JobNotInProgress(f"The job '{job.id}' is {status}; a result is accepted only while it is InProgress")
    return found


def succeed(state: Pipeline, command: JobSucceeded, moment: Moment) -> Iterator[Event]:
    job = command.job
    execution, run = _working(state, job)
    if command.continuation_token is not None:
        yield JobEnded(
            execution.id,
            job.stage,
            job.action,
            run.id,
            job.id,
            "Succeeded",
            moment.now,
            details=command.details,
        )
        pause = command.continue_seconds
        yield offer_again(state, execution, run, job, moment, token=command.continuation_token, pause_seconds=pause)
        return
    yield ActionEnded(
        execution.id,
        job.stage,
        job.action,
        run.id,
        "Succeeded",
        moment.now,
        job_id=job.id,
        job_status="Succeeded",
        details=command.details,
        revision=reported_revision(execution, job.action, command.current_revision),
        variables=command.variables,
    )


def fail(state: Pipeline, command: JobFailed, moment: Moment) -> Iterator[Event]:
    job, failure = command.job, command.failure
    execution, run = _working(state, job)
    details = None
    if failure.external_execution_id is not None:
        details = wire.ExecutionDetails(external_execution_id=failure.external_execution_id)
    yield ActionEnded(
        execution.id,
        job.stage,
        job.action,
        run.id,
        "Failed",
        moment.now,
        job_id=job.id,
        details=details,
        error=wire.ErrorDetails(code=failure.type, message=failure.message),
    )


def lose(state: Pipeline, command: JobLost, moment: Moment) -> Iterator[Event]:
    job = command.job
    found = execution_of_run(state, job.execution_id, job.stage, job.action, job.run_id)
    if found is None or found[1].job_id != job.id:
        return
    execution, run = found
    yield JobEnded(execution.id, job.stage, job.action, run.id, job.id, "Failed", moment.now)
    yield offer_again(state, execution, run, job, moment, token=command.continuation_token)
