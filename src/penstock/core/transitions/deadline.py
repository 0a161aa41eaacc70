"""Time that is over: an action's, an approval's, one job's.

A pipeline has one timer for the deadlines of all its actions. When it fires, those whose time is over end, and it is set to
the earliest of the others. A signal that comes too late for its action is dropped without a word.
"""

from collections.abc import Iterator

from penstock.core.commands import TimerFired
from penstock.core.events import ActionEnded, AlarmSet, Event, RuleEnded
from penstock.core.lookup import binding_of, open_executions
from penstock.core.model import ActionRun, Execution, Gate, Pipeline, RuleRun
from penstock.core.moment import Moment
from penstock.wire import types as wire

__all__ = ["fire"]


def fire(state: Pipeline, command: TimerFired, moment: Moment) -> Iterator[Event]:
    if command.kind == "JobTimeout":
        yield from _end_job(state, command.stamp, moment)
    elif command.kind == "Deadline":
        yield from _end_actions(state, moment)


def _end_job(state: Pipeline, job_id: str, moment: Moment) -> Iterator[Event]:
    for execution, stage, action, run in _working(state):
        if run.job_id == job_id:
            yield _ended(execution, stage, action, run, "The job worker gave no result in the job's time", moment)


def _end_actions(state: Pipeline, moment: Moment) -> Iterator[Event]:
    later = []
    for execution, stage, gate, name, rule in _open_rules(state):
        if rule.deadline_at is not None and rule.deadline_at > moment.now:
            later.append(rule.deadline_at)
            continue
        error = wire.ErrorDetails(code="Timeout", message="The rule came to no result in its time")
        yield RuleEnded(
            execution.id,
            stage,
            gate,
            name,
            rule.id,
            "Failed",
            moment.now,
            job_id=rule.job_id,
            job_status="TimedOut",
            error=error,
        )
    for execution, stage, action, run in _working(state):
        if run.deadline_at is None:
            continue
        if run.deadline_at > moment.now:
            later.append(run.deadline_at)
            continue
        seconds = binding_of(state, execution, stage, action).timeout_seconds
        missing = "approval" if run.token is not None else "result"
        what = f"The action got no {missing} within {seconds} seconds"
        yield _ended(execution, stage, action, run, what, moment)
    yield AlarmSet(moment.now, min(later, default=None))


def _working(state: Pipeline) -> Iterator[tuple[Execution, str, str, ActionRun]]:
    for execution in open_executions(state):
        for stage, passage in execution.stages.items():
            for action, run in passage.actions.items():
                if run.status == "InProgress":
                    yield execution, stage, action, run


def _open_rules(state: Pipeline) -> Iterator[tuple[Execution, str, Gate, str, RuleRun]]:
    for execution in open_executions(state):
        for stage, passage in execution.stages.items():
            for gate, condition in passage.gates.items():
                for name, rule in condition.rules.items():
                    if rule.status == "InProgress":
                        yield execution, stage, gate, name, rule


def _ended(execution: Execution, stage: str, action: str, run: ActionRun, what: str, moment: Moment) -> Event:
    return ActionEnded(
        execution.id,
        stage,
        action,
        run.id,
        "Failed",
        moment.now,
        job_id=run.job_id,
        job_status="TimedOut",
        error=wire.ErrorDetails(code="Timeout", message=what),
    )
