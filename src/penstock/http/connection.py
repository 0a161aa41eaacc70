"""One client's connection: HTTP/1.1 from bytes to requests, and back.

    bytes ─► parser ─┬─► a call of the API, whole ─► Api.answer ─► head and body in one write
                     └─► any other request ─► Exchange ─► the ASGI callable

The API's calls are most of what a server gets, and each is small and whole; they go the short way, and one that needs to wait
for nothing is answered before the parser returns (docs/decisions/0007). Everything else, S3 above all, is streamed.

A request is ready when its head is there, a call of the API when all of it is. It is over when it is answered and has come
in whole; then the next one begins. What happens on each failure:

- A head of more than 64 KiB, an address with too many parameters, or what is no HTTP: 431, 414 or 400, and the connection ends.
- Too many connections, from everywhere or from one client: 503. Too many bad signatures from one client: 429, and a connection
  over which another one came ends with its answer.
- A call of more than 1 MiB: 413; what still comes of it is read past for a while, so that the client sees the answer.
- A client that is slow to send or to take in, or silent for long (`Pace`): the connection ends.
- A client that goes away: a held poll is given up, so that no job is handed to nobody; what else was begun is carried out.
- Requests that come before the last one was answered wait their turn, a few of them; then reading stops.
"""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import httptools

from penstock.http.api import BODY_BYTES_MAX, HELD, JSON, TARGET, Answer, is_prompt
from penstock.http.asgi import request_id
from penstock.http.circumstances import Origin
from penstock.http.eager import drive
from penstock.http.exchange import Exchange, scope_of
from penstock.http.farewell import Farewell
from penstock.http.heads import REASONS
from penstock.ports.identity import SignedRequest

if TYPE_CHECKING:
    from penstock.http.listener import Listener

__all__ = ["ApiCall", "Connection", "Request"]

log = logging.getLogger("penstock.http")

HEAD_BYTES_MAX = 64 * 1024
# To bring a signed query into order is work for someone whom nobody knows yet. The query form takes a hundred, S3 a few dozen
# at the most, and a signature in the address is seven.
PARAMETERS_MAX = 128
WAITING_MAX = 16
OWN_PATH = b"/_penstock/"
NEVER = float("inf")
# How long a client may take to see its last answer and hang up.
FAREWELL_SECONDS = 2.0

Headers = list[tuple[bytes, bytes]]


class ApiCall:
    """A call of the API on its way in, and then its turn."""

    __slots__ = (
        "body",
        "has_answered",
        "headers",
        "is_whole",
        "keeps_alive",
        "method",
        "names",
        "path",
        "query",
        "size",
    )

    def __init__(self, method: str, url: tuple[bytes, bytes], headers: Headers, names: dict[bytes, bytes]) -> None:
        self.method, (self.path, self.query), self.headers, self.names = method, url, headers, names
        self.body = b""
        self.size = 0
        self.is_whole = False
        self.keeps_alive = True
        self.has_answered = False

    @property
    def is_too_large(self) -> bool:
        return self.size > BODY_BYTES_MAX

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= BODY_BYTES_MAX:
            self.body = self.body + piece if self.body else piece

    def end_body(self) -> None:
        self.is_whole = True


Request = ApiCall | Exchange


