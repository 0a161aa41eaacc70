"""The second reading of a request: what the service forgives is mended, a wrong JSON type is refused.

The sentences are those of other JSON 1.1 services, which share the front end.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import inspect

from penstock.wire.errors import SerializationException

LIST_FOUND = "Start of list found where not expected"
STRUCTURE_FOUND = "Start of structure or map found where not expected."

TARGETS: dict[type[inspect.Type], str] = {
    inspect.IntType: "an Integer",
    inspect.StrType: "a String",
    inspect.LiteralType: "a String",
    inspect.BoolType: "a Boolean",
    inspect.FloatType: "milliseconds since epoch",
}


def mended(kind: inspect.Type, value: Any) -> Any:
    """The value with the JSON types that `kind` wants, without unknown and null members.

    Raises SerializationException for the first value that has another type; constraints are not looked at.
    """
    match kind:
        case inspect.StructType():
            _expect(dict, value, "Expected null")
            return dict(_members(kind, value))
        case inspect.VarTupleType():
            _expect(list, value, "Expected list or null")
            return [mended(kind.item_type, item) for item in value if item is not None]
        case inspect.DictType():
            _expect(dict, value, "Expected map or null")
            return {key: mended(kind.value_type, item) for key, item in value.items() if item is not None}
        case _:
            return _scalar(kind, value)


def _members(kind: inspect.StructType, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in kind.fields:
        member = value.get(field.encode_name)
        if member is not None:
            yield field.encode_name, mended(present(field), member)


def present(field: inspect.Field) -> inspect.Type:
    """The type of a member that is there: what `T | None` says beside None."""
    if isinstance(field.type, inspect.UnionType):
        return next(kind for kind in field.type.types if not isinstance(kind, inspect.NoneType))
    return field.type


def _expect(wanted: type, value: Any, otherwise: str) -> None:
    if not isinstance(value, wanted):
        raise _misplaced(value, otherwise)


def _misplaced(value: Any, otherwise: str) -> SerializationException:
    match value:
        case list():
            return SerializationException(LIST_FOUND)
        case dict():
            return SerializationException(STRUCTURE_FOUND)
        case _:
            return SerializationException(otherwise)


def _scalar(kind: inspect.Type, value: Any) -> Any:
    match kind, value:
        case (inspect.StrType() | inspect.LiteralType(), str()) | (inspect.BoolType(), bool()):
            return value
        case inspect.FloatType(), str():
            return _moment(value)
        case inspect.IntType() | inspect.FloatType(), int() | float() if not isinstance(value, bool):
            # The service cuts a fraction off where it wants an integer, rather than refuse it.
            return int(value) if isinstance(kind, inspect.IntType) else value
        case _:
            raise _misplaced(value, f"{_token(value)} can not be converted to {TARGETS[type(kind)]}")


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise SerializationException(f"STRING_VALUE can not be converted to {TARGETS[inspect.FloatType]}") from error


def _token(value: Any) -> str:
    match value:
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case str():
            return "STRING_VALUE"
        case _:
            return "NUMBER_VALUE"
