"""One moment of an SQLite file as rows of no dialect, and a new file that is filled with such rows."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from penstock.core.model import Pipeline
from penstock.ports.backup import BACKUP_BUCKET, Row, UnlikeTable
from penstock.storage import queries
from penstock.storage.form import FORM
from penstock.storage.migrate import migrate_sqlite
from penstock.storage.sqlite.aggregates import Aggregates
from penstock.storage.sqlite.connection import open_reader

__all__ = ["SqliteFilling", "SqliteSnapshot"]

SQL = queries.load("backups")
# Documents may be long: so many at a time are some MiB.
ROWS_BATCH = 200
# Where rows name a bucket, by the column that does.
_NAMES_BUCKET = {"buckets": "name", "objects": "bucket", "uploads": "bucket"}


class SqliteSnapshot:
    """What was committed when it was made, read through the log, while the server goes on writing.

    The log cannot be folded into the file as long as this is open, so it is closed as soon as the rows have been read.
    """

    dialect = FORM

    def __init__(self, database: Path) -> None:
        self._connection = open_reader(database)
        self._connection.execute(SQL["begin"])
        # The first read settles which moment it is.
        self.schema: int = self._one("schema")

    @property
    def in_flight(self) -> int:
        count: int = self._one("in_flight")
        return count

    def tables(self) -> list[str]:
        return [name for (name,) in self._connection.execute(SQL["tables"])]

    def columns(self, table: str) -> list[str]:
        return _columns(self._connection, table)

    def rows(self, table: str) -> Iterator[list[Row]]:
        column = _NAMES_BUCKET.get(table)
        but = f" WHERE {column} <> :reserved" if column is not None else ""
        names = ", ".join(_quoted(name) for name in self.columns(table))
        # The names come from the schema itself.
        sql = f"SELECT {names} FROM {_quoted(table)}{but}"  # noqa: S608
        found = self._connection.execute(sql, {"reserved": BACKUP_BUCKET})
        while batch := found.fetchmany(ROWS_BATCH):
            yield batch

    def files(self) -> Iterator[str]:
        return _files(self._connection)

    def close(self) -> None:
        self._connection.close()

    def _one(self, query: str) -> Any:
        return self._connection.execute(SQL[query]).fetchone()[0]


class SqliteFilling:
    """A file that is made anew. Nothing of it is safe on disk before `close`, since nobody has it before that."""

    dialect = FORM

    def __init__(self, database: Path, schema: int) -> None:
        self._path = database
        # Readable by the owner alone, from its first byte on.
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._connection = sqlite3.connect(database, isolation_level=None)
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "temp_store = MEMORY", "cache_size = -65536"):
            self._connection.execute(f"PRAGMA {pragma}")
        migrate_sqlite(self._connection, up_to=schema)

    def fill(self, table: str, columns: Sequence[str], batches: Iterable[list[Row]]) -> int:
        known = _columns(self._connection, table)
        if sorted(columns) != sorted(known):
            raise UnlikeTable(f"there is no table {table} with the columns {', '.join(columns)}")
        places = ", ".join("?" * len(columns))
        names = ", ".join(_quoted(name) for name in columns)
        sql = f"INSERT INTO {_quoted(table)} ({names}) VALUES ({places})"  # noqa: S608 - the names are the schema's
        self._connection.execute("BEGIN")
        try:
            count = self._connection.executemany(sql, chain.from_iterable(batches)).rowcount
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError) as problem:
            raise UnlikeTable(f"a row does not fit the table {table}: {problem}") from None
        self._connection.execute("COMMIT")
        return max(count, 0)

    def finish(self) -> None:
        migrate_sqlite(self._connection)
        self._connection.execute("PRAGMA query_only = ON")

    def files(self) -> Iterator[str]:
        return _files(self._connection)

    def sealing_keys(self) -> list[str]:
        return [key_id for (key_id,) in self._connection.execute(SQL["needed_sealing_keys"])]

    def open_pipelines(self) -> Iterator[Pipeline]:
        aggregates = Aggregates(self._connection)
        for account, pipeline_id in self._connection.execute(SQL["open_pipelines"]).fetchall():
            loaded = aggregates.load(account, pipeline_id)
            assert loaded is not None
            yield loaded.pipeline

    def close(self) -> None:
        self._connection.close()
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute(SQL["columns"], {"table_name": table})]


def _files(connection: sqlite3.Connection) -> Iterator[str]:
    return (file for (file,) in connection.execute(SQL["files"], {"reserved": BACKUP_BUCKET}))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
