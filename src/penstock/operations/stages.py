"""Stages: the transitions between them, retrying one, rolling one back."""

from penstock.core.commands import DisableTransition, EnableTransition, RetryStage, RollbackStage
from penstock.core.events import RollbackStarted
from penstock.operations.call import Call, find_pipeline
from penstock.operations.refusals import as_api_errors
from penstock.wire import types as wire

__all__ = ["disable_stage_transition", "enable_stage_transition", "retry_stage_execution", "rollback_stage"]


async def retry_stage_execution(request: wire.RetryStageExecutionInput, call: Call) -> wire.RetryStageExecutionOutput:
    """API: RetryStageExecution. In place: the execution keeps its id, each retried action gets a new attempt."""
    row = await find_pipeline(call, request.pipeline_name)
    command = RetryStage(request.stage_name, request.pipeline_execution_id, request.retry_mode)
    with as_api_errors():
        await call.committer.submit(call.account, row.id, command)
    return wire.RetryStageExecutionOutput(pipeline_execution_id=request.pipeline_execution_id)


async def rollback_stage(request: wire.RollbackStageInput, call: Call) -> wire.RollbackStageOutput:
    """API: RollbackStage. A new execution of the stage alone, with the target's artifacts, revisions and variables."""
    row = await find_pipeline(call, request.pipeline_name)
    command = RollbackStage(request.stage_name, request.target_pipeline_execution_id, call.principal.arn)
    with as_api_errors():
        events = await call.committer.submit(call.account, row.id, command)
    started = next(event for event in events if isinstance(event, RollbackStarted))
    return wire.RollbackStageOutput(pipeline_execution_id=started.execution_id)


async def disable_stage_transition(request: wire.DisableStageTransitionInput, call: Call) -> None:
    """API: DisableStageTransition. Leaving a stage is entering the next one: Outbound is the next stage's Inbound."""
    row = await find_pipeline(call, request.pipeline_name)
    command = DisableTransition(request.stage_name, request.transition_type, request.reason, call.principal.arn)
    with as_api_errors():
        await call.committer.submit(call.account, row.id, command)


async def enable_stage_transition(request: wire.EnableStageTransitionInput, call: Call) -> None:
    """API: EnableStageTransition. What waits in front of the stage goes in at once if the stage is free."""
    row = await find_pipeline(call, request.pipeline_name)
    command = EnableTransition(request.stage_name, request.transition_type, call.principal.arn)
    with as_api_errors():
        await call.committer.submit(call.account, row.id, command)
