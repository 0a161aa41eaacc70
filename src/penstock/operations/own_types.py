"""The types of the operations that penstock offers beside the service's 44: what its command line needs of a server."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from penstock.wire import types as wire
from penstock.wire.shape import Concealing

__all__ = [
    "BackupContents",
    "BackupSecrets",
    "ConnectRepositoryInput",
    "ConnectRepositoryOutput",
    "CreateBackupInput",
    "CreateBackupOutput",
    "CreatePrincipalInput",
    "CreatePrincipalOutput",
    "DeleteBackupInput",
    "DeleteBackupOutput",
    "DeletePrincipalInput",
    "DeletePrincipalOutput",
    "DescribeBackupInput",
    "DescribeBackupOutput",
    "DescribeKeysInput",
    "DescribeKeysOutput",
    "ExplainPipelineInput",
    "ExplainPipelineOutput",
    "ExplainedEnding",
    "ExplainedWait",
    "GetActionLogInput",
    "GetActionLogOutput",
    "GetPrincipalInput",
    "GetPrincipalOutput",
    "LinkPartnerInput",
    "LinkPartnerOutput",
    "LinkedPartner",
    "ListPartnersInput",
    "ListPartnersOutput",
    "ListPrincipalsInput",
    "ListPrincipalsOutput",
    "ListWebhookDeliveriesInput",
    "ListWebhookDeliveriesOutput",
    "ListedPrincipal",
    "LogText",
    "PrincipalKey",
    "PutJobLogInput",
    "PutJobLogOutput",
    "RegisterPartnerActionTypeInput",
    "RegisterPartnerActionTypeOutput",
    "RevokePartnerInput",
    "RevokePartnerOutput",
    "RotateKeyInput",
    "RotateKeyOutput",
    "RotatePartnerTokenInput",
    "RotatePartnerTokenOutput",
    "SealingKey",
    "UpdatePrincipalInput",
    "UpdatePrincipalOutput",
    "ValidToken",
    "WebhookDelivery",
    "WebhookDeliveryOutcome",
]

PrincipalName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"(?a)^(?:[\w+=,.@-]+)\Z")]
Policy = Annotated[str, Meta(min_length=1, max_length=131_072)]
# An account, or the ARN of its root, of a user, of a role or of one session of a role.
Trusted = Annotated[
    str,
    Meta(
        max_length=256,
        pattern=r"(?a)^(?:[0-9]{12}|arn:aws[\w-]*:(?:iam::[0-9]{12}:(?:root|(?:user|role)/[\w+=,.@-]+)"
        r"|sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+))\Z",
    ),
]
Trust = Annotated[tuple[Trusted, ...], Meta(min_length=1, max_length=100)]
LogText = Annotated[str, Meta(min_length=1, max_length=262_144)]
# A month at most: two tokens are for the time in which the one takes the place of the other
OverlapSeconds = Annotated[int, Meta(ge=0, le=30 * 86_400)]
# Less than the command line waits for an answer
HeldSeconds = Annotated[int, Meta(ge=0, le=20)]
BackupId = Annotated[str, Meta(min_length=1, max_length=64)]
LineNumber = Annotated[int, Meta(ge=0, le=2**53)]
ConnectionArn = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern=r"(?a)^(?:arn:[\w-]+:(?:codestar-connections|codeconnections):[\w-]+:[0-9]{12}:connection/[\w-]+)\Z",
    ),
]


class CreatePrincipalInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`policy` is an IAM policy document as JSON text; `account` is the caller's own unless the server's root asks.

    A role has `trust` in the place of keys: who may assume it.
    """

    name: PrincipalName
    policy: Policy
    account: wire.AccountId | None = None
    role: bool = False
    trust: Trust | None = None


