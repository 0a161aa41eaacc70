"""Starting, stopping and replacing: what is asked of executions as a whole."""

from collections.abc import Iterator, Mapping

from penstock.core.admission import admit
from penstock.core.commands import ReplaceDeclaration, StartExecution, StopExecution
from penstock.core.events import (
    DeclarationReplaced,
    Event,
    ExecutionCancelling,
    ExecutionEnded,
    ExecutionStarted,
    ExecutionStopping,
)
from penstock.core.lookup import open_executions, require_room, stage_run
from penstock.core.model import Execution, Pipeline
from penstock.core.moment import Moment
from penstock.core.overrides import check_overrides
from penstock.core.refusals import (
    DuplicatedStopRequest,
    ExecutionNotStoppable,
    InvalidRequest,
)
from penstock.core.transitions.action import abandon_runs
from penstock.wire import types as wire

__all__ = ["replace", "start", "stop"]


def start(state: Pipeline, command: StartExecution, moment: Moment) -> Iterator[Event]:
    head = state.head
    declaration = state.versions[head.version].declaration
    variables = _start_variables(declaration, command.variables)
    if command.trigger.trigger_type == "StartPipelineExecution":
        check_overrides(declaration, command.overrides)
    require_room(state)
    execution_id = moment.new_id()
    yield ExecutionStarted(
        execution_id,
        head.version,
        head.mode,
        command.trigger,
        moment.now,
        variables=variables,
        overrides=command.overrides,
    )
    first = declaration.stages[0].name
    yield from admit(head.slots.get(first), first, execution_id, head.mode, moment.now)


def _start_variables(declaration: wire.PipelineDeclaration, given: tuple[wire.PipelineVariable, ...]) -> dict[str, str]:
    declared = {variable.name: variable.default_value for variable in declaration.variables or ()}
    values: Mapping[str, str] = {variable.name: variable.value for variable in given}
    if len(values) < len(given):
        raise InvalidRequest("A variable can be given once")
    unknown = sorted(values.keys() - declared.keys())
    if unknown:
        raise InvalidRequest(f"The pipeline '{declaration.name}' does not declare the variables: {', '.join(unknown)}")
    resolved = {name: values.get(name, default) for name, default in declared.items()}
    missing = sorted(name for name, value in resolved.items() if value is None)
    if missing:
        raise InvalidRequest(
            f"Variables without a default value must be given when pipeline '{declaration.name}' starts: "
            f"{', '.join(missing)}"
        )
    return {name: value for name, value in resolved.items() if value is not None}


def stop(state: Pipeline, command: StopExecution, moment: Moment) -> Iterator[Event]:
    execution = state.executions.get(command.execution_id)
    if execution is None or not execution.is_open:
        raise ExecutionNotStoppable(
            f"The execution '{command.execution_id}' of pipeline '{state.head.name}' is not in progress"
        )
    if execution.stop is not None and (execution.stop.abandon or not command.abandon):
        raise DuplicatedStopRequest(f"The execution '{execution.id}' is being stopped already")
    yield ExecutionStopping(execution.id, command.abandon, moment.now, command.reason)
    if execution.waiting:
        yield ExecutionEnded(execution.id, "Stopped", moment.now)
    elif command.abandon:
        yield from abandon_runs(state, execution, moment)


def replace(state: Pipeline, command: ReplaceDeclaration, moment: Moment) -> Iterator[Event]:
    """Waiting executions and approvals end at once; what works goes on to its end and holds its stage until then."""
    for execution in open_executions(state):
        if execution.mode == "PARALLEL":
            continue
        if execution.waiting:
            yield ExecutionEnded(execution.id, "Cancelled", moment.now, summary=_cancelled_by(command.version.number))
            continue
        yield ExecutionCancelling(execution.id, moment.now)
        yield from _abandon_approvals(state, execution, moment)
    yield DeclarationReplaced(command.version, moment.now)


def _cancelled_by(version: int) -> str:
    return f"Cancelled by the update of the pipeline to version {version}"


def _abandon_approvals(state: Pipeline, execution: Execution, moment: Moment) -> Iterator[Event]:
    approvals = {name for name, run in stage_run(state, execution).actions.items() if run.token is not None}
    yield from abandon_runs(state, execution, moment, only=approvals)
