"""What an event makes of the state. Total and blind: no clock, no ids, no refusals; every choice was made before."""

from typing import assert_never

from msgspec.structs import replace

from penstock.core.events import (
    ActionEnded,
    ActionStarted,
    AlarmSet,
    ConditionEnded,
    ConditionStarted,
    DeclarationReplaced,
    Event,
    ExecutionCancelling,
    ExecutionEnded,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionStopping,
    JobEnded,
    JobOffered,
    RollbackAsked,
    RollbackStarted,
    RuleEnded,
    RuleJobEnded,
    RuleJobOffered,
    RuleStarted,
    StageEnded,
    StageEntered,
    StageReached,
    StageRetried,
    TransitionChanged,
)
from penstock.core.evolve_conditions import evolve_condition
from penstock.core.lookup import declared_action, version_of
from penstock.core.model import (
    ActionRun,
    Artifact,
    Execution,
    Head,
    Pipeline,
    StageRun,
    StageSlot,
    StopRequest,
    Transition,
)
from penstock.core.overrides import known_revisions
from penstock.wire import types as wire

__all__ = ["evolve"]


def evolve(state: Pipeline, event: Event) -> Pipeline:  # noqa: C901, PLR0911 - one arm an event is the clearest
    match event:
        case ActionStarted():
            return _action_started(state, event)
        case ActionEnded():
            return _action_ended(state, event)
        case JobOffered():
            return _job_offered(state, event)
        case JobEnded():
            return _job_ended(state, event)
        case StageEntered():
            return _stage_entered(state, event)
        case StageReached():
            return _stage_reached(state, event)
        case StageEnded():
            return _stage_ended(state, event)
        case ExecutionStarted():
            return _execution_started(state, event)
        case ExecutionEnded():
            return _execution_ended(state, event)
        case ExecutionStopping():
            return _execution_stopping(state, event)
        case ExecutionCancelling():
            execution = state.executions[event.execution_id]
            return _with_execution(
                state, replace(execution, cancelling=True, cancelling_since=event.at, updated_at=event.at)
            )
        case StageRetried():
            return _stage_retried(state, event)
        case ExecutionResumed():
            return _execution_resumed(state, event)
        case RollbackStarted():
            return _rollback_started(state, event)
        case RollbackAsked():
            return state
        case RuleStarted():
            return _with_alarm(evolve_condition(state, event), event.timeout_at)
        case ConditionStarted() | ConditionEnded() | RuleEnded() | RuleJobEnded() | RuleJobOffered():
            return evolve_condition(state, event)
        case TransitionChanged():
            transition = Transition(event.enabled, event.by, event.at, event.reason)
            return _with_slot(state, event.stage, transition=transition)
        case AlarmSet():
            return replace(state, head=replace(state.head, alarm_at=event.due_at))
        case DeclarationReplaced():
            return _declaration_replaced(state, event)
        case _:
            assert_never(event)


def _with_execution(state: Pipeline, execution: Execution) -> Pipeline:
    return replace(state, executions={**state.executions, execution.id: execution})


def _with_slot(state: Pipeline, stage: str, **changes: object) -> Pipeline:
    slot = state.head.slots.get(stage)
    if slot is None:
        return state
    slots = {**state.head.slots, stage: replace(slot, **changes)}
    return replace(state, head=replace(state.head, slots=slots))


def _with_run(state: Pipeline, execution_id: str, stage: str, action: str, run: ActionRun) -> Pipeline:
    execution = state.executions[execution_id]
    return _with_execution(
        state, replace(execution, stages=_stages_with(execution, stage, action, run), updated_at=run.changed_at)
    )


def _stages_with(execution: Execution, stage: str, action: str, run: ActionRun) -> dict[str, StageRun]:
    passage = execution.stages[stage]
    return {**execution.stages, stage: replace(passage, actions={**passage.actions, action: run})}


