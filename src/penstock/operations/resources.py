"""What an operation is about, as policies name it. UG: permissions-reference; Service Authorization Reference."""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from penstock.wire.arn import (
    Arn,
    action_arn,
    action_type_arn,
    parse,
    partition_of,
    pipeline_arn,
    stage_arn,
    webhook_arn,
)

__all__ = ["resources_of", "tagged_part"]

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


def _pipelines(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - a listing names none
    return pipeline_arn(region, account, "*")


def _polled_type(request: Any, region: str, account: str) -> str:
    identity = request.action_type_id
    return action_type_arn(region, account, identity.owner, identity.category, identity.provider, identity.version)


def _custom_type(request: Any, region: str, account: str) -> str:
    return action_type_arn(region, account, "Custom", request.category, request.provider, request.version)


def _named_type(request: Any, region: str, account: str) -> str:
    return action_type_arn(region, account, request.owner, request.category, request.provider, request.version)


def _updated_type(request: Any, region: str, account: str) -> str:
    return _named_type(request.action_type.id, region, account)


def _linked_type(request: Any, region: str, account: str) -> str:
    """A link is to the types of a partner under one version, in whatever category."""
    return action_type_arn(region, account, "ThirdParty", "*", request.provider, request.version)


def _deployment(request: Any, region: str, account: str) -> str:
    return pipeline_arn(region, account, request.pipeline_name or "*")


def _webhook(request: Any, region: str, account: str) -> str:
    return webhook_arn(region, account, request.webhook.name)


def _target(request: Any, region: str, account: str) -> str:
    """The pipeline that a webhook starts."""
    return pipeline_arn(region, account, request.webhook.target_pipeline)


def _webhooks(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - a listing names none
    return webhook_arn(region, account, "*")


def _webhook_by_name(request: Any, region: str, account: str) -> str:
    return webhook_arn(region, account, request.name)


def _named_webhook(request: Any, region: str, account: str) -> str:
    return webhook_arn(region, account, request.webhook_name or "*")


def _connection(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - the ARN says all of it
    arn: str = request.connection_arn
    return arn


def _deliveries(request: Any, region: str, account: str) -> str:
    if request.connection_arn is None:
        return _named_webhook(request, region, account)
    return _connection(request, region, account)


def _given(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - the ARN says all of it
    """The ARN in the one spelling that policies know, so that no other spelling slips past them."""
    try:
        arn = parse(request.resource_arn)
    except ValueError:
        return str(request.resource_arn)
    return str(structs.replace(arn, partition=partition_of(arn.region)))


def _principal(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - principals are of all regions
    return f"arn:aws:penstock::{request.account or account}:principal/{request.name}"


def _principals(request: Any, region: str, account: str) -> str:  # noqa: ARG001 - principals are of all regions
    return f"arn:aws:penstock::{request.account or account}:principal/*"


_RESOURCES: dict[str, Resource] = {
    "ConnectRepository": _connection,
    "CreateCustomActionType": _custom_type,
    "CreatePipeline": _declared,
    "CreatePrincipal": _principal,
    "DeleteCustomActionType": _custom_type,
    "DeletePipeline": _named,
    "DeletePrincipal": _principal,
    "DeleteWebhook": _webhook_by_name,
    "DeregisterWebhookWithThirdParty": _named_webhook,
    "DisableStageTransition": _stage,
    "EnableStageTransition": _stage,
    "ExplainPipeline": _named,
    "GetPipeline": _named,
    "GetPipelineExecution": _pipeline,
    "GetPipelineState": _named,
    "GetPrincipal": _principal,
    "LinkPartner": _linked_type,
    "ListActionExecutions": _pipeline,
    "ListDeployActionExecutionTargets": _deployment,
    "ListPipelineExecutions": _pipeline,
    "ListPipelines": _pipelines,
    "ListPrincipals": _principals,
    "ListRuleExecutions": _pipeline,
    "ListTagsForResource": _given,
    "ListWebhookDeliveries": _deliveries,
    "ListWebhooks": _webhooks,
    "OverrideStageCondition": _stage,
    "PollForJobs": _polled_type,
    "PutActionRevision": _action,
    "PutApprovalResult": _action,
    "PutWebhook": _webhook,
    "RegisterPartnerActionType": _updated_type,
    "RegisterWebhookWithThirdParty": _named_webhook,
    "RetryStageExecution": _stage,
    "RevokePartner": _linked_type,
    "RollbackStage": _stage,
    "RotatePartnerToken": _linked_type,
    "StartPipelineExecution": _named,
    "StopPipelineExecution": _pipeline,
    "TagResource": _given,
    "UntagResource": _given,
    "UpdateActionType": _updated_type,
    "UpdatePipeline": _declared,
    "UpdatePrincipal": _principal,
}

# Whoever may have a pipeline started needs to be allowed that for the pipeline, too.
_ALSO: dict[str, Resource] = {"PutWebhook": _target}


def resources_of(operation: str, request: Any, region: str, account: str) -> tuple[str, ...]:
    """The ARNs that a call is about, each of which must be allowed.

    `*` where an operation is about no one thing, as those of jobs are, and within an ARN where it is about all of a kind.
    """
    found = (table.get(operation) for table in (_RESOURCES, _ALSO))
    return tuple(resource(request, region, account) for resource in found if resource is not None) or ("*",)


def tagged_part(resource: str) -> str | None:
    """The ARN whose tags are those of a resource: a pipeline's stages and actions have the pipeline's."""
    try:
        arn = parse(resource)
        kind = arn.kind
    except ValueError:
        return None
    if kind in ("stage", "action"):
        return str(Arn(arn.partition, arn.service, arn.region, arn.account, arn.names[0]))
    return str(arn)
