"""The connection, fed with bytes in pieces: nothing is raised, what is no HTTP ends it, what was asked is answered in order.

Where the network cuts must not matter: each input is fed whole, and in pieces, and the same requests must come of it. One that
is refused on the way may have cost the connection before all of the others had their turn, so the one list may end early.
"""

import asyncio
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import uvloop

from fuzz.told import Told
from penstock.http.connection import Connection
from penstock.http.listener import Listener
from penstock.ports.identity import SignedRequest

PIECES_MAX = 25
# The longest way from one thing that can be seen from outside to the next one.
QUIET_TURNS = 10
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
HEAD_LINE = re.compile(rb"[!#-'*+.^_`|~0-9a-zA-Z-]+: [^\r\n\0]*")
REFUSALS = frozenset({400, 414, 431})
BODILESS = frozenset({100, 204, 304})

CALL = b"POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: T\r\ncontent-length: 3\r\n\r\nabc"
PROMPT = CALL.replace(b": T", b": CodePipeline_20150709.AcknowledgeJob")
SLOWER = PROMPT.replace(b"3\r\n\r\nabc", b"4\r\n\r\nwait")
HELD = CALL.replace(b"host", b"x-penstock-wait-seconds: 1\r\nhost")
CHUNKED = (
    b"POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: T\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
)
PUT = b"PUT /bucket/key?a=b HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nfour"
EARLY = b"PUT /early HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n0123456789"
GET = b"GET /a%20b HTTP/1.1\r\nhost: h\r\naccept: */*\r\n\r\n"
HEAD = b"HEAD /size HTTP/1.1\r\nhost: h\r\n\r\n"
PARTS = b"GET /pieces HTTP/1.1\r\nhost: h\r\n\r\n"


class Transport:
    """The other end: keeps what is written, and reads on only when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        self._loop, self._protocol = loop, protocol
        self.written = bytearray()
        self.is_ended = self.is_closed = self.is_paused = False

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    def feed(self, piece: bytes) -> None:
        """What the client sends."""
        if not self.is_closed:
            self._protocol.data_received(piece)

    def write(self, piece: bytes) -> None:
        assert not self.is_ended, "something was written to a connection that is ended"
        self.written += piece

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_ended = True

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_ended = self.is_closed = True
            self._loop.call_soon(self._lose)

    abort = close

    def _lose(self) -> None:
        self._protocol.connection_lost(None)
        self._protocol = asyncio.Protocol()

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Served:
    """What the connection hands on; each request is answered with a hash of all of it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []

    def _hear(self, method: str, *parts: Any) -> bytes:
        told = hashlib.sha256(repr((method, *parts)).encode()).hexdigest().encode()
        self.requests.append((method, told))
        return told

    async def answer(self, request: SignedRequest, headers: dict[bytes, bytes], origin: Any) -> tuple[int, bytes]:
        told = self._hear(request.method, request.raw_path, request.query_string, request.headers, request.body)
        if b"x-penstock-wait-seconds" in headers or b"wait" in request.body:
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(done.set_result, None)
            await done
        return 200, told

    def too_large(self) -> tuple[int, bytes]:
        return 413, self._hear("POST", "too large")

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        told = self._hear(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body)
        headers = [(b"content-length", b"%d" % len(told))] if scope["path"] != "/pieces" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told[:30], "more_body": True})
        await send({"type": "http.response.body", "body": told[30:]})


