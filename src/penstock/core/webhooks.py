"""The filters of webhooks: a JSON path into the payload, and what must be found there.

The service reads the paths with a Java library; here it is `jsonpath`, imported by the first webhook that needs it. What that
one has beyond Java's is refused, and so are regular expressions, since one with a trap in it would stop the whole server.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.wire import types as wire

if TYPE_CHECKING:
    from jsonpath import JSONPath, JSONPathEnvironment

__all__ = ["PathError", "check_path", "filled_in", "why_ignored"]

# A short path can select the same members over and over: so many are looked at, over all filters of a delivery.
LOOKS_MAX = 100_000
_FOUND_MAX = 1_000
_QUOTED_LENGTH_MAX = 200

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

_REFUSED_TOKENS = {
    "TOKEN_RE": "regular expressions are not taken",
    "TOKEN_UNION": "'|' is not part of the language",
    "TOKEN_INTERSECTION": "'&' is not part of the language",
    "TOKEN_PSEUDO_ROOT": "'^' is not part of the language",
    "TOKEN_KEYS": "'~' is not part of the language",
    "TOKEN_KEYS_FILTER": "'~' is not part of the language",
    "TOKEN_KEY": "'#' is not part of the language",
    "TOKEN_FILTER_CONTEXT": "'_' is not part of the language",
}
_REFUSED_FUNCTIONS = ("match", "search")


class PathError(ValueError):
    """The text is no JSON path that is taken; the message says why."""


class _TooManyLooks(Exception):
    """The paths looked at more members than they may."""


def check_path(path: str) -> None:
    """Raise PathError unless the path can be used."""
    _compiled(path)


@lru_cache(1024)
def _compiled(path: str) -> "JSONPath":
    from jsonpath import JSONPath, JSONPathError

    environment = _environment()
    try:
        for token in environment.lexer.tokenize(path):
            if token.kind in _REFUSED_TOKENS:
                raise PathError(_REFUSED_TOKENS[token.kind])
        compiled = environment.compile(path)
    except PathError:
        raise
    except JSONPathError as problem:
        raise PathError(str(problem.message)) from None
    except (ValueError, RecursionError, LookupError) as problem:
        raise PathError(str(problem)) from None
    assert isinstance(compiled, JSONPath)
    return compiled


@lru_cache(1)
def _environment() -> "JSONPathEnvironment":
    from jsonpath import JSONPathEnvironment

    environment = JSONPathEnvironment()
    for name in _REFUSED_FUNCTIONS:
        del environment.function_extensions[name]
    return environment


def filled_in(match_equals: str, configuration: Mapping[str, str]) -> str:
    """The wanted value, with each `{Key}` of the target action's configuration in its place; others stay as they are."""
    return _PLACEHOLDER.sub(lambda found: configuration.get(found[1], found[0]), match_equals)


def why_ignored(
    filters: Iterable[wire.WebhookFilterRule], payload: object, configuration: Mapping[str, str]
) -> str | None:
    """None if the payload passes every filter, else a sentence about the first one that it does not pass."""
    try:
        metered = _metered(payload, _Meter())
        reasons = (_not_found(rule, metered, configuration) for rule in filters)
        return next((reason for reason in reasons if reason is not None), None)
    except _TooManyLooks:
        return f"the filters looked at {LOOKS_MAX} members of the payload and were not done"
    except RecursionError:
        return "the payload is nested too deeply"
    except PathError as problem:
        return f"a path of the filters can no longer be read: {problem}"


def _not_found(rule: wire.WebhookFilterRule, payload: Any, configuration: Mapping[str, str]) -> str | None:
    found = list(islice(_values(rule.json_path, payload), _FOUND_MAX))
    if not found:
        return f"{rule.json_path} finds nothing in the payload"
    if rule.match_equals is None:
        return None
    wanted = filled_in(rule.match_equals, configuration)
    if wanted in found:
        return None
    return f"{rule.json_path} is {_quoted(found[0])}, not {_quoted(wanted)}"


def _values(path: str, payload: Any) -> Iterator[str]:
    from jsonpath import JSONPathError

    if isinstance(payload, str):
        # The library would read a text as JSON once more, and nothing would count how often it looks into that.
        return
    try:
        for match in _compiled(path).finditer(payload):
            yield _text(match.obj)
    except JSONPathError:
        # The types in this payload are not those that the path compares, or it is nested too deeply.
        return


def _text(value: object) -> str:
    """A value as `matchEquals` names it: a string is itself, all else is its JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= _QUOTED_LENGTH_MAX else f"'{text[:_QUOTED_LENGTH_MAX]}…'"


class _Meter:
    """Counts the looks of all filters at one payload."""

    def __init__(self) -> None:
        self._left = LOOKS_MAX

    def look(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise _TooManyLooks


class _Object(dict[str, Any]):
    __slots__ = ("meter",)
    meter: _Meter

    def __getitem__(self, key: str) -> Any:
        self.meter.look(1)
        return super().__getitem__(key)

    def items(self) -> Any:
        self.meter.look(len(self))
        return super().items()


class _Array(list[Any]):
    __slots__ = ("meter",)
    meter: _Meter

    def __getitem__(self, index: Any) -> Any:
        self.meter.look(1 if isinstance(index, int) else len(self))
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.meter.look(len(self))
        return super().__iter__()


def _metered(value: object, meter: _Meter) -> Any:
    """The same value, every look into which is counted."""
    if isinstance(value, dict):
        mapping = _Object((key, _metered(member, meter)) for key, member in value.items())
        mapping.meter = meter
        return mapping
    if isinstance(value, list):
        sequence = _Array(_metered(member, meter) for member in value)
        sequence.meter = meter
        return sequence
    return value
