"""The file that a backup is: a tar archive, in this order.

    manifest.json            what it is and what it holds
    tables/NAME.gz           the rows of a table: frames of MessagePack, the names of the columns first
    objects/NAME             the bytes of objects, as they lie in the store
    SHA256SUMS               of all of the above, as the program sha256sum writes and reads them
    secrets/key, secrets/credentials                      if they are not left out
    secrets/SHA256SUMS       of those; always the last one, so a file without it was cut off

The server writes what comes before the secrets. Whoever fetches it adds the secrets, which thus never lie among the objects.
"""

import gzip
import hashlib
import io
import re
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Protocol, cast

import msgspec

from penstock.ports.backup import BackupKeys, Manifest, Row

__all__ = ["FORMAT", "Archive", "Damaged", "Member", "Target", "opened", "read_table", "write_secrets", "write_table"]

FORMAT = 1
MANIFEST, SUMS, SECRETS, SECRET_SUMS = "manifest.json", "SHA256SUMS", "secrets/", "secrets/SHA256SUMS"
TABLE = re.compile(r"tables/([a-z_]+)\.gz\Z")
OBJECT = re.compile(r"objects/([0-9a-f]{32})\Z")
SECRET = re.compile(r"secrets/(key|credentials)\Z")

PIECE_BYTES = 1 << 20
# Checksums are read as a whole: of so many objects, ten million.
TEXT_BYTES_MAX = 1 << 30
FRAME_BYTES_MAX = 1 << 30
SMALL_BYTES_MAX = 1 << 16
_LENGTH = struct.Struct(">I")

encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode


class Damaged(Exception):
    """The file is no backup, or not as it was written; the text says what is wrong."""


class Target(Protocol):
    def write(self, piece: bytes, /) -> Any: ...


# Writing


class Archive:
    """Members one after the other into a target that only ever grows; `digest` and `size` are of all that went there."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._all = hashlib.sha256()
        self._sums: list[str] = []
        self.size = 0

    @property
    def digest(self) -> str:
        return self._all.hexdigest()

    def add(self, name: str, size: int, source: IO[bytes]) -> None:
        """A member of that size. Raises EOFError if the source has less."""
        self._write(_head(name, size))
        own, left = hashlib.sha256(), size
        while left:
            piece = source.read(min(PIECE_BYTES, left))
            if not piece:
                raise EOFError(f"{name} has fewer bytes than it had a moment ago")
            left -= len(piece)
            own.update(piece)
            self._write(piece)
        self._write(bytes(-size % tarfile.BLOCKSIZE))
        self._sums.append(f"{own.hexdigest()}  {name}\n")

    def add_text(self, name: str, text: str) -> None:
        raw = text.encode()
        self.add(name, len(raw), io.BytesIO(raw))

    def add_sums(self, name: str = SUMS) -> None:
        """The checksums of all members since the last ones."""
        sums, self._sums = "".join(self._sums), []
        self.add_text(name, sums)
        self._sums = []

    def end(self) -> None:
        self._write(bytes(2 * tarfile.BLOCKSIZE))

    def _write(self, piece: bytes) -> None:
        self._target.write(piece)
        self._all.update(piece)
        self.size += len(piece)


def _head(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)


def write_secrets(archive: Archive, keys: BackupKeys | None) -> None:
    """The end of every backup, with what opens it or without."""
    if keys is not None:
        archive.add_text(f"{SECRETS}credentials", keys.credentials)
        if keys.key is not None:
            archive.add_text(f"{SECRETS}key", keys.key)
    archive.add_sums(SECRET_SUMS)
    archive.end()


def write_table(target: IO[bytes], columns: Sequence[str], batches: Iterable[list[Row]]) -> int:
    """Rows in a form of no dialect; returns how many."""
    count = 0
    # The time of writing is left out, so that the same rows make the same bytes.
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1, mtime=0, filename="") as packed:
        for frame in _frames(columns, batches):
            count += len(frame) if frame is not columns else 0
            raw = encode(frame)
            packed.write(_LENGTH.pack(len(raw)) + raw)
    return count


def _frames(columns: Sequence[str], batches: Iterable[list[Row]]) -> Iterator[Sequence[Any]]:
    yield columns
    yield from batches


# Reading


class Member:
    """One member while it is being read. `text` is for small ones."""

    def __init__(self, name: str, size: int, source: IO[bytes]) -> None:
        self.name, self.size = name, size
        self._source, self._left = source, size
        self._own = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As a file; Damaged if the archive ends before the member does."""
        wanted = self._left if size < 0 else min(size, self._left)
        try:
            piece = self._source.read(wanted)
        except tarfile.TarError as problem:
            raise Damaged(f"it is cut off within {self.name}: {problem}") from None
        if len(piece) < wanted:
            raise Damaged(f"it is cut off within {self.name}")
        self._left -= len(piece)
        self._own.update(piece)
        return piece

    def text(self, bytes_max: int = SMALL_BYTES_MAX) -> str:
        if self.size > bytes_max:
            raise Damaged(f"{self.name} is larger than any such file is")
        try:
            return self.read().decode()
        except UnicodeDecodeError:
            raise Damaged(f"{self.name} is not text") from None

    def digest(self) -> str:
        """Of the whole member, read to its end."""
        while self._left:
            self.read(PIECE_BYTES)
        return self._own.hexdigest()


