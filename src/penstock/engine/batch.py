"""The steps of one batch, folded: each row is written once, with its last value."""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.commands import (
    Command,
    JobFailed,
    JobLost,
    JobSucceeded,
    OverrideCondition,
    RetryStage,
    RollbackStage,
    TimerFired,
)
from penstock.core.effects import Ask, ClearTimer, Effect, EndJob, OfferJob, SetTimer
from penstock.core.events import ActionStarted, Event, RuleStarted
from penstock.core.model import Head, Job, Pipeline
from penstock.core.moment import Moment
from penstock.core.step import Attempt, RuleAttempt, Step, step
from penstock.ports.storage import (
    Aggregate,
    Changes,
    EndedJob,
    ExecutionRow,
    NewJob,
    RuleRow,
    RunInput,
    RunRow,
    TimerRow,
    Transaction,
)

__all__ = ["Batch", "JobGone", "PipelineGone"]


# Named once: a union made anew for each event costs more than the question.
_RESULTS = (JobSucceeded, JobFailed, JobLost)
_STARTS = (ActionStarted, RuleStarted)


class PipelineGone(Exception):
    """There is no pipeline of that id any more."""


class JobGone(Exception):
    """There is no such job, or it is another account's."""


class _Touched(Struct):
    """A pipeline that this batch has changed."""

    before: Aggregate
    now: Pipeline
    events: list[Event] = []
    attempts: dict[str, Attempt] = {}
    rules: dict[str, RuleAttempt] = {}
    inputs: dict[str, RunInput] = {}


class Batch:
    """Runs commands against what it has loaded, and gathers what they make. Nothing is written before `write`."""

    def __init__(self, transaction: Transaction, moment: Moment) -> None:
        self._transaction = transaction
        self._moment = moment
        self._pipelines: dict[tuple[str, str], _Touched] = {}
        self._jobs: dict[str, Job] = {}
        self._offered: dict[str, NewJob] = {}
        self._ended: dict[str, EndedJob] = {}
        self._timers_set: dict[tuple[str, str, str], TimerRow] = {}
        self._timers_cleared: dict[tuple[str, str, str], None] = {}

    def load_jobs(self, job_ids: list[str]) -> None:
        """Have the rows of these jobs, which the commands of this batch decide on."""
        self._jobs.update(self._transaction.jobs(job_ids))

    def load_pipelines(self, named: list[tuple[str, str]]) -> None:
        """Have these pipelines at hand, and those of the jobs that were loaded."""
        of_jobs = [(job.account, job.pipeline_id) for job in self._jobs.values()]
        self._transaction.load_many([*named, *of_jobs])

    def find_job(self, job_id: str, account: str | None) -> Job:
        job = self._jobs.get(job_id)
        if job is None or (account is not None and job.account != account):
            raise JobGone(job_id)
        return job

    def run(self, account: str, pipeline_id: str, command: Command) -> tuple[Event, ...]:
        """One step; raises Refusal, PipelineGone, or whatever a fault in the step raises, and then keeps nothing of it."""
        command = self._with_fresh_job(command)
        if isinstance(command, TimerFired):
            self._clear(account, command.kind, command.stamp)
        touched = self._load(account, pipeline_id)
        self._bring_back(touched, command)
        made = step(touched.now, command, self._moment)
        if made.events:
            self._take(touched, made)
        for effect in made.effects:
            if isinstance(effect, Ask):
                self.run(account, pipeline_id, effect.command)
        return made.events

    def _bring_back(self, touched: _Touched, command: Command) -> None:
        """An execution that the command names may have ended: it is loaded back in, with its version."""
        match command:
            case RetryStage() | OverrideCondition():
                execution_id = command.execution_id
            case RollbackStage():
                execution_id = command.target_id
            case _:
                return
        state = touched.now
        if execution_id in state.executions:
            return
        head = state.head
        execution = self._transaction.execution(head.account, head.id, execution_id)
        if execution is None:
            return
        version = state.versions.get(execution.version) or self._transaction.version(
            head.account, head.id, execution.version
        )
        assert version is not None, "versions never go before their pipeline"
        state = replace(
            state,
            executions={**state.executions, execution.id: execution},
            versions={**state.versions, version.number: version},
        )
        touched.now = state
        known = touched.before.pipeline
        before = replace(known, executions={**known.executions, execution.id: execution})
        touched.before = replace(touched.before, pipeline=before)

    def _with_fresh_job(self, command: Command) -> Command:
        """Of two results for one job in one batch, the second must see what the first one did."""
        if isinstance(command, _RESULTS):
            fresh = self._jobs.get(command.job.id)
            if fresh is not None and fresh is not command.job:
                return replace(command, job=fresh)
        return command

    def _load(self, account: str, pipeline_id: str) -> _Touched:
        touched = self._pipelines.get((account, pipeline_id))
        if touched is None:
            aggregate = self._transaction.load(account, pipeline_id)
            if aggregate is None:
                raise PipelineGone(pipeline_id)
            touched = _Touched(before=aggregate, now=aggregate.pipeline)
            self._pipelines[account, pipeline_id] = touched
        return touched

    def _take(self, touched: _Touched, made: Step) -> None:
        touched.now = made.state
        touched.events.extend(made.events)
        touched.attempts.update(made.attempts)
        touched.rules.update(made.rules)
        for event in made.events:
            if isinstance(event, _STARTS):
                artifacts = event.job.work.inputs if event.job is not None else ()
                touched.inputs[event.run_id] = RunInput(event.configuration, artifacts)
        for effect in made.effects:
            self._follow(made.state.head, effect)

    def _follow(self, head: Head, effect: Effect) -> None:
        match effect:
            case OfferJob():
                self._offered[effect.job.id] = _new_job(head, effect)
            case EndJob():
                if self._offered.pop(effect.job_id, None) is None:
                    self._ended[effect.job_id] = EndedJob(effect.job_id, effect.status, effect.at)
                if effect.job_id in self._jobs:
                    self._jobs[effect.job_id] = replace(self._jobs[effect.job_id], ended=True)
            case SetTimer():
                row = TimerRow(head.account, head.id, effect.kind, effect.stamp, effect.due_at)
                self._timers_set[head.account, effect.kind, effect.stamp] = row
            case Ask():
                pass  # carried out once the step that asked for it has been taken
            case ClearTimer():
                job = self._jobs.get(effect.stamp)
                # A job that has no time of its own never had a timer.
                if job is None or job.timeout_seconds is not None:
                    self._clear(head.account, effect.kind, effect.stamp)
            case _:
                assert_never(effect)

    def _clear(self, account: str, kind: str, stamp: str) -> None:
        self._timers_set.pop((account, kind, stamp), None)
        self._timers_cleared[account, kind, stamp] = None

    def write(self) -> list[str]:
        """Write it all, and give the topics of those who wait for it."""
        changes = Changes(
            jobs_offered=list(self._offered.values()),
            jobs_ended=list(self._ended.values()),
            timers_set=list(self._timers_set.values()),
            timers_cleared=list(self._timers_cleared),
        )
        for (_, pipeline_id), touched in sorted(self._pipelines.items()):
            if touched.events:
                _add_pipeline(changes, pipeline_id, touched)
        self._transaction.write(changes)
        return self._topics(changes)

    def _topics(self, changes: Changes) -> list[str]:
        topics = {f"jobs:{job.type_key}" for job in changes.jobs_offered}
        topics.update(f"pipeline:{aggregate.pipeline.head.id}" for aggregate in changes.aggregates)
        if changes.timers_set:
            topics.add("timers")
        return list(topics)


