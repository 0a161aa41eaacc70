"""The process beside the server that writes a backup's archive.

It is a process of its own because going through many rows would hold the interpreter lock, which the server needs for its
answers. It reads the database as any reader does, and knows no secret: those are added by whoever fetches the archive.

    order on standard input ─► rows ─► manifest ─► objects ─► the archive as a file of the store ─► Written on standard output

What an operator can do something about is a line on standard error and exit code TOLD. Whatever goes wrong leaves no file.
"""

import errno
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from penstock import __version__
from penstock.artifacts.files import LocalFiles, NewFile
from penstock.ports.backup import DatabaseFault, Manifest, Row, Snapshot
from penstock.server.archive import FORMAT, MANIFEST, Archive, write_table
from penstock.server.settings import is_postgres
from penstock.storage.sqlite.backup import SqliteSnapshot

__all__ = ["TOLD", "Order", "Written"]

# Not one of those that an interpreter ends with by itself.
TOLD = 3

# What is left to the server on its disk, whatever the backup takes.
RESERVED_BYTES = 64 << 20
LOOK_EVERY_BYTES = 16 << 20
LOOK_EVERY_BATCHES = 20
# Whoever waits for an answer comes first.
NICENESS = 10


class Order(Struct, frozen=True):
    """What to back up. `database` is a path, or the address of a PostgreSQL; `taken_at` is the server's time."""

    database: str
    artifacts: str
    with_artifacts: bool
    account: str
    region: str
    taken_at: float

    def __repr__(self) -> str:
        # The address may hold a password.
        return f"Order(artifacts={self.artifacts!r}, taken_at={self.taken_at!r})"


class Written(Struct, frozen=True):
    """The archive, as a file of the object store that no row names yet."""

    file: str
    size: int
    sha256: str
    md5: str
    manifest: Manifest


class NoRoom(Exception):
    """The disk is too small; the text says by how much."""


class Orphaned(Exception):
    """The server is gone, and nobody waits for the archive."""


class _Table(Struct, frozen=True):
    name: str
    rows: int
    file: IO[bytes]


class _Watched:
    """A new file, written to only while there is room on its disk and somebody who waits for it."""

    def __init__(self, writing: NewFile, folder: Path) -> None:
        self._writing = writing
        self._folder = folder
        self._parent = os.getppid()
        self._unwatched = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    def write(self, piece: bytes) -> None:
        self._unwatched += len(piece)
        if self._unwatched >= LOOK_EVERY_BYTES:
            self.look()
        self._md5.update(piece)
        self._writing.write(piece)

    def look(self) -> None:
        """Raises NoRoom or Orphaned if there is no point in going on."""
        self._unwatched = 0
        check_room(self._folder, 0)
        if os.getppid() != self._parent:
            raise Orphaned


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raises NoRoom unless the folder's disk has that much to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + RESERVED_BYTES:
        raise NoRoom(
            f"there is no room for it where the artifacts are: it takes {_mebibytes(needed_bytes)} beside the "
            f"{_mebibytes(RESERVED_BYTES)} that are left to the server, and {_mebibytes(free)} are free in {folder}"
        )


def _mebibytes(size: int) -> str:
    return f"{-(-size >> 20)} MiB"


def write_archive(order: Order) -> Written:
    """All of it. Raises NoRoom, OSError, sqlite3.Error or DatabaseFault, and has left nothing then."""
    root = Path(order.artifacts)
    files = LocalFiles(root)
    with ExitStack() as stack:
        with closing(_snapshot(order.database)) as snapshot:
            tables = [_dump(snapshot, name, root, stack) for name in snapshot.tables()]
            named = sorted(snapshot.files()) if order.with_artifacts else []
            schema, in_flight, dialect = snapshot.schema, snapshot.in_flight, snapshot.dialect
        sizes = dict(_sizes(files, named))
        manifest = Manifest(
            format=FORMAT,
            penstock=__version__,
            dialect=dialect,
            schema=schema,
            taken_at=order.taken_at,
            account=order.account,
            region=order.region,
            rows={table.name: table.rows for table in tables},
            in_flight=in_flight,
            has_artifacts=order.with_artifacts,
            objects=len(sizes),
            object_bytes=sum(sizes.values()),
            missing=tuple(name for name in named if name not in sizes),
        )
        check_room(files.folder, sum(sizes.values()) + sum(table.file.tell() for table in tables))
        return _assembled(files, manifest, tables, sizes)


def _snapshot(database: str) -> Snapshot:
    if not is_postgres(database):
        return SqliteSnapshot(Path(database))
    from penstock.storage.postgres.backup import PostgresSnapshot

    return PostgresSnapshot(database)


def _dump(snapshot: Snapshot, name: str, folder: Path, stack: ExitStack) -> _Table:
    """A table's rows in a file without a name, which is gone with the process."""
    file = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - the stack closes it
    return _Table(name, write_table(file, snapshot.columns(name), _careful(snapshot.rows(name), folder)), file)


def _careful(batches: Iterator[list[Row]], folder: Path) -> Iterator[list[Row]]:
    """The same batches, as long as there is room for them."""
    for number, batch in enumerate(batches):
        if number % LOOK_EVERY_BATCHES == 0:
            check_room(folder, 0)
        yield batch


def _sizes(files: LocalFiles, named: list[str]) -> Iterator[tuple[str, int]]:
    """The sizes of those that are there. They stay as they are: files never change, and the server holds them."""
    for name in named:
        try:
            with files.open(name) as file:
                yield name, os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            continue


def _assembled(files: LocalFiles, manifest: Manifest, tables: list[_Table], sizes: dict[str, int]) -> Written:
    writing = files.begin()
    try:
        target = _Watched(writing, files.folder)
        archive = Archive(target)
        archive.add_text(MANIFEST, msgspec.json.encode(manifest).decode())
        for table in tables:
            size = table.file.tell()
            table.file.seek(0)
            archive.add(f"tables/{table.name}.gz", size, table.file)
        for name, size in sizes.items():
            with files.open(name) as source:
                archive.add(f"objects/{name}", size, source)
        archive.add_sums()
        target.look()
        return Written(writing.keep(), archive.size, archive.digest, target.md5, manifest)
    except BaseException:
        writing.drop()
        raise


def main() -> int:
    """Write one archive. To be told to end is to end without it; a Ctrl-C is for the server, which then says so."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        written = write_archive(order)
    except Orphaned:
        return 1
    except (NoRoom, DatabaseFault) as problem:
        return _complain(str(problem))
    except sqlite3.Error as problem:
        return _complain(f"the database {order.database} cannot be read: {problem}")
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        where = f"{problem.filename}: " if problem.filename is not None else f"{order.artifacts}: " if full else ""
        return _complain(f"{where}{(problem.strerror or str(problem)).lower()}")
    sys.stdout.buffer.write(msgspec.json.encode(written))
    return 0


def _complain(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return TOLD


if __name__ == "__main__":
    sys.exit(main())
