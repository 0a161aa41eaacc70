"""Fires due timers: the only source of lateness. Late is allowed, lost is not, twice is harmless."""

import asyncio
import logging

from penstock.core.commands import TimerFired
from penstock.core.refusals import Refusal
from penstock.engine.batch import PipelineGone
from penstock.engine.committer import Committer
from penstock.ports.storage import DueTimer, Reader

__all__ = ["Timers"]

log = logging.getLogger("penstock.timers")

BATCH_MAX = 64


class Timers:
    topic = "timers"

    def __init__(self, reader: Reader, committer: Committer) -> None:
        self._reader = reader
        self._committer = committer

    async def tick(self, now: float) -> float | None:
        due = await self._reader.due_timers(now, BATCH_MAX)
        if due:
            await asyncio.gather(*(self._fire(timer) for timer in due))
        return await self._reader.next_due_at()

    async def _fire(self, timer: DueTimer) -> None:
        """The row goes away in the commit that handles it, also where it no longer means anything."""
        command = TimerFired(timer.kind, timer.stamp)
        try:
            await self._committer.submit(timer.account, timer.pipeline_id, command)
        except (PipelineGone, Refusal) as reason:
            log.info("the timer %s of pipeline %s came to nothing: %s", timer.kind, timer.pipeline_id, reason)
