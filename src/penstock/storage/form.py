"""The form that rows have in a backup, whichever database they come from: that of SQLite's tables.

A database of another kind leaves out what it alone has, and makes up what it lacks. So there is one form, one row of numbers of
schemas, and a backup fills a database of any kind.
"""

import sqlite3
from contextlib import closing
from functools import cache

from penstock.storage import queries
from penstock.storage.migrate import migrate_sqlite, newest_schema

__all__ = ["FORM", "columns_by_table", "form_schema"]

FORM = "sqlite"
_SQL = queries.load("backups")


@cache
def columns_by_table() -> dict[str, tuple[str, ...]]:
    """Today's tables, in the order of their names, and their columns."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate_sqlite(connection)
        tables = [name for (name,) in connection.execute(_SQL["tables"])]
        return {table: _columns(connection, table) for table in tables}


def _columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(name for (name,) in connection.execute(_SQL["columns"], {"table_name": table}))


def form_schema() -> int:
    """The number by which a backup knows that form."""
    return newest_schema("sqlite")