class Connections:
    """Feeds connections of a listener that has no port."""

    words: Sequence[bytes] = (
        *(
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b" HTTP/1.1",
            b" HTTP/1.0",
            b"content-length: ",
            b"transfer-encoding: chunked",
            b"\0",
        ),
        *(
            b"connection: close",
            b"connection: upgrade\r\nupgrade: h2c",
            b"expect: 100-continue",
            b"x-amz-target: T",
            b"PRI * ",
        ),
        *(
            b"0\r\n\r\n",
            b"5\r\nabcde\r\n",
            b"ffffffffffffffff\r\n",
            b"-1",
            b"content-length: 3\r\ncontent-length: 4",
            b"\r",
        ),
        *(
            b" folded",
            b"\t",
            b"http://elsewhere/",
            b"*",
            b"OPTIONS ",
            b"CONNECT h:1 ",
            b"GET / HTTP/9.9",
            b"\xff",
            b"a" * 300,
        ),
        b"b: c\r\n" * 12_000,
    )

    def __init__(self) -> None:
        asks_first = PUT.replace(b"host", b"expect: 100-continue\r\nhost")
        closes = GET.replace(b"accept", b"connection: close\r\naccept")
        upgrades = GET.replace(b"accept", b"connection: upgrade\r\nupgrade: h2c\r\naccept")
        self.seeds = [CALL, PROMPT, SLOWER, HELD, CHUNKED, PUT, EARLY, GET, HEAD, PARTS, asks_first, closes, upgrades]
        self.seeds += [
            CALL + PUT + HELD + GET,
            SLOWER + PROMPT + SLOWER + PUT + PROMPT,
            CHUNKED + HEAD + EARLY + CALL,
            HELD * 20 + GET,
            PARTS + closes + CALL,
        ]
        self.seeds += [GET.replace(b"1.1", b"1.0") + CALL, b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n" + GET]
        self._loop = uvloop.new_event_loop()
        self._told = Told()

    def check(self, text: bytes) -> None:
        whole = self._loop.run_until_complete(self._feed([text]))
        cut = self._loop.run_until_complete(self._feed(cuts(text)))
        self._told.check()
        short, long = sorted((whole, cut), key=len)
        assert long[: len(short)] == short, f"whole: {whole}; in pieces: {cut}"

    async def _feed(self, pieces: list[bytes]) -> list[tuple[str, bytes]]:
        """The requests that came of it, each of them answered."""
        served = Served()
        listener = Listener(served.app, served)
        connection = Connection(listener)
        transport = Transport(self._loop, connection)
        connection.connection_made(transport)
        for piece in pieces:
            transport.feed(piece)
            # Mostly the next piece is there before the last one has had its effect.
            if transport.is_paused or len(piece) % 8 == 1:
                await _settle(transport)
            await asyncio.sleep(0)
        await _settle(transport)
        check_answers(bytes(transport.written), served.requests, is_ended=transport.is_ended)
        transport.close()
        await _settle(transport)
        assert len(listener) == 0, "the listener keeps a connection that is gone"
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks are left: {left}"
        return served.requests

    def close(self) -> None:
        self._told.forget()
        self._loop.close()


async def _settle(transport: Transport) -> None:
    """Let everything run until nothing comes of it any more; reading must not stay paused."""
    quiet, before = 0, (-1, False)
    while quiet < QUIET_TURNS:
        await asyncio.sleep(0)
        now = len(transport.written), transport.is_paused
        quiet, before = quiet + 1 if now == before else 0, now
    assert not transport.is_paused or transport.is_closed, "reading is paused for good"


def cuts(text: bytes) -> list[bytes]:
    """The text in pieces; the same text always in the same ones."""
    source = Random(zlib.crc32(text))
    most = max(source.choice((1, 3, 20, 1000)), len(text) // PIECES_MAX)
    found = []
    while text:
        size = source.randint(1, most)
        found.append(text[:size])
        text = text[size:]
    return found or [b""]


def check_answers(written: bytes, requests: list[tuple[str, bytes]], *, is_ended: bool) -> None:
    """What was written are whole answers, one for each request and in their order. The last one may be a refusal, of what
    came behind the requests or of the rest of one that had begun."""
    answers = list(_answers(written, [method for method, _ in requests]))
    is_refused = bool(answers) and answers[-1][0] in REFUSALS
    good = answers[:-1] if is_refused else answers
    for (method, told), (status, body) in zip(requests, good, strict=False):
        assert status in {200, 413}, f"{method} was answered with {status}: {body!r}"
        assert method == "HEAD" or body == told, f"{method} got the answer to something else"
    assert len(good) <= len(requests), f"more answers than requests: {answers}"
    assert len(answers) >= len(requests) or is_ended, "a request has no answer"
    assert is_ended or not is_refused, "the connection stays open behind a refusal"


def _answers(written: bytes, methods: list[str]) -> Iterator[tuple[int, bytes]]:
    """Status and body of each answer but those that only tell to go on."""
    number = 0
    while written:
        head, end, written = written.partition(b"\r\n\r\n")
        assert end, f"an answer without the end of its head: {head!r}"
        line = STATUS_LINE.match(head + b"\r\n")
        assert line, f"no status line: {head!r}"
        lines = head.split(b"\r\n")[1:]
        assert all(HEAD_LINE.fullmatch(each) for each in lines), f"no header lines: {lines}"
        status, headers = int(line[1]), dict(each.lower().split(b": ", 1) for each in lines)
        if status == 100:
            continue
        is_head = number < len(methods) and methods[number] == "HEAD"
        body, written = (b"", written) if is_head or status in BODILESS else _body(written, headers)
        yield status, body
        number += 1


def _body(written: bytes, headers: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """An answer's body, and what is written behind it."""
    if b"content-length" in headers:
        length = int(headers[b"content-length"])
        assert len(written) >= length, "an answer is shorter than it says"
        return written[:length], written[length:]
    if headers.get(b"transfer-encoding") != b"chunked":
        assert headers.get(b"connection") == b"close", f"an answer without an end: {headers}"
        return written, b""
    body = b""
    while True:
        size, _, written = written.partition(b"\r\n")
        length = int(size, 16)
        body, written = body + written[:length], written[length:].removeprefix(b"\r\n")
        if not length:
            return body, written
