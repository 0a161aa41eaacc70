"""The parameters of the model, made of a few measured points; the others are left for it to be checked by."""

import statistics
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from benches.scaling.costs import CALLS_A_CYCLE, Costs
from benches.scaling.measuring import Point

__all__ = ["FITTED_CYCLES", "FITTED_POLLS", "Apart", "fitted", "median"]

# The servers and the connections of each.
FITTED_CYCLES = ((1, 8), (1, 128), (2, 64))
FITTED_POLLS = ((1, 1), (1, 64))


class Apart(Struct, frozen=True):
    """What is measured by itself, as `Costs` names it."""

    database_tell: float
    database_hear: float
    server_hear: float
    server_held: float
    database_vacuum: float
    round_trip_seconds: float
    flush_seconds: float
    wal_bytes_a_cycle: float
    dead_rows_a_cycle: float
    kept_bytes_a_cycle: float


def median(points: Sequence[Point]) -> Point:
    """Of each figure by itself."""
    rows = [msgspec.structs.asdict(point) for point in points]
    figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return Point(**figures | {"servers": points[0].servers, "connections": points[0].connections})


def fitted(cycles: dict[tuple[int, int], Point], polls: dict[tuple[int, int], Point], apart: Apart) -> Costs:
    """Raises KeyError where one of the points that it is made of is missing."""
    alone, many = (polls[key] for key in FITTED_POLLS)
    server_look = _slope((alone.looks_a_call, alone.server_cpu), (many.looks_a_call, many.server_cpu))
    database_look = alone.database_cpu / alone.looks_a_call
    few, full, two = (cycles[key] for key in FITTED_CYCLES)

    def solved(name: str, look: float) -> tuple[float, float, float]:
        costs = {point: getattr(point, name) - look * point.looks_a_call for point in (few, full, two)}
        batch = _slope((few.commits_a_call, costs[few]), (full.commits_a_call, costs[full]))
        call = max(costs[full] - batch * full.commits_a_call, 0.0)
        rest = costs[two] - call - batch * two.commits_a_call
        # With two servers every other pipeline was last changed by the other one; one call of three is a result.
        return call, batch, max(rest * CALLS_A_CYCLE * 2, 0.0)

    server, database = solved("server_cpu", server_look), solved("database_cpu", database_look)
    return Costs(
        server_call=server[0],
        server_batch=server[1],
        server_reload=server[2],
        database_call=database[0],
        database_batch=database[1],
        database_reload=database[2],
        server_poll=max(many.server_cpu - server_look * many.looks_a_call, 0.0),
        server_look=server_look,
        database_look=database_look,
        **msgspec.structs.asdict(apart),
    )


def _slope(first: tuple[float, float], second: tuple[float, float]) -> float:
    return max((first[1] - second[1]) / (first[0] - second[0]), 0.0)
