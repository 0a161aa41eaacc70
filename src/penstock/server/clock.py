"""The time and the ids of a server."""

import os
import time

__all__ = ["SystemClock", "UuidIds"]

# What fits into the bits behind the version.
COUNT_MAX = 0xFFF


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
    """UUIDs of version 7 (RFC 9562): they begin with the time and a count within it, so that those of one server sort as they
    were made, and rows that are made together lie together in an index."""

    def __init__(self) -> None:
        self._random: list[str] = []
        self._millisecond = 0
        self._count = 0
        self._front = ""

    def new(self) -> str:
        if not self._random:
            # Asking the system for each costs as much as all the rest.
            bits = os.urandom(1024).hex()
            self._random = [_random_part(bits[start : start + 16]) for start in range(0, len(bits), 16)]
        millisecond = time.time_ns() // 1_000_000
        if millisecond > self._millisecond:
            self._begin(millisecond)
        else:
            self._count += 1
            if self._count > COUNT_MAX:
                self._begin(self._millisecond + 1)
        return f"{self._front}{self._count:03x}{self._random.pop()}"

    def _begin(self, millisecond: int) -> None:
        """Count on from another time; it never goes back."""
        self._millisecond, self._count = millisecond, 0
        at = f"{millisecond:012x}"
        self._front = f"{at[:8]}-{at[8:]}-7"


def _random_part(bits: str) -> str:
    """The rest of a UUID behind its time and count: 62 random bits, and the two of its variant."""
    return f"-{'89ab'[int(bits[0], 16) & 3]}{bits[1:4]}-{bits[4:]}"
