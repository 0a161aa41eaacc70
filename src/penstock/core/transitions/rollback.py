"""Rolling a stage back: a new execution of that stage alone, with what an earlier one had."""

from collections.abc import Iterator

from penstock.core.admission import admit
from penstock.core.commands import RollbackStage
from penstock.core.events import Event, RollbackStarted
from penstock.core.lookup import declared_stage
from penstock.core.model import Pipeline
from penstock.core.moment import Moment
from penstock.core.refusals import ExecutionNotFound, ExecutionOutdated, Refusal, UnableToRollback
from penstock.wire import types as wire

__all__ = ["roll_back"]


def roll_back(state: Pipeline, command: RollbackStage, moment: Moment) -> Iterator[Event]:
    """API: RollbackStage. A failure's own rollback that has become impossible does nothing."""
    try:
        _check(state, command)
    except Refusal:
        if command.by is None:
            return
        raise
    trigger = wire.ExecutionTrigger(
        trigger_type="ManualRollback" if command.by is not None else "AutomatedRollback", trigger_detail=command.by
    )
    execution_id = moment.new_id()
    yield RollbackStarted(execution_id, command.target_id, command.stage, trigger, moment.now)
    slot = state.head.slots[command.stage]
    yield from admit(slot, command.stage, execution_id, state.head.mode, moment.now)


def _check(state: Pipeline, command: RollbackStage) -> None:
    head = state.head
    declaration = state.versions[head.version].declaration
    stage = declared_stage(declaration, command.stage)
    target = state.executions.get(command.target_id)
    if target is None:
        raise ExecutionNotFound(f"The pipeline '{head.name}' does not have an execution with id '{command.target_id}'")
    if target.version != head.version:
        raise ExecutionOutdated(
            f"The execution '{target.id}' ran version {target.version} of the pipeline, which is at version {head.version}"
        )
    run = target.stages.get(stage.name)
    problem = None
    if declaration.pipeline_type != "V2":
        problem = "only V2 pipelines can be rolled back"
    elif head.mode == "PARALLEL":
        problem = "a PARALLEL pipeline cannot be rolled back"
    elif stage is declaration.stages[0]:
        problem = "the source stage cannot be rolled back"
    elif target.kind == "ROLLBACK":
        problem = "the target execution is a rollback itself"
    elif run is None or run.status != "Succeeded":
        problem = "the target execution did not succeed in it"
    elif head.slots[stage.name].occupant is not None:
        problem = "an execution is in it"
    if problem is not None:
        raise UnableToRollback(f"The stage '{stage.name}' cannot be rolled back: {problem}")
