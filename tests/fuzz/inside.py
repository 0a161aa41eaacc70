"""A whole server within this process, without a port: authentication is off, and every request goes in as ASGI."""

import asyncio
import contextlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fuzz.judging import Answer
from fuzz.messages import Message
from fuzz.told import Told
from penstock.http.exchange import scope_of
from penstock.server.compose import Installation, compose
from penstock.server.settings import load

ANSWER_SECONDS_MAX = 10.0
CLIENT = ("127.0.0.1", 50_000)
LISTENER: Any = SimpleNamespace(is_secure=False, server=("127.0.0.1", 4570))


class Inside:
    """Its data are in `folder`, which nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self._told = Told()
        self.installation = self._loop.run_until_complete(self._compose())

    async def _compose(self) -> Installation:
        settings = load({"data_dir": self.folder, "auth": "off", "executor": "off"}, environment={})
        installation = compose(settings, "off", "http://127.0.0.1:4570")
        self._committing = self._loop.create_task(installation.committer.run())
        return installation

    def ask(self, message: Message, pieces: list[bytes], *, leaves: bool = False) -> Answer | None:
        """The answer, if the client does not leave before its last piece; AssertionErrors for what no ASGI application does,
        for silence and for faults in the log."""
        exchange = _Exchange(pieces, leaves=leaves)
        answer = self._loop.run_until_complete(self._ask(message, exchange))
        self._told.check()
        return answer

    async def _ask(self, message: Message, exchange: "_Exchange") -> Answer | None:
        scope = scope_of(
            method=message.method,
            version="1.1",
            url=(message.path, message.query),
            headers=message.headers,
            client=CLIENT,
            listener=LISTENER,
        )
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await self.installation.app(scope, exchange.receive, exchange.send)
        return exchange.answer()

    def sweep(self) -> int:
        """What an hour's sweep removes, once all that is there is older than that."""
        now = self.installation.clock.now()
        for path in self.folder.glob("artifacts/objects/*/*"):
            os.utime(path)
        return self._loop.run_until_complete(_swept(self.installation, now + 7 * 3600))

    def close(self) -> None:
        self._told.forget()
        self._loop.run_until_complete(self._end())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _end(self) -> None:
        self._committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._committing
        await self.installation.storage.close()


async def _swept(installation: Installation, now: float) -> int:
    return await installation.sweep(now)


class _Exchange:
    """One request's body, and what is sent back."""

    def __init__(self, pieces: list[bytes], *, leaves: bool) -> None:
        self._left = list(reversed(pieces))
        self._leaves = leaves
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""
        self._is_over = False

    async def receive(self) -> dict[str, Any]:
        if self._leaves and len(self._left) <= 1:
            return {"type": "http.disconnect"}
        if not self._left:
            # The client stays until it is answered.
            await asyncio.get_running_loop().create_future()
        body = self._left.pop()
        return {"type": "http.request", "body": body, "more_body": bool(self._left)}

    async def send(self, message: dict[str, Any]) -> None:
        assert not self._is_over, "something was sent behind the answer's end"
        if message["type"] == "http.response.start":
            assert not self._status, "an answer was begun twice"
            self._status = message["status"]
            for name, value in message["headers"]:
                assert not set(name + value) & set(b"\r\n\0"), f"a header that ends its line: {name!r}: {value!r}"
                self._headers[name.decode("ascii")] = value.decode("latin-1")
            return
        assert self._status, "a body was sent before its head"
        self._body += message.get("body", b"")
        self._is_over = not message.get("more_body", False)

    def answer(self) -> Answer | None:
        if self._leaves and not self._is_over:
            return None
        assert self._is_over, "the answer has no end"
        return Answer(self._status, self._headers, self._body)
