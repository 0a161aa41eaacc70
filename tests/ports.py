"""A listener with an application and calls of its own, and clients of it, for tests of HTTP as it comes over a socket."""

import asyncio
import contextlib
import socket

from penstock.http.listener import Listener

CALL = b"POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: T\r\ncontent-length: %d\r\n\r\n%b"
POLL = CALL.replace(b": T", b": CodePipeline_20150709.PollForJobs")
MIB = 1 << 20


class Calls:
    """Answers a call with its body; one that is `held` waits until it is let go, one that is bad is refused."""

    def __init__(self):
        self.held = asyncio.Event()
        self.begun = self.cancelled = 0

    async def answer(self, request, headers, origin):
        self.begun += 1
        if b"x-penstock-wait-seconds" in headers:
            try:
                await self.held.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if request.body == b"bad":
            self.throttle.count_failure(origin.address)
            return 403, b""
        if request.body == b"wait":
            await asyncio.sleep(0.05)
        return 200, request.body + origin.address.encode()

    def too_large(self):
        return 413, b"too large"


async def app(scope, receive, send):
    """Echoes, in ways that the path says."""
    path = scope["path"]
    if path == "/fails":
        raise RuntimeError
    if path == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        raise RuntimeError
    body = b""
    if path != "/early":
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
    if path == "/size":
        body = b"%d" % len(body)
    headers = [(b"content-length", b"%d" % len(body))] if path not in {"/pieces", "/many"} else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(2000 if path == "/many" else 0):
        await send({"type": "http.response.body", "body": b"m" * 10_000, "more_body": True})
    if path == "/pieces":
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        body = b"two"
    await send({"type": "http.response.body", "body": body})


class Port:
    """A listener, and clients of it."""

    def __init__(self, **options):
        self.options = options

    async def __aenter__(self):
        self.calls = Calls()
        self.listener = Listener(app, self.calls, **self.options)
        self.calls.throttle = self.listener.throttle
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.bind(("127.0.0.1", 0))
        self.number = bound.getsockname()[1]
        await self.listener.open(bound)
        return self

    async def __aexit__(self, *_):
        await self.listener.drain(0.2)

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.number)

    async def ask(self, *pieces):
        """What comes back for these bytes, until the server ends the connection or says no more."""
        reader, writer = await self.connect()
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := await asyncio.wait_for(reader.read(65536), 0.25):
                answer += piece
        writer.close()
        return answer


async def until(condition):
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.002)


def asked(*pieces, **options):
    async def run():
        async with Port(**options) as port:
            return await port.ask(*pieces)

    return asyncio.run(run())


def bodies(answer):
    """The bodies of answers that tell their length."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(rest[:length])
        answer = rest[length:]
    return found


class Written:
    """A transport that keeps what is written, of a client wherever one likes."""

    def __init__(self, address="127.0.0.1"):
        self.written = b""
        self.is_closed = False
        self.address = address

    def get_extra_info(self, name):
        return (self.address, 1) if name == "peername" else None

    def write(self, piece):
        self.written += piece

    def is_closing(self):
        return self.is_closed

    def can_write_eof(self):
        return False

    def pause_reading(self):
        """There is nobody whom this would keep waiting."""

    resume_reading = pause_reading

    def close(self):
        self.is_closed = True

    abort = close


def port_connection(port, address="127.0.0.1"):
    from penstock.http.connection import Connection

    connection, transport = Connection(port.listener), Written(address)
    connection.connection_made(transport)
    return connection, transport
