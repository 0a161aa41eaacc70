"""Numbered files of SQL, each applied once, in order, in a transaction of its own."""

import re
import sqlite3
from importlib.resources import files

__all__ = ["SchemaTooNew", "migrate_sqlite"]

_NAME = re.compile(r"^(\d{4})_(pre|post)_[a-z0-9_]+\.sql$")


class SchemaTooNew(Exception):
    """The database was written by a later release."""


def migrate_sqlite(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date. The caller holds the lock of the file, so nobody else migrates it.

    Raises SchemaTooNew if the database has migrations that this release does not know.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    applied = {number for (number,) in connection.execute("SELECT number FROM migrations")}
    known = _migrations("sqlite")
    unknown = sorted(applied - known.keys())
    if unknown:
        raise SchemaTooNew(f"the database has migration {unknown[-1]:04}, which this release does not know")
    for number, (name, sql) in sorted(known.items()):
        if number not in applied:
            _apply(connection, number, name, sql)


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