def _execution_started(state: Pipeline, event: ExecutionStarted) -> Pipeline:
    number = state.head.executions_started + 1
    sources, artifacts = known_revisions(state.versions[event.version].declaration, event.overrides)
    execution = Execution(
        id=event.execution_id,
        version=event.version,
        mode=event.mode,
        status="InProgress",
        trigger=event.trigger,
        started_at=event.at,
        updated_at=event.at,
        number=number,
        waiting=True,
        variables=event.variables,
        overrides=event.overrides,
        source_revisions=sources,
        revisions=artifacts,
    )
    state = replace(state, head=replace(state.head, executions_started=number))
    return _with_execution(state, execution)


def _rollback_started(state: Pipeline, event: RollbackStarted) -> Pipeline:
    """The new execution stands in front of its one stage, with what the target had."""
    target = state.executions[event.target_id]
    declaration = version_of(state, target).declaration
    number = state.head.executions_started + 1
    execution = Execution(
        id=event.execution_id,
        version=target.version,
        mode=target.mode,
        status="InProgress",
        trigger=event.trigger,
        started_at=event.at,
        updated_at=event.at,
        number=number,
        position=[stage.name for stage in declaration.stages].index(event.stage),
        waiting=True,
        variables=target.variables,
        artifacts=target.artifacts,
        revisions=target.revisions,
        source_revisions=target.source_revisions,
        outputs=target.outputs,
        kind="ROLLBACK",
        rollback_target=target.id,
    )
    state = replace(state, head=replace(state.head, executions_started=number))
    return _with_execution(state, execution)


def _stage_retried(state: Pipeline, event: StageRetried) -> Pipeline:
    execution = state.executions[event.execution_id]
    passage = execution.stages[event.stage]
    kept = {} if event.mode == "ALL_ACTIONS" else passage.actions
    is_automatic = event.trigger == "AutomatedStageRetry"
    passage = replace(
        passage,
        status="InProgress",
        actions={name: run for name, run in kept.items() if run.status in ("Succeeded", "InProgress")},
        # What let the execution in still holds; what was asked afterwards is asked again.
        gates={
            gate: condition
            for gate, condition in passage.gates.items()
            if gate == "beforeEntry" and condition.status in ("Succeeded", "Overridden")
        },
        automatic_retries=passage.automatic_retries + (1 if is_automatic else 0),
        manual_retries=passage.manual_retries + (0 if is_automatic else 1),
        latest_retry=event.trigger,
    )
    execution = replace(execution, stages={**execution.stages, event.stage: passage})
    return _revived(_with_execution(state, execution), execution.id, event.stage, event.at)


def _execution_resumed(state: Pipeline, event: ExecutionResumed) -> Pipeline:
    execution = state.executions[event.execution_id]
    passage = replace(execution.stages[event.stage], status="InProgress")
    execution = replace(execution, stages={**execution.stages, event.stage: passage})
    return _revived(_with_execution(state, execution), execution.id, event.stage, event.at)


def _revived(state: Pipeline, execution_id: str, stage: str, at: float) -> Pipeline:
    """An execution that had ended is in its stage again, and holds it."""
    execution = replace(
        state.executions[execution_id], status="InProgress", stop=None, status_summary=None, updated_at=at
    )
    state = _with_execution(state, execution)
    if execution.mode == "PARALLEL":
        return state
    return _with_slot(state, stage, occupant=execution_id, latest=execution_id)


def _stage_reached(state: Pipeline, event: StageReached) -> Pipeline:
    execution = state.executions[event.execution_id]
    state = _with_execution(state, replace(execution, waiting=True, waiting_since=event.at, updated_at=event.at))
    waiting = (*state.head.slots[event.stage].waiting, event.execution_id)
    return _with_slot(state, event.stage, waiting=waiting)


