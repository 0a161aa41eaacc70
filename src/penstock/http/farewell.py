"""The end of a connection that the server ends, while the client may still be sending."""

import asyncio

__all__ = ["Farewell"]


class Farewell(asyncio.Protocol):
    """Takes a connection's place once its last answer is written, and reads past what still comes until the client hangs up.

    A socket that is closed with unread bytes in it is reset, and then the client may never get to see that answer.
    """

    def __init__(self, connection: asyncio.Protocol) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
