"""Takes away what deleted pipelines have left: their histories and logs, which may be long.

    DeletePipeline: what shows the pipeline goes, a row says that the rest is to go ─► a little in one commit ─► … ─► that row

Nobody finds the rest meanwhile: it lies under the pipeline's id, and a namesake has another one.

What happens on each failure:

- The server ends: the row is still there, and the next start goes on with what is left.
- Two servers do it at once: that row is held by one of them, and the other goes on after it.
- A worker is just writing to a log: it holds on to the pipeline, whose deletion waits for it; later pieces are refused.
"""

import logging
from collections.abc import Sequence
from functools import partial

from penstock.engine.committer import Committer, Written
from penstock.engine.duties.retention import PAUSE_SECONDS, PIPELINES_MAX, ROWS_MAX
from penstock.ports.history import HistoryReads
from penstock.ports.storage import Transaction

__all__ = ["TOPIC", "Deletions"]

log = logging.getLogger("penstock.deletions")

TOPIC = "deletions"


class Deletions:
    """A duty, woken by each deletion."""

    topic = TOPIC

    def __init__(self, reads: HistoryReads, committer: Committer) -> None:
        self._reads = reads
        self._committer = committer
        self._rows = 0

    async def tick(self, now: float) -> float | None:
        """Take one turn, if anything is left."""
        deleted = await self._reads.deleted_pipelines(PIPELINES_MAX)
        if not deleted:
            if self._rows:
                log.info("what deleted pipelines had left is gone: %d rows", self._rows)
            self._rows = 0
            return None
        self._rows += await self._committer.write(partial(_forget, deleted=deleted))
        return now + PAUSE_SECONDS


def _forget(transaction: Transaction, deleted: Sequence[tuple[str, str]]) -> Written[int]:
    """Delete as much as one commit may; gives the number of rows."""
    rows = 0
    for account, pipeline_id in deleted:
        rows += transaction.forget_deleted(account, pipeline_id, ROWS_MAX - rows)
        if rows >= ROWS_MAX:
            break
    return Written(rows)
