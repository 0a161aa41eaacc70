"""Webhooks, connections and their deliveries: the part of a transaction that writes them, and reads of what was committed."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.core.triggers import RepositorySource, connection_key, repository_key
from penstock.ports.webhooks import ConnectionRow, DeliveryRow, Outcome, WatchedRepository, WebhookRow
from penstock.storage import queries
from penstock.wire import types as wire

__all__ = ["SqliteWebhookReads", "SqliteWebhookWrites"]

SQL = queries.load("webhooks")
_LAST = 2**62

_encode = msgspec.json.Encoder().encode
_decode_definition = msgspec.json.Decoder(wire.WebhookDefinition).decode
_decode_source = msgspec.json.Decoder(RepositorySource).decode
_decode_outcomes = msgspec.json.Decoder(tuple[Outcome, ...]).decode


def _webhook(row: Any) -> WebhookRow | None:
    return WebhookRow(*(*row[:6], _decode_definition(row[6]), *row[7:])) if row is not None else None


def _connection(row: Any) -> ConnectionRow | None:
    return ConnectionRow(*row) if row is not None else None


def _delivery(row: Any) -> DeliveryRow:
    return DeliveryRow(*(*row[:8], _decode_outcomes(row[8]), row[9]))


class _Rows:
    """Rows of one connection to the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _run(self, query: str, **parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(SQL[query], parameters)

    def _one(self, query: str, **parameters: Any) -> Any:
        return self._run(query, **parameters).fetchone()


class SqliteWebhookReads(_Rows):
    async def webhook(self, account: str, region: str, name: str) -> WebhookRow | None:
        return _webhook(self._one("webhook", account=account, region=region, name=name))

    async def webhooks(self, account: str, region: str, after: str, rows_max: int) -> list[WebhookRow]:
        found = self._run("webhooks", account=account, region=region, after=after, rows_max=rows_max)
        return [row for row in map(_webhook, found) if row is not None]

    async def webhook_of_token(self, token_hash: bytes) -> WebhookRow | None:
        return _webhook(self._one("webhook_of_token", token_hash=token_hash))

    async def connection(self, account: str, connection: str) -> ConnectionRow | None:
        return _connection(self._one("connection", account=account, connection=connection))

    async def connection_of_token(self, token_hash: bytes) -> ConnectionRow | None:
        return _connection(self._one("connection_of_token", token_hash=token_hash))

    async def deliveries(self, account: str, hook_id: str, before: int | None, rows_max: int) -> list[DeliveryRow]:
        before = _LAST if before is None else before
        found = self._run("deliveries", account=account, hook_id=hook_id, before=before, rows_max=rows_max)
        return [_delivery(row) for row in found]


class SqliteWebhookWrites(_Rows):
    """Valid within one transaction."""

    def webhook(self, account: str, region: str, name: str) -> WebhookRow | None:
        return _webhook(self._one("webhook", account=account, region=region, name=name))

    def webhook_count(self, account: str, region: str) -> int:
        count: int = self._one("webhook_count", account=account, region=region)[0]
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
        return _connection(self._one("connection", account=account, connection=connection))

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
