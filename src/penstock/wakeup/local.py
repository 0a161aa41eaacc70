"""Wake-ups within one process."""

import asyncio
from collections.abc import Iterable

__all__ = ["LocalWakeup"]


class LocalWakeup:
    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._is_closed = False

    def wake(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for waiter in self._waiting.pop(topic, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def close(self) -> None:
        """Let all go who wait, now and from now on."""
        self._is_closed = True
        self.wake(list(self._waiting))

    async def wait(self, topics: Iterable[str], timeout_seconds: float) -> bool:
        if self._is_closed:
            return False
        topics = tuple(topics)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for topic in topics:
            self._waiting.setdefault(topic, set()).add(waiter)
        try:
            await asyncio.wait_for(waiter, timeout_seconds)
        except TimeoutError:
            pass
        finally:
            for topic in topics:
                self._leave(topic, waiter)
        return not self._is_closed

    def _leave(self, topic: str, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiting.get(topic)
        if waiters is not None:
            waiters.discard(waiter)
            if not waiters:
                del self._waiting[topic]
