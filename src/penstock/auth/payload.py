"""The bodies of S3 uploads: what `x-amz-content-sha256` promises of them, unwrapped and checked as they stream in."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import Struct

from penstock.auth.signing import signature_of
from penstock.ports.identity import BodyCheck
from penstock.wire.errors import ApiError, InvalidSignatureException

__all__ = [
    "IncompleteBody",
    "InvalidArgument",
    "InvalidChunkSizeError",
    "InvalidRequest",
    "MalformedTrailerError",
    "MissingContentLength",
    "Seed",
    "XAmzContentSHA256Mismatch",
    "body_check",
    "declared_hash",
]

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_AND_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_AND_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER, UNSIGNED_CHUNKS_AND_TRAILER})
EMPTY_HASH = hashlib.sha256(b"").hexdigest().encode()
HEX_DIGITS = frozenset("0123456789abcdef")

CHUNK_HEADER_BYTES_MAX = 256
TRAILER_BYTES_MAX = 8192
# A size of more digits is more than S3 takes in one upload, many times over.
SIZE_DIGITS_MAX = 12


class XAmzContentSHA256Mismatch(ApiError):
    usual_message = "The provided 'x-amz-content-sha256' header does not match what was computed."


class IncompleteBody(ApiError):
    usual_message = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class InvalidChunkSizeError(ApiError):
    status: ClassVar[int] = 403
    usual_message = "A chunk of the body does not begin with its size."


class MalformedTrailerError(ApiError):
    usual_message = (
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )


class MissingContentLength(ApiError):
    status: ClassVar[int] = 411
    usual_message = "You must provide the Content-Length HTTP header."


class InvalidRequest(ApiError): ...


class InvalidArgument(ApiError): ...


class Seed(Struct, frozen=True):
    """What the signature of the first chunk builds on: the request's own."""

    signing_key: bytes
    stamp: bytes
    scope: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"Seed({self.scope!r}, ****)"


def declared_hash(headers: Mapping[bytes, bytes]) -> str:
    """The value of `x-amz-content-sha256`; InvalidRequest if there is none, InvalidArgument if it is no such value."""
    value = headers.get(b"x-amz-content-sha256")
    if value is None:
        raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    text = value.decode("latin-1").strip()
    if text != UNSIGNED and text not in STREAMING and not (len(text) == 64 and HEX_DIGITS.issuperset(text)):
        raise InvalidArgument(
            f"x-amz-content-sha256 must be {UNSIGNED}, {UNSIGNED_CHUNKS_AND_TRAILER}, {SIGNED_CHUNKS}, "
            f"{SIGNED_CHUNKS_AND_TRAILER}, or a valid sha256 value."
        )
    return text


def body_check(declared: str, headers: Mapping[bytes, bytes], seed: Seed | None) -> BodyCheck:
    """The check for a body of that declared hash. Without a seed, chunks are unwrapped and their signatures ignored.

    MissingContentLength if the body comes in chunks and does not say its decoded length.
    """
    if declared == UNSIGNED:
        return PlainBody()
    if declared not in STREAMING:
        return HashedBody(declared)
    length = headers.get(b"x-amz-decoded-content-length", b"")
    if not length.isdigit() or len(length) > 15:
        raise MissingContentLength
    trailers = headers.get(b"x-amz-trailer", b"").lower().replace(b" ", b"")
    return ChunkedBody(
        length=int(length),
        signer=ChunkSigner(seed) if seed is not None and declared != UNSIGNED_CHUNKS_AND_TRAILER else None,
        is_signed=declared != UNSIGNED_CHUNKS_AND_TRAILER,
        trailers=frozenset(trailers.split(b",")) - {b""} if declared != SIGNED_CHUNKS else None,
    )


class PlainBody:
    """A body that nothing was promised of."""

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> dict[str, str]:
        return {}


class HashedBody:
    """A body whose SHA-256 was signed."""

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._hash = hashlib.sha256()

    def feed(self, data: bytes) -> bytes:
        self._hash.update(data)
        return data

    def finish(self) -> dict[str, str]:
        if not hmac.compare_digest(self._hash.hexdigest(), self._expected):
            raise XAmzContentSHA256Mismatch
        return {}


