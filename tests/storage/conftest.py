"""One suite for every storage adapter: a new one is added to ADAPTERS."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.ports.storage import Storage
from penstock.storage.postgres.adapter import PostgresStorage
from penstock.storage.sqlite.adapter import SqliteStorage
from postgres import Cluster, cluster
from storage.samples import Store
from storage.servers import Pair

__all__ = ["cluster"]

Make = Callable[[], Storage]


@contextmanager
def sqlite(request: pytest.FixtureRequest) -> Iterator[Make]:
    folder: Path = request.getfixturevalue("tmp_path")
    yield lambda: _checking(SqliteStorage(folder / "penstock.db"))


def _checking(storage: SqliteStorage) -> SqliteStorage:
    """With the constraints that a server passes over, so that what breaks one is found here."""
    storage.connection.execute("PRAGMA ignore_check_constraints = OFF")
    return storage


@contextmanager
def postgres(request: pytest.FixtureRequest) -> Iterator[Make]:
    running: Cluster = request.getfixturevalue("cluster")
    with running.database() as url:
        yield lambda: PostgresStorage(url)


ADAPTERS = {"sqlite": sqlite, "postgres": postgres}


class Reopening(Store):
    """Closes the storage and opens it anew: what is kept in memory must not matter."""

    def __init__(self, make: Make, runner: asyncio.Runner) -> None:
        super().__init__(make(), runner)
        self._make = make

    def reopen(self) -> None:
        self.read(self.storage.close())
        self.storage = self._make()


@pytest.fixture(params=ADAPTERS)
def store(request: pytest.FixtureRequest) -> Iterator[Reopening]:
    with asyncio.Runner() as runner, ADAPTERS[request.param](request) as make:
        opened = Reopening(make, runner)
        yield opened
        opened.read(opened.storage.close())


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """The address of a PostgreSQL database with all tables and no rows."""
    with cluster.database() as address:
        yield address


@pytest.fixture
def pair(url: str) -> Iterator[Pair]:
    with asyncio.Runner() as runner:
        made = Pair(url, runner)
        yield made
        made.close()
