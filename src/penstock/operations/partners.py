"""Partners: registering and updating their action types, and linking an account to them."""

import secrets
from functools import partial

import msgspec
from msgspec.structs import replace

from penstock.core.action_types import ActionTypeRules, check_update, type_key
from penstock.engine.committer import Written
from penstock.operations.action_types import may_see, not_found, partner_declaration
from penstock.operations.call import Call
from penstock.operations.own_types import (
    LinkPartnerInput,
    LinkPartnerOutput,
    RegisterPartnerActionTypeInput,
    RegisterPartnerActionTypeOutput,
)
from penstock.ports.storage import ActionTypeRow, Link, Transaction
from penstock.wire import types as wire
from penstock.wire.errors import ActionTypeNotFoundException, RequestFailedException, ValidationException

__all__ = ["link_partner", "register_partner_action_type", "update_action_type"]


async def register_partner_action_type(
    request: RegisterPartnerActionTypeInput, call: Call
) -> RegisterPartnerActionTypeOutput:
    """Make a partner's action type known to all accounts that its permissions name. A version keeps its definition."""
    declared = request.action_type
    _check(declared)
    identity = msgspec.convert(declared.id, wire.ActionTypeId, from_attributes=True)
    key = type_key(identity, call.account, call.region)
    if key in call.environment.action_types:
        raise ValidationException(f"The action type {identity.provider} is built in")
    row = ActionTypeRow(
        type_key=key,
        account=call.account,
        region=call.region,
        owner=identity.owner,
        category=identity.category,
        provider=identity.provider,
        version=identity.version,
        document=msgspec.json.encode(declared),
        created_at=call.now,
    )
    await call.committer.write(partial(_add, row=row))
    return RegisterPartnerActionTypeOutput(action_type=declared)


def _check(declared: wire.ActionTypeDeclaration) -> None:
    if declared.id.owner != "ThirdParty":
        raise ValidationException("A partner's action type has the owner 'ThirdParty'")
    if declared.executor.type != "JobWorker":
        raise ValidationException("This release works partners' action types with the executor 'JobWorker' alone")
    if declared.executor.configuration.job_worker_executor_configuration is None:
        raise ValidationException("The executor 'JobWorker' needs a jobWorkerExecutorConfiguration")
    rules = ActionTypeRules.of_partner(declared)
    for count in (rules.inputs, rules.outputs):
        if count.minimum > count.maximum:
            raise ValidationException(
                f"Maximum Number of Artifacts ({count.maximum}) has to be greater than or equal to "
                f"minimum ({count.minimum})."
            )


def _add(transaction: Transaction, row: ActionTypeRow) -> Written[None]:
    known = transaction.action_type(row.type_key)
    if known is not None and (known.account, known.document) != (row.account, row.document):
        raise ValidationException(
            f"The partner action type {row.category}/{row.provider} is registered differently under version "
            f"'{row.version}'; choose another version"
        )
    transaction.put_action_type(row)
    return Written(None)


async def update_action_type(request: wire.UpdateActionTypeInput, call: Call) -> None:
    """API: UpdateActionType, for the account that registered the type. Pipelines that name it stay as they were made."""
    declared = request.action_type
    identity = msgspec.convert(declared.id, wire.ActionTypeId, from_attributes=True)
    key = type_key(identity, call.account, call.region)
    if key in call.environment.action_types:
        raise RequestFailedException(f"The action type {identity.provider} is built in and cannot be updated")
    row = await call.reader.action_type(key)
    if row is None or not may_see(row, call.account):
        raise not_found(call, identity)
    if row.account != call.account:
        raise RequestFailedException(
            f"The action type {identity.provider} can only be updated by the account that registered it"
        )
    _check(declared)
    await call.committer.write(partial(_update, key=key, declared=declared))


def _update(transaction: Transaction, key: str, declared: wire.ActionTypeDeclaration) -> Written[None]:
    row = transaction.action_type(key)
    assert row is not None, "a partner's type is never deleted"
    check_update(partner_declaration(row), declared)
    transaction.put_action_type(replace(row, document=msgspec.json.encode(declared)))
    return Written(None)


async def link_partner(request: LinkPartnerInput, call: Call) -> LinkPartnerOutput:
    """Link the calling account to a partner. Linking again keeps the client id and gives a new token."""
    # Hexadecimal: a token that began with a dash would look like an option to a command line.
    token = secrets.token_hex(32)
    link = Link(
        account=call.account,
        provider=request.provider,
        version=request.version,
        client_id=call.environment.ids.new(),
        token_hash=call.environment.vault.fingerprint(token),
        created_at=call.now,
    )
    client_id = await call.committer.write(partial(_link, link=link))
    return LinkPartnerOutput(client_id=client_id, client_token=token)


def _link(transaction: Transaction, link: Link) -> Written[str]:
    if not transaction.has_partner_type(link.provider, link.version):
        raise ActionTypeNotFoundException(
            f"No partner action type with provider '{link.provider}' and version '{link.version}' is registered"
        )
    known = transaction.link(link.account, link.provider, link.version)
    transaction.put_link(link)
    return Written(known.client_id if known is not None else link.client_id)
