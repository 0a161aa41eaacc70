"""Clears away what nothing names any more."""

from collections.abc import Awaitable, Callable

__all__ = ["Housekeeping"]

INTERVAL_SECONDS = 3600.0


class Housekeeping:
    topic = "housekeeping"

    def __init__(self, sweep: Callable[[float], Awaitable[int]]) -> None:
        self._sweep = sweep
        self._next_at = 0.0

    async def tick(self, now: float) -> float | None:
        if now >= self._next_at:
            await self._sweep(now)
            self._next_at = now + INTERVAL_SECONDS
        return self._next_at
