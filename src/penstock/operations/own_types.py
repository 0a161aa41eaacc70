"""The types of the operations that penstock offers beside the service's 44: what its command line needs of a server."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from penstock.wire import types as wire
from penstock.wire.shape import Concealing

__all__ = [
    "ConnectRepositoryInput",
    "ConnectRepositoryOutput",
    "CreatePrincipalInput",
    "CreatePrincipalOutput",
    "ExplainPipelineInput",
    "ExplainPipelineOutput",
    "ExplainedEnding",
    "ExplainedWait",
    "GetActionLogInput",
    "GetActionLogOutput",
    "LinkPartnerInput",
    "LinkPartnerOutput",
    "ListWebhookDeliveriesInput",
    "ListWebhookDeliveriesOutput",
    "LogText",
    "PutJobLogInput",
    "PutJobLogOutput",
    "RegisterPartnerActionTypeInput",
    "RegisterPartnerActionTypeOutput",
    "WebhookDelivery",
    "WebhookDeliveryOutcome",
]

PrincipalName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^(?:[\w+=,.@-]+)\Z")]
Policy = Annotated[str, Meta(min_length=1, max_length=131_072)]
LogText = Annotated[str, Meta(min_length=1, max_length=262_144)]
LineNumber = Annotated[int, Meta(ge=0, le=2**53)]
ConnectionArn = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"^(?:arn:[\w-]+:(?:codestar-connections|codeconnections):[\w-]+:[0-9]{12}:connection/[\w-]+)\Z",
    ),
]


class CreatePrincipalInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`policy` is an IAM policy document as JSON text; `account` is the caller's own unless the server's root asks."""

    name: PrincipalName
    policy: Policy
    account: wire.AccountId | None = None


class CreatePrincipalOutput(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    CONCEALED: ClassVar[frozenset[str]] = frozenset({"secret_access_key"})
    access_key_id: str
    secret_access_key: str
    arn: str


class RegisterPartnerActionTypeInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    action_type: wire.ActionTypeDeclaration


class RegisterPartnerActionTypeOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    action_type: wire.ActionTypeDeclaration


class LinkPartnerInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    provider: wire.ActionProvider
    version: wire.Version


class LinkPartnerOutput(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    CONCEALED: ClassVar[frozenset[str]] = frozenset({"client_token"})
    client_id: str
    client_token: str


class PutJobLogInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    job_id: wire.JobId
    text: LogText


class PutJobLogOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class GetActionLogInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What was logged after the piece with the number `after`."""

    action_execution_id: wire.PipelineExecutionId
    after: LineNumber | None = None


class LogPiece(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    number: int
    at: float
    text: str


class GetActionLogOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Pieces in order; a piece need not end at the end of a line."""

    pieces: tuple[LogPiece, ...]


class ConnectRepositoryInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Events of a connection come in the format of its provider."""

    connection_arn: ConnectionArn
    provider: Literal["GitHub", "GitLab", "Bitbucket"]


class ConnectRepositoryOutput(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a webhook of the repository is to be given at the git host. The secret is told this once."""

    CONCEALED: ClassVar[frozenset[str]] = frozenset({"secret"})
    url: str
    secret: str


class ListWebhookDeliveriesInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Of a webhook or of a connection."""

    webhook_name: wire.WebhookName | None = None
    connection_arn: ConnectionArn | None = None
    max_results: wire.MaxResults | None = None
    next_token: wire.NextToken | None = None


class WebhookDeliveryOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a delivery did to one pipeline."""

    pipeline_name: str
    region: str
    verdict: str
    reason: str | None = None
    pipeline_execution_id: str | None = None


class WebhookDelivery(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`verdict` is Started, Ignored (nothing was to be started), Refused (not let in) or Failed (could not be started).

    `delivery_id` and `event` are what the sender calls them.
    """

    delivered_at: float
    sender: str
    verdict: str
    reason: str | None = None
    delivery_id: str | None = None
    event: str | None = None
    pipelines: tuple[WebhookDeliveryOutcome, ...] | None = None


class ListWebhookDeliveriesOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Newest first. The last hundred are kept."""

    deliveries: tuple[WebhookDelivery, ...]
    next_token: wire.NextToken | None = None


class ExplainPipelineInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Without an execution, all open ones are meant."""

    name: wire.PipelineName
    pipeline_execution_id: wire.PipelineExecutionId | None = None


class ExplainedWait(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that an execution waits for: in front of a stage, or in it, for an action or for a rule of a gate."""

    execution_id: str
    reason: str
    since: float
    sentence: str
    hints: tuple[str, ...]
    stage: str
    action: str | None = None
    gate: str | None = None
    rule: str | None = None


class ExplainedEnding(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """How an execution ended; `error_details` is the first error of one that failed."""

    execution_id: str
    status: str
    ended_at: float
    sentence: str
    error_details: wire.ErrorDetails | None = None


class ExplainPipelineOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`now` is the server's time. `ending` is there if the execution has ended, or if none is open."""

    now: float
    waits: tuple[ExplainedWait, ...]
    ending: ExplainedEnding | None = None
