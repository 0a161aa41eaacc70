"""The targets of deploy actions."""

from penstock.operations.call import Call, find_pipeline
from penstock.operations.paging import start_key
from penstock.wire import types as wire
from penstock.wire.errors import ActionExecutionNotFoundException

__all__ = ["list_deploy_action_execution_targets"]


async def list_deploy_action_execution_targets(
    request: wire.ListDeployActionExecutionTargetsInput, call: Call
) -> wire.ListDeployActionExecutionTargetsOutput:
    """API: ListDeployActionExecutionTargets. Only EC2 deployments have targets, and no worker of this release makes them.

    So the list is empty, and no token is ever given out.
    """
    asked = await find_pipeline(call, request.pipeline_name) if request.pipeline_name is not None else None
    found = await call.reader.pipeline_of_run(call.account, request.action_execution_id)
    if found is None or found.region != call.region or (asked is not None and found.id != asked.id):
        raise ActionExecutionNotFoundException(
            f"The account '{call.account}' does not have an action execution with id '{request.action_execution_id}'"
        )
    start_key(call, f"ListDeployActionExecutionTargets/{request.action_execution_id}", request.next_token)
    return wire.ListDeployActionExecutionTargetsOutput(targets=())
