"""Takes what a webhook is sent: lets it in or not, holds it against the filters, and starts the target pipeline."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec
from msgspec import Struct

from penstock.core.commands import StartExecution
from penstock.core.model import PipelineVersion
from penstock.core.webhooks import why_ignored
from penstock.engine.committer import Became, Follow, Written
from penstock.operations.call import WEBHOOK_SECRET, Environment
from penstock.operations.deliveries import (
    NOT_FOUND,
    Answer,
    Delivery,
    Refused,
    is_signed,
    log_delivery,
    outcome_of,
    started_before,
)
from penstock.operations.webhooks import source_action
from penstock.ports.secrets import Vault
from penstock.ports.storage import PipelineRow, Transaction
from penstock.ports.webhooks import Outcome, WebhookRow
from penstock.wire import types as wire
from penstock.wire.arn import webhook_arn

__all__ = ["find", "receive"]

# Filters of large payloads take a while, and must keep neither the loop nor the threads of the object store.
_FILTERING = ThreadPoolExecutor(2, thread_name_prefix="webhook-filters")

TOO_LARGE = Refused("PayloadTooLarge", "The body is larger than is taken", 413)


class _NotJson(Exception):
    """The payload cannot be read."""


class _Ignored(Struct, frozen=True):
    reason: str


class _Broken(Struct, frozen=True):
    """The webhook cannot do what it is for."""

    code: str
    reason: str


# The pipeline to start, or why none is.
_Finding = PipelineRow | _Ignored | _Broken | Refused


async def find(token: str, environment: Environment) -> WebhookRow | None:
    """The webhook with that token in its address."""
    return await environment.reader.webhooks.webhook_of_token(environment.vault.fingerprint(token))


async def receive(row: WebhookRow, delivery: Delivery, environment: Environment) -> Answer:
    """Do what the delivery asks for, log it, and say what was done."""
    finding: _Finding | None = _why_refused(row, delivery, environment.vault)
    if finding is None:
        finding = await _judge(row, delivery, environment)
    return await environment.committer.write(partial(_take, row=row, delivery=delivery, finding=finding))


def _why_refused(row: WebhookRow, delivery: Delivery, vault: Vault) -> Refused | None:
    if delivery.body is None:
        return TOO_LARGE
    match row.definition.authentication:
        case "GITHUB_HMAC":
            assert row.secret is not None
            return _why_not_signed(vault.open(row.secret, WEBHOOK_SECRET), delivery.headers, delivery.body)
        case "IP":
            wanted = row.definition.authentication_configuration.allowed_ip_range or ""
            return None if _is_within(delivery.sender, wanted) else _outside(delivery.sender, wanted)
        case "UNAUTHENTICATED":
            return None


def _why_not_signed(secret: str, headers: Mapping[str, str], body: bytes) -> Refused | None:
    """The stronger signature decides where there are both."""
    for name, algorithm in (("x-hub-signature-256", "sha256"), ("x-hub-signature", "sha1")):
        if name in headers:
            if is_signed(secret, body, headers[name], algorithm):
                return None
            return Refused("InvalidSignature", f"The header {name} is not the body's signature by the SecretToken")
    return Refused("MissingSignature", "There is neither a header x-hub-signature-256 nor x-hub-signature")


def _is_within(sender: str, wanted: str) -> bool:
    try:
        address = ip_address(sender)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in ip_network(wanted, strict=False)


def _outside(sender: str, wanted: str) -> Refused:
    return Refused("AddressNotAllowed", f"The sender {sender} is not in the AllowedIPRange {wanted}")


async def _judge(row: WebhookRow, delivery: Delivery, environment: Environment) -> _Finding:
    name, action_name = row.definition.target_pipeline, row.definition.target_action
    pipeline = await environment.reader.pipeline(row.account, row.region, name)
    if pipeline is None:
        return _Broken("PipelineNotFoundException", f"The target pipeline '{name}' does not exist")
    version = await environment.reader.version(row.account, pipeline.id, pipeline.version)
    configuration = _configuration(version, action_name) if version is not None else None
    if configuration is None:
        return _Broken("ActionNotFoundException", f"The pipeline '{name}' has no source action '{action_name}'")
    loop = asyncio.get_running_loop()
    try:
        reason = await loop.run_in_executor(_FILTERING, _why_ignored, row.definition.filters, delivery, configuration)
    except _NotJson as problem:
        return Refused("InvalidPayload", f"The payload is not JSON: {problem}", 400)
    return _Ignored(reason) if reason is not None else pipeline


def _configuration(version: PipelineVersion, action_name: str) -> dict[str, str] | None:
    """What placeholders may name: the target action's configuration but for its secrets."""
    action = source_action(version, action_name)
    if action is None:
        return None
    secret_keys = version.bindings[f"{version.declaration.stages[0].name}/{action_name}"].secret_keys
    return {key: value for key, value in (action.configuration or {}).items() if key not in secret_keys}


