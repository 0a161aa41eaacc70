"""CreateCustomActionType, DeleteCustomActionType, ListActionTypes; and finding the types that a declaration names."""

from collections.abc import Callable
from functools import lru_cache, partial

import msgspec
from msgspec.structs import replace

from penstock.core import limits
from penstock.core.action_types import ActionTypeRules, check_custom, type_key
from penstock.engine.committer import Written
from penstock.operations.call import Call
from penstock.operations.paging import next_token, start_key
from penstock.operations.tags import as_mapping, check_tags
from penstock.ports.storage import ActionTypeRow, Transaction
from penstock.wire import types as wire
from penstock.wire.arn import action_type_arn
from penstock.wire.errors import ActionTypeNotFoundException, LimitExceededException, ValidationException

__all__ = [
    "FindActionType",
    "create_custom_action_type",
    "delete_custom_action_type",
    "find_action_types",
    "known_action_type",
    "list_action_types",
]

FindActionType = Callable[[wire.ActionTypeId], ActionTypeRules | None]
PAGE_MAX = 100
_decode_custom = msgspec.json.Decoder(wire.ActionType).decode
_decode_partner = msgspec.json.Decoder(wire.ActionTypeDeclaration).decode
_encode = msgspec.json.Encoder().encode


@lru_cache(1024)
def rules_of(row: ActionTypeRow) -> ActionTypeRules:
    if row.owner == "Custom":
        return ActionTypeRules.of_custom(_decode_custom(row.document))
    return ActionTypeRules.of_partner(_decode_partner(row.document))


async def find_action_types(call: Call, declaration: wire.PipelineDeclaration) -> FindActionType:
    """The rules of all types that a declaration names, looked up beforehand."""
    found: dict[wire.ActionTypeId, ActionTypeRules | None] = {}
    for stage in declaration.stages:
        for action in stage.actions:
            identity = action.action_type_id
            if identity not in found:
                found[identity] = await _rules(call, identity)
    return found.get


async def _rules(call: Call, identity: wire.ActionTypeId) -> ActionTypeRules | None:
    key = type_key(identity, call.account, call.region)
    builtin = call.environment.action_types.get(key)
    if builtin is not None:
        return builtin
    row = await call.reader.action_type(key)
    if row is None or row.deleted_at is not None or not _may_use(row, call.account):
        return None
    return rules_of(row)


def _may_use(row: ActionTypeRow, account: str) -> bool:
    if row.owner == "Custom":
        return True
    permissions = _decode_partner(row.document).permissions
    return permissions is None or account in permissions.allowed_accounts or "*" in permissions.allowed_accounts


async def known_action_type(call: Call, identity: wire.ActionTypeId) -> ActionTypeRules:
    """The rules of a type that can be polled for, or ActionTypeNotFoundException."""
    rules = await _rules(call, identity)
    if rules is None:
        raise ActionTypeNotFoundException(
            f"The action type with category '{identity.category}', owner '{identity.owner}', provider "
            f"'{identity.provider}' and version '{identity.version}' does not exist in account '{call.account}'"
        )
    return rules


async def create_custom_action_type(
    request: wire.CreateCustomActionTypeInput, call: Call
) -> wire.CreateCustomActionTypeOutput:
    """API: CreateCustomActionType. A deleted type comes back by an identical definition alone."""
    check_custom(request)
    identity = wire.ActionTypeId(
        category=request.category, owner="Custom", provider=request.provider, version=request.version
    )
    arn = _arn(call, identity)
    tags = as_mapping(request.tags)
    check_tags(arn, tags)
    made = wire.ActionType(
        id=identity,
        settings=request.settings,
        action_configuration_properties=request.configuration_properties or (),
        input_artifact_details=request.input_artifact_details,
        output_artifact_details=request.output_artifact_details,
    )
    row = ActionTypeRow(
        type_key=type_key(identity, call.account, call.region),
        account=call.account,
        region=call.region,
        owner="Custom",
        category=request.category,
        provider=request.provider,
        version=request.version,
        document=_encode(made),
        created_at=call.now,
    )
    await call.committer.write(partial(_add, row=row, arn=arn, tags=tags))
    return wire.CreateCustomActionTypeOutput(action_type=made, tags=request.tags)


def _arn(call: Call, identity: wire.ActionTypeId) -> str:
    return action_type_arn(
        call.region, call.account, identity.owner, identity.category, identity.provider, identity.version
    )


def _add(transaction: Transaction, row: ActionTypeRow, arn: str, tags: dict[str, str]) -> Written[None]:
    known = transaction.action_type(row.type_key)
    if known is not None and known.document != row.document:
        raise ValidationException(
            f"The action type {row.category}/{row.provider} has been defined differently under version '{row.version}'. "
            "A version keeps its definition for ever; choose another version"
        )
    if transaction.custom_type_count(row.account, row.region) >= limits.CUSTOM_ACTION_TYPES_MAX and (
        known is None or known.deleted_at is not None
    ):
        raise LimitExceededException(
            f"The account has {limits.CUSTOM_ACTION_TYPES_MAX} custom action types, which is the limit"
        )
    transaction.put_action_type(row)
    if tags:
        transaction.set_tags(row.account, arn, tags)
    return Written(None)


async def delete_custom_action_type(request: wire.DeleteCustomActionTypeInput, call: Call) -> None:
    """API: DeleteCustomActionType. Running actions keep what they began with; one that is not there is no error."""
    identity = wire.ActionTypeId(
        category=request.category, owner="Custom", provider=request.provider, version=request.version
    )
    key = type_key(identity, call.account, call.region)
    await call.committer.write(partial(_delete, key=key, arn=_arn(call, identity), now=call.now))


def _delete(transaction: Transaction, key: str, arn: str, now: float) -> Written[None]:
    row = transaction.action_type(key)
    if row is not None and row.deleted_at is None:
        transaction.put_action_type(replace(row, deleted_at=now))
        transaction.set_tags(row.account, arn, {})
    return Written(None)


async def list_action_types(request: wire.ListActionTypesInput, call: Call) -> wire.ListActionTypesOutput:
    """API: ListActionTypes. Built-in types come first, then the account's own and the partners'."""
    owner, region = request.action_owner_filter, request.region_filter
    listing = f"ListActionTypes/{owner or ''}/{region or ''}"
    key = start_key(call, listing, request.next_token)
    after = str(key[0]) if key else ""
    shown = {
        type_key: rules
        for type_key, rules in await _all(call, region or call.region, after)
        if owner is None or rules.id.owner == owner
    }
    keys = sorted(shown)[: PAGE_MAX + 1]
    token = next_token(call, listing, [keys[PAGE_MAX - 1]]) if len(keys) > PAGE_MAX else None
    types = tuple(shown[each].as_wire() for each in keys[:PAGE_MAX])
    return wire.ListActionTypesOutput(action_types=types, next_token=token)


async def _all(call: Call, region: str, after: str) -> list[tuple[str, ActionTypeRules]]:
    builtin = [(key, rules) for key, rules in call.environment.action_types.items() if key > after]
    rows = await call.reader.action_types(call.account, region, after, rows_max=2 * PAGE_MAX)
    return builtin + [(row.type_key, rules_of(row)) for row in rows if _may_use(row, call.account)]
