"""The time and the ids of a server."""

import os
import time

__all__ = ["SystemClock", "UuidIds"]


class SystemClock:
    """The time of the machine, but never earlier than before: set back, it goes on at its own pace until that is made up.

    Servers that share a database go by its clock, which is `ahead_seconds` ahead of the machine's.
    """

    def __init__(self, ahead_seconds: float = 0.0) -> None:
        self._fast_seconds = ahead_seconds
        self._ahead = time.time() + ahead_seconds - time.monotonic()

    def now(self) -> float:
        steady = time.monotonic()
        ahead = time.time() + self._fast_seconds - steady
        if ahead > self._ahead:
            self._ahead = ahead
        return steady + self._ahead


class UuidIds:
    """UUIDs of version 7 (RFC 9562): they begin with the time, so that rows that are made together lie together in an index."""

    def __init__(self) -> None:
        self._random: list[str] = []
        self._millisecond = 0
        self._front = ""

    def new(self) -> str:
        if not self._random:
            # Asking the system for each costs as much as all the rest.
            bits = os.urandom(1280).hex()
            self._random = [_random_part(bits[start : start + 20]) for start in range(0, len(bits), 20)]
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            at = f"{millisecond:012x}"
            self._front = f"{at[:8]}-{at[8:]}-7"
        return self._front + self._random.pop()


def _random_part(bits: str) -> str:
    """The rest of a UUID behind its time and version: 74 random bits, and the two of its variant."""
    return f"{bits[:3]}-{'89ab'[int(bits[3], 16) & 3]}{bits[4:7]}-{bits[7:19]}"
