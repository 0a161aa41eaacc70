"""Connections over TLS, from their first packet on.

The event loop's own server tells of a connection once its handshake is over. Until then nobody would count it, and a
handshake costs more than all that comes later: it would be the one thing of which anybody could have as many as they like.
So connections are accepted here, and each has taken its seat before the first byte of it is read.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

from penstock.http.connection import Connection
from penstock.http.seats import Seats

__all__ = ["Handshakes"]

# How long a client is waited for that does not say goodbye.
SHUTDOWN_SECONDS = 2.0
# Until there may be a file descriptor again.
ACCEPT_PAUSE_SECONDS = 0.1


class Handshakes:
    """Accepts connections until it is closed. One that fails its handshake within `seconds_max` never becomes a connection."""

    def __init__(
        self, context: ssl.SSLContext, seats: Seats, connect: Callable[[], Connection], *, seconds_max: float
    ) -> None:
        self._context = context
        self._seats = seats
        self._connect = connect
        self._seconds_max = seconds_max
        self._running: set[asyncio.Task[None]] = set()

    def open(self, listening: socket, backlog: int) -> None:
        listening.listen(backlog)
        listening.setblocking(False)
        self._start(self._accept(listening))

    def close(self) -> None:
        """Accept nothing more, and end what is still shaking hands."""
        for task in self._running:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _accept(self, listening: socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    client, name = await loop.sock_accept(listening)
                except OSError:
                    # The client is gone already, or there are too many open files.
                    await asyncio.sleep(ACCEPT_PAUSE_SECONDS)
                else:
                    self._admit(client, name[0])

    def _admit(self, client: socket, address: str) -> None:
        if self._seats.take(address) is None:
            self._start(self._shake_hands(client, address))
        else:
            # There is no language yet in which to tell why.
            self._seats.give_back(address)
            client.close()

    async def _shake_hands(self, client: socket, address: str) -> None:
        client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        connection = self._connect()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self._context,
                ssl_handshake_timeout=self._seconds_max,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except (OSError, asyncio.CancelledError):
            # Scanners, or browsers that do not trust the certificate.
            client.close()
        if not connection.is_made:
            self._seats.give_back(address)
