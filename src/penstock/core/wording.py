"""Times and spans of time as people read them."""

from datetime import UTC, datetime

from penstock.core.limits import DAY, HOUR, MINUTE

__all__ = ["moment_words", "span_words"]

_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))


def moment_words(at: float) -> str:
    """A point in time, to the second."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def span_words(seconds: float) -> str:
    """A span in its largest unit, and in the next one where that is worth saying: `2 h 10 min`. Never negative."""
    left = max(0, int(seconds))
    for position, (size, name) in enumerate(_UNITS):
        if left >= size:
            count, rest = divmod(left, size)
            # Seconds beside minutes, or beside more, say nothing that anybody asks.
            finer = [f"{rest // each} {unit}" for each, unit in _UNITS[position + 1 : position + 2] if each >= MINUTE]
            return " ".join([f"{count} {name}", *(each for each in finer if not each.startswith("0 "))])
    return "0 s"
