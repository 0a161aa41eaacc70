"""The door: who is calling, and may they do this? Put together from signatures, keys, sessions and policies."""

from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from penstock.auth.judge import Judge
from penstock.auth.keys import KeyCache
from penstock.auth.payload import UNSIGNED, UNSIGNED_CHUNKS_AND_TRAILER, Seed, body_check, declared_hash
from penstock.auth.proofs import Proofs
from penstock.auth.sessions import TEMPORARY_KEY_MARK, Session, Sessions
from penstock.auth.sigv4 import API, S3, STS, Claim, claimed_region, joined_headers, read_claim, verify
from penstock.ports.clock import Clock
from penstock.ports.identity import AccessKey, BodyCheck, Door, KeySource, Principal, Service, SignedRequest
from penstock.wire.errors import AccessDeniedException, UnrecognizedClientException

__all__ = ["OpenDoor", "SigningDoor", "make_door"]

_RULES = {"codepipeline": API, "sts": STS}

# Secret, principal, region.
Holder = tuple[str, Principal, str]


class SigningDoor(Judge):
    """Lets in who signs with a key that is known: a root key, a stored one, or one of a session."""

    def __init__(self, keys: KeySource, sessions: Sessions, clock: Clock, roots: Iterable[AccessKey]) -> None:
        super().__init__(sessions, clock)
        self._keys = KeyCache(keys, clock)
        self._proofs = Proofs()
        self._roots = {key.access_key_id: key for key in roots}

    async def authenticate(self, request: SignedRequest, service: Service = "codepipeline") -> tuple[Principal, str]:
        """The caller and the region of the signature, which must have been made for that service."""
        claim = read_claim(request, _RULES[service], self._clock.now())
        secret, principal, _ = await self._holder(claim)
        verify(claim, secret)
        return principal, claim.terms.region

    def recognize(self, request: SignedRequest, *, is_repeated: bool = False) -> tuple[Principal, str] | None:
        """The same for a call of the API, at once; None if the caller has to be looked up first."""
        now = self._clock.now()
        proof = self._proofs.find(request, now) if is_repeated else None
        claim = read_claim(request, API, now) if proof is None else proof.claim
        known = self._known_holder(claim)
        if known is None:
            return None
        secret, principal, _ = known
        if proof is None or proof.secret_access_key != secret:
            verify(claim, secret)
            if is_repeated:
                self._proofs.keep(request, claim, secret)
        return principal, claim.terms.region

    async def authenticate_s3(self, request: SignedRequest) -> tuple[Principal, str, BodyCheck]:
        """The same for the S3 surface, header or presigned, and the check that the body must go through.

        The region of a job's credentials is that of its job, whichever one it signs for.
        """
        claim = read_claim(request, S3, self._clock.now())
        secret, principal, region = await self._holder(claim)
        key = verify(claim, secret)
        seed = Seed(key, claim.stamp, claim.terms.scope, claim.signature)
        return principal, region, body_check(claim.payload_hash, joined_headers(request.headers), seed)

    def forget(self) -> None:
        """Look everybody up afresh."""
        self._keys.forget()

    def _known_holder(self, claim: Claim) -> Holder | None:
        """The secret, the principal and the region of a claim's access key id; None if they have to be looked up."""
        terms = claim.terms
        if terms.access_key_id.startswith(TEMPORARY_KEY_MARK) is (claim.token is None):
            raise UnrecognizedClientException
        if claim.token is None:
            key = self._roots.get(terms.access_key_id) or self._keys.known(terms.access_key_id)
            return None if key is None else (key.secret_access_key, key.principal, terms.region)
        session = self._sessions.open(claim.token, terms.access_key_id, self._clock.now())
        if session.principal is not None:
            return _held(session, session.principal, claim)
        root = self._roots.get(session.holder)
        holder = root.principal if root is not None else self._keys.known_principal(session.holder)
        return None if holder is None else _held(session, session.held_by(holder), claim)

    async def _holder(self, claim: Claim) -> Holder:
        """The same, looked up if need be; UnrecognizedClientException if there is nobody like that, or no more."""
        known = self._known_holder(claim)
        if known is not None:
            return known
        terms = claim.terms
        if claim.token is None:
            key = await self._keys.find(terms.access_key_id)
            if key is None:
                raise UnrecognizedClientException
            return key.secret_access_key, key.principal, terms.region
        session = self._sessions.open(claim.token, terms.access_key_id, self._clock.now())
        holder = await self._keys.principal(session.holder)
        if holder is None:
            raise UnrecognizedClientException
        return _held(session, session.held_by(holder), claim)


