"""Signatures that were found right a moment ago, so that the same request need not be boiled down and hashed again.

Stamps are in whole seconds: all the workers of a fleet that ask for the same jobs under the same key within one second send
what is, as far as it is signed, one and the same request. Whether the key is good still is asked anew each time.

A proof stands for a request in which everything that its signature covers is equal, and no header has come or gone: one that
is not signed could otherwise be smuggled in. Only what was found right is kept, and only while its stamp is good.
"""

from collections.abc import Set as AbstractSet

from msgspec import Struct

from penstock.auth.sigv4 import API, Claim
from penstock.ports.identity import SignedRequest

__all__ = ["Proof", "Proofs"]

KEPT_MAX = 512
# Larger requests are not worth their room.
BYTES_MAX = 4096
HEADERS_MAX = 32


class Proof(Struct, frozen=True):
    """A claim that was true under that secret, and what it was made for."""

    claim: Claim
    secret_access_key: str
    method: str
    url: tuple[bytes, bytes]
    names: AbstractSet[bytes]
    values: tuple[bytes | None, ...]
    body: bytes


class Proofs:
    """Of calls of the API, the newest few."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Proof] = {}

    def find(self, request: SignedRequest, now: float) -> Proof | None:
        """The proof of an equal request, if its stamp is still good."""
        headers = request.names
        proof = self._kept.get(headers.get(b"authorization", b"")) if headers is not None else None
        if (
            headers is not None
            and proof is not None
            and request.body == proof.body
            and tuple(map(headers.get, proof.claim.terms.signed_names)) == proof.values
            and headers.keys() == proof.names
            and (request.raw_path, request.query_string) == proof.url
            and request.method == proof.method
            and abs(int(now) - proof.claim.moment) <= API.skew_seconds
        ):
            return proof
        return None

    def keep(self, request: SignedRequest, claim: Claim, secret_access_key: str) -> None:
        """Remember that the claim of this request is true under that secret."""
        headers = request.names
        # Without this header the stamp is in one that need not be signed.
        if headers is None or b"x-amz-date" not in headers or len(headers) > HEADERS_MAX:
            return
        values = tuple(map(headers.get, claim.terms.signed_names))
        if len(request.body) + sum(map(len, headers)) + sum(map(len, headers.values())) > BYTES_MAX:
            return
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[headers[b"authorization"]] = Proof(
            claim=claim,
            secret_access_key=secret_access_key,
            method=request.method,
            url=(request.raw_path, request.query_string),
            names=frozenset(headers),
            values=values,
            body=request.body,
        )
