"""The transitions between stages."""

from penstock.core.commands import DisableTransition, EnableTransition
from penstock.operations.call import Call, find_pipeline
from penstock.operations.refusals import as_api_errors
from penstock.wire import types as wire

__all__ = ["disable_stage_transition", "enable_stage_transition"]


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
