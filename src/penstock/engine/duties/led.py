"""A duty that one server does for all: the one that leads it, until it has not said so for a while."""

from penstock.engine.run import Duty
from penstock.ports.storage import Storage

__all__ = ["LEASE_SECONDS", "Led"]

LEASE_SECONDS = 10.0


class Led:
    """Two servers may do it at once for a moment, after one was held up for longer than its lease: a duty must bear that."""

    def __init__(self, duty: Duty, storage: Storage) -> None:
        self.topic = duty.topic
        self._duty = duty
        self._storage = storage
        self._leads_until = 0.0

    async def tick(self, now: float) -> float | None:
        half = LEASE_SECONDS / 2
        if now >= self._leads_until - half:
            if not await self._storage.lead(self.topic, now, now + LEASE_SECONDS):
                self._leads_until = 0.0
                return now + half
            self._leads_until = now + LEASE_SECONDS
        due_at = await self._duty.tick(now)
        renew_at = self._leads_until - half
        return renew_at if due_at is None else min(due_at, renew_at)