def _stage_entered(state: Pipeline, event: StageEntered) -> Pipeline:
    execution = state.executions[event.execution_id]
    stages = {**execution.stages, event.stage: StageRun(status="InProgress", entered_at=event.at)}
    entered = replace(execution, waiting=False, waiting_since=None, stages=stages, updated_at=event.at)
    state = _with_execution(state, entered)
    if execution.mode == "PARALLEL":
        return state
    slot = state.head.slots[event.stage]
    waiting = tuple(other for other in slot.waiting if other != event.execution_id)
    return _with_slot(state, event.stage, occupant=event.execution_id, latest=event.execution_id, waiting=waiting)


def _action_started(state: Pipeline, event: ActionStarted) -> Pipeline:
    execution = state.executions[event.execution_id]
    number = execution.runs_started + 1
    run = ActionRun(
        id=event.run_id,
        number=number,
        deadline_at=event.timeout_at,
        status="InProgress",
        started_at=event.at,
        changed_at=event.at,
        job_id=event.job.id if event.job is not None else None,
        token=event.token,
        outputs=event.job.work.outputs if event.job is not None else (),
    )
    stages = _stages_with(execution, event.stage, event.action, run)
    execution = replace(execution, runs_started=number, stages=stages, updated_at=event.at)
    return _with_alarm(_with_execution(state, execution), event.timeout_at)


def _with_alarm(state: Pipeline, deadline_at: float) -> Pipeline:
    if state.head.alarm_at is not None and state.head.alarm_at <= deadline_at:
        return state
    return replace(state, head=replace(state.head, alarm_at=deadline_at))


def _run(state: Pipeline, event: ActionEnded | JobOffered | JobEnded) -> ActionRun:
    return state.executions[event.execution_id].stages[event.stage].actions[event.action]


def _detailed(run: ActionRun, details: wire.ExecutionDetails | None, at: float) -> ActionRun:
    """The run with what a worker told of it; what it left out stays as it was told before."""
    if details is None:
        return replace(run, changed_at=at)
    return replace(
        run,
        changed_at=at,
        summary=details.summary if details.summary is not None else run.summary,
        external_id=details.external_execution_id or run.external_id,
        percent_complete=run.percent_complete if details.percent_complete is None else details.percent_complete,
    )


def _job_offered(state: Pipeline, event: JobOffered) -> Pipeline:
    run = replace(_run(state, event), job_id=event.job.id, changed_at=event.at)
    return _with_run(state, event.execution_id, event.stage, event.action, run)


def _job_ended(state: Pipeline, event: JobEnded) -> Pipeline:
    run = replace(_detailed(_run(state, event), event.details, event.at), job_id=None)
    return _with_run(state, event.execution_id, event.stage, event.action, run)


def _action_ended(state: Pipeline, event: ActionEnded) -> Pipeline:
    run = _detailed(_run(state, event), event.details, event.at)
    run = replace(
        run,
        status=event.status,
        deadline_at=None,
        job_id=None,
        error=event.error,
        summary=event.summary if event.summary is not None else run.summary,
        updated_by=event.by,
        revision=event.revision,
    )
    execution = state.executions[event.execution_id]
    stages = _stages_with(execution, event.stage, event.action, run)
    execution = replace(execution, stages=stages, updated_at=event.at)
    if event.status == "Succeeded":
        execution = _with_results(state, execution, event, run)
    return _with_execution(state, execution)


def _with_results(state: Pipeline, execution: Execution, event: ActionEnded, run: ActionRun) -> Execution:
    """With what later actions may use of this one: its artifacts, its revision if it is a source, its variables."""
    declared = declared_action(version_of(state, execution).declaration, event.stage, event.action)
    revision = event.revision if declared.action_type_id.category == "Source" else None
    if run.outputs:
        artifacts = {output.name: _revised(output, revision) for output in run.outputs}
        execution = replace(execution, artifacts={**execution.artifacts, **artifacts})
    if declared.namespace is not None and event.variables:
        execution = replace(execution, outputs={**execution.outputs, declared.namespace: event.variables})
    if revision is not None:
        execution = _with_revision(execution, event.action, run, revision)
    return execution


