"""Jobs in the hands of the server's own workers.

A worker of the server dies with it, and nobody else may answer for its jobs: an action would wait its whole timeout for a
result that cannot come. So such jobs carry their server's lease. When it has lapsed (here: at the next start on the same
file, and when the server drains), an acknowledged job is ended and the same action gets a new one; one that was only
dispatched ends likewise. A late result for the old job is refused, since its stamp names a job that has ended.
"""

import asyncio

from penstock.core.commands import JobLost
from penstock.engine.batch import PipelineGone
from penstock.engine.committer import Committer
from penstock.ports.storage import JobRow, Reader

__all__ = ["give_up"]


async def give_up(reader: Reader, committer: Committer) -> int:
    """Offer all leased jobs again; returns how many there were."""
    leased = await reader.leased_jobs()
    await asyncio.gather(*(_lose(committer, row) for row in leased))
    return len(leased)


async def _lose(committer: Committer, row: JobRow) -> None:
    token = row.work.continuation_token if row.work is not None else None
    try:
        await committer.submit(row.job.account, row.job.pipeline_id, JobLost(row.job, token))
    except PipelineGone:
        return
