"""The one connection that a server writes over: opening it, and opening it again when it is lost.

Each is introduced to the database before it is used, under a lock that lets one server in at a time: the schema is brought up
to date, and a lock of its own that lasts as long as the connection shows the others which release is here. So `post` files
wait until the last server of an earlier release has gone.
"""

import logging
import time

import psycopg

from penstock.storage.migrate import migrate_postgres, newest_schema
from penstock.storage.postgres.connection import WRITING, Connection, connect
from penstock.storage.postgres.session import Session

__all__ = ["Writer", "hold_migrations"]

log = logging.getLogger("penstock.storage")

# The first half of the keys of all advisory locks that servers hold; of the second, 0 is for migrating, a migration's number
# for being a release that knows it.
LOCKS = 0x70656E73
FORGOTTEN_AFTER_DAYS = 30

_LOCK = "SELECT pg_advisory_lock(%s::int, 0)"
_UNLOCK = "SELECT pg_advisory_unlock(%s::int, 0)"
_BE_KNOWN = "SELECT pg_advisory_lock_shared(%s::int, %s::int)"
_ARE_ALL_NEW = """
SELECT NOT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint = %s AND objid::bigint > 0 AND objid::bigint < %s
)
"""
_LEAVE = ("DELETE FROM leaders WHERE server = %s", "DELETE FROM committed WHERE server = %s")
_FORGET = "DELETE FROM committed WHERE at < now() - make_interval(days => %s::int)"
# A lock of this server's own: as long as it is held, the server lives.
_LIVE = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
# Only of a transaction that has written something: the others need no flush.
_MARK = """
INSERT INTO committed (server, number, at)
SELECT %(server)s::text, %(number)s, now() WHERE %(always)s = 1 OR pg_current_xact_id_if_assigned() IS NOT NULL
ON CONFLICT (server) DO UPDATE SET number = excluded.number, at = excluded.at
"""
# The row is locked by whoever is still about to commit: so the answer is final.
_MARKED = "SELECT number FROM committed WHERE server = %s FOR UPDATE"


class Writer:
    """`open` it before use; `drop` it when it has failed, and open it again."""

    def __init__(self, address: str, server_id: str) -> None:
        self._address = address
        self._server = server_id
        self._connection: Connection | None = None
        self._number = 0
        self.clock_ahead_seconds = 0.0

    def open(self) -> Session:
        """Connect, and be introduced. Raises psycopg.Error or SchemaTooNew."""
        connection = connect(self._address)
        try:
            hold_migrations(connection)
            self._introduce(connection)
            connection.execute(_UNLOCK, (LOCKS,))
            connection.execute(WRITING)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return Session(connection)

    def _introduce(self, connection: Connection) -> None:
        newest = newest_schema("postgres")
        are_all_new = connection.execute(_ARE_ALL_NEW, (LOCKS, newest)).fetchone() == (True,)
        waiting = migrate_postgres(connection, are_all_new=are_all_new)
        if waiting:
            log.info("a server of an earlier release is connected; these migrations wait for its end: %s", waiting)
        connection.execute(_BE_KNOWN, (LOCKS, newest))
        connection.execute(_MARK, {"server": self._server, "number": self._number, "always": True})
        connection.execute(_FORGET, (FORGOTTEN_AFTER_DAYS,))
        connection.execute(_LIVE, (self._server,))
        self.clock_ahead_seconds = _ahead(connection)

    def commit(self, session: Session) -> None:
        """Commit, leaving a mark by which `has_landed` knows whether it took effect."""
        self._number += 1
        session.commit(_MARK, {"server": self._server, "number": self._number, "always": False})

    def has_landed(self) -> bool:
        """Whether the last commit took effect, asked over a new connection. Raises psycopg.Error."""
        with connect(self._address) as connection:
            connection.execute("SET lock_timeout = '2s'")
            row = connection.execute(_MARKED, (self._server,)).fetchone()
        return row is not None and row[0] == self._number

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._connection is not None:
            try:
                for leave in _LEAVE:
                    self._connection.execute(leave, (self._server,))
            except psycopg.Error as problem:
                log.info("the database did not hear that this server is leaving: %s", problem)
        self.drop()


def hold_migrations(connection: Connection) -> None:
    """Wait until nobody else changes the schema; from then on nobody does before this connection lets go or ends."""
    connection.execute("SET lock_timeout = '120s'")
    connection.execute(_LOCK, (LOCKS,))


def _ahead(connection: Connection) -> float:
    """How far the database's clock is ahead of this machine's."""
    asked_at = time.time()
    ((now,),) = connection.execute(_NOW).fetchall()
    return float(now) - (asked_at + time.time()) / 2
