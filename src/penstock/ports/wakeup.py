"""Telling those who wait that it is worth looking again. A hint only: what is lost is found by the next look."""

from collections.abc import Iterable
from typing import Protocol

__all__ = ["Wakeup"]


class Wakeup(Protocol):
    def wake(self, topics: Iterable[str]) -> None:
        """Wake all that wait for one of these topics."""

    async def wait(self, topics: Iterable[str], timeout_seconds: float) -> bool:
        """Return when one of the topics is woken after this call began, or when the time is over.

        False means that the server is stopping: it is no use to wait again.
        """
