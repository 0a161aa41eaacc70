"""Every constraint that a request breaks, in the service's words.

Walks only what the fast path has refused, so it may take its time. A value has the JSON types its shape wants.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec import Struct, ValidationError, convert, inspect

from penstock.wire import types
from penstock.wire.mending import present

# A body of the largest size could break some 700,000 constraints, and its answer would be far larger still.
LISTED_MAX = 100

# What is longer says more about the caller's data than about the mistake.
QUOTED_LENGTH_MAX = 1024

# Patterns take time quadratic in the length of what they refuse; beyond this a broken length says enough.
MATCHED_LENGTH_MAX = 4096

# What the generator has put around each of the service's patterns.
OPENING, CLOSING = "(?a)^(?:", r")\Z"

# Every sentence seen of the service about a member of an action leaves its value out.
UNQUOTED: set[type] = {types.ActionDeclaration}


class Constraint(Struct, frozen=True):
    """One limit of a shape: how the service puts it, and whether a value keeps it."""

    phrase: str
    is_kept: Callable[[Any], bool]


class Place(Struct, frozen=True):
    """Where a value stands in the request, and whether it may be quoted."""

    path: str
    is_quotable: bool = True

    def member(self, name: str, *, is_concealed: bool) -> "Place":
        """The place of a structure's member."""
        name = name[0].lower() + name[1:]
        return Place(f"{self.path}.{name}" if self.path else name, self.is_quotable and not is_concealed)

    def element(self, key: str | int) -> "Place":
        """The place of a list's element, counted from 1, or of a map's value."""
        return Place(f"{self.path}.{key}.member", self.is_quotable)


def sentence(broken: list[str]) -> str:
    """The message of a ValidationException about these violations."""
    errors = "error" if len(broken) == 1 else "errors"
    return f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"


def violations(kind: inspect.Type, value: Any) -> list[str]:
    """What is broken, in the order of the model and at most LISTED_MAX of it; empty if nothing is."""
    return list(islice(_walk(kind, value, Place("")), LISTED_MAX))


def _walk(kind: inspect.Type, value: Any, place: Place) -> Iterator[str]:
    for constraint in _constraints(kind):
        if not constraint.is_kept(value):
            yield _violation(value, place, constraint.phrase)
    match kind:
        case inspect.StructType():
            yield from _walk_members(kind, value, place)
        case inspect.VarTupleType():
            yield from _walk_list(kind, value, place)
        case inspect.DictType():
            yield from _walk_map(kind, value, place)


def _walk_members(kind: inspect.StructType, value: dict[str, Any], place: Place) -> Iterator[str]:
    concealed: frozenset[str] = getattr(kind.cls, "CONCEALED", frozenset())
    for field in kind.fields:
        is_concealed = kind.cls in UNQUOTED or field.name in concealed
        here = place.member(field.encode_name, is_concealed=is_concealed)
        if field.encode_name in value:
            yield from _walk(present(field), value[field.encode_name], here)
        elif field.required:
            yield _violation(None, here, "Member must not be null")


def _walk_list(kind: inspect.VarTupleType, value: list[Any], place: Place) -> Iterator[str]:
    if isinstance(kind.item_type, inspect.StructType):
        for index, element in enumerate(value, start=1):
            # A hundred thousand good elements around a bad one must not cost a second.
            if not _is_valid(kind.item_type.cls, element):
                yield from _walk(kind.item_type, element, place.element(index))
    elif broken := _broken(kind.item_type, value):
        yield _violation(value, place, f"Member must satisfy constraint: {broken}")


def _walk_map(kind: inspect.DictType, value: dict[str, Any], place: Place) -> Iterator[str]:
    if broken := _broken(kind.key_type, value):
        yield _violation(value, place, f"Map keys must satisfy constraint: {broken}")
    if isinstance(kind.value_type, inspect.StructType):
        for key, element in value.items():
            yield from _walk(kind.value_type, element, place.element(key))
    elif broken := _broken(kind.value_type, value.values()):
        yield _violation(value, place, f"Map value must satisfy constraint: {broken}")


def _broken(kind: inspect.Type, scalars: Iterable[Any]) -> str:
    """All constraints of the scalars, whichever is broken: the service lists them so. Empty if none is."""
    constraints = list(_constraints(kind))
    if all(constraint.is_kept(scalar) for scalar in scalars for constraint in constraints):
        return ""
    return f"[{', '.join(constraint.phrase for constraint in constraints)}]"


def _is_valid(kind: type[Struct], value: Any) -> bool:
    try:
        convert(value, kind)
    except ValidationError:
        return False
    return True


def _violation(value: Any, place: Place, phrase: str) -> str:
    return f"Value{_quoted(value, place)} at '{place.path}' failed to satisfy constraint: {phrase}"


def _quoted(value: Any, place: Place) -> str:
    match value:
        case None:
            return " null"
        case list() if not any(isinstance(element, dict) for element in value):
            text = f"[{', '.join(map(str, value))}]"
        case str() | int():
            text = str(value)
        case _:
            return ""
    return f" '{text}'" if place.is_quotable and len(text) <= QUOTED_LENGTH_MAX else ""


def _constraints(kind: inspect.Type) -> Iterator[Constraint]:
    match kind:
        case inspect.IntType(le=highest, ge=lowest):
            yield from _bounds("value", highest, lowest, int)
        case inspect.LiteralType(values=values):
            yield Constraint(
                f"Member must satisfy enum value set: [{', '.join(map(str, values))}]", values.__contains__
            )
        case inspect.VarTupleType() | inspect.DictType():
            yield from _bounds("length", kind.max_length, kind.min_length, len)
        case inspect.StrType():
            yield from _bounds("length", kind.max_length, kind.min_length, len)
            if kind.pattern is not None:
                yield _pattern(kind.pattern, is_bounded=kind.max_length is not None)


def _pattern(pattern: str, *, is_bounded: bool) -> Constraint:
    matches = re.compile(pattern).search
    return Constraint(
        f"Member must satisfy regular expression pattern: {pattern.removeprefix(OPENING).removesuffix(CLOSING)}",
        lambda text: (is_bounded and len(text) > MATCHED_LENGTH_MAX) or matches(text) is not None,
    )


def _bounds(what: str, highest: int | None, lowest: int | None, measure: Callable[[Any], int]) -> Iterator[Constraint]:
    if highest is not None:
        yield Constraint(
            f"Member must have {what} less than or equal to {highest}", lambda value: measure(value) <= highest
        )
    if lowest is not None:
        yield Constraint(
            f"Member must have {what} greater than or equal to {lowest}", lambda value: measure(value) >= lowest
        )
