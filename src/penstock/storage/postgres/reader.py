"""Reads of what was committed, as the port describes them. But for action types nothing is kept: another server may have
changed it."""

import time

from penstock.ports.storage import ActionTypeRow, DueTimer
from penstock.storage import queries, rows
from penstock.storage.partners import PartnerReading
from penstock.storage.postgres.claimable import Claimable
from penstock.storage.postgres.pool import Pool
from penstock.storage.principals import PrincipalReading
from penstock.storage.reading import FILES, Reading
from penstock.storage.sealed import BEFORE_ALL, SealedReading
from penstock.storage.webhooks import WebhookReading

__all__ = ["TIMER_LEASE_SECONDS", "PostgresReader"]

# How long a server has to fire a timer that it was given, before another one may try.
TIMER_LEASE_SECONDS = 5.0
# Each poll asks for its type, and types hardly ever change.
ACTION_TYPE_SECONDS = 1.0


class PostgresReader(Reading):
    def __init__(self, pool: Pool) -> None:
        sql = {name: text for file in FILES for name, text in queries.load(file, "postgres").items()}
        super().__init__(pool.reads(sql))
        self._pool = pool
        self._due_timers = sql["due_timers"]
        self.claimable = Claimable(pool.reads(sql))
        self._action_types: dict[str, tuple[ActionTypeRow, float]] = {}
        self.webhooks = WebhookReading(pool.reads(queries.load("webhooks", "postgres")))
        # Jobs have no number here.
        self.sealed = SealedReading(pool.reads(queries.load("sealed", "postgres")), {**BEFORE_ALL, "jobs": ("", "")})
        self.partners = PartnerReading(pool.reads(queries.load("partners", "postgres")))
        self.principals = PrincipalReading(pool.reads(queries.load("principals", "postgres")))

    async def has_claimable(self, type_key: str, query_key: str, now: float) -> bool:
        return await self.claimable.may_have((type_key, query_key), now)

    async def next_visible_at(self, type_key: str, query_key: str) -> float:
        return await self.claimable.next_visible_at((type_key, query_key))

    async def action_type(self, type_key: str) -> ActionTypeRow | None:
        """As it was at most `ACTION_TYPE_SECONDS` ago, if another server has changed it since."""
        known = self.kept_action_type(type_key)
        if known is not None:
            return known
        kept, until = self._action_types, time.monotonic() + ACTION_TYPE_SECONDS
        row = await super().action_type(type_key)
        if row is not None:
            # Into what was thrown away meanwhile, if it was.
            kept[type_key] = (row, until)
        return row

    def kept_action_type(self, type_key: str) -> ActionTypeRow | None:
        known = self._action_types.get(type_key)
        return known[0] if known is not None and time.monotonic() < known[1] else None

    def forget_action_types(self) -> None:
        self._action_types = {}

    async def due_timers(self, now: float, rows_max: int) -> list[DueTimer]:
        """Those that no other server is about to fire; they are this server's for `TIMER_LEASE_SECONDS`."""
        next_at = await self.next_due_at()
        if next_at is None or next_at > now:
            return []
        values = {"now": now, "held_until": now + TIMER_LEASE_SECONDS, "rows_max": rows_max}
        return [rows.due_timer(row) for row in await self._pool.write(self._due_timers, values)]