class CreatePrincipalOutput(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A role has no keys."""

    CONCEALED: ClassVar[frozenset[str]] = frozenset({"secret_access_key"})
    access_key_id: str | None = None
    secret_access_key: str | None = None
    arn: str


class ListPrincipalsInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    account: wire.AccountId | None = None
    max_results: wire.MaxResults | None = None
    next_token: wire.NextToken | None = None


class ListedPrincipal(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    name: str
    arn: str
    kind: Literal["user", "role"]
    created_at: float


class ListPrincipalsOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """By name. Root is none of them."""

    principals: tuple[ListedPrincipal, ...]
    next_token: wire.NextToken | None = None


class GetPrincipalInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    name: PrincipalName
    account: wire.AccountId | None = None


class PrincipalKey(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    access_key_id: str
    created_at: float


class GetPrincipalOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    name: str
    arn: str
    kind: Literal["user", "role"]
    created_at: float
    policies: tuple[str, ...]
    keys: tuple[PrincipalKey, ...]
    trust: tuple[str, ...] | None = None


class UpdatePrincipalInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What is given takes the place of what was; the rest stays."""

    name: PrincipalName
    policy: Policy | None = None
    trust: Trust | None = None
    account: wire.AccountId | None = None


class UpdatePrincipalOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class DeletePrincipalInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    name: PrincipalName
    account: wire.AccountId | None = None


class DeletePrincipalOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


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


class RotatePartnerTokenInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The token before the new one stays valid for `overlap_seconds`, an hour if nothing is said."""

    provider: wire.ActionProvider
    version: wire.Version
    overlap_seconds: OverlapSeconds | None = None


class RotatePartnerTokenOutput(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Without `previous_token_valid_until` there was no valid token."""

    CONCEALED: ClassVar[frozenset[str]] = frozenset({"client_token"})
    client_id: str
    client_token: str
    previous_token_valid_until: float | None = None


class RevokePartnerInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    provider: wire.ActionProvider
    version: wire.Version


class RevokePartnerOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    client_id: str


class ListPartnersInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    max_results: wire.MaxResults | None = None
    next_token: wire.NextToken | None = None


class ValidToken(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What may be told of a client token. One without an end is valid until another takes its place."""

    created_at: float
    valid_until: float | None = None


class LinkedPartner(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A link of the account; oldest token first, none after a revocation."""

    provider: str
    version: str
    client_id: str
    created_at: float
    tokens: tuple[ValidToken, ...]


class ListPartnersOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What the account is linked to, and behind it the partner action types that it registered itself. A page is of both."""

    links: tuple[LinkedPartner, ...]
    action_types: tuple[wire.ActionTypeIdentifier, ...]
    next_token: wire.NextToken | None = None


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


class RotateKeyInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class RotateKeyOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    key_id: str
    replaced_key_id: str


class DescribeKeysInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class SealingKey(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`sealed_count` is how many texts at rest it has sealed, `unused_since` when a search for them has found none.

    One that was replaced is needed for tokens too, until `needed_until`.
    """

    key_id: str
    since: float
    sealed_count: int
    replaced_at: float | None = None
    unused_since: float | None = None
    needed_until: float | None = None


class DescribeKeysOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """Newest first. The counts are lower bounds if counting was broken off, as it is after a while."""

    keys: tuple[SealingKey, ...]
    held_in: Literal["KeyFile", "Environment"]
    is_complete: bool


class CreateBackupInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`with_keys` asks for what opens the secrets: the sealing key, unless the environment holds it, and root's credentials."""

    with_artifacts: bool = True
    with_keys: bool = True


class CreateBackupOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Where the backup will lie. The bucket is open to root alone."""

    backup_id: str
    bucket: str
    object_key: str


class DescribeBackupInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The answer comes when the backup is made, or after `wait_seconds`."""

    backup_id: BackupId
    wait_seconds: HeldSeconds = 0


class BackupContents(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`missing_objects` counts those whose bytes the store has lost."""

    taken_at: float
    penstock_version: str
    schema: int
    pipelines: int
    executions: int
    executions_in_flight: int
    has_artifacts: bool
    objects: int
    object_bytes: int
    missing_objects: int


class BackupSecrets(Concealing, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The text of the files `credentials` and `key`."""

    CONCEALED: ClassVar[frozenset[str]] = frozenset({"credentials", "key"})
    credentials: str
    key: str | None = None


class DescribeBackupOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`size` and `sha256` (in hexadecimal) are the object's; they, `contents` and `secrets` come once it is ready."""

    backup_id: str
    status: Literal["InProgress", "Ready", "Failed"]
    reason: str | None = None
    bucket: str
    object_key: str
    size: int | None = None
    sha256: str | None = None
    contents: BackupContents | None = None
    secrets: BackupSecrets | None = None


class DeleteBackupInput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    backup_id: BackupId


class DeleteBackupOutput(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass
