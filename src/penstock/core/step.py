"""The heart: `step(state, command, moment)` gives the next state, what happened, and what must follow.

Three kinds of functions make a step. *Decide* looks at the command and may refuse; every choice is made there. *Evolve*
applies one event and never refuses. *Settle* asks, after each round, what can happen now that nobody asked for: the next
group of actions, the next stage, the execution that waits in front of a stage. It goes on until nothing more can.

    decide(command) ──► events ──► evolve ──► settle ──► events ──► evolve ──► settle ──► … ──► nothing ──► Step
         └──► Refusal: nothing has changed

    execution   InProgress ──► Succeeded | Failed | Superseded | Cancelled
                InProgress ──► Stopping ──► Stopped
    stage       InProgress ──► Succeeded | Failed | Cancelled;  InProgress ──► Stopping ──► Stopped
    action      InProgress ──► Succeeded | Failed | Abandoned

A step has no side effects and knows no storage: the same three arguments give the same step, in production, in a property
test and when a fault is looked into afterwards.
"""

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.admission import release
from penstock.core.commands import (
    AnswerApproval,
    Command,
    DisableTransition,
    EnableTransition,
    JobFailed,
    JobLost,
    JobSucceeded,
    OverrideCondition,
    ReplaceDeclaration,
    RetryStage,
    RollbackStage,
    StartExecution,
    StopExecution,
    TimerFired,
)
from penstock.core.effects import Effect, SetTimer, effects_of
from penstock.core.events import (
    ActionEnded,
    ActionStarted,
    AlarmSet,
    Event,
    JobEnded,
    JobOffered,
    RuleEnded,
    RuleJobEnded,
    RuleJobOffered,
    RuleStarted,
)
from penstock.core.evolve import evolve
from penstock.core.lookup import open_executions
from penstock.core.model import ActionRun, Gate, Pipeline, RuleRun
from penstock.core.moment import Moment
from penstock.core.transitions import (
    approval,
    condition,
    deadline,
    execution,
    job,
    retry,
    rollback,
    rule_job,
    stage,
    transition,
)
from penstock.wire import types as wire

__all__ = ["Attempt", "RuleAttempt", "Step", "step"]

# More rounds than any step takes: one takes an execution on by a group of actions or across a stage's edge, and 50 executions
# in 50 stages of 50 groups are the most that there can be.
_ROUNDS_MAX = 50 * 50 * 52
_STARTS = (ActionStarted, JobOffered, AlarmSet)
_OF_ATTEMPTS = (ActionStarted, ActionEnded, JobOffered, JobEnded)
_OF_RULES = (RuleStarted, RuleEnded, RuleJobOffered, RuleJobEnded)


class Attempt(Struct, frozen=True):
    """An attempt of an action as a step left it, also if the step put a later one in its place."""

    execution_id: str
    stage: str
    action: str
    run: ActionRun


class RuleAttempt(Struct, frozen=True):
    """The same of a rule."""

    execution_id: str
    stage: str
    gate: Gate
    rule: str
    run: RuleRun


class Step(Struct, frozen=True):
    """`attempts` and `rules` are those that the step touched, by their ids."""

    state: Pipeline
    events: tuple[Event, ...]
    effects: tuple[Effect, ...]
    attempts: dict[str, Attempt]
    rules: dict[str, RuleAttempt]


def step(state: Pipeline, command: Command, moment: Moment) -> Step:
    """Decide, apply, and let the consequences settle. Raises `Refusal` if the command cannot be carried out."""
    before = state
    events: list[Event] = []
    effects: list[Effect] = []
    attempts: dict[str, Attempt] = {}
    rules: dict[str, RuleAttempt] = {}
    fresh = list(_decide(state, command, moment))
    rounds_left = _ROUNDS_MAX
    while fresh:
        for event in fresh:
            state = evolve(state, event)
            effects.extend(effects_of(event))
            if isinstance(event, _OF_ATTEMPTS):
                attempts[event.run_id] = _attempt(state, event)
            elif isinstance(event, _OF_RULES):
                rules[event.run_id] = _rule_attempt(state, event)
        events.extend(fresh)
        assert rounds_left > 0, "a step does not settle"
        rounds_left -= 1
        fresh = [] if _is_settled(state, fresh) else _settle(state, moment)
    alarm_at = state.head.alarm_at
    if alarm_at is not None and alarm_at != before.head.alarm_at:
        effects.append(SetTimer("Deadline", state.head.id, alarm_at))
    return Step(state, tuple(events), tuple(effects), attempts, rules)


def _attempt(state: Pipeline, event: ActionStarted | ActionEnded | JobOffered | JobEnded) -> Attempt:
    run = state.executions[event.execution_id].stages[event.stage].actions[event.action]
    if isinstance(event, ActionEnded) and event.variables:
        run = replace(run, variables=event.variables)
    return Attempt(event.execution_id, event.stage, event.action, run)


def _rule_attempt(state: Pipeline, event: RuleStarted | RuleEnded | RuleJobOffered | RuleJobEnded) -> RuleAttempt:
    run = state.executions[event.execution_id].stages[event.stage].gates[event.gate].rules[event.rule]
    return RuleAttempt(event.execution_id, event.stage, event.gate, event.rule, run)


def _decide(state: Pipeline, command: Command, moment: Moment) -> Iterator[Event]:  # noqa: C901, PLR0911 - one arm a command
    match command:
        case JobSucceeded() if rule_job.is_of_rule(command.job):
            return rule_job.succeed(state, command, moment)
        case JobSucceeded():
            return job.succeed(state, command, moment)
        case JobFailed() if rule_job.is_of_rule(command.job):
            return rule_job.fail(state, command, moment)
        case JobFailed():
            return job.fail(state, command, moment)
        case JobLost() if rule_job.is_of_rule(command.job):
            return rule_job.lose(state, command, moment)
        case JobLost():
            return job.lose(state, command, moment)
        case RetryStage():
            return retry.retry(state, command, moment)
        case RollbackStage():
            return rollback.roll_back(state, command, moment)
        case OverrideCondition():
            return condition.override(state, command, moment)
        case StartExecution():
            return execution.start(state, command, moment)
        case StopExecution():
            return execution.stop(state, command, moment)
        case ReplaceDeclaration():
            return execution.replace(state, command, moment)
        case AnswerApproval():
            return approval.answer(state, command, moment)
        case DisableTransition():
            return transition.disable(state, command, moment)
        case EnableTransition():
            return transition.enable(state, command, moment)
        case TimerFired():
            return _fire(state, command, moment)
        case _:
            assert_never(command)


def _fire(state: Pipeline, command: TimerFired, moment: Moment) -> Iterator[Event]:
    if command.kind == "SourceChanged":
        source = command.stamp.partition("/")[2]
        trigger = wire.ExecutionTrigger(trigger_type="PollForSourceChanges", trigger_detail=source)
        return execution.start(state, StartExecution(trigger), moment)
    return deadline.fire(state, command, moment)


def _is_settled(state: Pipeline, fresh: list[Event]) -> bool:
    """Whether it is plain that nothing more can happen: actions were started, and no other execution is there."""
    return len(state.executions) == 1 and all(isinstance(event, _STARTS) for event in fresh)


def _settle(state: Pipeline, moment: Moment) -> list[Event]:
    """The events of the first thing that can happen now, an execution at a time, so that each sees what the last one did."""
    for running in open_executions(state):
        events = list(stage.advance(state, running, moment))
        if events:
            return events
    return list(release(state, moment.now))