class ChunkSigner:
    """The chain of chunk signatures: each covers its chunk and the signature before it."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._previous = seed.signature
        self._hash = hashlib.sha256()

    def update(self, data: memoryview) -> None:
        self._hash.update(data)

    def close_chunk(self, signature: bytes) -> None:
        """InvalidSignatureException unless this is the signature of what came since the last chunk."""
        self._advance(signature, b"AWS4-HMAC-SHA256-PAYLOAD", EMPTY_HASH, self._hash.hexdigest().encode())
        self._hash = hashlib.sha256()

    def close_trailer(self, signature: bytes, canonical: bytes) -> None:
        """The same for the trailing headers, one `name:value` a line."""
        self._advance(signature, b"AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(canonical).hexdigest().encode())

    def _advance(self, signature: bytes, algorithm: bytes, *hashes: bytes) -> None:
        seed = self._seed
        to_sign = b"\n".join((algorithm, seed.stamp, seed.scope, self._previous, *hashes))
        expected = signature_of(seed.signing_key, to_sign).encode()
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignatureException
        self._previous = signature


class ChunkedBody:
    """A body in chunks, each behind a line with its size and, if signed, its signature; after them trailing headers.

    ```
    10000;chunk-signature=ad80…\\r\\n <65536 bytes> \\r\\n      header, payload, payload's end
    0;chunk-signature=b6c6…\\r\\n                             header of the last chunk
    x-amz-checksum-crc32c:sOO8/Q==\\r\\n                      trailer
    x-amz-trailer-signature:d81f…\\r\\n \\r\\n                 the trailer's end
    ```

    Payload is passed on as it comes, before its chunk's signature can be known: nothing of it counts until `finish`.
    """

    def __init__(
        self, *, length: int, signer: ChunkSigner | None, is_signed: bool, trailers: frozenset[bytes] | None
    ) -> None:
        self._missing = length
        self._signer = signer
        self._is_signed = is_signed
        self._announced = trailers
        self._trailers: dict[bytes, bytes] = {}
        self._trailer_bytes = 0
        self._state: Literal["header", "payload", "trailer", "end"] = "header"
        self._chunk_left = 0
        self._signature = b""
        self._line = b""
        self._is_between = False

    def feed(self, data: bytes) -> bytes:
        """The payload in these bytes."""
        rest = memoryview(data)
        found: list[memoryview] = []
        while rest:
            if self._state == "payload":
                found.append(rest[: self._chunk_left])
                rest = self._take_payload(rest)
            else:
                rest = self._take_line(rest)
        return b"".join(found)

    def finish(self) -> dict[str, str]:
        """The trailing headers, once all that was announced has come."""
        if self._state != "end" or self._missing or self._line:
            raise IncompleteBody
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._trailers.items()}

    def _take_payload(self, rest: memoryview) -> memoryview:
        piece = rest[: self._chunk_left]
        self._chunk_left -= len(piece)
        if self._signer is not None:
            self._signer.update(piece)
        if not self._chunk_left:
            self._close_chunk()
            self._state, self._is_between = "header", True
        return rest[len(piece) :]

    def _take_line(self, rest: memoryview) -> memoryview:
        """Read up to the end of a line, and act on it once it is whole."""
        limit = (TRAILER_BYTES_MAX if self._state == "trailer" else CHUNK_HEADER_BYTES_MAX) - len(self._line)
        head = bytes(rest[: limit + 1])
        end = head.find(b"\n") + 1
        if not end and len(head) > limit:
            raise InvalidChunkSizeError if self._state == "header" else MalformedTrailerError
        self._line += head[:end] if end else head
        if not end:
            return rest[len(head) :]
        line, self._line = self._line, b""
        self._act_on(line)
        return rest[end:]

    def _act_on(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") and self._state == "header":
            raise InvalidChunkSizeError
        line = line.rstrip(b"\r\n")
        match self._state:
            case "header" if self._is_between:
                if line:
                    raise InvalidChunkSizeError("A chunk of the body is longer than it says.")
                self._is_between = False
            case "header":
                self._open_chunk(line)
            case "trailer":
                self._read_trailer(line)
            case _:
                raise IncompleteBody("The request body goes on after its last chunk.")

    def _open_chunk(self, line: bytes) -> None:
        size, _, extension = line.partition(b";")
        self._chunk_left = _size(size)
        self._missing -= self._chunk_left
        if self._missing < 0:
            raise IncompleteBody
        name, _, self._signature = extension.partition(b"=")
        if self._is_signed and name.strip() != b"chunk-signature":
            raise InvalidSignatureException("A chunk of the body comes without its signature.")
        if self._chunk_left:
            self._state = "payload"
        else:
            self._close_chunk()
            self._state = "trailer"

    def _close_chunk(self) -> None:
        if self._signer is not None:
            self._signer.close_chunk(self._signature)

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILER_BYTES_MAX:
            raise MalformedTrailerError
        if line:
            name, colon, value = line.partition(b":")
            name = name.strip().lower()
            if not colon or name in self._trailers:
                raise MalformedTrailerError
            self._trailers[name] = value.strip()
        # Some signers leave a line free between the headers and their signature.
        elif not self._is_trailer_signed or b"x-amz-trailer-signature" in self._trailers:
            self._close_trailer()

    @property
    def _is_trailer_signed(self) -> bool:
        return self._is_signed and self._announced is not None

    def _close_trailer(self) -> None:
        signature = self._trailers.pop(b"x-amz-trailer-signature", b"")
        if self._trailers.keys() != (self._announced or frozenset()):
            raise MalformedTrailerError
        if self._signer is not None and self._announced is not None:
            canonical = b"".join(b"%b:%b\n" % header for header in sorted(self._trailers.items()))
            self._signer.close_trailer(signature, canonical)
        self._state = "end"


def _size(text: bytes) -> int:
    if not 0 < len(text) <= SIZE_DIGITS_MAX or not HEX_DIGITS.issuperset(text.decode("latin-1").lower()):
        raise InvalidChunkSizeError
    return int(text, 16)
