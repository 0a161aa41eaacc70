"""The port: accepts connections, ends those that are slow or idle, and lets them end when the server stops."""

import asyncio
import ssl
import time
from collections.abc import Coroutine
from socket import socket
from typing import Any, Protocol

from msgspec import Struct

from penstock.http.api import Answer
from penstock.http.asgi import Asgi
from penstock.http.circumstances import Origin
from penstock.http.connection import Connection
from penstock.http.cors import Cors, SharingConnection
from penstock.http.handshakes import Handshakes
from penstock.http.heads import date_line
from penstock.http.seats import Refusal, Seats
from penstock.http.throttle import Throttle
from penstock.ports.identity import SignedRequest

__all__ = ["Listener", "Pace"]

BACKLOG = 2048
SWEEP_SECONDS = 1.0
# A deadline passes at the next sweep.
DRAIN_STEP_SECONDS = 0.02


class Calls(Protocol):
    """Who answers the calls of the API, as `Api` does."""

    def answer(
        self, request: SignedRequest, headers: dict[bytes, bytes], origin: Origin
    ) -> Coroutine[Any, Any, Answer]: ...

    def too_large(self) -> Answer: ...


class Pace(Struct, frozen=True):
    """How slow a client may be.

    It must send a head within `head_seconds`, and be silent within a body for no longer than `silence_seconds`. A body has
    `body_seconds`, and a second more for each `bytes_a_second` of a streamed one. An answer must be taken in at least bit by
    bit every `write_seconds`. Between requests a connection is kept for `idle_seconds`: longer than SDKs' pools hold
    theirs, so that they, not we, close it.
    """

    head_seconds: float = 20.0
    silence_seconds: float = 30.0
    body_seconds: float = 60.0
    bytes_a_second: int = 1024
    write_seconds: float = 60.0
    idle_seconds: float = 75.0


class Listener:
    """What all connections of a server share. `app` serves all that is not a call of the API.

    Without `cors`, no page of another origin may call; `throttle` is the one that the doors ask.
    """

    def __init__(
        self,
        app: Asgi,
        api: Calls,
        *,
        pace: Pace | None = None,
        connections_max: int = 10_000,
        throttle: Throttle | None = None,
        cors: Cors | None = None,
    ) -> None:
        self.app, self.api = app, api
        self.pace, self.throttle = pace or Pace(), throttle or Throttle()
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self.is_secure = self.is_parting = self.is_draining = False
        self.server: tuple[str, int] | None = None
        self.date = date_line(time.time())
        self._cors = cors
        self._seats = Seats(connections_max, self.throttle)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | Handshakes | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._to_send: list[Connection] = []

    async def open(self, listening: socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket."""
        self.server = listening.getsockname()[:2]
        if tls is None:
            self._server = await self.loop.create_server(self._connect, sock=listening, backlog=BACKLOG)
        else:
            self.is_secure = True
            self._server = Handshakes(tls, self._seats, self._connect, seconds_max=self.pace.head_seconds)
            self._server.open(listening, BACKLOG)
        self._sweep()

    def _connect(self) -> Connection:
        return Connection(self) if self._cors is None else SharingConnection(self, self._cors)

    def enter(self, connection: Connection, address: str) -> Refusal | None:
        """Take note of a connection. What it must be refused with, if it must."""
        self._connections.add(connection)
        # Over TLS it took its seat before it shook hands.
        return None if self.is_secure else self._seats.take(address)

    def leave(self, connection: Connection, address: str) -> None:
        self._connections.discard(connection)
        self._seats.give_back(address)

    def send_soon(self, connection: Connection) -> None:
        """Have the connection send its answers, along with those of all others, before the loop looks for more to come in."""
        if not self._to_send:
            self.loop.call_soon(self._send)
        self._to_send.append(connection)

    def _send(self) -> None:
        to_send, self._to_send = self._to_send, []
        for connection in to_send:
            connection.send()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def _sweep(self) -> None:
        now = self.now()
        self.date = date_line(time.time())
        for connection in [each for each in self._connections if each.due_at <= now]:
            connection.cut_off()
        self._sweeping = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def part(self) -> None:
        """Go on, and tell who asks that the connection ends with the answer: it is better made anew, elsewhere."""
        self.is_parting = True

    async def drain(self, seconds_max: float) -> None:
        """Accept nothing more, let what is being served be answered, and end what takes longer than `seconds_max`."""
        self.is_draining = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        until = self.now() + seconds_max
        while self._connections and self.now() < until:  # noqa: ASYNC110 - the connections leave one by one
            await asyncio.sleep(DRAIN_STEP_SECONDS)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()
