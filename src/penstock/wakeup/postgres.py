"""Wake-ups among servers that share a PostgreSQL, by its LISTEN and NOTIFY.

Who waits here is woken at once, and the other servers are told of it a moment later. That is a hint and nothing more: a
notification may be lost with a connection, so nobody waits for longer than `LOOK_AGAIN_SECONDS` without having another look.
Servers that commit notifications wait for each other, so all topics of a moment go together.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import psycopg

from penstock.wakeup.local import LocalWakeup

__all__ = ["LOOK_AGAIN_SECONDS", "PostgresWakeup"]

log = logging.getLogger("penstock.wakeup")

LOOK_AGAIN_SECONDS = 1.0
GATHER_SECONDS = 0.01
RECONNECT_SECONDS = 1.0
PENDING_MAX = 10_000
CHANNEL = "penstock"
# PostgreSQL takes less than 8,000 bytes.
PAYLOAD_BYTES_MAX = 7900
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresWakeup:
    """Begins to listen with the first call, on the loop that this runs on. `close` it before the loop ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = LocalWakeup()
        self._pending: set[str] = set()
        self._is_pending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._own_process: int | None = None

    def wake(self, topics: Iterable[str]) -> None:
        self._start()
        topics = tuple(topics)
        self._local.wake(topics)
        if topics:
            if len(self._pending) > PENDING_MAX:
                # Nobody is there to be told, and those who wait look again by themselves.
                self._pending.clear()
            self._pending.update(topics)
            self._is_pending.set()

    async def wait(self, topics: Iterable[str], timeout_seconds: float) -> bool:
        self._start()
        return await self._local.wait(topics, min(timeout_seconds, LOOK_AGAIN_SECONDS))

    def close(self) -> None:
        """Let all go who wait, now and from now on; what was not told yet is left untold."""
        self._local.close()
        for task in self._tasks:
            task.cancel()

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._keep(each)) for each in (self._listen, self._tell)]

    async def _keep(self, use: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Have a connection and use it, for ever."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, application_name="penstock", **_CONNECTING
                )
                async with connection:
                    await use(connection)
            except psycopg.Error as problem:
                log.info("wake-ups do not reach other servers for now: %s", problem)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, connection: AsyncConnection) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        async for notification in connection.notifies():
            if notification.pid != self._own_process:
                self._local.wake(_topics(notification.payload))

    async def _tell(self, connection: AsyncConnection) -> None:
        # Nothing is lost with a notification, so it need not wait for the disk.
        await connection.execute("SET synchronous_commit = off")
        self._own_process = connection.info.backend_pid
        while True:
            await self._is_pending.wait()
            self._is_pending.clear()
            topics, self._pending = self._pending, set()
            await connection.execute(
                "SELECT pg_notify(%s::text, payload) FROM unnest(%s::text[]) AS told (payload)",
                (CHANNEL, list(_payloads(topics))),
            )
            await asyncio.sleep(GATHER_SECONDS)


def _payloads(topics: Iterable[str]) -> Iterator[str]:
    """Topics as JSON, as many in one as fit; one that fits into none is left out, and is found by the next look."""
    gathered: list[str] = []
    size = 2
    for topic in topics:
        topic_size = len(json.dumps(topic)) + 2
        if topic_size + 2 > PAYLOAD_BYTES_MAX:
            continue
        if size + topic_size > PAYLOAD_BYTES_MAX:
            yield json.dumps(gathered)
            gathered, size = [], 2
        gathered.append(topic)
        size += topic_size
    if gathered:
        yield json.dumps(gathered)


def _topics(payload: str) -> list[str]:
    """What another server has told; anybody may notify, so anything may come."""
    try:
        told = json.loads(payload)
    except ValueError:
        return []
    return [topic for topic in told if isinstance(topic, str)] if isinstance(told, list) else []
