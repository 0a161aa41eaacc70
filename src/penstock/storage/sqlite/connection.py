"""Opening the file, and making sure that nobody else has."""

import fcntl
import os
import sqlite3
from pathlib import Path

__all__ = ["DatabaseInUse", "FileLock", "open_reader", "open_writer"]


class DatabaseInUse(Exception):
    """Another server has this database."""


class FileLock:
    """One server a file: a lock of the operating system, which dies with its owner."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise DatabaseInUse(f"another penstock server (process {owner}) uses {database}") from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._descriptor)


def open_writer(database: Path, *, synchronous: str = "FULL") -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA cache_size = -32768")
    # A page that many commits touch is copied into the file once per checkpoint: 16 MiB of log halve that work.
    connection.execute("PRAGMA wal_autocheckpoint = 4096")
    connection.execute("PRAGMA temp_store = MEMORY")
    # SQLite builds a tree of the permitted values anew for each row that it checks, which costs as much as the row. Types
    # keep these columns right; the constraints hold in PostgreSQL and whenever a backup is restored.
    connection.execute("PRAGMA ignore_check_constraints = ON")
    database.chmod(0o600)
    return connection


def open_reader(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{database}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8192")
    return connection
