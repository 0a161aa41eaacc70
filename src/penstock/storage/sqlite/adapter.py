"""One SQLite file: one writing connection, one reading connection, one commit at a time.

A transaction's statements run on the event loop's thread and only its COMMIT, which waits for the disk, runs on a thread of
its own. Statements cost microseconds each; on another thread every one of them would give the interpreter lock away and win
it back only after the switch interval (docs/decisions/0002). While one batch is in its flush, the loop goes on taking
requests, and the next batch gathers.

What could make an answered write vanish is checked with every commit: a flush that fails, and a file that is no longer the
one at its path. Both are StorageLost, and the server stops.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from penstock.ports.storage import StorageLost, Transaction
from penstock.storage.catalogue import Catalogue, Commit, tell_watchers
from penstock.storage.migrate import migrate_sqlite
from penstock.storage.sqlite.connection import FileLock, open_reader, open_writer
from penstock.storage.sqlite.reader import SqliteReader
from penstock.storage.sqlite.statements import reads, statements
from penstock.storage.sqlite.transaction import SqliteTransaction

__all__ = ["SqliteStorage"]

T = TypeVar("T")

# The errors of SQLite that say that the disk or the file is at fault, not the statement.
LOST = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")


class SqliteStorage:
    """Opens the file, migrates it and holds it until `close`. Raises DatabaseInUse if another server has it."""

    def __init__(self, database: Path, *, server_id: str = "", synchronous: str = "FULL") -> None:
        self._database = database
        self._server_id = server_id
        self._lock = FileLock(database)
        try:
            self.connection = open_writer(database, synchronous=synchronous)
            migrate_sqlite(self.connection)
        except BaseException:
            self._lock.release()
            raise
        self.reading = open_reader(database)
        self.reader = SqliteReader(self.reading)
        self._transaction = SqliteTransaction(self.connection, self.reader.claimable)
        # The log holds what was committed since the last checkpoint: without its name nobody would find that again.
        self._files = (database, database.with_name(database.name + "-wal"))
        self._inodes = self._look()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            result = work(self._transaction)
        except sqlite3.DatabaseError as problem:
            self._rollback()
            # Python's own complaints, of a closed connection for one, have no such name.
            if getattr(problem, "sqlite_errorname", "").startswith(LOST):
                raise StorageLost(f"the database {self._database} cannot be written: {problem}") from problem
            raise
        except BaseException:
            self._rollback()
            raise
        await asyncio.get_running_loop().run_in_executor(self._thread, self._flush)
        self._publish()
        return result

    def catalogue(self, commit: Commit) -> Catalogue:
        return Catalogue(reads(self.reading, statements("objects")), commit, tell_watchers)

    async def live_servers(self) -> list[str]:
        return [self._server_id]

    async def lead(self, duty: str, now: float, until: float) -> bool:  # noqa: ARG002 - there is nobody else
        return True

    async def check(self) -> None:
        """The process holds the file; `commit` says so once it cannot be written any more."""

    def _publish(self) -> None:
        """Let the readers know what is on disk now."""
        self.reader.claimable.commit()
        if self._transaction.has_changed_types:
            self._transaction.has_changed_types = False
            self.reader.forget_action_types()

    def _rollback(self) -> None:
        self._transaction.forget()
        self.reader.claimable.rollback()
        # After a failed write there may be nothing left to roll back, or no way to.
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def _flush(self) -> None:
        try:
            self.connection.execute("COMMIT")
            here = self._look()
        except (sqlite3.Error, OSError) as problem:
            raise StorageLost(f"the database {self._database} cannot be written: {problem}") from problem
        if here != self._inodes:
            raise StorageLost(f"the database {self._database} was replaced while in use")

    def _look(self) -> list[int]:
        return [file.stat().st_ino for file in self._files]

    async def close(self) -> None:
        """Let the last commit end, fold the log into the file, let others have it."""
        # Whoever closes last folds the log, and a connection that only reads cannot.
        self.reading.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self.connection.close)
        self._thread.shutdown()
        self._lock.release()
