"""Finding one's way in an aggregate."""

from penstock.core import limits
from penstock.core.model import ActionBinding, ActionRun, Execution, Head, Pipeline, PipelineVersion, StageRun
from penstock.core.refusals import ActionNotFound, NotLatestExecution, StageNotFound, TooManyExecutions
from penstock.wire import types as wire

__all__ = [
    "binding_of",
    "current_stage",
    "declared_action",
    "declared_stage",
    "execution_of_run",
    "named_executions",
    "open_executions",
    "require_latest",
    "require_room",
    "stage_run",
    "version_of",
]


def version_of(state: Pipeline, execution: Execution) -> PipelineVersion:
    return state.versions[execution.version]


def current_stage(state: Pipeline, execution: Execution) -> wire.StageDeclaration:
    """The stage that the execution is in, or in front of."""
    return version_of(state, execution).declaration.stages[execution.position]


def stage_run(state: Pipeline, execution: Execution) -> StageRun:
    return execution.stages[current_stage(state, execution).name]


def binding_of(state: Pipeline, execution: Execution, stage: str, action: str) -> ActionBinding:
    return version_of(state, execution).bindings[f"{stage}/{action}"]


def open_executions(state: Pipeline) -> list[Execution]:
    """Oldest first."""
    return [execution for execution in state.executions.values() if execution.is_open]


def execution_of_run(
    state: Pipeline, execution_id: str, stage: str, action: str, run_id: str
) -> tuple[Execution, ActionRun] | None:
    """The open execution and the attempt that still works under this stamp, or None if the stamp is stale."""
    execution = state.executions.get(execution_id)
    if execution is None or not execution.is_open or stage not in execution.stages:
        return None
    run = execution.stages[stage].actions.get(action)
    if run is None or run.id != run_id or run.status != "InProgress":
        return None
    return execution, run


def named_executions(head: Head) -> frozenset[str]:
    """Those that the present state is about: in a stage, in front of it, shown there, or what it would be rolled back to."""
    ids = (each for slot in head.slots.values() for each in (slot.occupant, *slot.waiting, slot.latest, slot.succeeded))
    return frozenset(each for each in ids if each is not None)


def require_latest(state: Pipeline, stage: str, execution_id: str) -> Execution:
    """The execution whose run the stage shows, standing in that stage with nobody else in it; else NotLatestExecution."""
    execution = state.executions.get(execution_id)
    slot = state.head.slots.get(stage)
    is_there = execution is not None and stage in execution.stages and _stands_in(state, execution, stage)
    is_latest = (
        slot is None
        or execution is None
        or execution.mode == "PARALLEL"
        or (slot.latest == execution_id and slot.occupant in (None, execution_id))
    )
    if execution is None or not is_there or not is_latest:
        raise NotLatestExecution(
            f"The execution '{execution_id}' is not the latest one in stage '{stage}' of pipeline '{state.head.name}'"
        )
    return execution


def _stands_in(state: Pipeline, execution: Execution, stage: str) -> bool:
    stages = version_of(state, execution).declaration.stages
    return execution.position < len(stages) and stages[execution.position].name == stage


def require_room(state: Pipeline) -> None:
    """TooManyExecutions if no further execution may be in progress beside those that are."""
    if state.head.mode != "SUPERSEDED" and len(open_executions(state)) >= limits.OPEN_EXECUTIONS_MAX:
        raise TooManyExecutions(
            f"The pipeline '{state.head.name}' has {limits.OPEN_EXECUTIONS_MAX} executions in progress, which is the limit"
        )


def declared_stage(declaration: wire.PipelineDeclaration, name: str) -> wire.StageDeclaration:
    for stage in declaration.stages:
        if stage.name == name:
            return stage
    raise StageNotFound(f"The stage '{name}' does not exist in pipeline '{declaration.name}'")


def declared_action(declaration: wire.PipelineDeclaration, stage: str, name: str) -> wire.ActionDeclaration:
    for action in declared_stage(declaration, stage).actions:
        if action.name == name:
            return action
    raise ActionNotFound(f"The action '{name}' does not exist in stage '{stage}' of pipeline '{declaration.name}'")
