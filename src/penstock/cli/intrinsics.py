"""What a CloudFormation template says with functions instead of values.

A template alone does not know what a deployment will put in. What can be told without one is: text that is put together, the
account and the region, the branch of a condition that is true. All else becomes an `Unknown`, a placeholder which is the same
wherever the template says the same.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["ABSENT", "Resolver", "Unknown"]

# What stands for a member that is not there, as AWS::NoValue says
ABSENT: Any = object()

_LETTERS = re.compile(r"[^A-Za-z0-9]+")
_PLACE = re.compile(r"\$\{(!?)([^}]*)\}")
_TOKEN_LENGTH_MAX = 40


class Unknown(str):
    """Text of which a part will only be known when the template is deployed."""

    __slots__ = ()


class Resolver:
    """Takes the functions out of a template's values."""

    def __init__(self, account: str, region: str) -> None:
        self._pseudo = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": "stack",
            "AWS::NoValue": ABSENT,
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._branch,
            "Fn::GetAtt": _attribute,
        }

    def resolved(self, value: Any) -> Any:
        """The value without functions; ABSENT members and elements are left out."""
        if isinstance(value, list):
            found = (self.resolved(item) for item in value)
            return [item for item in found if item is not ABSENT]
        if not isinstance(value, dict):
            return value
        name = next(iter(value)) if len(value) == 1 else ""
        if name == "Ref" or name.startswith("Fn::"):
            function = self._functions.get(name)
            return _unknown(value[name]) if function is None else function(value[name])
        members = ((key, self.resolved(item)) for key, item in value.items())
        return {key: item for key, item in members if item is not ABSENT}

    def _ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            return _unknown(name)
        if name in self._pseudo:
            return self._pseudo[name]
        return _unknown(name)

    def _sub(self, given: Any) -> Any:
        text, values = given if isinstance(given, list) and len(given) == 2 else (given, {})
        if not (isinstance(text, str) and isinstance(values, dict)):
            return _unknown(given)
        return _put_together(self._pieces(text, values))

    def _pieces(self, text: str, values: dict[str, Any]) -> Iterator[Any]:
        end = 0
        for place in _PLACE.finditer(text):
            yield text[end : place.start()]
            end = place.end()
            is_literal, name = place.groups()
            if is_literal:
                yield f"${{{name}}}"
            elif name in values:
                yield self.resolved(values[name])
            else:
                yield _attribute(name) if "." in name else self._ref(name)
        yield text[end:]

    def _join(self, given: Any) -> Any:
        parts = self.resolved(given)
        if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[1], list)):
            return _unknown(given)
        separator, pieces = parts
        between = [each for piece in pieces for each in (separator, piece)]
        return _put_together(between[1:])

    def _branch(self, given: Any) -> Any:
        if not (isinstance(given, list) and len(given) == 3):
            return _unknown(given)
        return self.resolved(given[1])


def _put_together(pieces: Iterator[Any] | list[Any]) -> str:
    given = (piece for piece in pieces if piece is not ABSENT)
    known = [piece if isinstance(piece, str | int | float) else _unknown(piece) for piece in given]
    text = "".join(str(piece) for piece in known)
    return Unknown(text) if any(isinstance(piece, Unknown) for piece in known) else text


def _attribute(given: Any) -> Unknown:
    return _unknown(".".join(map(str, given)) if isinstance(given, list) else given)


def _unknown(given: Any) -> Unknown:
    """A short word for what a function says, another one for each."""
    said = given if isinstance(given, str) else repr(given)
    word = _LETTERS.sub("-", said).strip("-")
    if len(word) > _TOKEN_LENGTH_MAX or not word:
        digest = hashlib.sha256(said.encode()).hexdigest()[:8]
        word = f"{word[: _TOKEN_LENGTH_MAX - 9]}-{digest}".strip("-")
    return Unknown(word)
