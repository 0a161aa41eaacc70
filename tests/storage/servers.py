"""Two servers on one PostgreSQL, as far as the storage goes."""

import asyncio
from collections.abc import Callable
from typing import Any

from penstock.ports.storage import Transaction
from penstock.storage.postgres.adapter import PostgresStorage
from storage.samples import Store

WAIT_SECONDS = 10
# Whether somebody waits for a lock.
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"


class Pair:
    """Two servers on one database. Each has a thread for its commits, so that they can be under way at the same time."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.one = Store(PostgresStorage(url), runner)
        self.two = Store(PostgresStorage(url), runner)
        self._runner = runner

    def together(self, one: Callable[[Transaction], Any], two: Callable[[Transaction], Any]) -> list[Any]:
        async def both() -> list[Any]:
            return await asyncio.gather(
                self.one.storage.commit(one), self.two.storage.commit(two), return_exceptions=True
            )

        return self._runner.run(both())

    def close(self) -> None:
        for store in (self.one, self.two):
            store.read(store.storage.close())
