"""Named statements on one connection to the file, which only this process writes: nothing need be locked."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from penstock.storage import queries
from penstock.storage.statements import Read

__all__ = ["SqliteStatements", "Statement", "reads", "statements"]

Values = Mapping[str, Any]


class Statement:
    """A statement and how its parameters are put in their order. For each that is given by its name instead, the driver would
    let go of the interpreter's lock and win it back."""

    __slots__ = ("sql", "values")

    def __init__(self, sql: str) -> None:
        self.sql, names = queries.numbered(sql)
        self.values = _in_order(names)


def _in_order(names: tuple[str, ...]) -> Callable[[Values], tuple[Any, ...]]:
    if len(names) < 2:
        return lambda values: tuple([values[name] for name in names])
    return itemgetter(*names)


def statements(*files: str) -> dict[str, Statement]:
    """Those of these files of SQL, by their names."""
    return {name: Statement(sql) for file in files for name, sql in queries.load(file).items()}


class SqliteStatements:
    """`penstock.storage.statements` says how they are used."""

    def __init__(self, connection: sqlite3.Connection, known: Mapping[str, Statement]) -> None:
        self.connection = connection
        self._known = known

    def run(self, query: str, /, **values: Any) -> sqlite3.Cursor:
        statement = self._known[query]
        return self.connection.execute(statement.sql, statement.values(values))

    def run_each(self, query: str, rows: Iterable[Values]) -> sqlite3.Cursor:
        """Run it for each row of parameters."""
        statement = self._known[query]
        return self.connection.executemany(statement.sql, map(statement.values, rows))

    hold = share = run

    def lock(self, what: str) -> None:
        """One transaction is open at a time."""


def reads(connection: sqlite3.Connection, known: Mapping[str, Statement]) -> Read:
    """The queries of a file, to be run by their names. All rows are taken: an open statement would hold an old snapshot."""

    async def read(query: str, /, **values: Any) -> list[Any]:
        statement = known[query]
        return connection.execute(statement.sql, statement.values(values)).fetchall()

    return read
