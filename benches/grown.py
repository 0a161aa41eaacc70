"""What `python -m benches.growth` found, as far as it is drawn: the cost of calls by how much is stored.

A file of another form is left out, and why is said.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

GROWTH = "growth.json"


class Size(Struct):
    """The CPU of each call, by its name, in microseconds; those of the database behind included."""

    pipelines: int
    executions: int
    cpu_us: dict[str, float]
    waiting_jobs: int = 0


class Growth(Struct):
    """By database, from small to large."""

    databases: dict[str, list[Size]]


def read(folder: Path) -> Growth | str | None:
    """Or why it cannot be drawn; None if there is none."""
    path = folder / GROWTH
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Growth)
    except msgspec.DecodeError as problem:
        return f"{GROWTH} is not in the form that is drawn: {problem}"


def curves(sizes: list[Size]) -> dict[str, list[tuple[float, float]]]:
    """For each call its cost, as a multiple of that at the smallest size, over the executions stored."""
    plain = sorted((size for size in sizes if not size.waiting_jobs), key=lambda size: size.executions)
    found: dict[str, list[tuple[float, float]]] = {}
    for size in plain:
        for call, cost in size.cpu_us.items():
            least = plain[0].cpu_us.get(call)
            if least:
                found.setdefault(call, []).append((size.executions, cost / least))
    return found
