"""Temporary credentials for principals: the operations of STS that there are here. STS API: AssumeRole, GetSessionToken,
GetCallerIdentity."""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from penstock.core import limits
from penstock.operations.call import Call
from penstock.ports.identity import Conditions, Pass, Principal
from penstock.ports.principals import PrincipalRow
from penstock.wire.errors import AccessDeniedException, ApiError, ValidationException
from penstock.wire.shape import Concealing

__all__ = [
    "AssumeRoleInput",
    "AssumeRoleOutput",
    "GetCallerIdentityInput",
    "GetCallerIdentityOutput",
    "GetSessionTokenInput",
    "GetSessionTokenOutput",
    "assume_role",
    "get_caller_identity",
    "get_session_token",
]

HOUR = 3600
TOKEN_SECONDS_DEFAULT = 12 * HOUR
ROLE_SECONDS_DEFAULT = HOUR
# Of root's own tokens, and of roles that are assumed with the credentials of another.
SHORTENED_SECONDS_MAX = HOUR
POLICY_LENGTH_MAX = 2048

_ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::([0-9]{12}):role/([\w+=,.@-]{1,64})\Z", re.ASCII)

RoleArn = Annotated[str, Meta(min_length=20, max_length=2048)]
SessionName = Annotated[str, Meta(min_length=2, max_length=64, pattern=r"(?a)^(?:[\w+=,.@-]*)\Z")]
RoleSeconds = Annotated[int, Meta(ge=900, le=12 * HOUR)]
TokenSeconds = Annotated[int, Meta(ge=900, le=limits.TOKEN_SECONDS_MAX)]
SessionPolicy = Annotated[str, Meta(min_length=1)]


class MalformedPolicyDocument(ApiError): ...


class PackedPolicyTooLarge(ApiError): ...


class AssumeRoleInput(Struct, frozen=True, kw_only=True, rename="camel"):
    role_arn: RoleArn
    role_session_name: SessionName
    duration_seconds: RoleSeconds | None = None
    policy: SessionPolicy | None = None


class GetSessionTokenInput(Struct, frozen=True, kw_only=True, rename="camel"):
    duration_seconds: TokenSeconds | None = None


class GetCallerIdentityInput(Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Credentials(Concealing, frozen=True, kw_only=True, rename="pascal"):
    CONCEALED: ClassVar[frozenset[str]] = frozenset({"secret_access_key", "session_token"})
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: float


class AssumedRoleUser(Struct, frozen=True, kw_only=True, rename="pascal"):
    assumed_role_id: str
    arn: str


class AssumeRoleOutput(Struct, frozen=True, kw_only=True, rename="pascal"):
    """`packed_policy_size` is in percent of what a session's policy may have."""

    assumed_role_user: AssumedRoleUser
    credentials: Credentials
    packed_policy_size: int | None = None


class GetSessionTokenOutput(Struct, frozen=True, kw_only=True, rename="pascal"):
    credentials: Credentials


class GetCallerIdentityOutput(Struct, frozen=True, kw_only=True, rename="pascal"):
    user_id: str
    account: str
    arn: str


async def get_caller_identity(
    request: GetCallerIdentityInput,  # noqa: ARG001 - it takes nothing
    call: Call,
    conditions: Conditions,  # noqa: ARG001 - no policy is asked
) -> GetCallerIdentityOutput:
    """Who one is. Anybody may ask, whatever the policies say."""
    principal = call.principal
    return GetCallerIdentityOutput(
        user_id=principal.id or principal.access_key_id, account=principal.account, arn=principal.arn
    )


async def get_session_token(request: GetSessionTokenInput, call: Call, conditions: Conditions) -> GetSessionTokenOutput:
    """Temporary credentials of the caller itself, whose policies go on to count. It takes no permission, but can be denied."""
    caller = call.principal
    if caller.is_temporary:
        raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
    call.environment.door.allow_unless_denied(caller, "sts:GetSessionToken", "*", conditions)
    seconds = request.duration_seconds or TOKEN_SECONDS_DEFAULT
    if caller.kind == "root":
        seconds = min(seconds, SHORTENED_SECONDS_MAX)
    holder = caller.access_key_id if caller.kind == "root" else caller.id
    terms = Pass(holder, caller.account, call.region, call.now + seconds)
    return GetSessionTokenOutput(credentials=_issued(call, terms))


async def assume_role(request: AssumeRoleInput, call: Call, conditions: Conditions) -> AssumeRoleOutput:
    """Credentials of a role that trusts the caller; its policies count, narrowed by the policy of the session if it has one.

    A role that there is not is refused like one that does not trust.
    """
    row = await _role(call, request.role_arn)
    if row is None or not _may_assume(call, row, conditions):
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {request.role_arn}"
        )
    seconds = request.duration_seconds or ROLE_SECONDS_DEFAULT
    if call.principal.kind == "role" and seconds > SHORTENED_SECONDS_MAX:
        raise ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    _check_policy(call, request.policy)
    name = request.role_session_name
    credentials = _issued(call, Pass(row.id, row.account, call.region, call.now + seconds, name, request.policy))
    return AssumeRoleOutput(
        assumed_role_user=AssumedRoleUser(
            assumed_role_id=f"{row.id}:{name}", arn=f"arn:aws:sts::{row.account}:assumed-role/{row.name}/{name}"
        ),
        credentials=credentials,
        packed_policy_size=None if request.policy is None else -(-len(request.policy) * 100 // POLICY_LENGTH_MAX),
    )


async def _role(call: Call, arn: str) -> PrincipalRow | None:
    named = _ROLE_ARN.match(arn)
    if named is None:
        raise ValidationException("Request ARN is invalid")
    row = await call.reader.principals.principal(named[1], named[2])
    return row if row is not None and row.kind == "role" else None


def _may_assume(call: Call, row: PrincipalRow, conditions: Conditions) -> bool:
    """As IAM has it: both the role's trust and the caller's own policies must say yes.

    Only where the trust names a caller of the same account, and not just the account, is it enough that the caller's
    policies do not say no.
    """
    caller, door = call.principal, call.environment.door
    is_named = _is_named(row.trust, caller)
    if not is_named and not _has_trusted_account(row.trust, caller.account):
        return False
    is_enough = is_named and caller.account == row.account
    check = door.allow_unless_denied if is_enough else door.allow
    try:
        check(caller, "sts:AssumeRole", row.arn, conditions)
    except AccessDeniedException:
        return False
    return True


def _is_named(trust: Iterable[str], caller: Principal) -> bool:
    return caller.kind != "root" and not {caller.arn, caller.identity_arn}.isdisjoint(trust)


def _has_trusted_account(trust: Iterable[str], account: str) -> bool:
    return not {account, f"arn:aws:iam::{account}:root"}.isdisjoint(trust)


def _check_policy(call: Call, policy: str | None) -> None:
    if policy is None:
        return
    if len(policy) > POLICY_LENGTH_MAX:
        raise PackedPolicyTooLarge(
            f"The policy of a session has {POLICY_LENGTH_MAX} characters at most, and this one {len(policy)}"
        )
    try:
        call.environment.check_policy(policy)
    except ValueError as problem:
        raise MalformedPolicyDocument(f"The policy is not a valid IAM policy document: {problem}") from None


def _issued(call: Call, terms: Pass) -> Credentials:
    keys = call.environment.door.issue(terms)
    return Credentials(
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
        expiration=terms.expires_at,
    )
