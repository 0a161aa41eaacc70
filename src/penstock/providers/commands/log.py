"""The output of commands on its way to the job's log: at once, in bounded pieces, without secrets."""

import asyncio
import codecs
import re
import time
from collections.abc import Awaitable, Callable, Iterable

from penstock.providers.commands.outlet import Output

FLUSH_SECONDS = 0.2
BATCH_CHARACTERS = 32 * 1024
LOG_BYTES_MAX = 10 * 1024 * 1024
# A shorter secret would mask half of an ordinary log, and protect nothing.
SECRET_LENGTH_MIN = 4
MASK = "***"


class Mask:
    """Hides secrets in a text that comes in pieces, also those that are cut in two by them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Tools print long secrets, keys for one, line by line.
        lines = {line for secret in secrets for line in (secret, *secret.splitlines())}
        self._secrets = sorted((line for line in lines if len(line) >= SECRET_LENGTH_MIN), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._secrets)) or "(?!)")
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now; the end of the text stays here while it may be the beginning of a secret."""
        text = self._held + text
        spans = [found.span() for found in self._pattern.finditer(text)]
        beginnings = range(max(0, len(text) - len(self._secrets[0]) + 1) if self._secrets else len(text), len(text))
        held_from = next((start for start in beginnings if self._may_become_secret(text, start, spans)), len(text))
        self._held = text[held_from:]
        return self._pattern.sub(MASK, text[:held_from])

    def rest(self) -> str:
        """What was held back, now that nothing more will come."""
        held, self._held = self._held, ""
        return self._pattern.sub(MASK, held)

    def _may_become_secret(self, text: str, start: int, spans: list[tuple[int, int]]) -> bool:
        if any(begin < start < end for begin, end in spans):
            return False
        tail = text[start:]
        return any(len(secret) > len(tail) and secret.startswith(tail) for secret in self._secrets)


class LogStream:
    """Sends what commands print, masked, no later than FLUSH_SECONDS after it was printed.

    Past its bound, one line says that the log was cut, and the rest is read and thrown away: commands never wait for
    a reader that has had enough.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], secrets: Iterable[str] = (), bytes_max: int = LOG_BYTES_MAX
    ) -> None:
        self._send = send
        self._mask = Mask(secrets)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._bytes_max = bytes_max
        self._bytes_left = bytes_max
        self._is_cut = False
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._flush_at = 0.0

    async def follow(self, output: Output) -> None:
        """Send everything until the output ends."""
        while True:
            piece = await self._next(output)
            if piece == b"":
                break
            if piece is not None:
                self._take(piece)
            if self._waiting and (piece is None or self._waiting_characters >= BATCH_CHARACTERS):
                await self._flush()
        self._add(self._mask.feed(self._decoder.decode(b"", final=True)) + self._mask.rest())
        await self._flush()

    async def line(self, text: str) -> None:
        """Add a line of our own."""
        self._add(self._mask.feed(text + "\n") + self._mask.rest())
        await self._flush()

    async def _next(self, output: Output) -> bytes | None:
        """The next piece of output, empty at its end; None when what waits has waited long enough."""
        patience = max(0.0, self._flush_at - time.monotonic()) if self._waiting else None
        try:
            async with asyncio.timeout(patience):
                return await output.read(BATCH_CHARACTERS)
        except TimeoutError:
            return None

    def _take(self, piece: bytes) -> None:
        if self._is_cut:
            return
        kept = piece[: self._bytes_left]
        self._bytes_left -= len(kept)
        self._add(self._mask.feed(self._decoder.decode(kept)))
        if len(kept) < len(piece):
            self._is_cut = True
            self._add(f"{self._mask.rest()}\nThe log was cut here: it is longer than {self._bytes_max} bytes.\n")

    def _add(self, text: str) -> None:
        if not text:
            return
        if not self._waiting:
            self._flush_at = time.monotonic() + FLUSH_SECONDS
        self._waiting.append(text)
        self._waiting_characters += len(text)

    async def _flush(self) -> None:
        text = "".join(self._waiting)
        self._waiting.clear()
        self._waiting_characters = 0
        for start in range(0, len(text), BATCH_CHARACTERS):
            await self._send(text[start : start + BATCH_CHARACTERS])
