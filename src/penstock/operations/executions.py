"""Starting, stopping and following executions; the state of a pipeline; approvals."""

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.core import limits
from penstock.core.commands import AnswerApproval, StartExecution, StopExecution
from penstock.core.events import ActionEnded, ExecutionStarted
from penstock.core.lookup import declared_action
from penstock.core.model import Execution, Head, PipelineVersion, StageRun, StageSlot
from penstock.engine.committer import AlreadyStarted, Once
from penstock.operations import views
from penstock.operations.call import Call, find_pipeline, no_pipeline, version_of
from penstock.operations.paging import next_token, start_key
from penstock.operations.refusals import as_api_errors
from penstock.operations.waiting import action_sentences, status_sentence, status_sentences
from penstock.ports.storage import ActionRecord, PipelineRow
from penstock.wire import types as wire
from penstock.wire.errors import (
    ConflictException,
    PipelineExecutionNotFoundException,
    ValidationException,
)

__all__ = [
    "find_execution",
    "get_pipeline_execution",
    "get_pipeline_state",
    "list_action_executions",
    "list_pipeline_executions",
    "put_approval_result",
    "start_pipeline_execution",
    "stop_pipeline_execution",
]

PAGE_MAX = 100


async def start_pipeline_execution(
    request: wire.StartPipelineExecutionInput, call: Call
) -> wire.StartPipelineExecutionOutput:
    """API: StartPipelineExecution. A repeated clientRequestToken answers with the execution that it started."""
    row = await find_pipeline(call, request.name)
    command = StartExecution(
        wire.ExecutionTrigger(trigger_type="StartPipelineExecution", trigger_detail=call.principal.arn),
        request.variables or (),
        request.source_revisions or (),
    )
    try:
        with as_api_errors():
            events = await call.committer.submit(call.account, row.id, command, _once(request, call))
    except AlreadyStarted as known:
        if not known.matches:
            raise ConflictException(
                "The client request token has been used with another request for this pipeline"
            ) from None
        return wire.StartPipelineExecutionOutput(pipeline_execution_id=known.execution_id)
    started = next(event for event in events if isinstance(event, ExecutionStarted))
    return wire.StartPipelineExecutionOutput(pipeline_execution_id=started.execution_id)


def _once(request: wire.StartPipelineExecutionInput, call: Call) -> Once | None:
    if request.client_request_token is None:
        return None
    what = msgspec.json.encode((request.variables, request.source_revisions))
    since = call.now - limits.REQUEST_TOKEN_SECONDS
    return Once(request.client_request_token, hashlib.sha256(what).digest(), since)


async def stop_pipeline_execution(
    request: wire.StopPipelineExecutionInput, call: Call
) -> wire.StopPipelineExecutionOutput:
    """API: StopPipelineExecution."""
    row = await find_pipeline(call, request.pipeline_name)
    command = StopExecution(request.pipeline_execution_id, bool(request.abandon), request.reason)
    with as_api_errors():
        await call.committer.submit(call.account, row.id, command)
    return wire.StopPipelineExecutionOutput(pipeline_execution_id=request.pipeline_execution_id)


async def get_pipeline_execution(
    request: wire.GetPipelineExecutionInput, call: Call
) -> wire.GetPipelineExecutionOutput:
    """API: GetPipelineExecution."""
    row = await find_pipeline(call, request.pipeline_name)
    execution = await find_execution(call, row, request.pipeline_execution_id)
    why = await status_sentence(call, row, execution)
    return wire.GetPipelineExecutionOutput(pipeline_execution=views.pipeline_execution(row.name, execution, why))


async def find_execution(call: Call, row: PipelineRow, execution_id: str) -> Execution:
    execution = await call.reader.execution(call.account, row.id, execution_id)
    if execution is None:
        raise PipelineExecutionNotFoundException(
            f"The pipeline '{row.name}' does not have an execution with id '{execution_id}'"
        )
    return execution


