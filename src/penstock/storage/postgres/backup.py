"""One moment of a PostgreSQL as rows in the form of a backup, and a database without tables that is filled with such rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from penstock.ports.backup import BACKUP_BUCKET, DatabaseFault, Row, UnlikeTable
from penstock.ports.server_secrets import BACKUP_NOTES, ROOT_KEYS, SEALING_KEYS
from penstock.storage import queries
from penstock.storage.form import FORM, columns_by_table, form_schema
from penstock.storage.migrate import migrate_postgres, unknown_migrations
from penstock.storage.postgres.connection import Connection, connect, conninfo
from penstock.storage.postgres.writer import hold_migrations

__all__ = ["PostgresFilling", "PostgresSnapshot", "check_empty"]

_SQL = queries.load("backups", "postgres")
ROWS_BATCH = 200

# What the form has and these tables have not: jobs are numbered in the order of their making, and nothing reads that hash.
_MADE_UP = {
    ("jobs", "number"): sql.SQL("row_number() OVER (ORDER BY created_at, id)"),
    ("links", "token_hash"): sql.SQL("''::bytea"),
}
# What these tables have and the form has not, and where it comes from.
_DERIVED = {("timers", "visible_at"): "due_at"}

_BUT = sql.SQL(" WHERE {} <> {}")
_LEFT_OUT = {
    "buckets": _BUT.format(sql.Identifier("name"), BACKUP_BUCKET),
    "objects": _BUT.format(sql.Identifier("bucket"), BACKUP_BUCKET),
    "uploads": _BUT.format(sql.Identifier("bucket"), BACKUP_BUCKET),
    "server_secrets": sql.SQL(" WHERE name NOT IN ({}, {}) AND NOT starts_with(name, {})").format(
        SEALING_KEYS, ROOT_KEYS, BACKUP_NOTES
    ),
}


class PostgresSnapshot:
    """What was committed when it was made, while servers go on writing. Raises DatabaseFault, as do all methods.

    As long as it is open, PostgreSQL cannot clean up what has been changed since.
    """

    dialect = FORM

    def __init__(self, url: str) -> None:
        with _told("read"):
            self._connection = _connected(url)
            self._connection.execute(_SQL["begin"])
            applied = self._connection.execute(_SQL["applied"]).fetchall()
        self.schema = form_schema()
        if unknown := unknown_migrations(dict(applied), "postgres"):
            self.close()
            raise DatabaseFault(
                f"the database has migration {unknown[-1]} of a later release: have a server of that release make the backup"
            )

    @property
    def in_flight(self) -> int:
        with _told("read"):
            count: int = self._rows(_SQL["in_flight"])[0][0]
        return count

    def tables(self) -> list[str]:
        return list(columns_by_table())

    def columns(self, table: str) -> list[str]:
        return list(columns_by_table()[table])

    def rows(self, table: str) -> Iterator[list[Row]]:
        with _told("read"):
            self._connection.execute(self._declared(table))
            while batch := self._rows(f"FETCH {ROWS_BATCH} FROM going_through"):
                yield batch
            self._connection.execute("CLOSE going_through")

    def _declared(self, table: str) -> sql.Composed:
        there = {name for name, _ in _columns(self._connection, table)}
        columns = [
            sql.Identifier(name) if name in there else _MADE_UP[(table, name)] for name in columns_by_table()[table]
        ]
        return sql.SQL("DECLARE going_through NO SCROLL CURSOR FOR SELECT {} FROM {}{}").format(
            sql.SQL(", ").join(columns), sql.Identifier(table), _LEFT_OUT.get(table, sql.SQL(""))
        )

    def _rows(self, query: str) -> list[Any]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def files(self) -> Iterator[str]:
        with _told("read"):
            return iter([file for (file,) in self._connection.execute(_SQL["files"], {"reserved": BACKUP_BUCKET})])

    def close(self) -> None:
        self._connection.close()


def check_empty(url: str) -> None:
    """Raises DatabaseFault if the database cannot be reached, or if there is anything in it."""
    with _told("reached"):
        connection = _connected(url)
    with connection:
        _check_empty(connection)


class PostgresFilling:
    """A database without tables that gets them, and all rows, in one transaction. Raises DatabaseFault, as do all methods.

    Until `commit`, nobody sees any of it, and `close` takes it back.
    """

    def __init__(self, url: str) -> None:
        with _told("filled"):
            self._connection = _connected(url)
        try:
            with _told("filled"):
                # A server that starts meanwhile waits, and then finds all of it.
                hold_migrations(self._connection)
                self._connection.execute("BEGIN")
                _check_empty(self._connection)
                migrate_postgres(self._connection, are_all_new=True)
        except BaseException:
            self.close()
            raise

    def fill(self, table: str, columns: Sequence[str], batches: Iterable[list[Row]]) -> None:
        """Add rows in today's form. Raises UnlikeTable."""
        places, take = _taken(table, columns, _columns(self._connection, table))
        names = sql.SQL(", ").join(map(sql.Identifier, places))
        copying = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        try:
            with _told("filled"), self._connection.cursor() as cursor, cursor.copy(copying) as copy:
                for batch in batches:
                    for row in batch:
                        copy.write_row(take(row))
        except (psycopg.DataError, psycopg.IntegrityError) as problem:
            raise UnlikeTable(f"a row does not fit the table {table}: {_first_line(problem)}") from None

    def keep(self, name: str, secret: str) -> None:
        """A secret of the installation's own."""
        with _told("filled"):
            self._connection.execute("INSERT INTO server_secrets (name, secret) VALUES (%s, %s)", (name, secret))

    def commit(self) -> None:
        with _told("filled"):
            # Without it, the first statements would be planned for empty tables.
            self._connection.execute("ANALYZE")
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _taken(
    table: str, columns: Sequence[str], known: list[tuple[str, str]]
) -> tuple[list[str], Callable[[Row], list[Any]]]:
    """The columns to fill, and what takes their values out of a row of the form."""
    sources = {name: _DERIVED.get((table, name), name) for name, _ in known}
    places = [name for name, source in sources.items() if source in columns]
    lost = [name for name in columns if name not in places and (table, name) not in _MADE_UP]
    if lost or not places:
        raise UnlikeTable(f"there is no table {table} with the columns {', '.join(lost or columns)}")
    positions = [columns.index(sources[name]) for name in places]
    binary = {columns.index(sources[name]) for name, kind in known if kind == "bytea" and name in places}

    def take(row: Row) -> list[Any]:
        # SQLite keeps a text in a column for bytes as a text.
        return [row[at].encode() if at in binary and isinstance(row[at], str) else row[at] for at in positions]

    return places, take


def _connected(url: str) -> Connection:
    connection = connect(conninfo(url))
    connection.execute(_SQL["patience"])
    return connection


def _check_empty(connection: Connection) -> None:
    there = [name for (name,) in connection.execute(_SQL["tables_there"])]
    if there:
        raise DatabaseFault(f"the database is not empty ({', '.join(there[:3])}): it takes an empty one")


def _columns(connection: Connection, table: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind in connection.execute(_SQL["columns"], {"table_name": table})]


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What the database says, without the lines that may hold values of rows."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError):
        raise
    except psycopg.Error as problem:
        raise DatabaseFault(f"the database cannot be {what}: {_first_line(problem)}") from None


def _first_line(problem: psycopg.Error) -> str:
    return str(problem).partition("\n")[0]
