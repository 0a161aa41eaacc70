"""What is printed, as tables that a page may take over."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from benches.scaling.bounds import bounds, upkeep
from benches.scaling.costs import CONNECTIONS_A_SERVER, Costs, Shape
from benches.scaling.measuring import CORES, Point
from benches.scaling.simulation import Found, simulate

__all__ = ["beside", "outlook", "parameters", "polled", "upkeep_table"]

# Of each pair the model first, then what was measured.
_BESIDE = (
    *("servers", "connections", "left for it, cores", "calls/s", "", "p50 ms", ""),
    *("server CPU/call, µs", "", "database CPU/call, µs", "", "commits/call", ""),
)
_OUTLOOK = (
    *("servers", "cycles/s", "p50 ms", "p99 ms", "server's core", "database's cores", "disk", "nearest bound"),
    *(
        "connections",
        "WAL MB/s",
        "dead rows/s",
        "vacuum, cores",
        "notifications/s",
        "their cores in a server",
        "in the database",
    ),
)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---:" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _in_short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def parameters(costs: Costs) -> str:
    rows = []
    for name, value in msgspec.structs.asdict(costs).items():
        is_seconds = not name.startswith(("wal", "dead", "kept"))
        rows.append((f"`{name}`", _in_short(value * 1e6 if is_seconds else value)))
    return _table(("parameter", "found"), rows)


def modelled(costs: Costs, point: Point, *, are_polls_empty: bool) -> Found:
    """The same load on what others had left of this machine, on which callers run too."""
    shape = Shape(
        servers=point.servers,
        workers=point.connections,
        caller_call=point.caller_cpu,
        caller_processes=point.servers,
        shared_cores=max(CORES - point.others_cores, 0.1),
        are_polls_empty=are_polls_empty,
    )
    return simulate(costs, shape)


def beside(
    costs: Costs,
    points: dict[tuple[int, int], Point],
    fitted: Collection[tuple[int, int]],
    *,
    are_polls_empty: bool = False,
) -> str:
    """Two columns of each figure: modelled, measured."""
    rows = []
    for key in sorted(points):
        point = points[key]
        said = modelled(costs, point, are_polls_empty=are_polls_empty)
        cores = max(CORES - point.others_cores, 0.1)
        figures = (
            (said.calls, point.calls),
            (said.p50_ms, point.p50_ms),
            (said.server_share * point.servers / said.calls * 1e6, point.server_cpu * 1e6),
            (said.database_share * cores / said.calls * 1e6, point.database_cpu * 1e6),
            (0.0 if are_polls_empty else 1 / said.batch, point.commits_a_call),
        )
        star = "*" if key in fitted else ""
        row = [f"{point.servers:g}", f"{point.connections:g}{star}", f"{cores:.2f}"]
        rows.append(row + [_in_short(figure) for pair in figures for figure in pair])
    return _table(_BESIDE, rows)


def outlook(costs: Costs, servers: Sequence[int], workers: int, database_cores: float) -> str:
    rows = []
    for number in servers:
        shape = Shape(servers=number, workers=number * workers, database_cores=database_cores)
        found = simulate(costs, shape, seconds=min(1.0, 8 / number))
        keeps = upkeep(costs, number, found.cycles)
        shares = (f"{share:.0%}" for share in (found.server_share, found.database_share, found.disk_share))
        most = bounds(costs, shape)
        row = [f"{number}", *map(_in_short, (found.cycles, found.p50_ms, found.p99_ms)), *shares]
        row.append(f"{most.nearest}, {_in_short(most.least)}")
        row += [f"{number * CONNECTIONS_A_SERVER}", _in_short(keeps.wal_bytes / 1e6), _in_short(keeps.dead_rows)]
        row += [_in_short(keeps.vacuum_cores), _in_short(keeps.notifications), _in_short(keeps.hearing_cores)]
        row.append(_in_short(keeps.telling_cores))
        rows.append(row)
    return _table(_OUTLOOK, rows)


def polled(costs: Costs, servers: Sequence[int], workers: int, database_cores: float) -> str:
    rows = []
    for number in servers:
        shape = Shape(servers=number, workers=number * workers, database_cores=database_cores, are_polls_empty=True)
        found = simulate(costs, shape, seconds=min(0.5, 2 / number))
        row = [f"{number}", *map(_in_short, (found.calls, found.p50_ms, found.p99_ms))]
        rows.append([*row, f"{found.server_share:.0%}", f"{found.database_share:.1%}"])
    return _table(("servers", "polls/s", "p50 ms", "p99 ms", "server's core", "database's cores"), rows)


def upkeep_table(written: dict[str, dict[str, int]], cycles: int, images: float) -> str:
    """What one cycle writes, by table."""
    rows = []
    for table, row in sorted(written.items(), key=lambda each: -each[1]["updated"]):
        if row["inserted"] + row["updated"] + row["deleted"] > cycles / 100:
            rows.append((table, *(f"{value / cycles:.2f}" for value in row.values())))
    head = ("rows a cycle", "inserted", "updated", "of these in place", "deleted", "bytes more")
    return f"{_table(head, rows)}\n\nWAL right after a checkpoint: {images:,.0f} bytes a cycle"
