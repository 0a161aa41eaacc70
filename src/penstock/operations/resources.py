"""What an operation is about, as policies name it. UG: permissions-reference."""

from collections.abc import Callable
from typing import Any

from penstock.wire.arn import action_arn, action_type_arn, pipeline_arn, stage_arn, webhook_arn

__all__ = ["resource_of"]

Resource = Callable[[Any, str, str], str]


def _named(request: Any, region: str, account: str) -> str:
    return pipeline_arn(region, account, request.name)


def _pipeline(request: Any, region: str, account: str) -> str:
    return pipeline_arn(region, account, request.pipeline_name)


def _declared(request: Any, region: str, account: str) -> str:
    return pipeline_arn(region, account, request.pipeline.name)


def _stage(request: Any, region: str, account: str) -> str:
    return stage_arn(region, account, request.pipeline_name, request.stage_name)


def _action(request: Any, region: str, account: str) -> str:
    return action_arn(region, account, request.pipeline_name, request.stage_name, request.action_name)


def _polled_type(request: Any, region: str, account: str) -> str:
    identity = request.action_type_id
    return action_type_arn(region, account, identity.owner, identity.category, identity.provider, identity.version)


def _custom_type(request: Any, region: str, account: str) -> str:
    return action_type_arn(region, account, "Custom", request.category, request.provider, request.version)


def _named_type(request: Any, region: str, account: str) -> str:
    return action_type_arn(region, account, request.owner, request.category, request.provider, request.version)


def _updated_type(request: Any, region: str, account: str) -> str:
    return _named_type(request.action_type.id, region, account)


def _deployment(request: Any, region: str, account: str) -> str:
    return pipeline_arn(region, account, request.pipeline_name or "*")


def _webhook(request: Any, region: str, account: str) -> str:
    return webhook_arn(region, account, request.webhook.name)


def _webhook_by_name(request: Any, region: str, account: str) -> str:
    return webhook_arn(region, account, request.name)


def _named_webhook(request: Any, region: str, account: str) -> str:
    return "*" if request.webhook_name is None else webhook_arn(region, account, request.webhook_name)


def _connection(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - the ARN says all of it
    arn: str = request.connection_arn
    return arn


def _deliveries(request: Any, region: str, account: str) -> str:
    if request.connection_arn is None:
        return _named_webhook(request, region, account)
    return _connection(request, region, account)


def _given(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - the ARN says all of it
    arn: str = request.resource_arn
    return arn


_RESOURCES: dict[str, Resource] = {
    "ConnectRepository": _connection,
    "CreateCustomActionType": _custom_type,
    "CreatePipeline": _declared,
    "DeleteCustomActionType": _custom_type,
    "DeletePipeline": _named,
    "DeleteWebhook": _webhook_by_name,
    "DeregisterWebhookWithThirdParty": _named_webhook,
    "DisableStageTransition": _stage,
    "EnableStageTransition": _stage,
    "ExplainPipeline": _named,
    "GetActionType": _named_type,
    "GetPipeline": _named,
    "GetPipelineExecution": _pipeline,
    "GetPipelineState": _named,
    "ListActionExecutions": _pipeline,
    "ListDeployActionExecutionTargets": _deployment,
    "ListPipelineExecutions": _pipeline,
    "ListTagsForResource": _given,
    "ListWebhookDeliveries": _deliveries,
    "ListRuleExecutions": _pipeline,
    "OverrideStageCondition": _stage,
    "PollForJobs": _polled_type,
    "PollForThirdPartyJobs": _polled_type,
    "PutActionRevision": _action,
    "PutApprovalResult": _action,
    "PutWebhook": _webhook,
    "RegisterWebhookWithThirdParty": _named_webhook,
    "RetryStageExecution": _stage,
    "RollbackStage": _stage,
    "StartPipelineExecution": _named,
    "StopPipelineExecution": _pipeline,
    "TagResource": _given,
    "UntagResource": _given,
    "UpdateActionType": _updated_type,
    "UpdatePipeline": _declared,
}


def resource_of(operation: str, request: Any, region: str, account: str) -> str:
    """The ARN that a call is about; `*` where an operation is about no one thing, as those of jobs are."""
    resource = _RESOURCES.get(operation)
    return "*" if resource is None else resource(request, region, account)
