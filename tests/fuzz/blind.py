"""An entry point given seeded inputs, without a look at what they reach: quick, and the same every time."""

import time
import traceback
from itertools import count
from random import Random
from typing import NamedTuple

from fuzz.entries import Entry
from fuzz.mutating import mutated


class Fault(NamedTuple):
    """An input, and what was raised for it."""

    text: bytes
    told: str


class Outcome(NamedTuple):
    inputs: int
    faults: list[Fault]


def feed(fuzzed: Entry, *, seed: int, inputs_max: int | None = None, seconds_max: float | None = None) -> Outcome:
    """The seeds as they are, then what is made of them, until there were so many inputs or it took so long."""
    source = Random(seed)
    faults: list[Fault] = []
    ends_at = None if seconds_max is None else time.monotonic() + seconds_max
    for number in count():
        if number == inputs_max or (ends_at is not None and time.monotonic() > ends_at):
            return Outcome(number, faults)
        is_seed = number < len(fuzzed.seeds)
        text = fuzzed.seeds[number] if is_seed else mutated(fuzzed.seeds, fuzzed.words, source)
        try:
            fuzzed.check(text)
        except Exception:
            faults.append(Fault(text, traceback.format_exc()))
    raise AssertionError("counting has no end")
