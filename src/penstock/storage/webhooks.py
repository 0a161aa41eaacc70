"""Webhooks, connections and their deliveries: the part of a transaction that writes them, and reads of what was committed."""

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.core.triggers import RepositorySource, connection_key, repository_key
from penstock.ports.webhooks import ConnectionRow, DeliveryRow, Outcome, WatchedRepository, WebhookRow
from penstock.storage.statements import Read, Statements
from penstock.wire import types as wire

__all__ = ["WebhookReading", "WebhookWriting"]

_LAST = 2**62

_encode = msgspec.json.Encoder().encode
_decode_definition = msgspec.json.Decoder(wire.WebhookDefinition).decode
_decode_source = msgspec.json.Decoder(RepositorySource).decode
_decode_outcomes = msgspec.json.Decoder(tuple[Outcome, ...]).decode


def _webhook(row: Any) -> WebhookRow:
    return WebhookRow(*(*row[:6], _decode_definition(row[6]), *row[7:]))


def _connection(row: Any) -> ConnectionRow:
    return ConnectionRow(*row)


def _delivery(row: Any) -> DeliveryRow:
    return DeliveryRow(*(*row[:8], _decode_outcomes(row[8]), row[9]))


class WebhookReading:
    def __init__(self, read: Read) -> None:
        self._read = read

    async def webhook(self, account: str, region: str, name: str) -> WebhookRow | None:
        found = await self._read("webhook", account=account, region=region, name=name)
        return next(map(_webhook, found), None)

    async def webhooks(self, account: str, region: str, after: str, rows_max: int) -> list[WebhookRow]:
        found = await self._read("webhooks", account=account, region=region, after=after, rows_max=rows_max)
        return [_webhook(row) for row in found]

    async def webhook_of_token(self, token_hash: bytes) -> WebhookRow | None:
        return next(map(_webhook, await self._read("webhook_of_token", token_hash=token_hash)), None)

    async def connection(self, account: str, connection: str) -> ConnectionRow | None:
        found = await self._read("connection", account=account, connection=connection)
        return next(map(_connection, found), None)

    async def connection_of_token(self, token_hash: bytes) -> ConnectionRow | None:
        return next(map(_connection, await self._read("connection_of_token", token_hash=token_hash)), None)

    async def deliveries(self, account: str, hook_id: str, before: int | None, rows_max: int) -> list[DeliveryRow]:
        before = _LAST if before is None else before
        found = await self._read("deliveries", account=account, hook_id=hook_id, before=before, rows_max=rows_max)
        return [_delivery(row) for row in found]


class WebhookWriting:
    """Valid within one transaction."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements.run
        self._hold = statements.hold
        self._lock = statements.lock

    def webhook(self, account: str, region: str, name: str) -> WebhookRow | None:
        row = self._hold("webhook", account=account, region=region, name=name).fetchone()
        return _webhook(row) if row is not None else None

    def webhook_count(self, account: str, region: str) -> int:
        # Who counts in order to add waits for whoever is just adding.
        self._lock(f"webhooks/{account}/{region}")
        count: int = self._run("webhook_count", account=account, region=region).fetchone()[0]
        return count

    def put_webhook(self, row: WebhookRow) -> None:
        columns = msgspec.structs.asdict(row)
        self._run("put_webhook", **{**columns, "definition": _encode(row.definition)})

    def mark_webhook(self, row: WebhookRow, triggered_at: float | None, error: tuple[str, str] | None) -> None:
        code, message = error or (None, None)
        self._run(
            "mark_webhook",
            account=row.account,
            region=row.region,
            name=row.name,
            triggered_at=triggered_at,
            error_code=code,
            error_message=message,
        )

    def delete_webhook(self, row: WebhookRow) -> None:
        self._run("delete_webhook", account=row.account, region=row.region, name=row.name)
        self._run("delete_deliveries", account=row.account, hook_id=row.id)

    def connection(self, account: str, connection: str) -> ConnectionRow | None:
        row = self._hold("connection", account=account, connection=connection).fetchone()
        return _connection(row) if row is not None else None

    def put_connection(self, row: ConnectionRow) -> None:
        self._run("put_connection", **msgspec.structs.asdict(row))

    def set_sources(self, account: str, pipeline_id: str, sources: Sequence[RepositorySource]) -> None:
        self._run("delete_sources", account=account, pipeline_id=pipeline_id)
        for source in sources:
            self._run(
                "insert_source",
                account=account,
                connection=connection_key(source.connection_arn),
                repository=repository_key(source.repository),
                pipeline_id=pipeline_id,
                action=source.action,
                document=_encode(source),
            )

    def watched(self, account: str, connection: str, repository: str) -> list[WatchedRepository]:
        found = self._run("watched", account=account, connection=connection, repository=repository)
        return [WatchedRepository(*(*row[:3], _decode_source(row[3]))) for row in found]

    def log_delivery(self, row: DeliveryRow, kept_max: int) -> None:
        columns = msgspec.structs.asdict(row)
        del columns["number"]
        self._run("log_delivery", **{**columns, "outcomes": _encode(row.outcomes)})
        self._run("forget_deliveries", account=row.account, hook_id=row.hook_id, kept_max=kept_max)

    def outcomes_of(self, account: str, hook_id: str, delivery_id: str) -> list[Outcome]:
        found = self._run("outcomes_of", account=account, hook_id=hook_id, delivery_id=delivery_id)
        return [outcome for (document,) in found for outcome in _decode_outcomes(document)]