def _revised(output: Artifact, revision: wire.CurrentRevision | None) -> Artifact:
    return output if revision is None else replace(output, revision=revision.revision)


def _with_revision(execution: Execution, action: str, run: ActionRun, revision: wire.CurrentRevision) -> Execution:
    names = {output.name for output in run.outputs}
    kept = tuple(known for known in execution.revisions if known.name not in names)
    made = tuple(
        wire.ArtifactRevision(
            name=output.name,
            revision_id=revision.revision,
            revision_change_identifier=revision.change_identifier,
            revision_summary=revision.revision_summary,
            created=revision.created,
        )
        for output in run.outputs
    )
    others = tuple(known for known in execution.source_revisions if known.action_name != action)
    source = wire.SourceRevision(
        action_name=action, revision_id=revision.revision, revision_summary=revision.revision_summary
    )
    return replace(execution, revisions=kept + made, source_revisions=(*others, source))


def _stage_ended(state: Pipeline, event: StageEnded) -> Pipeline:
    execution = state.executions[event.execution_id]
    passage = replace(execution.stages[event.stage], status=event.status)
    execution = replace(execution, stages={**execution.stages, event.stage: passage}, updated_at=event.at)
    if event.status in ("Succeeded", "Skipped"):
        # A rollback runs its one stage and no other.
        last = len(version_of(state, execution).declaration.stages)
        position = last if execution.kind == "ROLLBACK" else execution.position + 1
        execution = replace(execution, position=position, waiting=True)
    state = _with_execution(state, execution)
    is_target = execution.kind == "STANDARD" and execution.version == state.head.version
    if event.status == "Succeeded" and is_target and execution.mode != "PARALLEL":
        state = _with_slot(state, event.stage, succeeded=execution.id)
    return _vacated(state, event.stage, event.execution_id)


def _vacated(state: Pipeline, stage: str, execution_id: str) -> Pipeline:
    slot = state.head.slots.get(stage)
    if slot is None or slot.occupant != execution_id:
        return state
    return _with_slot(state, stage, occupant=None)


def _execution_stopping(state: Pipeline, event: ExecutionStopping) -> Pipeline:
    execution = state.executions[event.execution_id]
    stop = StopRequest(abandon=event.abandon, at=event.at, reason=event.reason)
    stages = {
        name: replace(run, status="Stopping") if run.status == "InProgress" else run
        for name, run in execution.stages.items()
    }
    return _with_execution(state, replace(execution, status="Stopping", stop=stop, stages=stages, updated_at=event.at))


def _execution_ended(state: Pipeline, event: ExecutionEnded) -> Pipeline:
    execution = state.executions[event.execution_id]
    ended = replace(
        execution,
        status=event.status,
        status_summary=event.summary,
        waiting=False,
        waiting_since=None,
        updated_at=event.at,
    )
    state = _with_execution(state, ended)
    for stage, slot in state.head.slots.items():
        if event.execution_id in slot.waiting:
            left = tuple(other for other in slot.waiting if other != event.execution_id)
            state = _with_slot(state, stage, waiting=left)
    return state


def _declaration_replaced(state: Pipeline, event: DeclarationReplaced) -> Pipeline:
    """Stages that keep their name keep their transition, and their occupant until it is done."""
    declaration = event.version.declaration
    kept = state.head.slots
    slots = {
        # Only executions of the current version can be gone back to.
        stage.name: replace(kept.get(stage.name, StageSlot()), succeeded=None)
        for stage in declaration.stages
    }
    head: Head = replace(
        state.head,
        version=event.version.number,
        mode=declaration.execution_mode or "SUPERSEDED",
        slots=slots,
    )
    return replace(state, head=head, versions={**state.versions, event.version.number: event.version})
