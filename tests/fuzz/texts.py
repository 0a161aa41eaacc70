"""Texts that a pattern takes, made from the pattern itself."""

from collections.abc import Iterator
from functools import cache
from random import Random
from re import _parser  # type: ignore[attr-defined] # the pattern as a tree; there is no public way to it
from typing import Any

REPEATS_MAX = 12
ANY = "aZ09 -_./:é€\N{SNAKE}"
WORDS = {
    "CATEGORY_WORD": "abcXYZ019_",
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_SPACE": " ",
}


@cache
def _tree(pattern: str) -> Any:
    return _parser.parse(pattern)


def matching(pattern: str, source: Random) -> str:
    """A text that the pattern matches; how often something repeats is bounded."""
    return "".join(_written(_tree(pattern), source))


def _written(tree: Any, source: Random) -> Iterator[str]:
    for code, argument in tree:
        match str(code):
            case "LITERAL":
                yield chr(argument)
            case "ANY":
                yield source.choice(ANY)
            case "IN":
                yield _one_of(argument, source)
            case "SUBPATTERN":
                yield from _written(argument[-1], source)
            case "BRANCH":
                yield from _written(source.choice(argument[1]), source)
            case "MAX_REPEAT":
                low, high, repeated = argument
                for _ in range(source.randint(low, max(low, min(int(high), REPEATS_MAX)))):
                    yield from _written(repeated, source)
            case kind:
                assert kind == "AT", f"a pattern with {kind}"


def _one_of(members: list[Any], source: Random) -> str:
    code, argument = source.choice(members)
    match str(code):
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            return chr(source.randint(*argument))
        case kind:
            assert kind == "CATEGORY", f"a set with {kind}"
            return source.choice(WORDS[str(argument)])
