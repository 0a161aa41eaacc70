"""Time and identifiers, handed in so that tests can hold them."""

from typing import Protocol

__all__ = ["Clock", "Ids"]


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""


class Ids(Protocol):
    def new(self) -> str:
        """A fresh UUID, lower case."""
