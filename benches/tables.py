"""The tables of a run, for a console of 100 columns and for a page."""

from msgspec import Struct

from benches.grown import Size
from benches.results import (
    DURABLE,
    HANDLER,
    MODEL,
    MOTO,
    NOTES,
    POSTGRES,
    SQLITE,
    Goal,
    Results,
    Row,
    goals,
    median,
    quotient,
)

Cells = tuple[str, ...]


class Table(Struct):
    """Its first column is text, the others figures."""

    title: str
    head: Cells
    rows: list[Cells]

    def as_text(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        printed = [_aligned(line, widths) for line in lines]
        return "\n".join([self.title, rule, printed[0], rule, *printed[1:]]) + "\n"

    def as_markdown(self) -> str:
        rule = ("---", *("---:" for _ in self.head[1:]))
        lines = ["| " + " | ".join(line) + " |" for line in (self.head, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines]) + "\n"


def _aligned(line: Cells, widths: list[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]).rstrip()


def figure(value: float | None, unit: str = "") -> str:
    """Three digits or all before the point; nothing for what is not known."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def _name(side: str) -> str:
    return f"{side} ({NOTES[side]})" if side in NOTES else side


def tables(results: Results) -> list[Table]:
    found = [_jobs(results), _by_connections(results), _polls(results), _reads(results), _single(results)]
    grown = [_growth(*each) for each in results.growth.databases.items()] if results.growth else []
    return [table for table in [*found, *grown, _goals(results)] if table.rows]


def _jobs(results: Results) -> Table:
    ours, on_postgres = results.rate(SQLITE), results.rate(POSTGRES)
    rows = []
    for side, rounds in results.jobs.items():
        row = median(rounds)
        latencies = (figure(row.get("p50")), figure(row.get("p99")))
        cpu = (figure(row.get("cpu_call")), figure(row["cpu_job"]))
        is_ours = side in (SQLITE, POSTGRES)
        ratios = ("", "") if is_ours else (figure(quotient(each, row["jobs"])) for each in (ours, on_postgres))
        name = _name(side) + (" (ran dry)" if row.get("empty", 0) > 0.05 * row["jobs"] else "")
        rows.append((name, figure(row["jobs"]), *latencies, *cpu, "disk" if side in DURABLE else "memory", *ratios))
    head = ("", "jobs/s", "p50 ms", "p99 ms", "CPU/call", "CPU/job", "kept in", "SQLite ×", "Postgres ×")
    title = f"Jobs handed out, worked and done; {results.connections} connections; CPU in µs; penstock is so many times that"
    return Table(title, head, rows)


def _by_connections(results: Results) -> Table:
    rows: list[Cells] = []
    for connections, found in sorted(results.by_connections.items()):
        ours, bare = median(found[SQLITE]), median(found[MODEL])
        latencies = (figure(ours["p50"]), figure(ours["p99"]))
        rates = (figure(ours["jobs"]), *latencies, figure(ours["cpu_call"]), figure(bare["jobs"]))
        ratio = quotient(ours["jobs"], bare["jobs"])
        rows.append((f"{connections}", *rates, figure(bare["cpu_call"]), figure(ratio)))
    head = ("connections", "jobs/s", "p50 ms", "p99 ms", "CPU/call, µs", "bare model's", "CPU/call, µs", "ratio")
    return Table("penstock on SQLite and the bare model, by connections", head, rows)


def _calls(row: Row) -> Cells:
    return figure(row["calls"]), figure(row["p50"]), figure(row["p99"]), figure(row["cpu_call"])


def _compared(label: str, found: dict[str, list[Row]], sides: tuple[str, ...]) -> list[Cells]:
    rows = []
    for side in sides:
        if side in found:
            row, first = median(found[side]), median(found[sides[0]])
            ratio = "" if side == sides[0] else figure(quotient(first["calls"], row["calls"]))
            rows.append((f"{label}, {side}", *_calls(row), ratio))
    return rows


_CALLS = ("", "calls/s", "p50 ms", "p99 ms", "CPU/call, µs", "penstock ×")


def _polls(results: Results) -> Table:
    rows = _compared("PollForJobs", results.empty_polls, (SQLITE, HANDLER))
    return Table("Polls that find nothing; 32 connections. The bare handler checks no signature", _CALLS, rows)


def _reads(results: Results) -> Table:
    rows = _compared("GetPipeline", results.get_pipeline, (SQLITE, MOTO))
    rows += _compared("ListPipelines", results.list_pipelines, (SQLITE, MOTO))
    return Table("What moto knows of CodePipeline too; 32 connections, 100 pipelines listed", _CALLS, rows)


def _single(results: Results) -> Table:
    labels = {
        "start_seconds": ("start to the first answer", "s"),
        "idle_mib": ("memory of an idle server", "MiB"),
        "first_job_p50": ("StartPipelineExecution to the first job in a worker's hands, p50", "ms"),
        "first_job_p99": ("the same, p99", "ms"),
        "held_p50": ("result to the next job in a held poll at 100 jobs/s, p50", "ms"),
        "held_p99": ("the same, p99", "ms"),
        "idle_polls": ("idle workers' polls over 200 connections", "polls/s"),
        "idle_cores": ("what they cost", "cores"),
    }
    rows: list[Cells] = [(label, figure(results.single.get(name), unit)) for name, (label, unit) in labels.items()]
    return Table("One server on SQLite", ("", "found"), rows if results.single else [])


def _growth(database: str, sizes: list[Size]) -> Table:
    rows: list[Cells] = []
    for call, least in sizes[0].cpu_us.items() if sizes else ():
        costs = (size.cpu_us.get(call) for size in sizes)
        cells = (f"{figure(cost)} ({figure(quotient(cost, least))} ×)" if cost else "" for cost in costs)
        rows.append((call, *cells))
    head = (
        f"{size.executions:,}{f' ({size.waiting_jobs:,} jobs wait)' if size.waiting_jobs else ''}" for size in sizes
    )
    return Table(f"CPU of a call, µs, by how many executions are stored; on {database}", ("", *head), rows)


def _goals(results: Results) -> Table:
    head = ("", "found", "goal", "")
    return Table("What the project has set itself", head, [_as_row(goal) for goal in goals(results)])


def _as_row(goal: Goal) -> Cells:
    bound = f"{'at least' if goal.is_minimum else 'at most'} {figure(goal.bound, goal.unit)}"
    if goal.found is None:
        return goal.name, "not measured", bound, ""
    return goal.name, figure(goal.found, goal.unit), bound, "met" if goal.is_met else "missed"
