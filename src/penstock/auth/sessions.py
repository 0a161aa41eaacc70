"""Temporary credentials that need no table: the session token is a sealed envelope that says it all."""

import base64
import hmac
import os

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.auth.seal import Sealer
from penstock.ports.artifacts import Location, Scope, ScopedKeys
from penstock.ports.identity import Pass, Principal
from penstock.wire.errors import ExpiredTokenException, UnrecognizedClientException

__all__ = ["TEMPORARY_KEY_MARK", "Session", "Sessions", "job_policy"]

TEMPORARY_KEY_MARK = "ASIA"
READ_ACTIONS = ("s3:GetObject", "s3:GetObjectVersion")
WRITE_ACTIONS = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
# What SDKs ask about a bucket before they read or write in it; neither tells of its objects.
BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:GetBucketVersioning")
# What S3 asks for in the name of whoever reads and writes objects that are encrypted with a key of KMS
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
THROUGH_S3 = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com*"}}
# IAM's own spelling of these characters where they stand for themselves.
PATTERN_ESCAPES = str.maketrans({"*": "${*}", "?": "${?}", "$": "${$}"})


class Session(Struct, frozen=True):
    """What a session token stands for, once it has been opened.

    That of a job or of a service says all of its principal. That of somebody else names its holder, who must be looked up:
    what became of the holder since then counts.
    """

    access_key_id: str
    secret_access_key: str
    region: str
    expires_at: float
    principal: Principal | None = None
    holder: str = ""
    name: str = ""
    policy: str | None = None

    def __repr__(self) -> str:
        return f"Session({self.access_key_id!r}, ****)"

    def held_by(self, holder: Principal) -> Principal:
        """The holder, as it comes in with this session."""
        session_policies = (self.policy,) if self.policy is not None else ()
        known = replace(holder, access_key_id=self.access_key_id, session_policies=session_policies, is_temporary=True)
        if holder.kind != "role":
            return known
        arn = f"arn:aws:sts::{holder.account}:assumed-role/{holder.name}/{self.name}"
        return replace(known, arn=arn, id=f"{holder.id}:{self.name}")


class Envelope(Struct, frozen=True, array_like=True):
    """The inside of a session token; one without a job and without a holder is a service's."""

    access_key_id: str
    account: str
    region: str
    expires_at: float
    job_id: str | None = None
    reads: tuple[tuple[str, str], ...] = ()
    writes: tuple[tuple[str, str], ...] = ()
    holder: str = ""
    name: str = ""
    policy: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


class Sessions:
    """Mints and opens temporary credentials: every server with the same key honours them, and none stores them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def mint(self, scope: Scope) -> ScopedKeys:
        """Credentials for one job's objects and nothing else."""
        return self._issue(
            Envelope(
                access_key_id=_new_access_key_id(),
                account=scope.account,
                region=scope.region,
                expires_at=scope.expires_at,
                job_id=scope.job_id,
                reads=tuple((place.bucket, place.key) for place in scope.reads),
                writes=tuple((place.bucket, place.key) for place in scope.writes),
            )
        )

    def mint_service(self, account: str, region: str, expires_at: float) -> ScopedKeys:
        """Credentials with which a built-in worker reaches what its account owns."""
        return self._issue(Envelope(_new_access_key_id(), account, region, expires_at))

    def issue(self, terms: Pass) -> ScopedKeys:
        """Credentials of a session of a principal."""
        return self._issue(
            Envelope(
                access_key_id=_new_access_key_id(),
                account=terms.account,
                region=terms.region,
                expires_at=terms.expires_at,
                holder=terms.holder,
                name=terms.name,
                policy=terms.policy,
            )
        )

    def open(self, token: str, access_key_id: str, now: float) -> Session:
        """The session of that token.

        UnrecognizedClientException if it was not made here, was changed, or belongs to another access key id;
        ExpiredTokenException from its last second on.
        """
        try:
            envelope = _decoder.decode(self._sealer.open(token, _context(access_key_id)))
        except ValueError:
            raise UnrecognizedClientException from None
        if now >= envelope.expires_at:
            raise ExpiredTokenException
        return Session(
            access_key_id=access_key_id,
            secret_access_key=self._secret(access_key_id, token),
            region=envelope.region,
            expires_at=envelope.expires_at,
            principal=None if envelope.holder else _principal(envelope),
            holder=envelope.holder,
            name=envelope.name,
            policy=envelope.policy,
        )

    def _issue(self, envelope: Envelope) -> ScopedKeys:
        text = _encoder.encode(envelope).decode()
        token = self._sealer.seal(text, _context(envelope.access_key_id))
        return ScopedKeys(
            access_key_id=envelope.access_key_id,
            secret_access_key=self._secret(envelope.access_key_id, token),
            session_token=token,
        )

    def _secret(self, access_key_id: str, token: str) -> str:
        # Derived from the key that sealed the token, which need not be the newest any more.
        secrets_key = self._sealer.subkey(b"session secrets", token)
        digest = hmac.digest(secrets_key, access_key_id.encode(), "sha256")
        return base64.b64encode(digest[:30]).decode()


def job_policy(reads: tuple[Location, ...], writes: tuple[Location, ...], *, with_keys: bool = False) -> str:
    """The IAM document for a job's objects: each is named, whatever characters its key has.

    `with_keys` adds the keys of KMS that the objects are encrypted with, through S3 alone.
    """
    buckets = sorted({place.bucket for place in (*reads, *writes)})
    statements: list[dict[str, object]] = [
        {"Effect": "Allow", "Action": actions, "Resource": resources}
        for actions, resources in (
            (READ_ACTIONS, [_arn(place) for place in reads]),
            (WRITE_ACTIONS, [_arn(place) for place in writes]),
            (BUCKET_ACTIONS, [f"arn:aws:s3:::{bucket}".translate(PATTERN_ESCAPES) for bucket in buckets]),
        )
        if resources
    ]
    if with_keys:
        statements.append({"Effect": "Allow", "Action": KEY_ACTIONS, "Resource": "*", "Condition": THROUGH_S3})
    return _encoder.encode({"Version": "2012-10-17", "Statement": statements}).decode()


def _principal(envelope: Envelope) -> Principal:
    role = f"arn:aws:sts::{envelope.account}:assumed-role"
    if envelope.job_id is None:
        arn = f"{role}/penstock-service/{envelope.access_key_id}"
        return Principal(arn, envelope.account, "service", envelope.access_key_id, is_temporary=True)
    reads = tuple(Location(*place) for place in envelope.reads)
    writes = tuple(Location(*place) for place in envelope.writes)
    return Principal(
        arn=f"{role}/penstock-job/{envelope.job_id}",
        account=envelope.account,
        kind="job",
        access_key_id=envelope.access_key_id,
        policies=(job_policy(reads, writes),),
        job_id=envelope.job_id,
        is_temporary=True,
    )


def _arn(place: Location) -> str:
    return f"arn:aws:s3:::{place.bucket}/{place.key}".translate(PATTERN_ESCAPES)


def _context(access_key_id: str) -> bytes:
    return b"session " + access_key_id.encode()


def _new_access_key_id() -> str:
    return TEMPORARY_KEY_MARK + base64.b32encode(os.urandom(10)).decode()