async def list_pipeline_executions(
    request: wire.ListPipelineExecutionsInput, call: Call
) -> wire.ListPipelineExecutionsOutput:
    """API: ListPipelineExecutions. Newest first."""
    row = await find_pipeline(call, request.pipeline_name)
    if request.filter is not None and request.filter.succeeded_in_stage is not None:
        return await _succeeded_in_stage(request, call, row)
    listing = f"ListPipelineExecutions/{row.id}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or PAGE_MAX
    found = await call.reader.executions(call.account, row.id, int(key[0]) if key else None, rows_max + 1)
    token = next_token(call, listing, [found[rows_max - 1].number]) if len(found) > rows_max else None
    why = await status_sentences(call, row, found[:rows_max])
    summaries = tuple(views.execution_summary(each, why.get(each.id)) for each in found[:rows_max])
    return wire.ListPipelineExecutionsOutput(pipeline_execution_summaries=summaries, next_token=token)


async def _succeeded_in_stage(
    request: wire.ListPipelineExecutionsInput, call: Call, row: PipelineRow
) -> wire.ListPipelineExecutionsOutput:
    """The executions of the current version that a stage could be rolled back to, a bounded stretch of history a page."""
    assert request.filter is not None
    assert request.filter.succeeded_in_stage is not None
    stage = request.filter.succeeded_in_stage.stage_name or ""
    listing = f"ListPipelineExecutions/{row.id}/{stage}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or PAGE_MAX
    found = await call.reader.executions(call.account, row.id, int(key[0]) if key else None, PAGE_MAX)
    matching = [each for each in found if each.version == row.version and _succeeded_in(each, stage)]
    last = matching[rows_max - 1] if len(matching) > rows_max else found[-1] if len(found) == PAGE_MAX else None
    token = next_token(call, listing, [last.number]) if last is not None else None
    why = await status_sentences(call, row, matching[:rows_max])
    summaries = tuple(views.execution_summary(each, why.get(each.id)) for each in matching[:rows_max])
    return wire.ListPipelineExecutionsOutput(pipeline_execution_summaries=summaries, next_token=token)


def _succeeded_in(execution: Execution, stage: str) -> bool:
    run = execution.stages.get(stage)
    return run is not None and run.status == "Succeeded"


async def list_action_executions(
    request: wire.ListActionExecutionsInput, call: Call
) -> wire.ListActionExecutionsOutput:
    """API: ListActionExecutions. Newest first; every attempt of an action is there, unless only the latest are asked for."""
    row = await find_pipeline(call, request.pipeline_name)
    execution, latest = await _filtered(request, call, row)
    listing = f"ListActionExecutions/{row.id}/{execution.id if execution else ''}/{latest}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or PAGE_MAX
    number = execution.number if execution is not None else None
    before = (int(key[0]), int(key[1])) if key else None
    found = await call.reader.runs(call.account, row.id, number, before, rows_max + 1)
    last = found[rows_max - 1] if len(found) > rows_max else None
    token = next_token(call, listing, [last.execution_number, last.run.number]) if last is not None else None
    shown = [each for each in found[:rows_max] if not latest or _is_latest(each, execution)]
    details = [views.action_execution_detail(each, await _version(call, row, each)) for each in shown]
    return wire.ListActionExecutionsOutput(action_execution_details=tuple(details), next_token=token)


async def _filtered(
    request: wire.ListActionExecutionsInput, call: Call, row: PipelineRow
) -> tuple[Execution | None, bool]:
    """The execution that the filter names, and whether only the latest attempt of each action counts."""
    asked = request.filter
    if asked is None:
        return None, False
    latest = asked.latest_in_pipeline_execution
    if latest is not None and asked.pipeline_execution_id is not None:
        raise ValidationException("A filter takes either pipelineExecutionId or latestInPipelineExecution, not both")
    if latest is not None:
        return await find_execution(call, row, latest.pipeline_execution_id), latest.start_time_range == "Latest"
    if asked.pipeline_execution_id is not None:
        return await find_execution(call, row, asked.pipeline_execution_id), False
    return None, False


