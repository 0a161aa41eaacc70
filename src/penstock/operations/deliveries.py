"""What a git host delivers: how it proves itself, what becomes of it, and the log of that.

A delivery is answered once its row in the log, what it starts and what the webhook shows of it are on disk, in one commit.
"""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qs

from msgspec import Struct

from penstock.core.events import ExecutionStarted
from penstock.core.triggers import connection_key
from penstock.engine.committer import Became
from penstock.operations.call import Call
from penstock.operations.own_types import (
    ListWebhookDeliveriesInput,
    ListWebhookDeliveriesOutput,
    WebhookDelivery,
    WebhookDeliveryOutcome,
)
from penstock.operations.paging import next_token, start_key
from penstock.operations.refusals import as_api_errors
from penstock.ports.storage import Transaction
from penstock.ports.webhooks import ConnectionRow, DeliveryRow, Outcome, Verdict, WebhookRow
from penstock.wire.errors import ApiError, ResourceNotFoundException, ValidationException, WebhookNotFoundException

__all__ = [
    "KEPT_MAX",
    "NOT_FOUND",
    "Answer",
    "Delivery",
    "Refused",
    "is_signed",
    "list_webhook_deliveries",
    "log_delivery",
    "outcome_of",
    "started_before",
]

# Of each webhook and connection.
KEPT_MAX = 100

_DELIVERY_ID_HEADERS = ("x-github-delivery", "x-gitlab-event-uuid", "x-request-uuid")
_EVENT_HEADERS = ("x-github-event", "x-gitlab-event", "x-event-key")
_HEADER_LENGTH_MAX = 200
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELDS_MAX = 16


# Who has an address and a log.
Taker = WebhookRow | ConnectionRow


class Delivery(Struct, frozen=True):
    """A request as it came in. Header names are lower case; `body` is None if it was longer than is taken."""

    headers: Mapping[str, str]
    body: bytes | None
    sender: str
    at: float

    @property
    def id(self) -> str | None:
        """The sender's own name for the delivery."""
        return self._first_of(_DELIVERY_ID_HEADERS)

    @property
    def event(self) -> str | None:
        return self._first_of(_EVENT_HEADERS)

    def _first_of(self, names: tuple[str, ...]) -> str | None:
        found = next((self.headers[name] for name in names if self.headers.get(name)), None)
        return found[:_HEADER_LENGTH_MAX] if found is not None else None

    @property
    def payload(self) -> bytes:
        """The JSON text of the event; a form has it in its field `payload`."""
        assert self.body is not None
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return self.body
        # Some clients call everything a form that they are not told to be something else.
        with suppress(ValueError):
            fields = parse_qs(self.body.decode(), max_num_fields=_FORM_FIELDS_MAX)
            return fields["payload"][0].encode() if "payload" in fields else self.body
        return self.body


class Refused(Struct, frozen=True):
    """Why a delivery is not let in: for the log in full, for the sender only if it may know."""

    code: str
    reason: str
    status: int = 403

    def answer(self) -> "Answer":
        return Answer(self.status, {"message": "Forbidden" if self.status == 403 else self.reason})


class Answer(Struct, frozen=True):
    """What the sender gets."""

    status: int
    told: dict[str, object]


NOT_FOUND = Answer(404, {"message": "Not found"})


def is_signed(secret: str, body: bytes, signature: str, algorithm: str) -> bool:
    """Whether a header `ALGORITHM=HEX` is the body's HMAC. Takes the same time wherever it differs."""
    expected = f"{algorithm}={hmac.digest(secret.encode(), body, algorithm).hex()}"
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def outcome_of(pipeline: str, region: str, became: Became) -> Outcome:
    """What is told of a start that was asked for."""
    if isinstance(became, tuple):
        started = next(event for event in became if isinstance(event, ExecutionStarted))
        return Outcome(pipeline, region, "Started", execution_id=started.execution_id)
    try:
        with as_api_errors():
            raise became
    except ApiError as problem:
        return Outcome(pipeline, region, "Failed", f"{problem.code}: {problem.message}")


def started_before(transaction: Transaction, hook: Taker, delivery: Delivery) -> dict[str, str]:
    """Execution ids by pipeline: what a delivery with the same id of the sender's has started. It is the same event."""
    if delivery.id is None:
        return {}
    known = transaction.webhooks.outcomes_of(hook.account, hook.id, delivery.id)
    return {f"{each.region}/{each.pipeline}": each.execution_id for each in known if each.execution_id is not None}


def log_delivery(
    transaction: Transaction,
    hook: Taker,
    delivery: Delivery,
    verdict: tuple[Verdict, str | None],
    outcomes: tuple[Outcome, ...] = (),
) -> None:
    """Add a delivery to the log of its webhook or connection, with the verdict and its reason."""
    row = DeliveryRow(
        account=hook.account,
        hook_id=hook.id,
        at=delivery.at,
        sender=delivery.sender,
        delivery_id=delivery.id,
        event=delivery.event,
        verdict=verdict[0],
        reason=verdict[1],
        outcomes=outcomes,
    )
    transaction.webhooks.log_delivery(row, KEPT_MAX)


async def list_webhook_deliveries(request: ListWebhookDeliveriesInput, call: Call) -> ListWebhookDeliveriesOutput:
    """The deliveries that a webhook, or a connection, got last; newest first."""
    hook_id = await _hook_id(request, call)
    listing = f"ListWebhookDeliveries/{hook_id}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or KEPT_MAX
    before = int(key[0]) if key else None
    found = await call.reader.webhooks.deliveries(call.account, hook_id, before, rows_max + 1)
    token = next_token(call, listing, [found[rows_max - 1].number]) if len(found) > rows_max else None
    return ListWebhookDeliveriesOutput(deliveries=tuple(map(_shown, found[:rows_max])), next_token=token)


async def _hook_id(request: ListWebhookDeliveriesInput, call: Call) -> str:
    if (request.webhook_name is None) == (request.connection_arn is None):
        raise ValidationException("Give either webhookName or connectionArn")
    if request.webhook_name is not None:
        webhook = await call.reader.webhooks.webhook(call.account, call.region, request.webhook_name)
        if webhook is None:
            raise WebhookNotFoundException(f"The webhook '{request.webhook_name}' does not exist")
        return webhook.id
    assert request.connection_arn is not None
    connection = await call.reader.webhooks.connection(call.account, connection_key(request.connection_arn))
    if connection is None:
        raise ResourceNotFoundException(
            f"The connection '{request.connection_arn}' has no address yet: Penstock.ConnectRepository gives it one"
        )
    return connection.id


def _shown(row: DeliveryRow) -> WebhookDelivery:
    outcomes = tuple(
        WebhookDeliveryOutcome(
            pipeline_name=each.pipeline,
            region=each.region,
            verdict=each.verdict,
            reason=each.reason,
            pipeline_execution_id=each.execution_id,
        )
        for each in row.outcomes
    )
    return WebhookDelivery(
        delivered_at=row.at,
        sender=row.sender,
        delivery_id=row.delivery_id,
        event=row.event,
        verdict=row.verdict,
        reason=row.reason,
        pipelines=outcomes or None,
    )
