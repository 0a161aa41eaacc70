"""What a run found: rounds by side, their medians, the ratios that the project has set itself, all of it as JSON."""

import statistics
from typing import Any

import msgspec
from msgspec import Struct, field

from benches.grown import Growth

SQLITE, POSTGRES = "penstock on SQLite", "penstock on PostgreSQL"
MODEL, HANDLER = "bare model", "bare handler"
PROCRASTINATE, DBOS, DRAMATIQ, MOTO, MINISTACK = "procrastinate", "DBOS", "dramatiq", "moto", "ministack"

# What a side is, beside its name, for who reads a table.
NOTES = {
    MODEL: "no engine",
    HANDLER: "uvicorn",
    PROCRASTINATE: "PostgreSQL",
    DBOS: "PostgreSQL",
    DRAMATIQ: "Redis",
    MOTO: "SQS",
    MINISTACK: "SQS",
}
DURABLE = (SQLITE, POSTGRES, MODEL, PROCRASTINATE, DBOS)

Row = dict[str, float]


class Results(Struct):
    """`jobs`, `empty_polls`, `get_pipeline` and `list_pipelines` hold the rounds of each side, by its name."""

    made_at: str
    command: str
    rounds: int
    seconds: float
    connections: int
    machine: dict[str, Any]
    versions: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, list[Row]] = field(default_factory=dict)
    empty_polls: dict[str, list[Row]] = field(default_factory=dict)
    get_pipeline: dict[str, list[Row]] = field(default_factory=dict)
    list_pipelines: dict[str, list[Row]] = field(default_factory=dict)
    by_connections: dict[int, dict[str, list[Row]]] = field(default_factory=dict)
    single: Row = field(default_factory=dict)
    growth: Growth | None = None

    def rate(self, side: str) -> float | None:
        """Jobs a second; None if it took no part."""
        rounds = self.jobs.get(side)
        return median(rounds)["jobs"] if rounds else None


class Goal(Struct):
    """What the project promises of itself; `found` is None where it was not measured."""

    name: str
    found: float | None
    bound: float
    unit: str = ""
    is_minimum: bool = True

    @property
    def is_met(self) -> bool:
        assert self.found is not None
        return self.found >= self.bound if self.is_minimum else self.found <= self.bound


def median(rounds: list[Row]) -> Row:
    """Of each figure by itself."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def quotient(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _best(results: Results, *sides: str) -> float | None:
    return max((rate for side in sides if (rate := results.rate(side))), default=None)


def _calls(found: dict[str, list[Row]], side: str) -> float | None:
    return median(found[side])["calls"] if side in found else None


def goals(results: Results) -> list[Goal]:
    ours, single = results.rate(SQLITE), results.single
    polls = quotient(_calls(results.empty_polls, SQLITE), _calls(results.empty_polls, HANDLER))
    on_postgres = quotient(results.rate(POSTGRES), results.rate(PROCRASTINATE))
    return [
        Goal("jobs on SQLite, to the bare model's", quotient(ours, results.rate(MODEL)), 0.5),
        Goal("jobs on SQLite, to the best durable peer's", quotient(ours, _best(results, PROCRASTINATE, DBOS)), 4),
        Goal("jobs on SQLite, to the best AWS-shaped server's", quotient(ours, _best(results, MOTO, MINISTACK)), 2),
        Goal("jobs on PostgreSQL, to procrastinate's", on_postgres, 3.5),
        Goal("empty signed polls, to the bare handler's answers", polls, 0.6),
        _most("10,000 idle workers that poll every 5 s", single.get("idle_cores"), 0.25, "cores"),
        _most("result to the next job in a held poll, p99", single.get("held_p99"), 15, "ms"),
        _most("start to the first answer", single.get("start_seconds"), 0.7, "s"),
        _most("memory of an idle server", single.get("idle_mib"), 90, "MiB"),
    ]


def _most(name: str, found: float | None, bound: float, unit: str) -> Goal:
    return Goal(name, found, bound, unit, is_minimum=False)


def as_json(results: Results) -> bytes:
    """With the medians and the goals beside what they were made of."""
    document: dict[str, Any] = msgspec.to_builtins(results)
    for name in ("jobs", "empty_polls", "get_pipeline", "list_pipelines"):
        found = document.pop(name)
        document[name] = {side: {"median": median(rounds), "rounds": rounds} for side, rounds in found.items()}
    document["goals"] = [
        {**msgspec.to_builtins(goal), "is_met": goal.found is not None and goal.is_met} for goal in goals(results)
    ]
    return msgspec.json.format(msgspec.json.encode(_rounded(document)), indent=1)


def _rounded(it: Any) -> Any:
    """Figures with the digits that mean anything."""
    match it:
        case float():
            return float(f"{it:.4g}")
        case dict():
            return {name: _rounded(value) for name, value in it.items()}
        case list():
            return [_rounded(value) for value in it]
        case _:
            return it
