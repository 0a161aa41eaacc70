"""Numbered files of SQL, each applied once, in order, in a transaction of its own.

A `pre` file leaves servers of the release before in working order; a `post` file takes away what only they needed.
"""

import re
import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["SchemaTooNew", "migrate_postgres", "migrate_sqlite", "newest_schema", "unknown_migrations"]

_NAME = re.compile(r"^(\d{4})_(pre|post)_[a-z0-9_]+\.sql$")


class SchemaTooNew(Exception):
    """The database was written by a later release."""


def newest_schema(dialect: str = "sqlite") -> int:
    """The number of the newest migration that this release knows."""
    return max(_migrations(dialect))


def unknown_migrations(applied: dict[int, str], dialect: str) -> list[str]:
    """The names of those that this release does not know, the newest last."""
    return [name for number, name in sorted(applied.items()) if number not in _migrations(dialect)]


def migrate_sqlite(connection: sqlite3.Connection, up_to: int | None = None) -> None:
    """Bring the schema up to date, or no further than to that number. The caller holds the lock of the file, so nobody else
    migrates it.

    Raises SchemaTooNew if the database has migrations that this release does not know.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    applied = {number for (number,) in connection.execute("SELECT number FROM migrations")}
    known = _migrations("sqlite")
    unknown = sorted(applied - known.keys())
    if unknown:
        raise SchemaTooNew(f"the database has migration {unknown[-1]:04}, which this release does not know")
    for number, (name, sql) in sorted(known.items()):
        if number not in applied and (up_to is None or number <= up_to):
            _apply(connection, number, name, sql)


def migrate_postgres(connection: "Connection[tuple[object, ...]]", *, are_all_new: bool) -> list[str]:
    """Bring the schema up to date. The caller holds the lock of migrations, so no other server migrates it.

    Returns the names of the `post` files that have to wait, since `are_all_new` is false: a server of an earlier release is
    still connected. Raises SchemaTooNew if a `post` file was applied that this release does not know: what that took away, this
    release may need. A `pre` file that it does not know is a later release's, beside which it goes on working.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)")
    rows = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    applied = {int(str(number)): str(name) for number, name in rows}
    known = _migrations("postgres")
    unknown = [name for number, name in applied.items() if number not in known and _is_post(name)]
    if unknown:
        raise SchemaTooNew(f"the database has migration {unknown[-1]}, which this release does not know")
    waiting = []
    for number, (name, sql) in sorted(known.items()):
        if number in applied:
            continue
        if _is_post(name) and not are_all_new:
            waiting.append(name)
            continue
        with connection.transaction():
            connection.execute(sql.encode())
            connection.execute("INSERT INTO migrations (number, name) VALUES (%s, %s)", (number, name))
    return waiting


def _is_post(name: str) -> bool:
    return name[5:].startswith("post_")


def _migrations(dialect: str) -> dict[int, tuple[str, str]]:
    found = {}
    for file in files("penstock.storage").joinpath("sql", "migrations", dialect).iterdir():
        match = _NAME.match(file.name)
        if match is not None:
            found[int(match[1])] = (file.name, file.read_text(encoding="utf-8"))
    return found


def _apply(connection: sqlite3.Connection, number: int, name: str, sql: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(sql):
            connection.execute(statement)
        connection.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (number, name))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(sql: str) -> list[str]:
    statements, pending = [], ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    assert not pending.strip() or pending.strip().startswith("--"), "a migration ends within a statement"
    return statements
