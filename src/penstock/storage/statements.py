"""Named statements, as code that is the same for every database uses them."""

from collections.abc import Iterator
from typing import Any, Protocol

__all__ = ["Found", "Read", "Statements"]


class Found(Protocol):
    """What a statement has found or done."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Statements(Protocol):
    """Those of one open transaction, by their names; `values` are their parameters."""

    def run(self, query: str, /, **values: Any) -> Found: ...

    def hold(self, query: str, /, **values: Any) -> Found:
        """As `run`; what is found stays as it is until the transaction ends, but for what that does itself."""

    def share(self, query: str, /, **values: Any) -> Found:
        """As `run`; what is found is not taken away before the transaction ends."""

    def lock(self, what: str) -> None:
        """From now on until the transaction ends, no other one is past a lock of that name."""


class Read(Protocol):
    """Runs a query that reads, by its name, against what was committed; gives all rows."""

    async def __call__(self, query: str, /, **values: Any) -> list[Any]: ...
