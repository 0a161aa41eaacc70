"""What is kept of webhooks and of connections to git hosts, and what became of what they sent."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from penstock.core.git_events import Provider
from penstock.core.triggers import RepositorySource
from penstock.wire import types as wire

__all__ = [
    "ConnectionRow",
    "DeliveryRow",
    "Outcome",
    "Verdict",
    "WatchedRepository",
    "WebhookReads",
    "WebhookRow",
    "WebhookWrites",
]

# Started: an execution. Ignored: a good delivery that starts nothing. Refused: it is not let in. Failed: it should have
# started an execution and could not.
Verdict = Literal["Started", "Ignored", "Refused", "Failed"]


class WebhookRow(Struct, frozen=True):
    """A webhook. Its token, which is the end of its address, and its secret are sealed; the definition shows a mask.

    `registration` is the git host's own id of it, once it is registered there.
    """

    account: str
    region: str
    name: str
    id: str
    token: str
    token_hash: bytes
    definition: wire.WebhookDefinition
    secret: str | None
    created_at: float
    registration: str | None = None
    last_triggered: float | None = None
    error_code: str | None = None
    error_message: str | None = None


class ConnectionRow(Struct, frozen=True):
    """A connection that takes in events. `connection` is the key of its ARN; token and secret are sealed."""

    account: str
    connection: str
    arn: str
    id: str
    provider: Provider
    token: str
    token_hash: bytes
    secret: str
    created_at: float


class WatchedRepository(Struct, frozen=True):
    """A pipeline's source action, as events of its repository find it."""

    pipeline_id: str
    pipeline: str
    region: str
    source: RepositorySource


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What a delivery did to one pipeline; the reason says why it started nothing."""

    pipeline: str
    region: str
    verdict: Verdict
    reason: str | None = None
    execution_id: str | None = None


class DeliveryRow(Struct, frozen=True):
    """One delivery to a webhook or a connection, which `hook_id` names. `sender` is an address, `delivery_id` the
    sender's own."""

    account: str
    hook_id: str
    at: float
    sender: str
    delivery_id: str | None
    event: str | None
    verdict: Verdict
    reason: str | None
    outcomes: tuple[Outcome, ...] = ()
    number: int = 0


class WebhookReads(Protocol):
    """What was committed. Lists are in key order, at most `rows_max` rows."""

    async def webhook(self, account: str, region: str, name: str) -> WebhookRow | None: ...

    async def webhooks(self, account: str, region: str, after: str, rows_max: int) -> list[WebhookRow]: ...

    async def webhook_of_token(self, token_hash: bytes) -> WebhookRow | None: ...

    async def connection(self, account: str, connection: str) -> ConnectionRow | None: ...

    async def connection_of_token(self, token_hash: bytes) -> ConnectionRow | None: ...

    async def deliveries(self, account: str, hook_id: str, before: int | None, rows_max: int) -> list[DeliveryRow]:
        """Newest first."""


class WebhookWrites(Protocol):
    """Part of a transaction. Reads see what it has written."""

    def webhook(self, account: str, region: str, name: str) -> WebhookRow | None: ...

    def webhook_count(self, account: str, region: str) -> int: ...

    def put_webhook(self, row: WebhookRow) -> None: ...

    def mark_webhook(self, row: WebhookRow, triggered_at: float | None, error: tuple[str, str] | None) -> None:
        """Keep what came of a delivery: when it started an execution, if it did, and the code and text of what went wrong."""

    def delete_webhook(self, row: WebhookRow) -> None:
        """With the log of its deliveries."""

    def connection(self, account: str, connection: str) -> ConnectionRow | None: ...

    def put_connection(self, row: ConnectionRow) -> None: ...

    def set_sources(self, account: str, pipeline_id: str, sources: Sequence[RepositorySource]) -> None:
        """In place of those that the pipeline had."""

    def watched(self, account: str, connection: str, repository: str) -> list[WatchedRepository]:
        """The account's source actions that a repository reaches through a connection; both are given by their keys."""

    def log_delivery(self, row: DeliveryRow, kept_max: int) -> None:
        """Add it, with a number of its own, and forget all but the newest `kept_max`."""

    def outcomes_of(self, account: str, hook_id: str, delivery_id: str) -> list[Outcome]:
        """What the logged deliveries with this id of the sender's have done."""
