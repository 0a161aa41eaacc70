"""The checksums of S3 uploads: what the sender said, and what the bytes are."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from penstock.http.s3.errors import S3Error
from penstock.ports.objects import Checksum, ChecksumKind

__all__ = [
    "Digests",
    "Hash",
    "Promise",
    "checksum_headers",
    "composite",
    "encoded",
    "given_checksum",
    "known_algorithm",
    "new_hash",
    "promise_of",
    "usual_kind",
]

PREFIX = "x-amz-checksum-"
NOT_ALGORITHMS = {"x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-algorithm"}
NO_VALUE = (
    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
)
ONE_ONLY = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."


class Hash(Protocol):
    def update(self, piece: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc:
    """A cyclic redundancy check in the shape of a hash."""

    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step = step
        self._width = width
        self._value = 0

    def update(self, piece: bytes, /) -> None:
        self._value = self._step(piece, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


def new_hash(algorithm: str) -> Hash:
    """A running checksum of one of S3's algorithms."""
    match algorithm:
        case "CRC32":
            return Crc(zlib.crc32, 4)
        case "SHA1":
            return hashlib.sha1(usedforsecurity=False)
        case "SHA256":
            return hashlib.sha256()
    # Loaded by the first upload that needs it: few do.
    from awscrt import checksums

    return Crc(checksums.crc32c, 4) if algorithm == "CRC32C" else Crc(checksums.crc64nvme, 8)


DIGEST_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}


def known_algorithm(name: str) -> str:
    """The algorithm in capitals."""
    if name.upper() not in DIGEST_BYTES:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    return name.upper()


class Promise(Struct, frozen=True):
    """What the sender says of a body. An algorithm without a value has its value in the trailer."""

    md5: bytes | None = None
    algorithm: str = ""
    value: str = ""


def promise_of(headers: Mapping[str, str]) -> Promise:
    """Read the promise from the headers of an upload."""
    md5 = content_md5(headers["content-md5"]) if "content-md5" in headers else None
    given = given_checksum(headers)
    trailing = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")]
    trailing = [name for name in trailing if name.startswith(PREFIX)]
    if len(trailing) + (given is not None) > 1:
        raise S3Error("InvalidRequest", ONE_ONLY)
    if given is not None:
        check_shape(*given)
        return Promise(md5, *given)
    if trailing:
        return Promise(md5, known_algorithm(trailing[0].removeprefix(PREFIX)))
    if "x-amz-sdk-checksum-algorithm" in headers:
        raise S3Error("InvalidRequest", NO_VALUE)
    return Promise(md5)


def given_checksum(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Algorithm and value of the one checksum in the headers, if there is one."""
    given = [name for name in headers if name.startswith(PREFIX) and name not in NOT_ALGORITHMS]
    if len(given) > 1:
        raise S3Error("InvalidRequest", ONE_ONLY)
    return (known_algorithm(given[0].removeprefix(PREFIX)), headers[given[0]]) if given else None


def content_md5(text: str) -> bytes:
    try:
        digest = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        digest = b""
    if len(digest) != hashlib.md5(usedforsecurity=False).digest_size:
        raise S3Error("InvalidDigest", details={"Content-MD5": text})
    return digest


def check_shape(algorithm: str, value: str) -> None:
    """A value that cannot be one of this algorithm is refused as such, not as a wrong sum."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except ValueError:
        size = -1
    if size != DIGEST_BYTES[algorithm]:
        raise S3Error("InvalidRequest", f"Value for {PREFIX}{algorithm.lower()} header is invalid.")


class Digests:
    """Takes in a body and tells its size, its MD5 and one checksum besides."""

    def __init__(self, algorithm: str = "") -> None:
        self.size = 0
        self._algorithm = algorithm
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._other = new_hash(algorithm) if algorithm else None

    def update(self, piece: bytes) -> None:
        self.size += len(piece)
        self._md5.update(piece)
        if self._other is not None:
            self._other.update(piece)

    @property
    def etag(self) -> str:
        return self._md5.hexdigest()

    @property
    def checksum(self) -> Checksum | None:
        if self._other is None:
            return None
        return Checksum(self._algorithm, encoded(self._other))

    def check(self, promise: Promise, trailers: Mapping[str, str]) -> None:
        """Raise unless the bytes are what the sender said they are."""
        if promise.md5 is not None and promise.md5 != self._md5.digest():
            raise S3Error("BadDigest", details={"CalculatedDigest": self.etag, "ExpectedDigest": promise.md5.hex()})
        if not promise.algorithm:
            return
        trailer = trailers.get(PREFIX + promise.algorithm.lower(), "").strip()
        check_shape(promise.algorithm, promise.value or trailer)
        if self.checksum is not None and self.checksum.value != (promise.value or trailer):
            raise S3Error("BadDigest", f"The {promise.algorithm} you specified did not match the calculated checksum.")


def composite(algorithm: str, checksums: list[Checksum]) -> Checksum:
    """The checksum of the parts' checksums, as S3 gives it for an object of many parts."""
    total = new_hash(algorithm)
    for checksum in checksums:
        total.update(base64.b64decode(checksum.value))
    return Checksum(algorithm, f"{encoded(total)}-{len(checksums)}", "COMPOSITE")


def encoded(running: Hash) -> str:
    """The sum so far, in base64."""
    return base64.b64encode(running.digest()).decode()


def usual_kind(algorithm: str) -> ChecksumKind:
    """The kind of checksum that a multipart upload gets unless it asks for one."""
    return "FULL_OBJECT" if algorithm in ("", "CRC64NVME") else "COMPOSITE"


def checksum_headers(checksum: Checksum | None) -> dict[str, str]:
    if checksum is None:
        return {}
    return {PREFIX + checksum.algorithm.lower(): checksum.value, "x-amz-checksum-type": checksum.kind}
