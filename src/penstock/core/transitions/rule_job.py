"""Results of the jobs of rules. Such a job names its rule as `GATE:RULE` where another names its action."""

from collections.abc import Iterator

from penstock.core.commands import JobFailed, JobLost, JobSucceeded
from penstock.core.events import Event, RuleEnded, RuleJobEnded
from penstock.core.lookup import declared_stage, version_of
from penstock.core.model import Execution, Gate, Job, Pipeline, RuleRun
from penstock.core.moment import Moment
from penstock.core.refusals import JobNotInProgress
from penstock.core.transitions.condition import GATES, declared_rule
from penstock.core.transitions.rule import offer_rule_again
from penstock.wire import types as wire

__all__ = ["fail", "is_of_rule", "lose", "succeed"]


def is_of_rule(job: Job) -> bool:
    return ":" in job.action


def _place(job: Job) -> tuple[Gate, str]:
    gate, _, rule = job.action.partition(":")
    return next(known for known in GATES if known == gate), rule


def _find(state: Pipeline, job: Job) -> tuple[Execution, Gate, str, RuleRun] | None:
    """The open rule that this job works for; None if its stamp is stale."""
    gate, name = _place(job)
    execution = state.executions.get(job.execution_id)
    passage = execution.stages.get(job.stage) if execution is not None else None
    condition = passage.gates.get(gate) if passage is not None else None
    rule = condition.rules.get(name) if condition is not None else None
    if execution is None or not execution.is_open or rule is None:
        return None
    if rule.id != job.run_id or rule.status != "InProgress" or rule.job_id != job.id:
        return None
    return execution, gate, name, rule


def _working(state: Pipeline, job: Job) -> tuple[Execution, Gate, str, RuleRun]:
    found = _find(state, job)
    if job.status != "InProgress" or job.ended or found is None:
        raise JobNotInProgress(f"The job '{job.id}' is not in progress any more, or not yet")
    return found


def succeed(state: Pipeline, command: JobSucceeded, moment: Moment) -> Iterator[Event]:
    job = command.job
    execution, gate, name, rule = _working(state, job)
    if command.continuation_token is not None:
        yield RuleJobEnded(
            execution.id, job.stage, gate, name, rule.id, job.id, "Succeeded", moment.now, command.details
        )
        pause = command.continue_seconds
        yield _again(state, execution, job, rule, moment, command.continuation_token, pause)
        return
    yield RuleEnded(
        execution.id,
        job.stage,
        gate,
        name,
        rule.id,
        "Succeeded",
        moment.now,
        job_id=job.id,
        job_status="Succeeded",
        details=command.details,
    )


def fail(state: Pipeline, command: JobFailed, moment: Moment) -> Iterator[Event]:
    job, failure = command.job, command.failure
    execution, gate, name, rule = _working(state, job)
    error = wire.ErrorDetails(code=failure.type, message=failure.message)
    yield RuleEnded(execution.id, job.stage, gate, name, rule.id, "Failed", moment.now, job_id=job.id, error=error)


def lose(state: Pipeline, command: JobLost, moment: Moment) -> Iterator[Event]:
    job = command.job
    found = _find(state, job)
    if found is None:
        return
    execution, gate, name, rule = found
    yield RuleJobEnded(execution.id, job.stage, gate, name, rule.id, job.id, "Failed", moment.now)
    yield _again(state, execution, job, rule, moment, command.continuation_token, 0.0)


def _again(
    state: Pipeline,
    execution: Execution,
    job: Job,
    rule: RuleRun,
    moment: Moment,
    token: str | None,
    pause_seconds: float,
) -> Event:
    gate, name = _place(job)
    stage = declared_stage(version_of(state, execution).declaration, job.stage)
    declared = declared_rule(stage, gate, name)
    return offer_rule_again(state, execution, gate, declared, rule, moment, token, pause_seconds)
