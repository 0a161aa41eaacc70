"""Waiting for what happens soon: asked again until it is so, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_SECONDS = 0.01


def eventually(check: Callable[[], T], seconds: float = 10.0) -> T:
    """The first value of `check` that is true; an AssertionError with the last one if there is none in time."""
    ends_at = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < ends_at, f"not so within {seconds} seconds; the last answer was {value!r}"
        time.sleep(PAUSE_SECONDS)
