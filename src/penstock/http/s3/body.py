"""Request bodies: unwrapped and checked piece by piece, on their way to a file or, if small, to memory.

Hashing, decoding and writing are done in a thread, one hop for a quarter of a MiB or so; meanwhile the client is held
back, so a body costs about that much memory, whatever its size. Bytes become a named file only after the last check.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

from msgspec import Struct

from penstock.http.s3.call import Receive, S3Call
from penstock.http.s3.checksums import Digests, Promise, promise_of
from penstock.http.s3.documents import Node, NotWellFormed, parse
from penstock.http.s3.errors import S3Error
from penstock.ports.identity import BodyCheck
from penstock.ports.objects import Checksum, ObjectFiles

__all__ = ["Disconnected", "StoredBody", "pieces", "read_document", "receive_file"]

PIECE_BYTES = 1 << 18
# "a single PUT operation up to 5 GB": Amazon S3 user guide, Uploading objects.
UPLOAD_BYTES_MAX = 5 << 30
SIZE_DIGITS_MAX = 20
DOCUMENT_BYTES_MAX = 1 << 20
# A thousand objects to delete are the longest list, each with its key and five things that may be said of it.
ELEMENTS_MAX = 10_000
# To read a document that is longer would keep all others waiting.
SHORT_BYTES_MAX = 16 * 1024


class Disconnected(Exception):
    """The client went away before its body was complete: there is nobody to answer."""


class StoredBody(Struct, frozen=True):
    """A body that passed all its checks, in a file that no row names yet."""

    file: str
    size: int
    etag: str
    checksum: Checksum | None


class Intake:
    """One body on its way into a new file. Methods block: call them in a thread."""

    def __init__(self, files: ObjectFiles, check: BodyCheck, promise: Promise, algorithm: str) -> None:
        self._check = check
        self._promise = promise
        self._digests = Digests(promise.algorithm or algorithm)
        self._writing = files.begin()

    def take(self, wire: bytes) -> None:
        payload = self._check.feed(wire)
        self._digests.update(payload)
        if self._digests.size > UPLOAD_BYTES_MAX:
            raise too_large(self._digests.size)
        self._writing.write(payload)

    def finish(self) -> StoredBody:
        """The file, kept, if the bytes are those that were promised and signed."""
        self._digests.check(self._promise, self._check.finish())
        file = self._writing.keep()
        return StoredBody(file, self._digests.size, self._digests.etag, self._digests.checksum)

    def drop(self) -> None:
        self._writing.drop()


async def receive_file(call: S3Call, algorithm: str = "") -> StoredBody:
    """Take the body in. `algorithm` is the checksum to work out if the sender gives none."""
    headers = call.request.headers
    promise = promise_of(headers)
    if announced_size(headers) > UPLOAD_BYTES_MAX:
        raise too_large(announced_size(headers))
    intake = await asyncio.to_thread(Intake, call.files, call.body_check, promise, algorithm)
    try:
        async for piece in pieces(call.receive):
            await asyncio.to_thread(intake.take, piece)
        return await asyncio.to_thread(intake.finish)
    except BaseException:
        await asyncio.to_thread(intake.drop)
        raise


async def read_document(
    call: S3Call,
    *,
    bytes_max: int = DOCUMENT_BYTES_MAX,
    elements_max: int = ELEMENTS_MAX,
    promise: Promise | None = None,
) -> Node | None:
    """The XML of a small body, or None if it is empty. The checksum is that of the headers unless one is given."""
    promise = promise or promise_of(call.request.headers)
    digests = Digests(promise.algorithm)
    payload = bytearray()
    async for piece in pieces(call.receive):
        payload += call.body_check.feed(piece)
        if len(payload) > bytes_max:
            raise S3Error("MaxMessageLengthExceeded", details={"MaxMessageLengthBytes": str(bytes_max)})
    digests.update(bytes(payload))
    digests.check(promise, call.body_check.finish())
    if not payload.strip():
        return None
    try:
        if len(payload) > SHORT_BYTES_MAX:
            return await asyncio.to_thread(parse, bytes(payload), elements_max)
        return parse(bytes(payload), elements_max)
    except NotWellFormed:
        raise S3Error("MalformedXML") from None


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes, gathered to pieces worth a hop to a thread."""
    gathered: list[bytes] = []
    size = 0
    is_open = True
    while is_open:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        gathered.append(message.get("body", b""))
        size += len(gathered[-1])
        is_open = message.get("more_body", False)
        if size >= PIECE_BYTES or (size and not is_open):
            yield b"".join(gathered)
            gathered, size = [], 0


def announced_size(headers: Mapping[str, str]) -> int:
    """The size that the headers announce, 0 if none: in chunks, that of what is left when they are unwrapped."""
    text = headers.get("x-amz-decoded-content-length") or headers.get("content-length", "")
    # The first digits tell that it is too much, whatever comes behind them.
    return int(text[:SIZE_DIGITS_MAX]) if text.isascii() and text.isdigit() else 0


def too_large(size: int) -> S3Error:
    return S3Error("EntityTooLarge", details={"ProposedSize": str(size), "MaxSizeAllowed": str(UPLOAD_BYTES_MAX)})