class Connection(asyncio.Protocol):
    """Made by `Listener` for each client. `due_at` is when the listener may end it for being slow or idle."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._transport: Any = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._origin = Origin("", is_secure=False)
        self._url = b""
        self._headers: Headers = []
        self._in_head = False
        self._head_bytes = self._chunk_bytes = self._messages = 0
        self._head_began_at = 0.0
        self._is_refused = self._has_parted = self._is_taking_in = False
        # What is being read, what is being answered, and what is read and waits for its turn.
        self._reading: Request | None = None
        self._serving: Request | None = None
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[Any] | None = None
        self._is_paused = False
        self._is_writable: asyncio.Event | None = None
        self._body_due_at = self.due_at = NEVER
        self._unsent: list[bytes] = []

    @property
    def is_made(self) -> bool:
        """Whether there was ever a client that could be answered."""
        return self._transport is not None

    @property
    def is_unwelcome(self) -> bool:
        """Whether the connection should end with an answer that tells of something wrong."""
        return self._listener.throttle.turns_away(self._origin.address)

    # What the event loop tells.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        client = self._client()
        address = client[0] if client else ""
        self._origin = Origin(address, is_secure=self._listener.is_secure)
        self.due_at = self._listener.now() + self._listener.pace.head_seconds
        refusal = self._listener.enter(self, address)
        if refusal is not None:
            self._refuse(*refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.leave(self, self._origin.address)
        serving = self._serving
        for request in (serving, *self._waiting):
            if isinstance(request, Exchange):
                request.leave()
        self._waiting.clear()
        self.resume_writing()
        if isinstance(serving, ApiCall) and HELD in serving.names and self._task is not None:
            self._task.cancel()
        # The parser and what it feeds know each other: a large head would stay until the collector comes by.
        self._parser = self._reading = self._serving = None
        self._headers = []

    def eof_received(self) -> None:
        """The client sends no more: asyncio closes the connection."""

    def pause_writing(self) -> None:
        self._is_writable = asyncio.Event()
        self._set_due()

    def resume_writing(self) -> None:
        if self._is_writable is not None:
            self._is_writable.set()
            self._is_writable = None
            self._set_due()

    def data_received(self, data: bytes) -> None:
        self._chunk_bytes = len(data)
        messages = self._messages
        self._is_taking_in = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here; what was asked along with the upgrade is answered, then it ends.
            self._close_after_answer()
            return
        except (httptools.HttpParserError, ValueError):
            self._refuse(400, b"The request is not HTTP\n")
        finally:
            self._is_taking_in = False
        if self._in_head:
            # What came before it in the same piece is not of this head.
            self._head_bytes += len(data) if messages == self._messages else 1
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(431, b"The head of the request is too large\n")
        if not self._has_parted:
            self._set_due()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._in_head = True
        self._head_began_at = self._listener.now()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if self._chunk_bytes > HEAD_BYTES_MAX and _size(self._url, self._headers) > HEAD_BYTES_MAX:
            self._refuse(431, b"The head of the request is too large\n")
        names = dict(self._headers)
        method = self._parser.get_method().decode("ascii")
        url = (b"/", b"") if self._url == b"/" else self._split(self._url)
        awaits_continue = b"expect" in names and names[b"expect"].lower() == b"100-continue"
        request: Request
        if TARGET in names and not url[0].startswith(OWN_PATH):
            request = self._reading = ApiCall(method, url, self._headers, names)
            if awaits_continue:
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            request = self._reading = Exchange(self, self._scope(method, url), awaits_continue=awaits_continue)
            self._is_ready(request)
        self._body_due_at = NEVER

    def on_body(self, body: bytes) -> None:
        request = self._reading
        assert request is not None, "a body follows a head"
        request.feed(body)
        if isinstance(request, ApiCall):
            if request.is_too_large and request.size - len(body) <= BODY_BYTES_MAX:
                self._is_ready(request)
            return
        pace = self._listener.pace
        if self._body_due_at == NEVER:
            self._body_due_at = self._listener.now() + pace.body_seconds
        # Streams may take their time, as long as they come in at all; but not once nobody listens any more.
        if not request.has_answered:
            self._body_due_at += len(body) / pace.bytes_a_second
            if request.is_full:
                self._pause()

    def on_message_complete(self) -> None:
        request, self._reading = self._reading, None
        assert request is not None, "a message ends after it began"
        self._messages += 1
        request.keeps_alive = request.keeps_alive and self._parser.should_keep_alive()
        request.end_body()
        if isinstance(request, ApiCall) and not request.is_too_large:
            self._is_ready(request)
        else:
            self._go_on_after(request)

    # One request after the other.

    def _is_ready(self, request: Request) -> None:
        if self._is_refused:
            return
        if self._serving is None:
            self._begin(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= WAITING_MAX:
            self._pause()

    def _begin(self, request: Request) -> None:
        self._serving = request
        if isinstance(request, ApiCall):
            self._call(request)
        else:
            self._task = self._listener.loop.create_task(self._run(request))

    def _call(self, call: ApiCall) -> None:
        api = self._listener.api
        if call.is_too_large:
            self._answer(call, api.too_large())
            return
        names = call.names if len(call.names) == len(call.headers) else None
        signed = SignedRequest(call.method, call.path, call.query, call.headers, call.body, names)
        answering = api.answer(signed, call.names, self._origin)
        # Who waits for an answer need not keep what it was asked with.
        call.headers, call.body = [], b""
        if is_prompt(call.names):
            drive(answering, partial(self._answer, call))
            return
        self._task = self._listener.loop.create_task(answering)
        self._task.add_done_callback(partial(self._called, call))

    def _called(self, call: ApiCall, task: "asyncio.Task[Answer]") -> None:
        self._task = None
        if not task.cancelled():
            self._answer(call, task.result())

    def _answer(self, call: ApiCall, answer: Answer) -> None:
        status, body = answer
        call.has_answered = True
        if status >= 400 and self.is_unwelcome:
            call.keeps_alive = False
        whole = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nx-amzn-requestid: %b\r\n%b%b" % (
            status,
            REASONS[status],
            JSON,
            len(body),
            request_id(),
            self.common_head(call),
            b"" if call.method == "HEAD" else body,
        )
        if self._is_taking_in:
            if not self._unsent:
                self._listener.send_soon(self)
            self._unsent.append(whole)
        else:
            self.write(whole)
        self._go_on_after(call)

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._listener.app(exchange.scope, exchange.receive, exchange.send)
        except Exception:
            log.exception("%s %s failed", exchange.scope["method"], exchange.scope["path"])
        if not exchange.has_answered and not exchange.is_gone:
            # The client must not wait for the rest of an answer that does not come.
            self._end(500, b"The request could not be carried out\n")

    def ended(self, exchange: Exchange) -> None:
        """The answer of that exchange is written. What still comes of its body is read past."""
        self._resume()
        self._go_on_after(exchange)

    def _go_on_after(self, request: Request) -> None:
        """If the request is over: the next one, or the end."""
        if request is not self._serving or not (request.has_answered and request.is_whole):
            self._set_due()
            return
        self._serving = None
        if not request.keeps_alive or self._listener.is_draining:
            self._is_refused = True
            self._close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
        else:
            self._resume()
        self._set_due()

    def _set_due(self) -> None:
        """By when the client must have done something, if it is its turn. Once is enough for what comes in at once."""
        if self._is_taking_in:
            return
        now, pace = self._listener.now(), self._listener.pace
        if self._is_writable is not None:
            self.due_at = now + pace.write_seconds
        elif self._is_paused or (self._serving is not None and self._serving.is_whole):
            self.due_at = NEVER
        elif self._reading is not None:
            if self._body_due_at == NEVER:
                self._body_due_at = now + pace.body_seconds
            self.due_at = min(self._body_due_at, now + pace.silence_seconds)
        elif self._in_head:
            self.due_at = self._head_began_at + pace.head_seconds
        else:
            self.due_at = now + pace.idle_seconds

    # What exchanges and the listener ask for.

    def write(self, piece: bytes) -> None:
        self.send()
        if not self._transport.is_closing():
            self._transport.write(piece)

    def send(self) -> None:
        """Write the answers that are kept back until the loop has seen to all that came in: those that were ready at once.

        To wake a client that sleeps costs as much as half a call: this way it wakes once for many answers. Those of a commit
        come one after the other anyway, and a client that begins with the first of them does more than one that gets them all.
        """
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            if not self._transport.is_closing():
                self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    async def drained(self) -> None:
        """Return once the client has taken in enough for more to be written."""
        if self._is_writable is not None:
            await self._is_writable.wait()

    def read_on(self) -> None:
        """The application has room for more of the body."""
        if self._is_paused:
            self._resume()
            self._set_due()

    def common_head(self, request: Request) -> bytes:
        """The last lines of an answer's head, and its end."""
        listener = self._listener
        if request.keeps_alive and not (listener.is_parting or listener.is_draining or self._is_refused):
            return b"%b\r\n" % listener.date
        request.keeps_alive = False
        return b"connection: close\r\n%b\r\n" % listener.date

    def cut_off(self) -> None:
        """The client is too slow, or has nothing to say any more."""
        if self._serving is None and self._reading is None and not self._in_head:
            self._close()
        else:
            self._transport.abort()

    def _close_after_answer(self) -> None:
        if self._serving is None:
            self._close()
        else:
            self._serving.keeps_alive = False

    def close_when_idle(self) -> None:
        """End the connection now, or once what it is busy with is over."""
        if self._has_parted or (self._serving is None and self._reading is None):
            self._close()

    def abort(self) -> None:
        self._transport.abort()

    def _close(self) -> None:
        """Let what was written go out, and end."""
        self.send()
        self._transport.close()

    def _refuse(self, status: int, reason: bytes) -> None:
        if self._is_refused:
            return
        self._is_refused = True
        self._waiting.clear()
        serving = self._serving
        if serving is not None and serving.is_whole and not serving.has_answered:
            # What came before is good, and gets its answer; then it ends.
            serving.keeps_alive = False
            self._pause()
            self._set_due()
        else:
            self._end(status, reason)

    def _end(self, status: int, reason: bytes) -> None:
        """End the connection, with an answer if none has begun."""
        if not (isinstance(self._serving, Exchange) and self._serving.has_started):
            self.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n%b\r\n%b"
                % (status, REASONS[status], len(reason), self._listener.date, reason)
            )
        if not self._transport.can_write_eof() or self._transport.is_closing():
            self._close()
            return
        self._is_refused = self._has_parted = True
        self._resume()
        if isinstance(self._serving, Exchange):
            # Whatever it still has to say, there is nowhere to say it.
            self._serving.leave()
        self._transport.set_protocol(Farewell(self))
        self._transport.write_eof()
        self.due_at = self._listener.now() + FAREWELL_SECONDS

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    def _client(self) -> tuple[str, int] | None:
        name = self._transport.get_extra_info("peername")
        return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None

    def _split(self, url: bytes) -> tuple[bytes, bytes]:
        """The path and the query of an address."""
        parsed = httptools.parse_url(url)
        query: bytes = parsed.query or b""
        if query.count(b"&") >= PARAMETERS_MAX:
            self._refuse(414, b"The address of the request has too many parameters\n")
        return parsed.path or b"/", query

    def _scope(self, method: str, url: tuple[bytes, bytes]) -> dict[str, Any]:
        return scope_of(
            method=method,
            version=self._parser.get_http_version(),
            url=url,
            headers=self._headers,
            client=self._client(),
            listener=self._listener,
        )


def _size(url: bytes, headers: Headers) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