class _Sums:
    """The checksums of what was read, until those that were written come by."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def note(self, member: Member) -> None:
        if member.name in self._found:
            raise Damaged(f"{member.name} is in it twice")
        self._found[member.name] = member.digest()

    def compare(self, sums: Member) -> None:
        """Raises Damaged unless these are the sums of exactly what was read since the last ones."""
        for line in sums.text(TEXT_BYTES_MAX).splitlines():
            digest, _, name = line.partition("  ")
            found = self._found.pop(name, None)
            if found != digest:
                raise Damaged(f"{name} is missing" if found is None else f"{name} is not as it was written")
        if self._found:
            raise Damaged(f"{next(iter(self._found))} was not in it when it was written")


@contextmanager
def opened(source: IO[bytes]) -> Iterator[tuple[Manifest, Iterator[Member]]]:
    """The manifest, and the members behind it, each to be read before the next one is asked for.

    Raises Damaged as soon as something is found wrong, at the latest when the last member has been asked for: until then,
    nothing that was read is sure.
    """
    try:
        archive = tarfile.open(fileobj=source, mode="r|", bufsize=PIECE_BYTES)  # noqa: SIM115 - closed below
    except tarfile.TarError:
        raise Damaged("it is no backup of penstock") from None
    with archive:
        sums, members = _Sums(), _members(archive)
        first = next(members, None)
        if first is None or first.name != MANIFEST:
            raise Damaged("it is no backup of penstock")
        manifest = _manifest(first.text())
        sums.note(first)
        yield manifest, _checked(members, sums)


def _manifest(text: str) -> Manifest:
    try:
        number = msgspec.json.decode(text).get("format")
        if isinstance(number, int) and number > FORMAT:
            raise Damaged(f"it has format {number}, and this release knows formats up to {FORMAT}: take a later one")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, AttributeError) as problem:
        raise Damaged(f"its manifest cannot be read: {problem}") from None


def _members(archive: tarfile.TarFile) -> Iterator[Member]:
    while True:
        try:
            head = archive.next()
        except tarfile.TarError as problem:
            raise Damaged(f"it cannot be read on: {problem}") from None
        if head is None:
            return
        source = archive.extractfile(head) if head.isreg() else None
        if source is None:
            raise Damaged(f"{head.name} is no file")
        yield Member(head.name, head.size, source)
        # Or it would keep a head for every object.
        cast("Any", archive).members = []


def _checked(members: Iterator[Member], sums: _Sums) -> Iterator[Member]:
    """Those that are of use; checksums are compared on the way, and the order is the one that it must be."""
    for name, mine in ((SUMS, (TABLE, OBJECT)), (SECRET_SUMS, (SECRET,))):
        for member in members:
            if member.name == name:
                sums.compare(member)
                break
            if not any(pattern.match(member.name) for pattern in mine):
                raise Damaged(f"{member.name} does not belong there")
            yield member
            sums.note(member)
        else:
            raise Damaged(f"it is cut off or damaged: {name} is missing")
    if (more := next(members, None)) is not None:
        raise Damaged(f"{more.name} comes behind its end")


def read_table(member: Member) -> tuple[list[str], Iterator[list[Row]]]:
    """The columns and the rows of a table."""
    frames = _read_frames(member)
    columns = next(frames, None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        raise Damaged(f"{member.name} does not begin with the names of its columns")
    return columns, frames


def _read_frames(member: Member) -> Iterator[list[Any]]:
    try:
        with gzip.GzipFile(fileobj=cast("IO[bytes]", member), mode="rb") as packed:
            while raw := packed.read(_LENGTH.size):
                (length,) = _LENGTH.unpack(raw)
                if length > FRAME_BYTES_MAX:
                    raise Damaged(f"{member.name} is not as it was written")
                yield decode(packed.read(length), type=list[Any])
    except (OSError, EOFError, zlib.error, struct.error, msgspec.MsgspecError, ValueError) as problem:
        raise Damaged(f"{member.name} is not as it was written: {problem}") from None
