"""Whether a caller may do what it asks for: the question that its policies are asked, put together.

What is costly to know is looked up only for callers one of whose policies asks for it.
"""

from collections.abc import Mapping
from typing import Any

from penstock.operations.call import Call
from penstock.operations.registry import Route
from penstock.operations.resources import resources_of, tagged_part
from penstock.operations.tags import as_mapping
from penstock.ports.identity import Conditions

__all__ = ["authorize"]

RESOURCE_TAG = "aws:ResourceTag/"
REQUEST_TAG = "aws:RequestTag/"


async def authorize(call: Call, route: Route, request: Any) -> None:
    """Return if the caller may, for everything that the request is about; else AccessDeniedException."""
    door, asked = call.environment.door, call.environment.door.condition_keys(call.principal)
    context: Conditions = {**call.circumstances.conditions(call.region), **_request_tags(request)} if asked else {}
    needs_tags = any(key.startswith(RESOURCE_TAG.lower()) for key in asked)
    for resource in resources_of(route.operation.name, request, call.region, call.account):
        of_resource = await _resource_tags(call, resource) if needs_tags else {}
        door.allow(call.principal, route.iam_action, resource, {**context, **of_resource})


def _request_tags(request: Any) -> dict[str, tuple[str, ...]]:
    tags = as_mapping(getattr(request, "tags", None))
    keys = tuple(tags) or tuple(getattr(request, "tag_keys", None) or ())
    return {**_tag_conditions(REQUEST_TAG, tags), "aws:TagKeys": keys}


async def _resource_tags(call: Call, resource: str) -> dict[str, tuple[str, ...]]:
    tagged = tagged_part(resource)
    tags = await call.reader.tags(call.account, tagged) if tagged is not None else {}
    return _tag_conditions(RESOURCE_TAG, tags)


def _tag_conditions(prefix: str, tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """A key of a condition has no case: what differs in nothing else has all the values of those tags."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in tags.items():
        name = prefix + key.lower()
        found[name] = (*found.get(name, ()), value)
    return found
