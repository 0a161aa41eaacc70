"""Values that a server sent, taken as they are.

The server has checked what it was given. What it hands out may since have grown: a resolved variable can be longer, or
hold a line break, where a declaration cannot. So nothing here is measured by the constraints of the types.
"""

import functools
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from penstock.wire import types as wire


def built(kind: Any, raw: Any) -> Any:
    """A value of the kind out of parsed JSON. Unknown and null members are left out, as if they had not been sent."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return built(get_args(kind)[0], raw)
    if origin is tuple:
        return tuple(built(get_args(kind)[0], item) for item in raw)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind(**{name: built(of, raw[key]) for name, key, of in _members(kind) if raw.get(key) is not None})
    return raw


def declared_type(document: bytes) -> wire.ActionType:
    """The action type that a provider declares about itself, from its JSON."""
    return cast(wire.ActionType, built(wire.ActionType, msgspec.json.decode(document)))


def declared_rule(document: bytes) -> wire.RuleType:
    """The same of a provider that does the work of a condition's rule."""
    return cast(wire.RuleType, built(wire.RuleType, msgspec.json.decode(document)))


def polled_type(declared: wire.RuleType) -> wire.ActionTypeId:
    """What jobs of a rule type are polled by: its id, in a category that the API's enum of categories lacks."""
    return cast(wire.ActionTypeId, built(wire.ActionTypeId, msgspec.to_builtins(declared.id)))


@functools.cache
def _members(kind: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, field.encode_name, hints[field.name]) for field in msgspec.structs.fields(kind))
