"""Many requests over few connections: each answer is waited for, some requests are sent before the last one was answered."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from fuzz.heads import Asked
from fuzz.judging import Answer

ANSWER_BYTES_MAX = 64 << 20
CONTINUE = 100
NO_STATUS = 0

Hear = Callable[[Asked, Answer | None], None]


class Conversation:
    """One client's side. `hear` is told every request and its answer: None if the connection ended before it, one without
    a status if there was none for `seconds_max`."""

    def __init__(self, port: int, seconds_max: float, hear: Hear) -> None:
        self._port, self._seconds_max, self._hear = port, seconds_max, hear
        self._open_streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, batch: list[Asked]) -> None:
        """Send them at once and hear their answers, one after the other."""
        reader, writer = await self._open()
        began = time.perf_counter()
        writer.write(b"".join(asked.wire for asked in batch))
        for number, asked in enumerate(batch, start=1):
            if asked.ends:
                # The server may have ended it already.
                with contextlib.suppress(OSError):
                    writer.write_eof()
            answer = await self._answer(reader, asked)
            if answer is not None:
                answer.seconds = time.perf_counter() - began
            self._hear(asked, answer)
            if answer is None or answer.headers.get("connection") == "close":
                self.close()
                # What was sent behind the last request of a connection is sent again on another one.
                if batch[number:]:
                    await self.ask(batch[number:])
                return
        if batch[-1].ends:
            self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._open_streams is None:
            self._open_streams = await asyncio.open_connection("127.0.0.1", self._port, limit=ANSWER_BYTES_MAX)
        return self._open_streams

    def close(self) -> None:
        if self._open_streams is not None:
            self._open_streams[1].close()
        self._open_streams = None

    async def _answer(self, reader: asyncio.StreamReader, asked: Asked) -> Answer | None:
        try:
            async with asyncio.timeout(self._seconds_max):
                answer = await _read(reader, is_head=asked.is_head)
                while answer.status == CONTINUE:
                    answer = await _read(reader, is_head=asked.is_head)
                return answer
        except TimeoutError:
            self.close()
            return Answer(NO_STATUS, {"connection": "close"}, b"")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


async def _read(reader: asyncio.StreamReader, *, is_head: bool) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split(" ")[1])
    if is_head or status in {CONTINUE, 204, 304}:
        return Answer(status, headers, b"")
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))
    assert headers.get("transfer-encoding") == "chunked", f"an answer without an end: {head!r}"
    body = b""
    while size := int((await reader.readline()).strip(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return Answer(status, headers, body)
