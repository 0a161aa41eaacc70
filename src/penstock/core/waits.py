"""Why an open execution does not go on: what it waits for, since when, and what ends the wait.

Between two steps every open execution waits for something: in front of a stage, for a transition or for who is ahead of it; in
a stage, for each action and rule that runs. One that waited for nothing would never move again.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from penstock.core import limits
from penstock.core.lookup import current_stage, declared_action, open_executions, stage_run
from penstock.core.model import ActionRun, Execution, Gate, JobStatus, Pipeline, RuleRun, StageRun, StageSlot
from penstock.core.transitions.condition import declared_rule
from penstock.core.wording import moment_words
from penstock.wire import types as wire

__all__ = ["CONDITIONS", "JobStanding", "Wait", "WaitReason", "jobs_of", "type_words", "waits_of", "waits_of_execution"]

WaitReason = Literal[
    "Approval",
    "DeploymentWindow",
    "EarlierExecution",
    "Pause",
    "Rule",
    "Stop",
    "Transition",
    "Update",
    "Worker",
]

# A gate's condition, as it is spoken of.
CONDITIONS: dict[Gate, str] = {
    "beforeEntry": "condition before entry",
    "onSuccess": "condition on success",
    "onFailure": "condition on failure",
}


class JobStanding(Struct, frozen=True):
    """How a job stands on the board.

    `since` is when it came into its status; `worker` says in words who was handed it last; `query` is what a poll must name,
    as NAME=VALUE. A follow-up is a job that a continuation token asked for.
    """

    status: JobStatus
    since: float
    visible_at: float
    worker: str = "a worker"
    query: str = ""
    timeout_seconds: int | None = None
    is_follow_up: bool = False


class Wait(Struct, frozen=True):
    """One thing that an execution waits for. The sentence names it all: where, for what, and what ends it.

    `run_id` is of the attempt that waits, `job_id` of its job, `ahead_id` of the execution that has to leave first.
    """

    execution_id: str
    reason: WaitReason
    since: float
    sentence: str
    stage: str
    action: str | None = None
    gate: Gate | None = None
    rule: str | None = None
    run_id: str | None = None
    job_id: str | None = None
    ahead_id: str | None = None


class _Work(Struct, frozen=True):
    """An attempt of an action or of a rule that has a job: what it is called, and of what type it is."""

    subject: str
    kind: str
    run: ActionRun | RuleRun
    job: JobStanding | None


def waits_of(state: Pipeline, now: float, jobs: Mapping[str, JobStanding]) -> list[Wait]:
    """All waits of all open executions, oldest first. Of a job that `jobs` does not know, less is said."""
    return [wait for running in open_executions(state) for wait in waits_of_execution(state, running, now, jobs)]


def waits_of_execution(
    state: Pipeline, execution: Execution, now: float, jobs: Mapping[str, JobStanding]
) -> list[Wait]:
    """The waits of one execution, what concerns it as a whole first; none if it has ended."""
    if not execution.is_open:
        return []
    if execution.waiting:
        return list(_in_front(state, execution, now))
    stage, run = current_stage(state, execution), stage_run(state, execution)
    return [
        *_ending(state, execution, stage.name, run),
        *_of_rules(state, execution, stage, run, now, jobs),
        *_of_actions(state, execution, stage.name, run, now, jobs),
    ]


def jobs_of(execution: Execution) -> list[str]:
    """The ids of the jobs that the execution waits for."""
    passages = execution.stages.values()
    rules = [rule.job_id for passage in passages for gate in passage.gates.values() for rule in gate.rules.values()]
    actions = [run.job_id for passage in passages for run in passage.actions.values()]
    return [job_id for job_id in (*rules, *actions) if job_id is not None]


def type_words(identity: wire.ActionTypeId | wire.RuleTypeId) -> str:
    return "/".join((identity.category, identity.owner or "AWS", identity.provider, identity.version or "1"))


def _in_front(state: Pipeline, execution: Execution, now: float) -> Iterator[Wait]:
    stage = current_stage(state, execution).name
    slot = state.head.slots.get(stage, StageSlot())
    since = execution.waiting_since if execution.waiting_since is not None else execution.updated_at
    place = f"Execution {execution.id} waits in front of stage '{stage}' of pipeline '{state.head.name}'"
    if slot.transition is not None and not slot.transition.enabled:
        transition = slot.transition
        because = f" ({transition.reason})" if transition.reason else ""
        # UG, transitions: see `enable`, which cancels what waited for longer.
        is_late = now - transition.at > limits.TRANSITION_RESUME_SECONDS
        end = "since that is more than 30 days ago, enabling it cancels the execution" if is_late else "enable it"
        sentence = f"{place}: {transition.by} disabled the transition at {moment_words(transition.at)}{because}; {end}."
        yield Wait(execution.id, "Transition", max(since, transition.at), sentence, stage)
    ahead = slot.waiting.index(execution.id) if execution.id in slot.waiting else 0
    terms = [f"execution {slot.occupant} has left it"] if slot.occupant is not None else []
    if ahead:
        others = "execution that is" if ahead == 1 else "executions that are"
        terms.append(f"the {ahead} {others} ahead in the queue went in")
    if terms:
        sentence = f"{place} until {' and '.join(terms)}."
        yield Wait(execution.id, "EarlierExecution", since, sentence, stage, ahead_id=slot.occupant)


def _ending(state: Pipeline, execution: Execution, stage: str, run: StageRun) -> Iterator[Wait]:
    """An execution that is being ended goes when the last of its actions has."""
    working = ", ".join(f"'{name}'" for name, attempt in run.actions.items() if attempt.status == "InProgress")
    end = f"it ends when what runs in stage '{stage}' has ended: {working}"
    subject = f"Execution {execution.id} of pipeline '{state.head.name}'"
    if execution.status == "Stopping" and execution.stop is not None:
        because = f" ({execution.stop.reason})" if execution.stop.reason else ""
        yield Wait(execution.id, "Stop", execution.stop.at, f"{subject} is being stopped{because}; {end}.", stage)
    if execution.cancelling:
        since = execution.cancelling_since if execution.cancelling_since is not None else execution.updated_at
        sentence = f"{subject} was cancelled by an update of the pipeline; {end}."
        yield Wait(execution.id, "Update", since, sentence, stage)


def _of_actions(
    state: Pipeline, execution: Execution, stage: str, passage: StageRun, now: float, jobs: Mapping[str, JobStanding]
) -> Iterator[Wait]:
    declaration = state.versions[execution.version].declaration
    for name, run in passage.actions.items():
        if run.status != "InProgress":
            continue
        subject = f"Action '{name}' of stage '{stage}' in pipeline '{state.head.name}'"
        if run.token is not None:
            until = f" until {moment_words(run.deadline_at)}; then it fails" if run.deadline_at is not None else ""
            sentence = f"{subject} waits for somebody to approve or reject it{until}."
            yield Wait(execution.id, "Approval", run.started_at, sentence, stage, name, run_id=run.id)
            continue
        kind = type_words(declared_action(declaration, stage, name).action_type_id)
        work = _Work(subject, kind, run, jobs.get(run.job_id or ""))
        reason: WaitReason = "Pause" if _is_paused(work.job, now) else "Worker"
        sentence = _job_words(work, now)
        yield Wait(execution.id, reason, _since(work, now), sentence, stage, name, run_id=run.id, job_id=run.job_id)


def _of_rules(
    state: Pipeline,
    execution: Execution,
    stage: wire.StageDeclaration,
    passage: StageRun,
    now: float,
    jobs: Mapping[str, JobStanding],
) -> Iterator[Wait]:
    for gate, condition in passage.gates.items():
        for name, run in condition.rules.items():
            if run.status != "InProgress":
                continue
            identity = declared_rule(stage, gate, name).rule_type_id
            place = f"{CONDITIONS[gate]} of stage '{stage.name}' in pipeline '{state.head.name}'"
            work = _Work(f"Rule '{name}' of the {place}", type_words(identity), run, jobs.get(run.job_id or ""))
            is_window = identity.provider == "DeploymentWindow"
            reason: WaitReason = "DeploymentWindow" if is_window else "Rule"
            sentence = _window_words(work) if is_window and run.summary else _job_words(work, now)
            since = run.started_at if is_window else _since(work, now)
            yield Wait(execution.id, reason, since, sentence, stage.name, None, gate, name, run.id, run.job_id)


def _is_paused(job: JobStanding | None, now: float) -> bool:
    return job is not None and job.status == "Queued" and job.is_follow_up and job.visible_at > now


def _since(work: _Work, now: float) -> float:
    job = work.job
    if job is None:
        return work.run.changed_at
    # A job that comes after a pause waits for a worker only from its end on.
    return max(job.since, job.visible_at) if job.status == "Queued" and job.visible_at <= now else job.since


def _window_words(work: _Work) -> str:
    said = (work.run.summary or "").rstrip(".")
    return f"{work.subject} waits for its window: {said}{_without(work.run.deadline_at)}."


def _without(deadline_at: float | None) -> str:
    return f"; without a result it fails at {moment_words(deadline_at)}" if deadline_at is not None else ""


def _job_words(work: _Work, now: float) -> str:
    job, subject, end = work.job, work.subject, _without(work.run.deadline_at)
    if job is None:
        return f"{subject} waits for a worker of {work.kind}{end}."
    wanted = f"a worker to poll for its job of {work.kind}{f' with {job.query}' if job.query else ''}"
    if _is_paused(job, now):
        return (
            f"{subject} pauses as its worker asked: its next job can be polled for at {moment_words(job.visible_at)}."
        )
    handed = f"was handed it at {moment_words(job.since)}"
    if job.status == "Dispatched" and job.visible_at > now:
        back = moment_words(job.visible_at)
        return f"{subject} waits for {job.worker} to acknowledge its job: it {handed}, and loses it again at {back}."
    if job.status == "Dispatched":
        return f"{subject} waits for {wanted}: {job.worker} {handed} and did not acknowledge it{end}."
    if job.status == "InProgress":
        end = _without(_deadline(work.run.deadline_at, job))
        return f"{subject} waits for the result of {job.worker}, acknowledged at {moment_words(job.since)}{end}."
    return f"{subject} waits for {wanted}{end}."


def _deadline(deadline_at: float | None, job: JobStanding) -> float | None:
    """The earlier one of the action's and the acknowledged job's own."""
    own = job.since + job.timeout_seconds if job.timeout_seconds is not None else None
    return min((each for each in (deadline_at, own) if each is not None), default=None)
