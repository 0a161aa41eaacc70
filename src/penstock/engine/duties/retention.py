"""Deletes history that has had its time, so that it grows with what is done in that time and not with the server's age.

    pipelines, some at a time ─► what is old there, a little in one commit ─► … ─► ended jobs, likewise ─► a pause of hours

What the present state of a pipeline is about stays, however old it is: the execution that each stage shows, and the one that a
stage would be rolled back to. Versions of declarations and objects of the artifact store are no history, and stay.

What happens on each failure:

- The server ends: the round begins anew at the next start, and finds what is left. An execution goes last, after its parts.
- Somebody retries an execution that is just about to go: whoever has its pipeline first has it.
- Two servers do it at once: each deletes what it still finds.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial

from penstock.core import limits
from penstock.core.lookup import named_executions
from penstock.core.model import Execution, Head
from penstock.engine.committer import Committer, Written
from penstock.ports.history import HistoryReads, Oldest
from penstock.ports.storage import Transaction

__all__ = ["Retention"]

log = logging.getLogger("penstock.retention")

# One turn takes a few milliseconds, and there is as much time between two for everybody else.
PIPELINES_MAX = 50
ROWS_MAX = 200
PAGE_MAX = 20
PAUSE_SECONDS = 0.05
ROUND_SECONDS = 6 * limits.HOUR


class Retention:
    """A duty. What ended, and began, more than `days` ago goes."""

    topic = "retention"

    def __init__(self, reads: HistoryReads, committer: Committer, days: float) -> None:
        self._reads = reads
        self._committer = committer
        self._seconds = days * limits.DAY
        self._next_at = 0.0
        self._begin()

    def _begin(self) -> None:
        self._pipelines_after: tuple[str, str] | None = ("", "")
        self._jobs_after = 0
        self._rows = 0

    async def tick(self, now: float) -> float | None:
        """Take one turn, if a round is due or under way."""
        if now < self._next_at:
            return self._next_at
        if self._pipelines_after is not None:
            self._pipelines_after = await self._look(self._pipelines_after, now)
            return now + PAUSE_SECONDS
        after = await self._committer.write(
            partial(_forget_jobs, before=now - self._seconds, after=self._jobs_after),
        )
        if after is not None:
            self._jobs_after = after
            return now + PAUSE_SECONDS
        if self._rows:
            log.info("history older than %g days deleted: %d rows", self._seconds / limits.DAY, self._rows)
        self._begin()
        self._next_at = now + ROUND_SECONDS
        return self._next_at

    async def _look(self, after: tuple[str, str], now: float) -> tuple[str, str] | None:
        """Deal with the next pipelines; gives the last one that is done with, None after the last one of all."""
        before, tokens_before = now - self._seconds, now - limits.REQUEST_TOKEN_SECONDS
        found = await self._reads.oldest(after, tokens_before, PIPELINES_MAX)
        old = [each for each in found if each.has_old_tokens or _is_before(each.began_at, before)]
        if old:
            done, rows = await self._committer.write(
                partial(_forget, old=old, before=before, tokens_before=tokens_before)
            )
            self._rows += rows
            if done < len(old):
                # Those in between have nothing old.
                return (old[done - 1].account, old[done - 1].pipeline_id) if done else after
        return (found[-1].account, found[-1].pipeline_id) if len(found) == PIPELINES_MAX else None


def _is_before(at: float | None, before: float) -> bool:
    return at is not None and at < before


def _forget(
    transaction: Transaction, old: Sequence[Oldest], before: float, tokens_before: float
) -> Written[tuple[int, int]]:
    """Delete as much as one commit may; gives how many of the pipelines are done with, and the number of rows."""
    rows = 0
    for done, each in enumerate(old):
        rows += _forget_of(transaction, each, (before, tokens_before), ROWS_MAX - rows)
        if rows >= ROWS_MAX:
            return Written((done, rows))
    return Written((len(old), rows))


def _forget_of(transaction: Transaction, pipeline: Oldest, before: tuple[float, float], rows_max: int) -> int:
    account, pipeline_id = pipeline.account, pipeline.pipeline_id
    head = transaction.held_head(account, pipeline_id)
    if head is None:
        return 0
    rows = transaction.forget_request_tokens(account, pipeline_id, before[1], rows_max)
    for execution in _past(transaction, head, before[0]):
        if rows >= rows_max:
            break
        rows += transaction.forget_execution(account, pipeline_id, execution.number, rows_max - rows)
    return rows


def _past(transaction: Transaction, head: Head, before: float) -> Iterator[Execution]:
    """The pipeline's executions that nothing needs any more, oldest first. They are numbered as they begin."""
    named, number = named_executions(head), 0
    while page := transaction.executions_after(head.account, head.id, number, PAGE_MAX):
        for execution in page:
            if execution.started_at >= before:
                return
            if not execution.is_open and execution.updated_at < before and execution.id not in named:
                yield execution
        number = page[-1].number


def _forget_jobs(transaction: Transaction, before: float, after: int) -> Written[int | None]:
    return Written(transaction.forget_jobs(before, after, ROWS_MAX))
