"""Reads of what was committed, on a read-only connection.

They run on the caller's thread: an indexed read of one row costs less than handing it to another.
"""

import sqlite3

from penstock.ports.storage import ActionTypeRow, DueTimer
from penstock.storage import rows
from penstock.storage.partners import PartnerReading
from penstock.storage.principals import PrincipalReading
from penstock.storage.reading import FILES, Reading
from penstock.storage.sealed import SealedReading
from penstock.storage.sqlite.claimable import Claimable, Kind
from penstock.storage.sqlite.statements import SqliteStatements, reads, statements
from penstock.storage.webhooks import WebhookReading

__all__ = ["SqliteReader"]

SQL = statements(*FILES)
_WEBHOOKS, _SEALED = statements("webhooks"), statements("sealed")
_PARTNERS, _PRINCIPALS = statements("partners"), statements("principals")


class SqliteReader(Reading):
    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(reads(connection, SQL))
        self._run = SqliteStatements(connection, SQL).run
        self.claimable = Claimable(self._next_visible_at)
        self.webhooks = WebhookReading(reads(connection, _WEBHOOKS))
        self.sealed = SealedReading(reads(connection, _SEALED))
        self.partners = PartnerReading(reads(connection, _PARTNERS))
        self.principals = PrincipalReading(reads(connection, _PRINCIPALS))
        self._action_types: dict[str, ActionTypeRow] = {}

    def forget_action_types(self) -> None:
        self._action_types.clear()

    async def has_claimable(self, type_key: str, query_key: str, now: float) -> bool:
        return self.claimable.may_have((type_key, query_key), now)

    async def next_visible_at(self, type_key: str, query_key: str) -> float:
        return self.claimable.next_at((type_key, query_key))

    def _next_visible_at(self, kind: Kind) -> float | None:
        row = self._run("next_visible_at", type_key=kind[0], query_key=kind[1]).fetchone()
        return row[0] if row is not None else None

    async def due_timers(self, now: float, rows_max: int) -> list[DueTimer]:
        return [rows.due_timer(row) for row in await self._all("due_timers", now=now, rows_max=rows_max)]

    def kept_action_type(self, type_key: str) -> ActionTypeRow | None:
        return self._action_types.get(type_key)

    async def action_type(self, type_key: str) -> ActionTypeRow | None:
        known = self._action_types.get(type_key)
        if known is None:
            known = await super().action_type(type_key)
            if known is not None:
                self._action_types[type_key] = known
        return known
