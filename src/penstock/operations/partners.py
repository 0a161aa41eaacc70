"""Partners' action types: registered and updated by the account that makes them."""

from functools import partial

import msgspec
from msgspec.structs import replace

from penstock.core.action_types import type_key
from penstock.core.partner_types import check_partner, check_update
from penstock.engine.committer import Written
from penstock.operations.action_types import may_see, not_found, partner_declaration
from penstock.operations.call import Call
from penstock.operations.own_types import RegisterPartnerActionTypeInput, RegisterPartnerActionTypeOutput
from penstock.ports.storage import ActionTypeRow, Transaction
from penstock.wire import types as wire
from penstock.wire.errors import RequestFailedException, ValidationException

__all__ = ["register_partner_action_type", "registered_types", "update_action_type"]

ROWS_MAX = 200


async def register_partner_action_type(
    request: RegisterPartnerActionTypeInput, call: Call
) -> RegisterPartnerActionTypeOutput:
    """Make a partner's action type known to all accounts that its permissions name. A version keeps its definition."""
    declared = request.action_type
    check_partner(declared)
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
    check_partner(declared)
    await call.committer.write(partial(_update, key=key, declared=declared))


def _update(transaction: Transaction, key: str, declared: wire.ActionTypeDeclaration) -> Written[None]:
    row = transaction.action_type(key)
    assert row is not None, "a partner's type is never deleted"
    check_update(partner_declaration(row), declared)
    transaction.put_action_type(replace(row, document=msgspec.json.encode(declared)))
    return Written(None)


async def registered_types(call: Call, after: str, rows_max: int) -> list[ActionTypeRow]:
    """The partner types that the calling account registered, in the order of their keys, those behind `after`."""
    found: list[ActionTypeRow] = []
    while len(found) < rows_max:
        rows = await call.reader.action_types(call.account, call.region, after, ROWS_MAX)
        if not rows:
            break
        found += [row for row in rows if row.owner == "ThirdParty" and row.account == call.account]
        after = rows[-1].type_key
    return found[:rows_max]
