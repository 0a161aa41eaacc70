"""PostgreSQL under any number of servers: each writes over one connection, one commit at a time, and reads over a pool.

A transaction runs on a thread of its own, since each of its statements waits for the network: `work` and COMMIT, and then the
loop hears of it. What happens on each failure:

- Another server was in the way (a deadlock, a row that it added first): rolled back, and `work` runs again.
- The connection is lost before COMMIT was sent: nothing was written, and `work` runs again over a new connection.
- It is lost within COMMIT: the database is asked whether the commit took effect, and only if it did not, `work` runs again.
- The database does not come back within a few seconds: ServiceUnavailable. Nobody waits for long, and the server goes on once
  the database is back.
- It does not come back for minutes: StorageLost, and the server stops.

So `work` may run more than once, and must leave nothing behind but what it writes.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar
from uuid import uuid4

import psycopg

from penstock.ports.storage import Conflict, StorageLost, Transaction
from penstock.storage import queries
from penstock.storage.catalogue import Catalogue, Commit, tell_watchers
from penstock.storage.migrate import SchemaTooNew
from penstock.storage.postgres.connection import away, conninfo
from penstock.storage.postgres.pool import Pool
from penstock.storage.postgres.reader import PostgresReader
from penstock.storage.postgres.session import Lost, Restart, Session
from penstock.storage.postgres.transaction import PostgresTransaction
from penstock.storage.postgres.writer import Writer
from penstock.wire.errors import ServiceUnavailable

__all__ = ["PostgresStorage"]

T = TypeVar("T")
log = logging.getLogger("penstock.storage")

_SERVERS = queries.load("servers", "postgres")
TRIES_MAX = 5
PATIENCE_SECONDS = 5.0
# Who asks whether the database is there wants to know, and not to wait for it.
CHECK_SECONDS_MAX = 1.0
LOST_AFTER_SECONDS = 300.0
_PAUSE_SECONDS = 0.1


class PostgresStorage:
    """Connects at once and brings the schema up to date. Raises ServiceUnavailable, SchemaTooNew, or ValueError if the address
    is none.

    `server_id` is what this server is known by among those that share the database. Reads and commits wait
    `patience_seconds` for a database that is away; one that stays away for `lost_after_seconds` is lost.
    """

    def __init__(
        self,
        url: str,
        *,
        server_id: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        lost_after_seconds: float = LOST_AFTER_SECONDS,
    ) -> None:
        address = conninfo(url)
        self._server_id = server_id or str(uuid4())
        self._patience_seconds = patience_seconds
        self._lost_after_seconds = lost_after_seconds
        self._away_since: float | None = None
        self._writer = Writer(address, self._server_id)
        self.pool = Pool(address, patience_seconds)
        self.reader = PostgresReader(self.pool)
        try:
            self._opened: _Opened | None = self._open()
        except psycopg.OperationalError as problem:
            raise ServiceUnavailable(f"the database cannot be reached: {problem}") from problem
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-commit")

    @property
    def clock_ahead_seconds(self) -> float:
        """How far the database's clock is ahead of this machine's, as it was measured when the connection was made."""
        return self._writer.clock_ahead_seconds

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, work)

    def catalogue(self, commit: Commit) -> Catalogue:
        return Catalogue(self.pool.reads(queries.load("objects", "postgres")), commit, tell_watchers)

    async def live_servers(self) -> list[str]:
        return [server for (server,) in await self.pool.rows(_SERVERS["live_servers"], {})]

    async def lead(self, duty: str, now: float, until: float) -> bool:
        values = {"duty": duty, "server": self._server_id, "now": now, "until": until}
        return bool(await self.pool.write(_SERVERS["lead"], values))

    async def check(self) -> None:
        try:
            await asyncio.wait_for(self.pool.rows("SELECT 1", {}), CHECK_SECONDS_MAX)
        except TimeoutError as problem:
            raise away() from problem

    def _commit(self, work: Callable[[Transaction], T]) -> T:
        give_up_at = time.monotonic() + self._patience_seconds
        tries = 0
        while True:
            opened = self._opened or self._come_back(give_up_at)
            tries += 1
            try:
                return self._try(opened, work, is_last=tries >= TRIES_MAX)
            except Restart as reason:
                self._undo(opened)
                log.info("another server was in the way, the transaction begins again: %s", _first_line(reason))
                if tries >= TRIES_MAX:
                    raise Conflict(_first_line(reason)) from reason.__cause__
            except Lost as reason:
                log.warning("the connection to the database is lost: %s", _first_line(reason))
                self._lose()
            except BaseException:
                self._undo(opened)
                raise

    def _try(self, opened: "_Opened", work: Callable[[Transaction], T], *, is_last: bool) -> T:
        opened.transaction.begin(is_last_try=is_last)
        result = work(opened.transaction)
        try:
            self._writer.commit(opened.session)
        except Lost:
            self._lose()
            if not self._has_landed():
                raise
        opened.transaction.keep()
        if opened.transaction.has_changed_types:
            opened.transaction.has_changed_types = False
            self.reader.forget_action_types()
        return result

    def _undo(self, opened: "_Opened") -> None:
        try:
            opened.session.rollback()
        except psycopg.Error:
            self._lose()

    def _lose(self) -> None:
        self._opened = None
        self._writer.drop()

    def _has_landed(self) -> bool:
        """Whether the commit in which the connection was lost took effect; nobody knows while the database is away."""
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            try:
                return self._writer.has_landed()
            except psycopg.Error as problem:
                self._wait(problem, give_up_at)

    def _come_back(self, give_up_at: float) -> "_Opened":
        while True:
            try:
                self._opened = self._open()
            except SchemaTooNew as problem:
                raise StorageLost(str(problem)) from problem
            except psycopg.Error as problem:
                self._wait(problem, give_up_at)
            else:
                self._away_since = None
                return self._opened

    def _open(self) -> "_Opened":
        session = self._writer.open()
        return _Opened(session, PostgresTransaction(session, self.reader.claimable))

    def _wait(self, problem: psycopg.Error, give_up_at: float) -> None:
        """Pause before the next try. Raises ServiceUnavailable when the patience is over, StorageLost when all hope is."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since >= self._lost_after_seconds:
            raise StorageLost(
                f"the database has been away for {now - self._away_since:.0f} seconds: {problem}"
            ) from problem
        # While it is known to be away nobody waits, but each looks once.
        if now >= min(give_up_at, self._away_since + self._patience_seconds):
            raise away() from problem
        time.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Let the last commit end, and leave."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()
        await self.pool.close()


def _first_line(reason: BaseException) -> str:
    """What the database says; the lines behind it may hold values of rows."""
    return str(reason.__cause__).partition("\n")[0]


class _Opened(NamedTuple):
    """A connection, and the transaction that is open on it, one after the other."""

    session: Session
    transaction: PostgresTransaction