def _held(session: Session, principal: Principal, claim: Claim) -> Holder:
    return session.secret_access_key, principal, session.region if principal.kind == "job" else claim.terms.region


class OpenDoor(Judge):
    """Lets anybody in as root, as long as the request comes from this machine and not from a web page elsewhere."""

    def __init__(self, root: Principal, region: str, sessions: Sessions, clock: Clock) -> None:
        super().__init__(sessions, clock)
        self._root = root
        self._region = region

    async def authenticate(
        self,
        request: SignedRequest,
        service: Service = "codepipeline",  # noqa: ARG002 - nothing need be signed here
    ) -> tuple[Principal, str]:
        """Root, and the region that the request names, else the usual one."""
        return self.recognize(request)

    def recognize(
        self,
        request: SignedRequest,
        *,
        is_repeated: bool = False,  # noqa: ARG002 - nothing is proved here
    ) -> tuple[Principal, str]:
        """The same, at once."""
        _refuse_strangers(request)
        return self._root, claimed_region(request) or self._region

    async def authenticate_s3(self, request: SignedRequest) -> tuple[Principal, str, BodyCheck]:
        """The same; chunks of the body are unwrapped, their signatures ignored."""
        principal, region = await self.authenticate(request)
        headers = joined_headers(request.headers)
        if b"x-amz-content-sha256" in headers:
            declared = declared_hash(headers)
        else:
            # A client without credentials frames its uploads all the same, and has no place to say so but this.
            is_framed = b"aws-chunked" in headers.get(b"content-encoding", b"")
            declared = UNSIGNED_CHUNKS_AND_TRAILER if is_framed else UNSIGNED
        return principal, region, body_check(declared, headers, None)

    def forget(self) -> None:
        """Nobody is known here."""


def make_door(
    mode: Literal["sigv4", "off"],
    *,
    keys: KeySource,
    sessions: Sessions,
    clock: Clock,
    roots: list[AccessKey],
    region: str = "us-east-1",
) -> Door:
    """The door of that mode. `roots` has at least one key; an open door takes everybody for the first one's holder."""
    if mode == "off":
        return OpenDoor(roots[0].principal, region, sessions, clock)
    return SigningDoor(keys, sessions, clock, roots)


def _refuse_strangers(request: SignedRequest) -> None:
    """AccessDeniedException if a browser asks for a foreign page, or by a host name that may be a foreign one.

    Without signatures this alone keeps web pages from starting pipelines. A page may send no origin, as for an
    image; then the browser says where it came from in another way. A foreign name may resolve to this machine, and
    the browser would take all that for one site.
    """
    headers = {name: value.decode("latin-1").strip() for name, value in joined_headers(request.headers).items()}
    origin, host = headers.get(b"origin"), headers.get(b"host")
    if origin is None and headers.get(b"sec-fetch-site") == "cross-site":
        origin = "another site"
    if origin is not None and not ("//" in origin and _is_loopback(origin)):
        raise AccessDeniedException(f"Authentication is off, and requests from {origin} are refused.")
    if host is not None and not _is_loopback(f"//{host}"):
        raise AccessDeniedException(f"Authentication is off, and requests for the host {host} are refused.")


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
