"""Each way in which a request can be wrong, done to one that is right."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

from fuzz.shapes import Shape

DEEP = "@deep"
SIZE_MAX = 300_000

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "line\n",
    "\r\nX-Injected: 1",
    "\x1b[31m",
    "\x7f\x80\x9f",
    "\ud800",
    "\udfff\ud800",
    "\ufeff\ufffe\uffff",
    "\u202eline",
    "é" * 60,
    "\N{SNAKE}" * 40,
    "'; DROP TABLE pipelines; --",
    '"><script>alert(1)</script>',
    "../../../../etc/passwd",
    "%s%n%x%00",
    "{0}{a.b}{",
    "#{",
    "#{a",
    "#{}",
    "#{a.b.c}",
    "#{#{a.b}.c}",
    "#{variables.Colour",
    "$..*",
    "$[?(@.a==@.b)]",
    "(a+)+$",
    "[" * 100,
    "*" * 60,
    "**/" * 30,
    "a" * 4097,
    "arn:aws:codepipeline:::",
    "arn:aws:codepipeline:us-east-1:123456789012:webhook:",
    "penstock:v1:00000000:AAAA",
    "9" * 400,
    "NaN",
    "null",
    "0x10",
    "1e400",
    "2026-13-45T99:99:99Z",
    "ＬＩＮＥ",
    "İ",
)
ODD_NUMBERS = (
    *(0, -1, 1.5, -0.0, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, -(10**30)),
    *(10**400, 1e15, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
)
OTHER_TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    7,
    1.5,
    "",
    "text",
    [],
    {},
    [[]],
    [{}],
    {"a": {}},
    [None],
    {"": None},
    [1, "a", {}],
)
ODD_NAMES = ("unknown", "__type", "", "\0", "Name", "NAME", "name ", "é", "$ref", "a" * 2000)


class Place(NamedTuple):
    """A value within another, and what it may be."""

    holder: Any
    key: Any
    shape: Shape

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


def spoil(request: Any, shape: Shape, source: Random) -> Any:
    """The request with one thing wrong in it; it is changed itself."""
    whole = [request]
    places = [Place(whole, 0, shape), *_places(request, shape)]
    # What is deep inside is one of many, and what is on top one of few: each depth gets its share.
    place = source.choice(places if source.random() < 0.5 else places[: 1 + len(shape.members)])
    source.choice(SPOILERS)(place, source)
    return whole[0] if whole else {}


def _places(value: Any, shape: Shape) -> Iterator[Place]:
    inner: list[Place] = []
    if shape.kind == "object" and isinstance(value, dict):
        inner = [Place(value, name, shape.members[name]) for name in value if name in shape.members]
    elif shape.item is not None and isinstance(value, dict):
        inner = [Place(value, name, shape.item) for name in value]
    elif shape.item is not None and isinstance(value, list):
        inner = [Place(value, index, shape.item) for index in range(len(value))]
    yield from inner
    for place in inner:
        yield from _places(place.value, place.shape)


def _leave_out(place: Place, source: Random) -> None:
    if isinstance(place.value, dict) and place.value:
        del place.value[source.choice(list(place.value))]
    else:
        del place.holder[place.key]


def _put_null(place: Place, source: Random) -> None:
    place.put(None)


def _put_other_type(place: Place, source: Random) -> None:
    place.put(deepcopy(source.choice(OTHER_TYPES)))


def _make_too_much(place: Place, source: Random) -> None:
    most = place.shape.high if place.shape.high is not None else source.choice((100, 1000, 5000))
    value = place.value
    if isinstance(value, str):
        place.put((value or "a") * (1 + min(most + 1, SIZE_MAX) // max(len(value), 1)))
    elif isinstance(value, list) and value:
        size = len(json.dumps(value)) // len(value)
        place.put(json.loads(json.dumps(value * (1 + min(most + 1, SIZE_MAX // size) // len(value)))))
    elif isinstance(value, dict) and place.shape.kind == "map":
        place.put({f"{number}{name}": each for number in range(min(most, 400) + 1) for name, each in value.items()})
    elif isinstance(value, int | float):
        place.put(most + 1)


def _make_too_little(place: Place, source: Random) -> None:
    least = place.shape.low or 0
    match place.value:
        case str(text):
            place.put(text[: max(least - 1, 0)])
        case list():
            place.put([])
        case dict():
            place.put({})
        case _:
            place.put(least - 1)


def _put_odd_text(place: Place, source: Random) -> None:
    place.put(source.choice(ODD_TEXTS))


def _break_text(place: Place, source: Random) -> None:
    """Put something odd into the middle of a text: it breaks a pattern, or a choice, or neither."""
    text = place.value if isinstance(place.value, str) else str(place.value)
    if source.random() < 0.2:
        place.put(text.swapcase())
    else:
        at = source.randint(0, len(text))
        place.put(text[:at] + source.choice(ODD_TEXTS)[:8] + text[at:])


def _put_odd_number(place: Place, source: Random) -> None:
    place.put(source.choice(ODD_NUMBERS))


def _swap_text_and_number(place: Place, source: Random) -> None:
    place.put(source.randint(-5, 5000) if isinstance(place.value, str) else json.dumps(place.value))


def _add_unknown(place: Place, source: Random) -> None:
    holder = place.value if isinstance(place.value, dict) else place.holder
    if isinstance(holder, dict):
        deep = f"{DEEP}{source.choice((10, 200, 3000))}"
        holder[source.choice(ODD_NAMES)] = deepcopy(source.choice((*OTHER_TYPES, deep)))


def _double(place: Place, source: Random) -> None:
    match place.value:
        case list(items):
            place.put([*items, *deepcopy(items)])
        case str(text):
            place.put(text + text)
        case value:
            place.put([value, deepcopy(value)])


def _nest(place: Place, source: Random) -> None:
    if source.random() < 0.5:
        place.put(f"{DEEP}{source.choice((1, 20, 500, 1100, 20_000))}")
    else:
        place.put({"a": [place.value, {"b": deepcopy(place.value)}]})


SPOILERS: tuple[Callable[[Place, Random], None], ...] = (
    _leave_out,
    _put_null,
    _put_other_type,
    _make_too_much,
    _make_too_little,
    _put_odd_text,
    _break_text,
    _put_odd_number,
    _swap_text_and_number,
    _add_unknown,
    _double,
    _nest,
)


def written(value: Any, source: Random) -> bytes:
    """The value as JSON; with characters as they are, now and then, which a lone surrogate makes bad UTF-8."""
    return as_json(value, is_ascii=source.random() < 0.8)


def as_json(value: Any, *, is_ascii: bool = True) -> bytes:
    text = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    return _deepened(text) if DEEP.encode() in text else text


def _deepened(text: bytes) -> bytes:
    """With brackets, as many as it says, where a mark stands; too many for an encoder that calls itself."""
    before, _, rest = text.partition(f'"{DEEP}'.encode())
    number, quote, after = rest.partition(b'"')
    if not (quote and number.isdigit() and len(number) < 6):
        return text
    depth = int(number)
    return before + b"[" * depth + b"]" * depth + after


def spoil_text(text: bytes, source: Random) -> bytes:
    """Bytes that are no JSON any more, or other JSON than it was."""
    at = source.randint(0, len(text))
    match source.randrange(9):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + bytes((source.randrange(256),)) + text[at + 1 :]
        case 2:
            return text + source.choice((b"\0", b"{}", b" x", b",", text))
        case 3:
            return b"\xef\xbb\xbf" + text
        case 4:
            return text.replace(b"{", b'{"name":7,"jobId":"x","name":"y",', 1)
        case 5:
            return text.replace(b'"', b"'")
        case 6:
            return text.decode("utf-8", "replace").encode(source.choice(("utf-16", "utf-32", "utf-7")))
        case 7:
            return source.choice((b"", b"null", b"[]", b"7", b'"a"', b"\xff", b"[" * 100_000, b'{"a":' * 50_000))
        case _:
            return b" " * source.choice((1, 70_000)) + text
