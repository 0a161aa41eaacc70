"""Looks whether the objects of sources have changed, in a store that does not tell.

    due rows, taken in small batches ─► one look at each ─► what was seen, and a start if it is new, in one commit

What happens on each failure:

- The server ends between taking and keeping: the row is due again after the interval, and still knows what was seen before.
- The store does not answer, or says no: the same, and the log tells once.
- Two servers look at the same object: the second one to keep what it saw keeps nothing, and starts nothing.
"""

import asyncio
import logging
from functools import partial

from penstock.core.commands import TimerFired
from penstock.core.roles import roles_of_action
from penstock.engine.committer import Committer, Follow, Written
from penstock.ports.artifacts import CredentialsRefused, Location, ObjectLooks, StoreUnavailable
from penstock.ports.storage import Reader, Transaction
from penstock.ports.watches import Look, Watch

__all__ = ["TOPIC", "SourceLooks"]

log = logging.getLogger("penstock.sources")

TOPIC = "source looks"
BATCH_MAX = 32
# While the first execution is still fetching, nobody knows what it fetches.
FIRST_SECONDS = 2.0
RUNS_MAX = 100
TOLD_MAX = 1000
NOTHING = "none"


class SourceLooks:
    topic = TOPIC

    def __init__(self, reader: Reader, committer: Committer, store: ObjectLooks, interval_seconds: float) -> None:
        self._reader = reader
        self._committer = committer
        self._store = store
        self._interval_seconds = interval_seconds
        self._told: dict[Watch, str] = {}

    async def tick(self, now: float) -> float | None:
        due_at = await self._reader.next_look_at()
        if due_at is None or due_at > now:
            return due_at
        again_at = now + self._interval_seconds
        due = await self._committer.write(
            lambda transaction: Written(transaction.looks.claim(now, again_at, BATCH_MAX))
        )
        await asyncio.gather(*(self._look(look, again_at) for look in due))
        return await self._reader.next_look_at()

    async def _look(self, look: Look, again_at: float) -> None:
        try:
            newest = await self._newest(look.watch)
        except (CredentialsRefused, StoreUnavailable) as problem:
            self._tell(look.watch, str(problem))
            return
        self._told.pop(look.watch, None)
        if (newest or NOTHING) == look.seen:
            return
        fetched = look.seen or await self._fetched(look.watch, newest)
        if fetched is None:
            again_at -= max(self._interval_seconds - FIRST_SECONDS, 0.0)
            await self._committer.write(partial(_keep, look=look, seen="", again_at=again_at, is_new=False))
            return
        is_new = newest is not None and fetched != newest
        await self._committer.write(partial(_keep, look=look, seen=newest or NOTHING, again_at=again_at, is_new=is_new))

    async def _newest(self, watch: Watch) -> str | None:
        head = await self._reader.head(watch.account, watch.pipeline_id)
        version = head and await self._reader.version(watch.account, watch.pipeline_id, head.version)
        if not version:
            return None
        roles = roles_of_action(version.declaration, version.declaration.stages[0].name, watch.action)
        return await self._store.newest(Location(watch.bucket, watch.object_key), watch.account, roles)

    async def _fetched(self, watch: Watch, newest: str | None) -> str | None:
        """At the first look: what the source has fetched last, `newest` if it was never run, None if it is just at it."""
        records = await self._reader.runs(watch.account, watch.pipeline_id, None, None, RUNS_MAX)
        last = next((record.run for record in records if record.action == watch.action), None)
        if last is None:
            return newest or NOTHING
        if last.status == "InProgress":
            return None
        return (last.revision and last.revision.revision) or NOTHING

    def _tell(self, watch: Watch, problem: str) -> None:
        if self._told.get(watch) != problem:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            self._told[watch] = problem
            log.warning(
                "the source %s of pipeline %s cannot be looked at: %s", watch.action, watch.pipeline_id, problem
            )


def _keep(transaction: Transaction, look: Look, seen: str, again_at: float, *, is_new: bool) -> Written[None]:
    if not transaction.looks.keep(look, seen, again_at) or not is_new:
        return Written(None)
    watch = look.watch
    changed = TimerFired("SourceChanged", f"{watch.pipeline_id}/{watch.action}")
    return Written(None, follow=(Follow(watch.account, watch.pipeline_id, changed),))
