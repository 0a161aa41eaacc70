"""Jobs in the hands of the servers' own workers.

A worker of a server dies with it, and nobody else may answer for its jobs: an action would wait its whole timeout for a
result that cannot come. So such jobs carry their server's lease. When it has lapsed, an acknowledged job is ended and the same
action gets a new one; one that was only dispatched ends likewise. A late result for the old job is refused, since its stamp
names a job that has ended.

A lease lapses with its server: on a file of its own at the next start, on a shared database once the others have not seen the
server for `GONE_AFTER_SECONDS`, and in both cases when it drains.
"""

import asyncio
from collections.abc import Callable

from penstock.core.commands import JobLost
from penstock.engine.batch import PipelineGone
from penstock.engine.committer import Committer
from penstock.ports.storage import JobRow, Storage

__all__ = ["GONE_AFTER_SECONDS", "Leases", "give_up"]

LOOK_SECONDS = 5.0
# A server that has lost its connection for a moment is back by then.
GONE_AFTER_SECONDS = 10.0
# What one look gives up at most, so that it does not fill the committer's queue.
JOBS_MAX = 256


async def give_up(storage: Storage, committer: Committer, has_lapsed: Callable[[str], bool]) -> int:
    """Offer the jobs of lapsed leases again; returns how many there were."""
    rows = [row for row in await storage.reader.leased_jobs() if row.lease is not None and has_lapsed(row.lease)]
    for start in range(0, len(rows), JOBS_MAX):
        await asyncio.gather(*(_lose(committer, row) for row in rows[start : start + JOBS_MAX]))
    return len(rows)


async def _lose(committer: Committer, row: JobRow) -> None:
    token = row.work.continuation_token if row.work is not None else None
    try:
        await committer.submit(row.job.account, row.job.pipeline_id, JobLost(row.job, token))
    except PipelineGone:
        return


class Leases:
    """A duty of servers that share a database: looks whose server is gone."""

    topic = "leases"

    def __init__(self, storage: Storage, committer: Committer) -> None:
        self._storage = storage
        self._committer = committer
        self._missing_since: dict[str, float] = {}

    async def tick(self, now: float) -> float | None:
        # Servers are asked for last: one that has come meanwhile must not be missed because of a job that it has got.
        leases = {row.lease for row in await self._storage.reader.leased_jobs() if row.lease is not None}
        missing = leases - set(await self._storage.live_servers())
        self._missing_since = {lease: self._missing_since.get(lease, now) for lease in missing}
        lapsed = {lease for lease, since in self._missing_since.items() if now - since >= GONE_AFTER_SECONDS}
        if lapsed:
            await give_up(self._storage, self._committer, lapsed.__contains__)
        return now + LOOK_SECONDS
