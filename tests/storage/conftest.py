"""One suite for every storage adapter: a new one is added to ADAPTERS."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.ports.storage import Storage
from penstock.storage.sqlite.adapter import SqliteStorage
from storage.samples import Store

ADAPTERS: dict[str, Callable[[Path], Storage]] = {
    "sqlite": lambda folder: SqliteStorage(folder / "penstock.db"),
}


class Reopening(Store):
    """Closes the storage and opens it anew: what is kept in memory must not matter."""

    def __init__(self, make: Callable[[], Storage], runner: asyncio.Runner) -> None:
        super().__init__(make(), runner)
        self._make = make

    def reopen(self) -> None:
        self.read(self.storage.close())
        self.storage = self._make()


@pytest.fixture(params=ADAPTERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopening]:
    with asyncio.Runner() as runner:
        opened = Reopening(lambda: ADAPTERS[request.param](tmp_path), runner)
        yield opened
        opened.read(opened.storage.close())
