"""Values of the wire's types: the smallest that is valid, and any that is."""

import re
from functools import cache
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct, inspect

from penstock.wire.mending import present

JOB_ID = "11111111-2222-3333-4444-555555555555"

# For each pattern of the service, one of these is a match.
TEXTS = (
    "a",
    "AWS",
    "000000000000",
    JOB_ID,
    "arn:aws:iam::000000000000:role/r",
    "arn:aws:codepipeline:r:000000000000:p",
    "arn:aws:lambda:r:000000000000:function:f",
    "bucket",
)


def smallest(kind: inspect.Type) -> Any:
    """JSON with the required members only."""
    match kind:
        case inspect.StructType():
            return {field.encode_name: smallest(present(field)) for field in kind.fields if field.required}
        case inspect.VarTupleType():
            return [smallest(kind.item_type)] * (kind.min_length or 0)
        case inspect.DictType():
            return {}
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=lowest):
            return lowest
        case inspect.FloatType():
            return 0
        case inspect.StrType():
            return next(text for text in TEXTS if is_match(kind, text))
        case _:
            raise AssertionError(f"required and not thought of: {kind}")


def is_match(kind: inspect.StrType, text: str) -> bool:
    if not (kind.min_length or 0) <= len(text) <= (kind.max_length or 50):
        return False
    return re.search(kind.pattern or "", text) is not None


def anything(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Python values of a type, small ones."""
    match kind:
        case inspect.StructType(cls=cls):
            return structures(cls)
        case inspect.VarTupleType():
            lowest, highest = kind.min_length or 0, min(2, kind.max_length or 2)
            return st.lists(anything(kind.item_type), min_size=lowest, max_size=highest).map(tuple)
        case inspect.DictType():
            return st.dictionaries(anything(kind.key_type), anything(kind.value_type), max_size=1)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.IntType(ge=lowest, le=highest):
            return st.integers(-(2**31) if lowest is None else lowest, 2**31 - 1 if highest is None else highest)
        case inspect.FloatType():
            return st.integers(0, 2**42).map(lambda milliseconds: milliseconds / 1000)
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType():
            return text(kind)
        case _:
            raise AssertionError(f"not thought of: {kind}")


@cache
def structures(cls: type[Struct]) -> st.SearchStrategy[Any]:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    return st.builds(cls, **{field.name: member(field) for field in kind.fields})


def member(field: inspect.Field) -> st.SearchStrategy[Any]:
    there = anything(present(field))
    return there if field.required else st.none() | there


def text(kind: inspect.StrType) -> st.SearchStrategy[str]:
    lowest, highest = kind.min_length or 0, kind.max_length
    if kind.pattern is None:
        return st.text(min_size=lowest, max_size=min(lowest + 5, highest or lowest + 5))
    return st.sampled_from([text for text in TEXTS if is_match(kind, text)])
