"""The types of the operations that penstock offers beside the service's 44: what its command line needs of a server."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from penstock.wire import types as wire
from penstock.wire.shape import Concealing

__all__ = [
    "CreatePrincipalInput",
    "CreatePrincipalOutput",
    "GetActionLogInput",
    "GetActionLogOutput",
    "LinkPartnerInput",
    "LinkPartnerOutput",
    "LogText",
    "PutJobLogInput",
    "PutJobLogOutput",
    "RegisterPartnerActionTypeInput",
    "RegisterPartnerActionTypeOutput",
]

PrincipalName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^(?:[\w+=,.@-]+)\Z")]
Policy = Annotated[str, Meta(min_length=1, max_length=131_072)]
LogText = Annotated[str, Meta(min_length=1, max_length=262_144)]
LineNumber = Annotated[int, Meta(ge=0, le=2**53)]


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
