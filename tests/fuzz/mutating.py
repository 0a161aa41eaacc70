"""Inputs made from good ones by small changes, without looking at what they reach."""

from collections.abc import Sequence
from random import Random

INPUT_BYTES_MAX = 1 << 16
ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\r\n",
    b"\n",
    b"%",
    b"%00",
    b"%2f",
    b"..",
    b"/",
    b";",
    b",",
    b"=",
    b"&",
    b" ",
    b"\t",
    b"9" * 20,
    b"-1",
)


def mutated(seeds: Sequence[bytes], words: Sequence[bytes], source: Random) -> bytes:
    """One of the seeds, changed in one place or a few; `words` are put in now and then."""
    text = source.choice(seeds)
    for _ in range(source.choice((1, 1, 1, 2, 2, 3, 5))):
        text = _changed(text, seeds, words, source)
    return text[:INPUT_BYTES_MAX]


def _changed(text: bytes, seeds: Sequence[bytes], words: Sequence[bytes], source: Random) -> bytes:
    at = source.randint(0, len(text))
    to = min(len(text), at + source.choice((1, 1, 2, 4, 16, 100)))
    match source.randrange(10):
        case 0:
            return text[:at] + bytes((source.randrange(256),)) + text[at + 1 :]
        case 1:
            return text[:at] + source.choice(ODD_BYTES) + text[at:]
        case 2:
            return text[:at] + text[to:]
        case 3:
            return text[:to] + text[at:to] * source.choice((1, 2, 50)) + text[to:]
        case 4:
            return text[:at] + source.choice(words) + text[at:]
        case 5:
            return text[:at] + source.choice(words) + text[to:]
        case 6:
            return _with_other_line(text, source.choice(seeds), source)
        case 7:
            other = source.choice(seeds)
            return text[:at] + other[source.randint(0, len(other)) :]
        case 8:
            return text[:at] + text[at:to].swapcase() + text[to:]
        case _:
            return _with_other_byte(text, source)


def _with_other_byte(text: bytes, source: Random) -> bytes:
    """One bit of one byte is another."""
    if not text:
        return text
    at = source.randrange(len(text))
    return text[:at] + bytes((text[at] ^ (1 << source.randrange(8)),)) + text[at + 1 :]


def _with_other_line(text: bytes, other: bytes, source: Random) -> bytes:
    """A line of another input in the place of one of its own, or of none, or moved."""
    lines, others = text.split(b"\n"), other.split(b"\n")
    at = source.randrange(len(lines))
    lines[at : at + source.randint(0, 1)] = [source.choice(source.choice((lines, others)))]
    return b"\n".join(lines)
