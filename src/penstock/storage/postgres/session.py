"""The writing connection as the parts of a transaction use it.

What needs no answer (BEGIN, SAVEPOINT, RELEASE, a lock, rows that are written) is sent ahead of the next statement, in one trip
with it. Each
statement sees what was committed before it began; what must not change until the end is locked.

Two things end a transaction from within and are no fault of the work: `Restart` (another server was in the way) and `Lost`
(the connection is gone). Neither is an Exception, so that work which answers for its own faults does not take them for one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from penstock.storage.postgres.connection import Connection, is_lost

__all__ = ["Lost", "Restart", "Session", "in_lists"]

Row = tuple[Any, ...]
Values = dict[str, Any]

# Another transaction was first: the work runs again and sees what that one did.
_RESTART = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)


# A statement, its values, and who is told how many rows it has written.
_Ahead = tuple[str, Values, Callable[[int], None] | None]
_BEGIN: _Ahead = ("BEGIN", {}, None)
_SAVEPOINT: _Ahead = ("SAVEPOINT part", {}, None)
_RELEASE: _Ahead = ("RELEASE part", {}, None)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(what)s, 0))"


class Restart(BaseException):
    """The transaction cannot go on; run again, the work may well succeed. `__cause__` says why."""


class Lost(BaseException):
    """The connection is gone, or no good any more. `__cause__` says why."""


class Session:
    """One transaction at a time: `begin`, statements, `commit` or `rollback`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ahead: list[_Ahead] = []
        self._is_last_try = False

    def begin(self, *, is_last_try: bool = False) -> None:
        """A row that is there already is another server's, at first; on the last try it is a fault of the work."""
        self._ahead = [_BEGIN]
        self._is_last_try = is_last_try

    def commit(self, sql: str, values: Values) -> None:
        """End the transaction, with a last statement before that; where nothing was said, there is nothing to end."""
        if any(check is not None for _, _, check in self._ahead):
            # Whether they have met their rows must be known before the end.
            with self._trip():
                pass
        if self._ahead[:1] == [_BEGIN]:
            self._ahead.clear()
            return
        with self._trip():
            self._connection.execute(sql, values)
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo everything. Raises psycopg.Error if the connection is gone, which undoes it too."""
        self._ahead.clear()
        if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def part(self) -> Iterator[None]:
        """What raises within it leaves nothing of it; locks that it took are free again."""
        place = len(self._ahead)
        self._ahead.append(_SAVEPOINT)
        try:
            yield
        except Exception:
            if not self._forget_unsaid(place):
                with self._judged():
                    self._connection.execute("ROLLBACK TO part")
                self._ahead = [_RELEASE]
            raise
        if not self._forget_unsaid(place):
            self._ahead.append(_RELEASE)

    def _forget_unsaid(self, place: int) -> bool:
        """Whether nothing was said since then; then nobody need hear of it."""
        if self._ahead[place : place + 1] == [_SAVEPOINT]:
            del self._ahead[place:]
            return True
        return False

    def lock(self, what: str) -> None:
        """Before the next statement, wait for whoever holds the lock of that name, and hold it until the end."""
        self._ahead.append((_LOCK, {"what": what}, None))

    def run(self, sql: str, values: Values) -> "psycopg.Cursor[Row]":
        """One statement and its answer."""
        cursor = self._connection.cursor(binary=True)
        if not self._ahead:
            with self._judged():
                return cursor.execute(sql, values)
        with self._trip():
            cursor.execute(sql, values)
        return cursor

    def rows(self, statements: Sequence[tuple[str, Values]]) -> list[list[Row]]:
        """What each statement finds, in one trip."""
        cursors = [self._connection.cursor(binary=True) for _ in statements]
        with self._trip():
            for cursor, (sql, values) in zip(cursors, statements, strict=True):
                cursor.execute(sql, values)
        return [cursor.fetchall() for cursor in cursors]

    def write(self, sql: str, rows: Sequence[Values], check: Callable[[int], None]) -> None:
        """Before the next statement, or before the end, one for all these rows at once, its parameters being lists; `check`
        is told how many rows it has written."""
        self._ahead.append((sql, in_lists(rows), check))

    @contextmanager
    def _trip(self) -> Iterator[None]:
        """To the database and back, with what goes ahead."""
        ahead, self._ahead = self._ahead, []
        with self._judged(), self._connection.pipeline():
            sent = [(self._connection.execute(sql, values), check) for sql, values, check in ahead]
            yield
        for cursor, check in sent:
            if check is not None:
                check(cursor.rowcount)

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """Tell what ends the transaction from what is a fault of its statements."""
        try:
            yield
        except _RESTART as problem:
            raise Restart from problem
        except psycopg.Error as problem:
            if isinstance(problem, errors.UniqueViolation) and not self._is_last_try:
                raise Restart from problem
            if self._connection.closed or is_lost(problem):
                raise Lost from problem
            raise


def in_lists(rows: Sequence[Values]) -> Values:
    """The values of a statement for a set of rows: a list of each."""
    return {name: [row[name] for row in rows] for name in rows[0]}
