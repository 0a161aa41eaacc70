"""Properties of CloudFormation resources as members of the API's requests.

The names are the same but for their first letter, and CloudFormation turns numbers and booleans into text where the API wants
text. A placeholder that the API would not take gives way to one that it takes: what only a deployment knows is taken to be
right.
"""

import json
import re
from typing import Any

from msgspec import inspect

from penstock.cli.intrinsics import ABSENT, Unknown
from penstock.wire.mending import present

__all__ = ["as_members"]

# An ARN of which nothing is known: a reference is looked into only in a run.
_TOPIC_KEY, _ANY_TOPIC = "NotificationArn", "#{codepipeline.PipelineExecutionId}"
_FILLER = "x"


def as_members(kind: inspect.Type, properties: Any, account: str) -> Any:
    """The value that the API would be sent; what has another form than the kind wants is left as it is."""
    return _Mapping(account).of(kind, properties)


class _Mapping:
    def __init__(self, account: str) -> None:
        self._account = account

    def of(self, kind: inspect.Type, value: Any) -> Any:
        match kind:
            case inspect.StructType() | inspect.VarTupleType() | inspect.DictType() if isinstance(value, Unknown):
                return ABSENT
            case inspect.StructType() if isinstance(value, dict):
                return self._structure(kind, value)
            case inspect.VarTupleType() if isinstance(value, list):
                return [item for item in (self.of(kind.item_type, each) for each in value) if item is not ABSENT]
            case inspect.DictType() if isinstance(value, dict):
                return {key: self._value(key, each) for key, each in value.items()}
            case inspect.DictType() if isinstance(value, list) and isinstance(kind.value_type, inspect.StructType):
                return self._by_region(kind, value)
            case _:
                return self._scalar(kind, value)

    def _structure(self, kind: inspect.StructType, value: dict[str, Any]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for field in kind.fields:
            name = field.encode_name
            found = value.get(name[0].upper() + name[1:])
            member = self.of(present(field), found) if found is not None else ABSENT
            if member is not ABSENT:
                members[name] = member
        return members

    def _by_region(self, kind: inspect.DictType, stores: list[Any]) -> dict[str, Any]:
        """ArtifactStores, the one list that the API has as a map."""
        told = (each for each in stores if isinstance(each, dict))
        return {
            str(self._scalar(kind.key_type, each.get("Region"))): self.of(kind.value_type, each.get("ArtifactStore"))
            for each in told
        }

    def _value(self, key: str, value: Any) -> Any:
        """A value of a configuration, which is any JSON in a template and text in the API."""
        return _ANY_TOPIC if key == _TOPIC_KEY and isinstance(value, Unknown) else _text(value)

    def _scalar(self, kind: inspect.Type, value: Any) -> Any:
        match kind:
            case inspect.StrType():
                text = _text(value)
                return self._fitting(kind, text) if isinstance(value, Unknown) and not _fits(kind, text) else text
            case inspect.LiteralType(values=values):
                text = _text(value)
                if not isinstance(value, Unknown) or text in values:
                    return text
                return values[0] if len(values) == 1 else ABSENT
            case _:
                return ABSENT if isinstance(value, Unknown) else _number(kind, value)

    def _fitting(self, kind: inspect.StrType, text: str) -> str:
        """Another placeholder, which keeps the constraints."""
        word = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").ljust(kind.min_length or 1, _FILLER)[: kind.max_length]
        candidates = (word, word.lower(), f"arn:aws:iam::{self._account}:role/{word[:64]}")
        return next((each for each in candidates if _fits(kind, each)), text)


def _fits(kind: inspect.StrType, text: str) -> bool:
    is_long_enough = len(text) >= (kind.min_length or 0)
    is_short_enough = kind.max_length is None or len(text) <= kind.max_length
    return is_long_enough and is_short_enough and (kind.pattern is None or re.search(kind.pattern, text) is not None)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _number(kind: inspect.Type, value: Any) -> Any:
    """The integer or boolean that a text is, where one is wanted."""
    match kind:
        case inspect.IntType() if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
            return int(value)
        case inspect.BoolType() if value in ("true", "false"):
            return value == "true"
        case _:
            return value
