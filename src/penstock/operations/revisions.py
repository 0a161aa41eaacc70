"""New revisions of custom sources, told by whoever watches them."""

from penstock.core.commands import StartExecution
from penstock.core.events import ExecutionStarted
from penstock.core.lookup import declared_action
from penstock.engine.repeats import AlreadyStarted, NewRevision
from penstock.operations.call import Call, find_pipeline, version_of
from penstock.operations.refusals import as_api_errors
from penstock.wire import types as wire
from penstock.wire.errors import ValidationException

__all__ = ["put_action_revision"]


async def put_action_revision(request: wire.PutActionRevisionInput, call: Call) -> wire.PutActionRevisionOutput:
    """API: PutActionRevision. The change that the source was told of last answers with the execution that it started."""
    row = await find_pipeline(call, request.pipeline_name)
    version = await version_of(call, row)
    with as_api_errors():
        action = declared_action(version.declaration, request.stage_name, request.action_name)
        _require_custom_source(action)
        told = NewRevision(request.stage_name, request.action_name, request.action_revision.revision_change_id)
        try:
            events = await call.committer.submit(call.account, row.id, _start(request, call), told)
        except AlreadyStarted as known:
            return wire.PutActionRevisionOutput(new_revision=False, pipeline_execution_id=known.execution_id)
    started = next(event for event in events if isinstance(event, ExecutionStarted))
    return wire.PutActionRevisionOutput(new_revision=True, pipeline_execution_id=started.execution_id)


def _require_custom_source(action: wire.ActionDeclaration) -> None:
    identity = action.action_type_id
    if identity.category != "Source":
        raise ValidationException(f"The action '{action.name}' is not a source action: it takes no revisions")
    if identity.owner != "Custom":
        raise ValidationException(
            f"The source action '{action.name}' looks for its revisions itself: only those of custom types are told of them"
        )


def _start(request: wire.PutActionRevisionInput, call: Call) -> StartExecution:
    revision = wire.SourceRevisionOverride(
        action_name=request.action_name,
        revision_type="COMMIT_ID",
        revision_value=request.action_revision.revision_id,
    )
    trigger = wire.ExecutionTrigger(trigger_type="PutActionRevision", trigger_detail=call.principal.arn)
    return StartExecution(trigger, overrides=(revision,))