def _why_ignored(
    filters: Sequence[wire.WebhookFilterRule], delivery: Delivery, configuration: Mapping[str, str]
) -> str | None:
    try:
        payload = msgspec.json.decode(delivery.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise _NotJson(str(problem)) from None
    return why_ignored(filters, payload, configuration)


def _take(transaction: Transaction, row: WebhookRow, delivery: Delivery, finding: _Finding) -> Written[Answer]:
    """Ask for the start, if there is to be one; what becomes of it is logged in the same commit."""
    current = transaction.webhooks.webhook(row.account, row.region, row.name)
    if current is None or current.id != row.id:
        return Written(NOT_FOUND)
    follow: tuple[Follow, ...] = ()
    if isinstance(finding, PipelineRow):
        before = started_before(transaction, row, delivery).get(f"{row.region}/{finding.name}")
        if before is not None:
            finding = _Ignored(f"This delivery has started the execution {before} before")
        else:
            trigger = wire.ExecutionTrigger(
                trigger_type="Webhook", trigger_detail=webhook_arn(row.region, row.account, row.name)
            )
            follow = (Follow(row.account, finding.id, StartExecution(trigger)),)
    conclude = partial(_conclude, row=current, delivery=delivery, finding=finding)
    return Written(NOT_FOUND, follow, conclude=conclude)


def _conclude(
    transaction: Transaction, became: list[Became], *, row: WebhookRow, delivery: Delivery, finding: _Finding
) -> Answer:
    match finding:
        case PipelineRow():
            return _started(transaction, row, delivery, outcome_of(finding.name, finding.region, became[0]))
        case _Ignored():
            log_delivery(transaction, row, delivery, ("Ignored", finding.reason))
            transaction.webhooks.mark_webhook(row, None, None)
            return _answer(row, "ignored", reason=finding.reason)
        case _Broken():
            log_delivery(transaction, row, delivery, ("Failed", finding.reason))
            transaction.webhooks.mark_webhook(row, None, (finding.code, finding.reason))
            return _answer(row, "failed", reason=finding.reason)
        case Refused():
            log_delivery(transaction, row, delivery, ("Refused", finding.reason))
            transaction.webhooks.mark_webhook(row, None, (finding.code, finding.reason))
            return finding.answer()


def _started(transaction: Transaction, row: WebhookRow, delivery: Delivery, outcome: Outcome) -> Answer:
    """Log a start that was asked for, whether it came about or not."""
    log_delivery(transaction, row, delivery, (outcome.verdict, outcome.reason), (outcome,))
    if outcome.execution_id is not None:
        transaction.webhooks.mark_webhook(row, delivery.at, None)
        return _answer(row, "started", executionId=outcome.execution_id)
    code, _, message = (outcome.reason or "").partition(": ")
    transaction.webhooks.mark_webhook(row, None, (code, message))
    return _answer(row, "failed", reason=outcome.reason)


def _answer(row: WebhookRow, result: str, **more: object) -> Answer:
    """A sender that has not proved itself learns nothing of the webhook's filters and its pipeline."""
    if row.definition.authentication == "UNAUTHENTICATED":
        more.pop("reason", None)
    return Answer(200, {"result": result, **more})
