"""Making, deleting, showing and listing action types; and finding those that a declaration names."""

from collections.abc import Callable
from functools import partial
from operator import itemgetter

import msgspec
from msgspec.structs import replace

from penstock.core import limits, rule_types
from penstock.core.action_types import (
    EVERYBODY,
    FUNCTION_TYPE,
    FUNCTION_TYPE_KEY,
    ActionTypeRules,
    check_custom,
    type_key,
)
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
    "get_action_type",
    "kept_custom_type",
    "known_action_type",
    "list_action_types",
    "may_see",
    "may_use",
    "not_found",
    "partner_declaration",
]

FindActionType = Callable[[wire.ActionTypeId], ActionTypeRules | None]
PAGE_MAX = 100
ROWS_MAX = 200
_OWNERS: dict[str, wire.ActionOwner] = {"AWS": "AWS", "ThirdParty": "ThirdParty"}
_decode_custom = msgspec.json.Decoder(wire.ActionType).decode
_decode_partner = msgspec.json.Decoder(wire.ActionTypeDeclaration).decode
_KNOWN_RULES_MAX = 4096
_known_rules: dict[str, tuple[ActionTypeRow, ActionTypeRules]] = {}
_encode = msgspec.json.Encoder().encode


def rules_of(row: ActionTypeRow) -> ActionTypeRules:
    """The rules of a stored type. Readers keep rows, so that the same one comes again and again."""
    known = _known_rules.get(row.type_key)
    if known is not None and known[0] is row:
        return known[1]
    if row.owner == "Custom":
        rules = ActionTypeRules.of_custom(_decode_custom(row.document))
    else:
        rules = ActionTypeRules.of_partner(_decode_partner(row.document))
    if len(_known_rules) >= _KNOWN_RULES_MAX:
        _known_rules.clear()
    _known_rules[row.type_key] = (row, rules)
    return rules


async def find_action_types(call: Call, declaration: wire.PipelineDeclaration) -> FindActionType:
    """The rules of all types that a declaration names, looked up beforehand."""
    found: dict[wire.ActionTypeId, ActionTypeRules | None] = {}
    for stage in declaration.stages:
        for action in stage.actions:
            identity = action.action_type_id
            if identity not in found:
                found[identity] = await _rules(call, type_key(identity, call.account, call.region))
    return found.get


async def _rules(call: Call, key: str) -> ActionTypeRules | None:
    builtin = call.environment.action_types.get(key)
    if builtin is not None:
        return builtin
    row = await call.reader.action_type(key)
    if row is None or row.deleted_at is not None or not may_use(row, call.account):
        return None
    return rules_of(row)


def may_use(row: ActionTypeRow, account: str) -> bool:
    """Whether an account may declare actions of a type. UG: a partner's type is private until its permissions name others."""
    if row.owner == "Custom":
        return True
    permissions = partner_declaration(row).permissions
    if permissions is None:
        return row.account == account
    return not {account, EVERYBODY}.isdisjoint(permissions.allowed_accounts)


def may_see(row: ActionTypeRow, account: str) -> bool:
    """Whether an account may know of a type: it may use it, or it has made it."""
    return row.account == account or may_use(row, account)


def partner_declaration(row: ActionTypeRow) -> wire.ActionTypeDeclaration:
    """The declaration of a partner's type, as it was registered or updated last."""
    return _decode_partner(row.document)


def kept_custom_type(call: Call, key: str) -> ActionTypeRules | None:
    """The rules of a custom type that was asked for not long ago; None says nothing."""
    row = call.reader.kept_action_type(key)
    return rules_of(row) if row is not None and row.owner == "Custom" and row.deleted_at is None else None


async def known_action_type(call: Call, identity: wire.ActionTypeId, key: str) -> ActionTypeRules:
    """The rules of a type that can be polled for, or ActionTypeNotFoundException.

    Types of rules are polled for as well, and so are partners' functions.
    """
    rules = await _rules(call, key)
    if rules is None and key == FUNCTION_TYPE_KEY:
        return FUNCTION_TYPE
    if rules is None:
        rule_type = rule_types.builtin().get(key)
        rules = rule_type.as_polled() if rule_type is not None else None
    if rules is None:
        raise not_found(call, identity)
    return rules


def not_found(call: Call, identity: wire.ActionTypeId) -> ActionTypeNotFoundException:
    return ActionTypeNotFoundException(
        f"The action type with category '{identity.category}', owner '{identity.owner}', provider "
        f"'{identity.provider}' and version '{identity.version}' does not exist in account '{call.account}'"
    )


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


async def get_action_type(request: wire.GetActionTypeInput, call: Call) -> wire.GetActionTypeOutput:
    """API: GetActionType. A partner's type is seen by the accounts that may use it, and by the one that registered it."""
    identity = wire.ActionTypeId(
        category=request.category, owner=_OWNERS[request.owner], provider=request.provider, version=request.version
    )
    key = type_key(identity, call.account, call.region)
    builtin = call.environment.action_types.get(key)
    if builtin is not None:
        return wire.GetActionTypeOutput(action_type=builtin.as_declaration())
    row = await call.reader.action_type(key)
    if row is None or not may_see(row, call.account):
        raise not_found(call, identity)
    return wire.GetActionTypeOutput(action_type=partner_declaration(row))


async def list_action_types(request: wire.ListActionTypesInput, call: Call) -> wire.ListActionTypesOutput:
    """API: ListActionTypes. Built-in types, the account's own in that region, and partners' that the account may use."""
    owner, region = request.action_owner_filter, request.region_filter
    listing = f"ListActionTypes/{owner or ''}/{region or ''}"
    key = start_key(call, listing, request.next_token)
    found = await _listed(call, owner, region or call.region, after=str(key[0]) if key else "")
    token = next_token(call, listing, [found[PAGE_MAX - 1][0]]) if len(found) > PAGE_MAX else None
    types = tuple(rules.as_wire() for _, rules in found[:PAGE_MAX])
    return wire.ListActionTypesOutput(action_types=types, next_token=token)


async def _listed(
    call: Call, owner: wire.ActionOwner | None, region: str, after: str
) -> list[tuple[str, ActionTypeRules]]:
    """What the account may see behind a key, in order: a page and one more, if there is so much."""
    known = [(key, rules) for key, rules in call.environment.action_types.items() if key > after]
    while True:
        rows = await call.reader.action_types(call.account, region, after, ROWS_MAX)
        known += [(row.type_key, rules_of(row)) for row in rows if may_use(row, call.account)]
        is_end = len(rows) < ROWS_MAX
        after = after if is_end else rows[-1].type_key
        # Of what lies behind the last row that was read, some may still be missing.
        seen = [item for item in known if (is_end or item[0] <= after) and owner in (None, item[1].id.owner)]
        if is_end or len(seen) > PAGE_MAX:
            return sorted(seen, key=itemgetter(0))[: PAGE_MAX + 1]
