"""Who is calling, and what they may do: the door between HTTP and the rest."""

from typing import Literal, Protocol

from msgspec import Struct

__all__ = ["AccessKey", "BodyCheck", "Door", "KeySource", "Principal", "SignedRequest"]


class Principal(Struct, frozen=True):
    """A caller whose signature was right.

    `policies` are IAM policy documents as JSON text; root and service principals need none, everything is theirs.
    `job_id` is set for the temporary credentials of one job.
    """

    arn: str
    account: str
    kind: Literal["root", "user", "job", "service"]
    access_key_id: str
    policies: tuple[str, ...] = ()
    job_id: str | None = None


class AccessKey(Struct, frozen=True):
    """A long-lived key pair as it is stored, its secret readable."""

    access_key_id: str
    secret_access_key: str
    principal: Principal

    def __repr__(self) -> str:
        return f"AccessKey({self.access_key_id!r}, ****)"


class SignedRequest(Struct, frozen=True):
    """What of an HTTP request a signature covers. Header names are lower case, as ASGI gives them."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


class KeySource(Protocol):
    """Where long-lived keys are looked up."""

    async def find(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, or None."""


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

    async def authenticate(self, request: SignedRequest) -> tuple[Principal, str]:
        """The caller and the region of the signature, for the JSON and query forms of the API."""

    async def authenticate_s3(self, request: SignedRequest) -> tuple[Principal, str, BodyCheck]:
        """The same for the S3 surface, header or presigned, and the check that the body must go through."""

    def allow(self, principal: Principal, action: str, resource: str, context: dict[str, str]) -> None:
        """Return if the policies allow `action` (as `codepipeline:PollForJobs`) on `resource` (an ARN), else raise."""
