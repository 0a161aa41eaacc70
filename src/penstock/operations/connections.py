"""Connections to git hosts: their address here, and the pushes and pull requests that come in at it."""

import hmac
import secrets
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.commands import StartExecution
from penstock.core.git_events import GitEvent, MalformedEvent, NotWanted, event_name, read
from penstock.core.triggers import connection_key, repository_key, why_not
from penstock.engine.committer import Became, Follow, Written
from penstock.operations.call import CONNECTION_SECRET, CONNECTION_TOKEN, Call, Environment
from penstock.operations.deliveries import (
    Answer,
    Delivery,
    Refused,
    is_signed,
    log_delivery,
    outcome_of,
    started_before,
)
from penstock.operations.own_types import ConnectRepositoryInput, ConnectRepositoryOutput
from penstock.operations.receiving import TOO_LARGE
from penstock.operations.webhooks import PATH, TOKEN_BYTES
from penstock.ports.storage import Transaction
from penstock.ports.webhooks import ConnectionRow, Outcome, Verdict, WatchedRepository
from penstock.wire import types as wire

__all__ = ["CONNECTIONS_PATH", "connect_repository", "find", "receive"]

CONNECTIONS_PATH = f"{PATH}connections/"

# The header that carries each host's proof: GitLab sends the secret itself, the others sign with it.
_PROOFS = {"GitHub": "x-hub-signature-256", "GitLab": "x-gitlab-token", "Bitbucket": "x-hub-signature"}


async def connect_repository(request: ConnectRepositoryInput, call: Call) -> ConnectRepositoryOutput:
    """Give a connection an address for its git host's events, and a secret. Again keeps the address and gives a new secret."""
    vault = call.environment.vault
    token, secret = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    row = ConnectionRow(
        account=call.account,
        connection=connection_key(request.connection_arn),
        arn=request.connection_arn,
        id=call.environment.ids.new(),
        provider=request.provider,
        token=vault.seal(token, CONNECTION_TOKEN),
        token_hash=vault.fingerprint(token),
        secret=vault.seal(secret, CONNECTION_SECRET),
        created_at=call.now,
    )
    stored = await call.committer.write(partial(_connect, row=row))
    address = f"{call.environment.root_url}{CONNECTIONS_PATH}{vault.open(stored.token, CONNECTION_TOKEN)}"
    return ConnectRepositoryOutput(url=address, secret=secret)


def _connect(transaction: Transaction, row: ConnectionRow) -> Written[ConnectionRow]:
    known = transaction.webhooks.connection(row.account, row.connection)
    transaction.webhooks.put_connection(row)
    return Written(known if known is not None else row)


async def find(token: str, environment: Environment) -> ConnectionRow | None:
    """The connection with that token in its address."""
    return await environment.reader.webhooks.connection_of_token(environment.vault.fingerprint(token))


class _Start(Struct, frozen=True):
    """What one event asks of one pipeline: the overrides name the event's commit; the reason says why it starts nothing."""

    pipeline_id: str
    pipeline: str
    region: str
    event: str
    connection_arn: str
    overrides: tuple[wire.SourceRevisionOverride, ...] = ()
    reason: str | None = None

    @property
    def command(self) -> StartExecution:
        trigger = wire.ExecutionTrigger(trigger_type="WebhookV2", trigger_detail=self.connection_arn)
        return StartExecution(trigger, overrides=self.overrides)


async def receive(row: ConnectionRow, delivery: Delivery, environment: Environment) -> Answer:
    """Start every pipeline of the account that the events concern, log the verdict on each, and say what was done."""
    refused = _why_refused(row, delivery, environment)
    if refused is not None:
        return await environment.committer.write(partial(_refuse, row=row, delivery=delivery, refused=refused))
    try:
        name = event_name(row.provider, delivery.headers) or ""
        events = read(row.provider, name, delivery.payload)
    except MalformedEvent as problem:
        refused = Refused("InvalidPayload", str(problem), 400)
        return await environment.committer.write(partial(_refuse, row=row, delivery=delivery, refused=refused))
    except NotWanted as reason:
        return await environment.committer.write(partial(_ignore, row=row, delivery=delivery, reason=str(reason)))
    return await environment.committer.write(partial(_take, row=row, delivery=delivery, events=events))


