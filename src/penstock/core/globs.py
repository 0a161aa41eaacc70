r"""Globs of triggers, read as Java's PathMatcher reads them.

    *       any characters but "/"          [abc] [a-c]   one character of a set
    **      any characters at all           [!abc]        one character out of it, but "/"
    ?       one character but "/"           {ab,c*}       one of several, not nested
    \       takes the next character as it is; within brackets, `* ? \` are themselves

Patterns come from whoever may create a pipeline, and a regular expression with many stars can take hours to say no. So a
pattern is an automaton that is in all its states at once: it takes no longer than its length times the text's.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

from msgspec import Struct

__all__ = ["Glob", "GlobError", "compile_glob"]

_STEPS_KEPT_MAX = 8192
_PATTERNS_KEPT_MAX = 4096

Test = Callable[[str], bool]


class GlobError(ValueError):
    """The text is no glob; the message says why."""


class _Token(Struct, frozen=True):
    """One character, any number of them, or a mark of a group."""

    kind: Literal["one", "many", "{", ",", "}"]
    test: Test = bool


class Glob:
    """A compiled pattern. `compile_glob` makes it."""

    def __init__(self, pattern: str) -> None:
        """Raises GlobError if the pattern is none."""
        self._edges: list[list[tuple[Test, int]]] = [[]]
        self._skips: list[list[int]] = [[]]
        self._final = self._build(pattern)
        self._closures = [self._closure(state) for state in range(len(self._edges))]
        self._steps: dict[tuple[int, str], int] = {}

    def matches(self, text: str) -> bool:
        """Whether the whole text is what the pattern says."""
        states = self._closures[0]
        for char in text:
            known = self._steps.get((states, char))
            states = self._step(states, char) if known is None else known
            if not states:
                return False
        return bool(states >> self._final & 1)

    def _build(self, pattern: str) -> int:
        """Lay the states out; gives the one in which a text has matched."""
        at = start = end = 0
        for token in _tokens(pattern):
            match token.kind:
                case "one":
                    at = self._follow(at, token.test)
                case "many":
                    at = self._skip_to_new(at)
                    self._edges[at].append((token.test, at))
                case "{":
                    start, end = at, self._new()
                    at = self._skip_to_new(start)
                case ",":
                    self._skips[at].append(end)
                    at = self._skip_to_new(start)
                case "}":
                    self._skips[at].append(end)
                    at = end
        return at

    def _new(self) -> int:
        self._edges.append([])
        self._skips.append([])
        return len(self._edges) - 1

    def _follow(self, at: int, test: Test) -> int:
        new = self._new()
        self._edges[at].append((test, new))
        return new

    def _skip_to_new(self, at: int) -> int:
        new = self._new()
        self._skips[at].append(new)
        return new

    def _closure(self, state: int) -> int:
        """The states that one is in together with this one, as bits."""
        reached, waiting = 0, [state]
        while waiting:
            here = waiting.pop()
            if not reached >> here & 1:
                reached |= 1 << here
                waiting.extend(self._skips[here])
        return reached

    def _step(self, states: int, char: str) -> int:
        following = 0
        for state, edges in enumerate(self._edges):
            if states >> state & 1:
                for test, target in edges:
                    if test(char):
                        following |= self._closures[target]
        if len(self._steps) >= _STEPS_KEPT_MAX:
            self._steps.clear()
        self._steps[states, char] = following
        return following


@lru_cache(_PATTERNS_KEPT_MAX)
def compile_glob(pattern: str) -> Glob:
    """The pattern, ready to match. Raises GlobError."""
    return Glob(pattern)


def _is_any(_char: str) -> bool:
    return True


def _is_within_segment(char: str) -> bool:
    return char != "/"


def _tokens(pattern: str) -> Iterator[_Token]:
    at, in_group = 0, False
    while at < len(pattern):
        char, length = pattern[at], 1
        if char == "*":
            length = 2 if pattern.startswith("**", at) else 1
            yield _Token("many", _is_any if length > 1 else _is_within_segment)
        elif char == "?":
            yield _Token("one", _is_within_segment)
        elif char == "[":
            length, test = _set(pattern, at)
            yield _Token("one", test)
        elif char == "{" or (in_group and char in ",}"):
            if in_group and char == "{":
                raise GlobError("groups cannot be nested")
            in_group = char != "}"
            yield _Token(char)  # type: ignore[arg-type]
        else:
            length = 2 if char == "\\" else 1
            yield _Token("one", _literal(pattern, at + length - 1))
        at += length
    if in_group:
        raise GlobError("a group is not closed: '}' is missing")


def _literal(pattern: str, at: int) -> Test:
    if at >= len(pattern):
        raise GlobError("there is nothing after the '\\' at the end")
    return pattern[at].__eq__


def _set(pattern: str, at: int) -> tuple[int, Test]:
    """The length of a bracket expression that begins there, and its test."""
    end = pattern.find("]", at)
    if end < 0:
        raise GlobError("a set is not closed: ']' is missing")
    members = pattern[at + 1 : end]
    is_negated = members.startswith("!")
    ranges = _ranges(members.removeprefix("!"))

    def test(char: str) -> bool:
        return char != "/" and is_negated != any(low <= char <= high for low, high in ranges)

    return end + 1 - at, test


def _ranges(members: str) -> list[tuple[str, str]]:
    if not members:
        raise GlobError("a set is empty")
    if "/" in members:
        raise GlobError("a set cannot hold '/'")
    ranges, at = [], 0
    while at < len(members):
        # A "-" at either end is itself.
        is_range = 0 < at + 2 < len(members) and members[at + 1] == "-" and members[at] != "-"
        low, high = members[at], members[at + 2 if is_range else at]
        if low > high:
            raise GlobError(f"the range {low}-{high} is upside down")
        ranges.append((low, high))
        at += 3 if is_range else 1
    return ranges
