"""Named statements on one connection to the file, which only this process writes: nothing need be locked."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from penstock.storage.statements import Read

__all__ = ["SqliteStatements", "reads"]


class SqliteStatements:
    """`penstock.storage.statements` says how they are used."""

    def __init__(self, connection: sqlite3.Connection, queries: Mapping[str, str]) -> None:
        self.connection = connection
        self._queries = queries

    def run(self, query: str, /, **values: Any) -> sqlite3.Cursor:
        return self.connection.execute(self._queries[query], values)

    hold = share = run

    def lock(self, what: str) -> None:
        """One transaction is open at a time."""


def reads(connection: sqlite3.Connection, queries: Mapping[str, str]) -> Read:
    """The queries of a file, to be run by their names. All rows are taken: an open statement would hold an old snapshot."""

    async def read(query: str, /, **values: Any) -> list[Any]:
        return connection.execute(queries[query], values).fetchall()

    return read
