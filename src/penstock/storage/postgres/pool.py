"""Reads of what was committed, over a pool of connections that cannot write."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from penstock.storage.postgres.adapters import ADAPTERS
from penstock.storage.postgres.connection import READING, away, is_lost
from penstock.storage.postgres.session import Row
from penstock.storage.statements import Read

__all__ = ["Pool"]

CONNECTIONS_MAX = 8

AsyncConnection = psycopg.AsyncConnection[Row]


class Pool:
    """Opened by the first read; belongs to the event loop that this runs on."""

    def __init__(self, address: str, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            address,
            kwargs={"autocommit": True, "prepare_threshold": 1, "context": ADAPTERS},
            min_size=1,
            max_size=CONNECTIONS_MAX,
            configure=_configure,
            timeout=patience_seconds,
            # Whoever asks next tries again: pauses that double would go on for long after the database is back.
            reconnect_timeout=min(1.0, patience_seconds),
            open=False,
        )

    def reads(self, queries: Mapping[str, str]) -> Read:
        """The queries of a file, to be run by their names."""

        async def read(query: str, /, **values: Any) -> list[Row]:
            return await self.rows(queries[query], values)

        return read

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """Raises ServiceUnavailable if the database does not answer for a while.

        The caller need not run in a task: the driver does, so it is given one.
        """
        return await asyncio.ensure_future(self._rows(sql, values))

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            try:
                async with self._connection() as connection:
                    cursor = connection.cursor(binary=True)
                    await cursor.execute(sql, values)
                    return await cursor.fetchall()
            except psycopg.Error as problem:
                if not is_lost(problem):
                    raise
                # The pool has a new connection made for each that has failed.
                if time.monotonic() >= give_up_at:
                    raise away() from problem

    async def write(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """One statement that may write; it is not waited for until it is on disk, and a crash may undo it."""
        try:
            async with self._connection() as connection:
                cursor = connection.cursor(binary=True)
                async with connection.pipeline(), connection.transaction():
                    await connection.execute("SET TRANSACTION READ WRITE")
                    await connection.execute("SET LOCAL synchronous_commit = off")
                    await cursor.execute(sql, values)
                return await cursor.fetchall()
        except psycopg.Error as problem:
            if not is_lost(problem):
                raise
            raise away() from problem

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        try:
            await self._pool.open()
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as problem:
            raise away() from problem

    async def close(self) -> None:
        await self._pool.close()


async def _configure(connection: AsyncConnection) -> None:
    await connection.execute(READING)
    connection.prepared_max = 1000