def _new_job(head: Head, effect: OfferJob) -> NewJob:
    job = effect.job
    return NewJob(
        id=job.id,
        account=head.account,
        region=head.region,
        pipeline_id=head.id,
        execution_id=effect.execution_id,
        stage=effect.stage,
        action=effect.action,
        run_id=effect.run_id,
        type_key=job.type_key,
        query_key=job.query_key,
        visible_at=job.visible_at,
        created_at=effect.at,
        work=job.work,
        client_id=job.client_id,
        timeout_seconds=job.timeout_seconds,
    )


def _add_pipeline(changes: Changes, pipeline_id: str, touched: _Touched) -> None:
    account = touched.now.head.account
    is_head_changed = touched.now.head is not touched.before.pipeline.head
    changes.aggregates.append(Aggregate(touched.now, touched.before.revision + is_head_changed, is_head_changed))
    known = touched.before.pipeline.executions
    for execution_id, execution in touched.now.executions.items():
        before = known.get(execution_id)
        if before is not execution:
            status = before.status if before is not None else None
            changes.executions.append(ExecutionRow(account, pipeline_id, execution, status))
    for run_id, attempt in touched.attempts.items():
        execution = touched.now.executions[attempt.execution_id]
        changes.runs.append(
            RunRow(
                account=account,
                pipeline_id=pipeline_id,
                execution_number=execution.number,
                execution_id=execution.id,
                version=execution.version,
                stage=attempt.stage,
                action=attempt.action,
                run=attempt.run,
                input=touched.inputs.get(run_id),
            )
        )
    for run_id, rule in touched.rules.items():
        execution = touched.now.executions[rule.execution_id]
        changes.rules.append(
            RuleRow(
                account=account,
                pipeline_id=pipeline_id,
                execution_number=execution.number,
                execution_id=execution.id,
                version=execution.version,
                stage=rule.stage,
                gate=rule.gate,
                rule=rule.rule,
                run=rule.run,
                input=touched.inputs.get(run_id),
            )
        )
