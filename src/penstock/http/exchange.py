"""One request and its answer, between the connection that it came on and the ASGI callable that serves it."""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from penstock.http.heads import REASONS

if TYPE_CHECKING:
    from penstock.http.connection import Connection
    from penstock.http.listener import Listener

__all__ = ["Exchange"]

# More of a body than this is left in the client's hands until the application asks for it.
AHEAD_BYTES_MAX = 256 * 1024


class Exchange:
    """The ASGI side of a request: `receive` and `send`. The connection feeds it and hears when it has ended."""

    __slots__ = (
        "_awaits_continue",
        "_connection",
        "_head",
        "_is_bodiless",
        "_is_chunked",
        "_left",
        "_news",
        "_pieces",
        "_size",
        "_told_end",
        "has_answered",
        "has_started",
        "is_gone",
        "is_whole",
        "keeps_alive",
        "scope",
    )

    def __init__(self, connection: "Connection", scope: dict[str, Any], *, awaits_continue: bool) -> None:
        self._connection = connection
        self.scope = scope
        self.keeps_alive = True
        self._awaits_continue = awaits_continue
        self._pieces: list[bytes] = []
        self._size = 0
        self._news = asyncio.Event()
        self._head: bytes | None = None
        self._is_bodiless = scope["method"] == "HEAD"
        self._is_chunked = False
        self._left = 0
        self._told_end = False
        self.is_whole = False
        self.is_gone = False
        self.has_started = False
        self.has_answered = False

    @property
    def is_full(self) -> bool:
        """Whether the application is so far behind that the client should wait."""
        return self._size > AHEAD_BYTES_MAX

    def feed(self, piece: bytes) -> None:
        # What comes after the answer is read past, so that the client gets to see the answer.
        if not self.has_answered:
            self._pieces.append(piece)
            self._size += len(piece)
            self._news.set()

    def end_body(self) -> None:
        self.is_whole = True
        self._news.set()

    def leave(self) -> None:
        """The client is gone."""
        self.is_gone = True
        self._news.set()

    async def receive(self) -> dict[str, Any]:
        """ASGI: the next piece of the body; after the last one, that the client is gone, once it is."""
        if self._awaits_continue and not self.has_started:
            self._awaits_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._has_body or self.is_gone or self.has_answered):
            self._connection.read_on()
            self._news.clear()
            await self._news.wait()
        if not self._has_body or self.is_gone:
            return {"type": "http.disconnect"}
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._told_end = self.is_whole
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}

    @property
    def _has_body(self) -> bool:
        """Whether there is something of the body to tell, if only its end."""
        return bool(self._pieces) or (self.is_whole and not self._told_end)

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI: the head, then the body in pieces; waits while the client is slow to take it in."""
        if self.is_gone:
            return
        if message["type"] == "http.response.start":
            self._start(message)
            return
        body: bytes = message.get("body", b"")
        is_last = not message.get("more_body", False)
        self._write(body, is_last=is_last)
        if is_last:
            self._finish()
        else:
            await self._connection.drained()

    def _start(self, message: dict[str, Any]) -> None:
        assert self._head is None, "an answer starts once"
        status: int = message["status"]
        if status >= 400 and self._connection.is_unwelcome:
            self.keeps_alive = False
        lines = [b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b""))]
        length: int | None = None
        for name, value in message["headers"]:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
        self._is_bodiless = self._is_bodiless or status in {204, 304}
        if length is None and not self._is_bodiless:
            self._is_chunked = self.scope["http_version"] == "1.1"
            if self._is_chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
            else:
                self.keeps_alive = False
        self._left = length or 0
        self._head = b"".join(lines)

    def _write(self, body: bytes, *, is_last: bool) -> None:
        assert self._head is not None, "an answer has a head"
        begin = b""
        if not self.has_started:
            self.has_started = True
            begin = self._head + self._connection.common_head(self)
        if self._is_bodiless:
            body = b""
        elif self._is_chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n" if is_last else b""
        else:
            self._left -= len(body)
        if begin or body:
            self._connection.write(begin + body)

    def _finish(self) -> None:
        self.has_answered = True
        if not (self._is_bodiless or self._is_chunked) and self._left != 0:
            # The client counts on the length that it was told: it must not take what follows for the rest.
            self.keeps_alive = False
        self._pieces.clear()
        self._news.set()
        self._connection.ended(self)


def scope_of(
    *,
    method: str,
    version: str,
    url: tuple[bytes, bytes],
    headers: list[tuple[bytes, bytes]],
    client: tuple[str, int] | None,
    listener: "Listener",
) -> dict[str, Any]:
    """The ASGI scope of a request; `url` is its path and its query, as they came."""
    raw_path, query = url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": version,
        "scheme": "https" if listener.is_secure else "http",
        "method": method,
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": client,
        "server": listener.server,
    }
