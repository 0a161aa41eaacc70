"""TagResource, UntagResource, ListTagsForResource."""

from functools import partial

from penstock.core import limits
from penstock.engine.committer import Written
from penstock.operations.call import Call
from penstock.ports.storage import Transaction
from penstock.wire import types as wire
from penstock.wire.arn import Arn, parse, partition_of
from penstock.wire.errors import (
    InvalidArnException,
    InvalidNextTokenException,
    InvalidTagsException,
    ResourceNotFoundException,
    TooManyTagsException,
)

__all__ = ["as_mapping", "check_tags", "list_tags_for_resource", "tag_resource", "untag_resource"]

_SYSTEM_PREFIX = "aws:"


def as_mapping(tags: tuple[wire.Tag, ...] | None) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags or ()}


def check_tags(arn: str, tags: dict[str, str]) -> None:
    """Raise InvalidTagsException or TooManyTagsException if a resource may not have just these."""
    _refuse_system(list(tags))
    for text in [*tags, *tags.values()]:
        if text != text.strip():
            raise InvalidTagsException("A tag's key and value cannot begin or end with a space")
    if len(tags) > limits.TAGS_MAX:
        raise TooManyTagsException(f"Tag limit exceeded for resource [{arn}].")


def _refuse_system(keys: list[str]) -> None:
    if any(key.lower().startswith(_SYSTEM_PREFIX) for key in keys):
        raise InvalidTagsException(
            "Not allowed to modify system tags. System tags start with 'aws:'. "
            "msg=[Caller is an end user and not allowed to mutate system tags]"
        )


async def _resource(call: Call, text: str) -> str:
    """The ARN of something of the caller's that may have tags, as it is written; else the declared error."""
    try:
        arn = parse(text)
        kind = arn.kind
    except ValueError:
        raise InvalidArnException(f"The ARN '{text}' is not that of a resource that has tags") from None
    if (arn.partition, arn.account, arn.region) != (partition_of(call.region), call.account, call.region):
        raise ResourceNotFoundException(f"The resource '{text}' does not exist in account '{call.account}'")
    if kind == "pipeline":
        await _require_pipeline(call, arn.names[0])
    elif kind == "actiontype":
        await _require_action_type(call, arn)
    elif kind == "webhook":
        await _require_webhook(call, arn.names[0])
    else:
        raise InvalidArnException(f"The ARN '{text}' is not that of a resource that has tags")
    return str(arn)


async def _require_pipeline(call: Call, name: str) -> None:
    if await call.reader.pipeline(call.account, call.region, name) is None:
        raise ResourceNotFoundException(
            f"The account with id '{call.account}' does not include a pipeline with the name '{name}'"
        )


async def _require_webhook(call: Call, name: str) -> None:
    if await call.reader.webhooks.webhook(call.account, call.region, name) is None:
        raise ResourceNotFoundException(
            f"The account with id '{call.account}' does not include a webhook with the name '{name}'"
        )


async def _require_action_type(call: Call, arn: Arn) -> None:
    owner, category, provider, version = arn.names
    key = f"Custom/{call.account}/{call.region}/{category}/{provider}/{version}"
    row = await call.reader.action_type(key)
    if owner != "Custom" or row is None or row.deleted_at is not None:
        raise ResourceNotFoundException(
            f"The account with id '{call.account}' does not include the action type '{arn}'"
        )


async def tag_resource(request: wire.TagResourceInput, call: Call) -> wire.TagResourceOutput:
    """API: TagResource. A key that is there gets the new value."""
    arn = await _resource(call, request.resource_arn)
    added = as_mapping(request.tags)
    check_tags(arn, added)
    await call.committer.write(partial(_add, account=call.account, arn=arn, added=added))
    return wire.TagResourceOutput()


def _add(transaction: Transaction, account: str, arn: str, added: dict[str, str]) -> Written[None]:
    tags = {**transaction.tags(account, arn), **added}
    check_tags(arn, tags)
    transaction.set_tags(account, arn, tags)
    return Written(None)


async def untag_resource(request: wire.UntagResourceInput, call: Call) -> wire.UntagResourceOutput:
    """API: UntagResource. Keys that are not there are no error."""
    arn = await _resource(call, request.resource_arn)
    _refuse_system(list(request.tag_keys))
    removed = frozenset(request.tag_keys)
    await call.committer.write(partial(_remove, account=call.account, arn=arn, removed=removed))
    return wire.UntagResourceOutput()


def _remove(transaction: Transaction, account: str, arn: str, removed: frozenset[str]) -> Written[None]:
    kept = {key: value for key, value in transaction.tags(account, arn).items() if key not in removed}
    transaction.set_tags(account, arn, kept)
    return Written(None)


async def list_tags_for_resource(request: wire.ListTagsForResourceInput, call: Call) -> wire.ListTagsForResourceOutput:
    """API: ListTagsForResource. All tags come in one answer, so no token is ever given out."""
    if request.next_token is not None:
        raise InvalidNextTokenException("The next token was not given out for this listing")
    arn = await _resource(call, request.resource_arn)
    tags = await call.reader.tags(call.account, arn)
    return wire.ListTagsForResourceOutput(tags=tuple(wire.Tag(key=key, value=value) for key, value in tags.items()))