def _is_latest(record: ActionRecord, execution: Execution | None) -> bool:
    stage = execution.stages.get(record.stage) if execution is not None else None
    run = stage.actions.get(record.action) if stage is not None else None
    return run is None or run.id == record.run.id


async def _version(call: Call, row: PipelineRow, record: ActionRecord) -> PipelineVersion:
    return await version_of(call, row, record.version)


async def get_pipeline_state(request: wire.GetPipelineStateInput, call: Call) -> wire.GetPipelineStateOutput:
    """API: GetPipelineState. Each stage shows its own latest execution; a PARALLEL pipeline shows none."""
    row, head, version = await _standing(call, request.name)
    if head.mode == "PARALLEL":
        # What ran there before the pipeline became PARALLEL is not shown either.
        head = replace(head, slots={name: StageSlot(transition=slot.transition) for name, slot in head.slots.items()})
    shown = {each for slot in head.slots.values() for each in (slot.latest, *slot.waiting) if each is not None}
    executions = {each: await call.reader.execution(call.account, row.id, each) for each in shown}
    occupants = {slot.latest: executions[slot.latest] for slot in head.slots.values() if slot.latest is not None}
    why = await action_sentences(call, head, version, [each for each in occupants.values() if each is not None])
    states = tuple(_stage_state(stage, head, version, executions, why) for stage in version.declaration.stages)
    return wire.GetPipelineStateOutput(
        pipeline_name=row.name,
        pipeline_version=row.version,
        stage_states=states,
        created=row.created_at,
        updated=row.updated_at,
    )


async def _standing(call: Call, name: str) -> tuple[PipelineRow, Head, PipelineVersion]:
    pipeline = await call.reader.standing(call.account, call.region, name)
    if pipeline is None:
        raise no_pipeline(call, name)
    return pipeline


def _stage_state(
    stage: wire.StageDeclaration,
    head: Head,
    version: PipelineVersion,
    executions: dict[str, Execution | None],
    why: dict[str, str],
) -> wire.StageState:
    slot = head.slots[stage.name]
    execution = executions.get(slot.latest or "")
    run = execution.stages.get(stage.name) if execution is not None else None
    actions = tuple(
        views.action_state(
            action,
            version.bindings[f"{stage.name}/{action.name}"],
            run.actions.get(action.name) if run is not None else None,
            why,
        )
        for action in stage.actions
    )
    inbound = tuple(views.inbound(waiting, executions.get(waiting)) for waiting in slot.waiting)
    gates = run.gates if run is not None else {}
    return wire.StageState(
        stage_name=stage.name,
        inbound_execution=inbound[0] if inbound else None,
        inbound_executions=inbound or None,
        inbound_transition_state=views.transition_state(slot),
        action_states=actions,
        latest_execution=_stage_execution(execution, run),
        before_entry_condition_state=views.condition_state(gates.get("beforeEntry")),
        on_success_condition_state=views.condition_state(gates.get("onSuccess")),
        on_failure_condition_state=views.condition_state(gates.get("onFailure")),
        retry_stage_metadata=views.retry_metadata(run),
    )


def _stage_execution(execution: Execution | None, run: StageRun | None) -> wire.StageExecution | None:
    if execution is None or run is None:
        return None
    return wire.StageExecution(pipeline_execution_id=execution.id, status=run.status, type=execution.kind)


async def put_approval_result(request: wire.PutApprovalResultInput, call: Call) -> wire.PutApprovalResultOutput:
    """API: PutApprovalResult."""
    row = await find_pipeline(call, request.pipeline_name)
    version = await version_of(call, row)
    command = AnswerApproval(request.stage_name, request.action_name, request.token, request.result, call.principal.arn)
    with as_api_errors():
        declared_action(version.declaration, request.stage_name, request.action_name)
        events = await call.committer.submit(call.account, row.id, command)
    answered: Any = next(event for event in events if isinstance(event, ActionEnded))
    return wire.PutApprovalResultOutput(approved_at=answered.at)