def _why_refused(row: ConnectionRow, delivery: Delivery, environment: Environment) -> Refused | None:
    if delivery.body is None:
        return TOO_LARGE
    header = _PROOFS[row.provider]
    proof = delivery.headers.get(header)
    if proof is None:
        return Refused("MissingSignature", f"There is no header {header}, with which {row.provider} proves itself")
    secret = environment.vault.open(row.secret, CONNECTION_SECRET)
    if row.provider == "GitLab":
        is_right = hmac.compare_digest(proof.encode(), secret.encode())
    else:
        is_right = is_signed(secret, delivery.body, proof, "sha256")
    if not is_right:
        return Refused("InvalidSignature", f"The header {header} was not made with the connection's secret")
    if event_name(row.provider, delivery.headers) is None:
        return Refused("InvalidPayload", f"This is not the format of {row.provider}", 400)
    return None


def _refuse(transaction: Transaction, row: ConnectionRow, delivery: Delivery, refused: Refused) -> Written[Answer]:
    log_delivery(transaction, row, delivery, ("Refused", refused.reason))
    return Written(refused.answer())


def _ignore(transaction: Transaction, row: ConnectionRow, delivery: Delivery, reason: str) -> Written[Answer]:
    log_delivery(transaction, row, delivery, ("Ignored", reason))
    return Written(Answer(200, {"result": "ignored", "reason": reason}))


def _take(
    transaction: Transaction, row: ConnectionRow, delivery: Delivery, events: Sequence[GitEvent]
) -> Written[Answer]:
    """Ask for what the events start; what becomes of it is logged in the same commit."""
    before = started_before(transaction, row, delivery)
    starts = [start for event in events for start in _starts(transaction, row, event, before)]
    if not starts:
        names = ", ".join(sorted({event.repository for event in events}))
        return _ignore(transaction, row, delivery, f"no pipeline takes {names} through this connection")
    follow = tuple(Follow(row.account, start.pipeline_id, start.command) for start in starts if start.reason is None)
    conclude = partial(_conclude, row=row, delivery=delivery, starts=starts)
    return Written(Answer(200, {}), follow, conclude=conclude)


def _starts(transaction: Transaction, row: ConnectionRow, event: GitEvent, before: dict[str, str]) -> "list[_Start]":
    """One for each pipeline that has a source action in the event's repository."""
    watched: defaultdict[str, list[WatchedRepository]] = defaultdict(list)
    for each in transaction.webhooks.watched(row.account, row.connection, repository_key(event.repository)):
        watched[each.pipeline_id].append(each)
    return [_start(sources, event, before) for sources in watched.values()]


def _start(sources: list[WatchedRepository], event: GitEvent, before: dict[str, str]) -> _Start:
    first = sources[0]
    made = _Start(first.pipeline_id, first.pipeline, first.region, str(event), first.source.connection_arn)
    known = before.get(f"{first.region}/{first.pipeline}")
    if known is not None:
        return replace(made, reason=f"this delivery has started the execution {known} before")
    reasons = {each.source.action: why_not(each.source, event) for each in sources}
    overrides = tuple(
        wire.SourceRevisionOverride(action_name=action, revision_type="COMMIT_ID", revision_value=event.commit)
        for action, reason in reasons.items()
        if reason is None
    )
    if not overrides:
        return replace(made, reason="; ".join(f"{action}: {reason}" for action, reason in reasons.items()))
    return replace(made, overrides=overrides)


def _conclude(
    transaction: Transaction,
    became: list[Became],
    *,
    row: ConnectionRow,
    delivery: Delivery,
    starts: Sequence[_Start],
) -> Answer:
    left = iter(became)
    outcomes = tuple(
        Outcome(start.pipeline, start.region, "Ignored", start.reason)
        if start.reason is not None
        else outcome_of(start.pipeline, start.region, next(left))
        for start in starts
    )
    verdict, told = _overall(outcomes), "; ".join(dict.fromkeys(start.event for start in starts))
    log_delivery(transaction, row, delivery, (verdict, told), outcomes)
    executions = [
        {"pipelineName": each.pipeline, "executionId": each.execution_id}
        for each in outcomes
        if each.execution_id is not None
    ]
    return Answer(200, {"result": verdict.lower(), "event": told, "started": executions, "compared": len(outcomes)})


def _overall(outcomes: Sequence[Outcome]) -> Verdict:
    """Of a delivery to many pipelines: the best that it has come to."""
    verdicts = {each.verdict for each in outcomes}
    return "Started" if "Started" in verdicts else "Failed" if "Failed" in verdicts else "Ignored"
