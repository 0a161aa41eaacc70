"""Rows of the embedded object store in SQLite."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from penstock.ports.objects import ObjectRow
from penstock.storage import catalogue, queries
from penstock.storage.catalogue import Catalogue
from penstock.storage.sqlite.statements import SqliteStatements, reads
from penstock.storage.statements import Statements

__all__ = ["Commit", "OnPut", "SqliteObjects", "tell_watchers"]

T = TypeVar("T")
OnPut = Callable[[sqlite3.Connection, ObjectRow], None]

SQL = queries.load("objects")
PIPELINES = queries.load("pipelines")


class Commit(Protocol):
    """Runs a function inside a transaction; what it gives or raises comes back once that is on disk."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]: ...


class SqliteObjects(Catalogue):
    """The catalogue of one SQLite file. Reads go straight to a read-only connection."""

    def __init__(self, reader: sqlite3.Connection, commit: Commit, on_put: OnPut | None = None) -> None:
        def committed(work: Callable[[Statements], T]) -> Awaitable[T]:
            return commit(lambda connection: work(SqliteStatements(connection, SQL)))

        def told(statements: Statements, row: ObjectRow) -> None:
            assert isinstance(statements, SqliteStatements)
            assert on_put is not None
            on_put(statements.connection, row)

        super().__init__(reads(reader, SQL), committed, told if on_put is not None else None)


def tell_watchers(connection: sqlite3.Connection, row: ObjectRow) -> None:
    catalogue.tell_watchers(SqliteStatements(connection, PIPELINES), row)
