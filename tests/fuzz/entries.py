"""The entry points that are fuzzed within one process."""

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["ENTRIES", "Entry", "entry"]


class Entry(Protocol):
    """Takes inputs. `seeds` are good ones to begin with, `words` what is worth putting in."""

    @property
    def seeds(self) -> Sequence[bytes]: ...

    @property
    def words(self) -> Sequence[bytes]: ...

    def check(self, text: bytes) -> None:
        """Raise if the server does with this input what it never should."""

    def close(self) -> None:
        """Look at what all inputs together have left behind; raise if it is not as it should be."""


def _signatures() -> Entry:
    from fuzz.signatures import Signatures

    return Signatures()


def _queries() -> Entry:
    from fuzz.doors import Queries

    return Queries()


def _objects() -> Entry:
    from fuzz.doors import Objects

    return Objects()


def _connections() -> Entry:
    from fuzz.connections import Connections

    return Connections()


# Each is imported when it is wanted: what looks for coverage must be there before the server's modules are.
ENTRIES: dict[str, Callable[[], Entry]] = {
    "signatures": _signatures,
    "queries": _queries,
    "objects": _objects,
    "connections": _connections,
}


def entry(name: str) -> Entry:
    """A new one of that name."""
    return ENTRIES[name]()
