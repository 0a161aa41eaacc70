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


@functools.cache
def _members(kind: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, field.encode_name, hints[field.name]) for field in msgspec.structs.fields(kind))
