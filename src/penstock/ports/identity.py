"""Who is calling, and what they may do: the door between HTTP and the rest."""

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from penstock.ports.artifacts import ScopedKeys

__all__ = [
    "AccessKey",
    "BodyCheck",
    "Conditions",
    "Door",
    "KeySource",
    "Pass",
    "Principal",
    "Service",
    "SignedRequest",
]

# Whose signature a door takes: one that was made for another service opens nothing here.
Service = Literal["codepipeline", "sts"]

# What policies may ask of a request, by the names of their condition keys; some keys have several values.
Conditions = Mapping[str, str | tuple[str, ...]]


class Principal(Struct, frozen=True):
    """A caller whose signature was right.

    `policies` are IAM policy documents as JSON text; root and service principals need none, everything is theirs.
    `session_policies` narrow what a session may do of that. `id` is the unique id, to which a role's session adds its own
    name, and `name` that of the user or role. `job_id` is set for the temporary credentials of one job.
    """

    arn: str
    account: str
    kind: Literal["root", "user", "role", "job", "service"]
    access_key_id: str
    policies: tuple[str, ...] = ()
    job_id: str | None = None
    id: str = ""
    name: str = ""
    session_policies: tuple[str, ...] = ()
    is_temporary: bool = False

    @property
    def identity_arn(self) -> str:
        """The ARN of whom the policies belong to: of a role's session, that of the role."""
        return f"arn:aws:iam::{self.account}:role/{self.name}" if self.kind == "role" else self.arn


class AccessKey(Struct, frozen=True):
    """A long-lived key pair as it is stored, its secret readable."""

    access_key_id: str
    secret_access_key: str
    principal: Principal

    def __repr__(self) -> str:
        return f"AccessKey({self.access_key_id!r}, ****)"


class Pass(Struct, frozen=True):
    """What a session is to be: of whom, in which region, until when (epoch seconds).

    `holder` is the unique id of a user or a role, or root's access key id. `name` and `policy` are those that the session of
    a role was given.
    """

    holder: str
    account: str
    region: str
    expires_at: float
    name: str = ""
    policy: str | None = None


class SignedRequest(Struct, frozen=True):
    """What of an HTTP request a signature covers. Header names are lower case, as ASGI gives them.

    `names` are the headers once more by name, where somebody has them so and none came twice.
    """

    method: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    names: Mapping[bytes, bytes] | None = None

    def __repr__(self) -> str:
        return f"SignedRequest({self.method!r}, {self.raw_path!r}, ****)"


class KeySource(Protocol):
    """Where long-lived keys and their principals are looked up."""

    async def find(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, or None."""

    async def principal(self, principal_id: str) -> Principal | None:
        """The user or role with that unique id, or None."""


class BodyCheck(Protocol):
    """Unwraps and checks the body of one S3 upload, piece by piece.

    Take in the wire's bytes with `feed`, which gives the payload bytes found so far; call `finish` once at the end of the
    body. Both raise ApiError if a signature, a hash or the framing is wrong. A body is good only after `finish`.
    """

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> dict[str, str]:
        """Trailing headers, lower-case names; empty where there are none."""


class Door(Protocol):
    """Authentication and authorisation, as the edges see them. Every refusal is an ApiError with AWS's own code."""

    async def authenticate(self, request: SignedRequest, service: Service = "codepipeline") -> tuple[Principal, str]:
        """The caller and the region of the signature, which must have been made for that service."""

    def recognize(self, request: SignedRequest, *, is_repeated: bool = False) -> tuple[Principal, str] | None:
        """The same for a call of the API, at once; None if that takes longer, as it does for somebody new.

        `is_repeated` says that many are likely to send the very same request, so that it pays to remember this one.
        """

    async def authenticate_s3(self, request: SignedRequest) -> tuple[Principal, str, BodyCheck]:
        """The same for the S3 surface, header or presigned, and the check that the body must go through."""

    def allow(self, principal: Principal, action: str, resource: str, context: Conditions) -> None:
        """Return if the policies allow `action` (as `codepipeline:PollForJobs`) on `resource` (an ARN), else raise.

        What is known of the caller and the time need not stand in the context.
        """

    def allow_unless_denied(self, principal: Principal, action: str, resource: str, context: Conditions) -> None:
        """The same for what somebody else has allowed: it takes an explicit deny, or a session's own policy, to raise."""

    def condition_keys(self, principal: Principal) -> frozenset[str]:
        """The condition keys that the principal's policies ask for, in lower case."""

    def issue(self, terms: Pass) -> ScopedKeys:
        """Temporary credentials for a session; they end with their time, or with the principal."""

    def forget(self) -> None:
        """Look everybody up afresh: a principal has changed. Other servers notice within five seconds."""
