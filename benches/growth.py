"""`python -m benches.growth`: what calls cost when much is stored, beside what they cost when nearly nothing is.

A server for each size, all of them running; every round goes through all of them, and medians are compared. A quarter of the
executions belong to the five pipelines that are worked on, so that these have a long history of their own. Nothing is old
enough to be deleted; looking for what is, every six hours, is left out.

A pipeline that is picked from all of them was mostly not asked for before. What its state costs more is the memory's doing: the
same steps, on other pages each time. So only what is asked for again is held to a bound.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec.structs import replace

from benches import databases, filling, machine
from benches.client import signed
from benches.filling import WAITING, Size, fill, name_of
from benches.processes import CLIENT_CORE, resident_mib
from benches.servers import ROOT, Measured, penstock
from benches.tables import Table, figure

SIZES = (Size(10, 10), Size(1_000, 10_000), Size(100_000, 1_000_000), Size(100_000, 1_000_000, 1_000_000))
BOUND = 1.2
KINDS = ("SQLite", "PostgreSQL")
HOT = [f"hot{number}" for number in range(5)]
PLAIN = SIZES[0].pipelines - len(HOT)
# Each may have fifty open.
STARTS = 40
CONNECTIONS = 8
CALLS = 300
MOST_SECONDS = 60.0
STARTED, CYCLE = "StartPipelineExecution", "job cycle"
SAME, ANY = "GetPipelineState of one", "GetPipelineState of any"
EXECUTIONS, PIPELINES, EMPTY = "ListPipelineExecutions", "ListPipelines", "PollForJobs, empty"
CALLED = (CYCLE, STARTED, SAME, ANY, EXECUTIONS, PIPELINES, EMPTY)


class Line:
    """One connection of one caller."""

    def __init__(self, server: Measured) -> None:
        self._port, self._keys = server.port, server.keys

    async def open(self) -> "Line":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def call(self, operation: str, request: dict[str, Any]) -> bytes:
        self._writer.write(signed(self._keys, self._port, operation, request))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b" 200 " not in head[:16]:
            raise SystemExit(f"{operation}: {body[:300]!r}")
        return body

    def close(self) -> None:
        self._writer.close()


class Side:
    """A server with a database of one size, and what its calls have cost in each round: CPU and wall time, in seconds."""

    def __init__(self, size: Size, server: Measured, database: int | None) -> None:
        self.size, self.server = size, server
        self._database = database
        self.cpu: dict[str, list[float]] = {name: [] for name in CALLED}
        self.wall: dict[str, list[float]] = {name: [] for name in CALLED}
        self._random = random.Random(7)
        self._started = 0

    def cpu_seconds(self) -> float:
        pids = [self.server.process.pid, *(_children(self._database) if self._database else ())]
        return sum(map(_cpu_nanoseconds, pids)) / 1e9

    async def round(self) -> None:
        await self._measure(STARTED, self._start, len(HOT), STARTS)
        for category in ("Source", "Build"):
            work = lambda line, category=category: self.cycle(line, category)  # noqa: E731
            await self._measure(CYCLE, work, CONNECTIONS, len(HOT) * STARTS // CONNECTIONS)
        await self._measure(SAME, lambda line: line.call("GetPipelineState", {"name": name_of(0)}), 1, CALLS)
        await self._measure(ANY, self._any_state, 1, CALLS)
        page = {"pipelineName": HOT[0], "maxResults": 20}
        await self._measure(EXECUTIONS, lambda line: line.call("ListPipelineExecutions", page), 1, CALLS)
        await self._measure(PIPELINES, lambda line: line.call("ListPipelines", {"maxResults": 10}), 1, CALLS)
        poll = {"actionTypeId": _kind("Build", "Idle"), "maxBatchSize": 1}
        await self._measure(EMPTY, lambda line: line.call("PollForJobs", poll), 1, 2 * CALLS)

    async def _measure(self, name: str, call: Callable[[Line], Awaitable[Any]], connections: int, calls: int) -> None:
        lines = [await Line(self.server).open() for _ in range(connections)]
        before, took = self.cpu_seconds(), []

        async def drive(line: Line) -> None:
            for _ in range(calls):
                began = time.perf_counter()
                await call(line)
                took.append(time.perf_counter() - began)

        async with asyncio.timeout(MOST_SECONDS):
            await asyncio.gather(*map(drive, lines))
        self.cpu[name].append((self.cpu_seconds() - before) / len(took))
        self.wall[name].append(median(took))
        for line in lines:
            line.close()

    async def _start(self, line: Line) -> None:
        self._started += 1
        await line.call("StartPipelineExecution", {"name": HOT[self._started % len(HOT)]})

    async def cycle(self, line: Line, category: str) -> None:
        jobs: list[dict[str, str]] = []
        while not jobs:
            poll = {"actionTypeId": _kind(category), "maxBatchSize": 1}
            jobs = msgspec.json.decode(await line.call("PollForJobs", poll))["jobs"]
        job = jobs[0]
        await line.call("AcknowledgeJob", {"jobId": job["id"], "nonce": job["nonce"]})
        await line.call("PutJobSuccessResult", {"jobId": job["id"]})

    async def _any_state(self, line: Line) -> None:
        number = self._random.randrange(self.size.pipelines - len(HOT))
        await line.call("GetPipelineState", {"name": name_of(number)})


def _cpu_nanoseconds(pid: int) -> int:
    """Of all threads that there are. Clock ticks are too coarse for a few hundred calls."""
    try:
        return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    except OSError:
        return 0


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kind(category: str, provider: str = "P") -> dict[str, str]:
    return {"category": category, "owner": "Custom", "provider": provider, "version": "1"}


def _declaration(name: str, provider: str = "P", **more: str) -> dict[str, Any]:
    stages = [
        {"name": category, "actions": [{"name": "Work", "actionTypeId": _kind(category, each)}]}
        for category, each in (("Source", "P"), ("Build", provider))
    ]
    store = {"type": "S3", "location": "artifacts"}
    role = "arn:aws:iam::123456789012:role/r"
    return {"pipeline": {"name": name, "roleArn": role, "artifactStore": store, "stages": stages, **more}}


async def sow(server: Measured) -> None:
    """What every size has: ten pipelines that have run once, and one whose job waits."""
    counts = {"minimumCount": 0, "maximumCount": 5}
    line = await Line(server).open()
    for category, provider in (("Source", "P"), ("Build", "P"), ("Build", "Idle"), ("Build", WAITING)):
        kind = {"category": category, "provider": provider, "version": "1"}
        await line.call(
            "CreateCustomActionType", {**kind, "inputArtifactDetails": counts, "outputArtifactDetails": counts}
        )
    plain = [_declaration(name_of(number)) for number in range(PLAIN)]
    hot = [_declaration(name, pipelineType="V2", executionMode="PARALLEL") for name in HOT]
    for declared in (*plain, *hot, _declaration("waits", WAITING)):
        await line.call("CreatePipeline", declared)
    side = Side(SIZES[0], server, None)
    for category, jobs in (("Source", len(plain + hot) + 1), ("Build", len(plain + hot))):
        for _ in range(jobs):
            await side.cycle(line, category)
    line.close()


class Ground:
    """Where databases are made: a folder for each, or a database for each in one PostgreSQL of the run's own."""

    def __init__(self, folder: Path, kind: str, closing: ExitStack) -> None:
        self.folder, self._closing = folder, closing
        self._cluster = databases.Postgres(folder) if kind == "PostgreSQL" else None
        if self._cluster is not None:
            closing.callback(self._cluster.close)
        self._urls = {"seed": self._cluster.database("seed") if self._cluster is not None else ""}
        server = self._serve("seed")
        asyncio.run(sow(server))
        server.stop()

    def _serve(self, name: str) -> Measured:
        return penstock(self.folder / name, self._urls[name])

    def _copy(self, name: str, of: str) -> None:
        shutil.copytree(self.folder / of, self.folder / name)
        self._urls[name] = ""
        if self._cluster is not None:
            self._cluster.database(f"{name} TEMPLATE {of}")
            self._urls[name] = self._urls[of].replace(f"/{of}?", f"/{name}?")

    def _open(self, name: str) -> filling.Database:
        url = self._urls[name]
        return filling.Postgres(url) if url else filling.Sqlite(self.folder / name / "penstock.db")

    def grow(self, size: Size, smaller: Size | None) -> None:
        """A database of that size. One that has waiting jobs besides is made from the one before, which nobody uses yet."""
        began = time.perf_counter()
        is_the_same = smaller is not None and replace(size, waiting_jobs=0) == smaller
        self._copy(_name(size), _name(smaller) if smaller is not None and is_the_same else "seed")
        database = self._open(_name(size))
        if size.pipelines > SIZES[0].pipelines and not is_the_same:
            fill(database, size, HOT, PLAIN)
        if size.waiting_jobs:
            filling.add_waiting(database, WAITING, size.waiting_jobs)
        database.close()
        say(f"  {_described(size)}: filled in {time.perf_counter() - began:.0f} s")

    def side(self, size: Size) -> Side:
        """A server on the database of that size."""
        server = self._serve(_name(size))
        self._closing.callback(server.stop)
        return Side(size, server, self._cluster.process.pid if self._cluster is not None else None)


def _name(size: Size) -> str:
    return f"with_{size.pipelines}_{size.executions}_{size.waiting_jobs}"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _described(size: Size) -> str:
    more = f", {size.waiting_jobs:,} waiting jobs" if size.waiting_jobs else ""
    return f"{size.pipelines:,} pipelines, {size.executions:,} executions{more}"


def measured(kind: str, rounds: int, under: Path, sizes: tuple[Size, ...]) -> list[dict[str, Any]]:
    """What each size costs on that database, the smallest first."""
    say(f"{kind}:")
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="penstock-growth-", dir=under)))
        folder.chmod(0o755)
        ground = Ground(folder, kind, closing)
        for smaller, size in zip((None, *sizes), sizes, strict=False):
            ground.grow(size, smaller)
        sides = [ground.side(size) for size in sizes]
        for number in range(rounds + 1):
            for side in sides if number % 2 else reversed(sides):
                asyncio.run(side.round())
        return [_found(side) for side in sides]


def _found(side: Side) -> dict[str, Any]:
    """Medians; the first round warms up."""
    return {
        **msgspec.to_builtins(side.size),
        "cpu_us": {name: round(median(found[1:]) * 1e6, 1) for name, found in side.cpu.items()},
        "p50_ms": {name: round(median(found[1:]) * 1e3, 3) for name, found in side.wall.items()},
        "start_seconds": round(side.server.start_seconds, 3),
        "resident_mib": round(resident_mib(side.server.process.pid), 1),
    }


def table(kind: str, found: list[dict[str, Any]]) -> Table:
    rows = []
    for name in CALLED:
        costs = [each["cpu_us"][name] for each in found]
        cells = [f"{figure(cost)} ({figure(cost / costs[0])} ×)" for cost in costs]
        rows.append((name, *cells))
    rows.append(("start, s", *(figure(each["start_seconds"]) for each in found)))
    rows.append(("memory, MiB", *(figure(each["resident_mib"]) for each in found)))
    waiting = [" + waiting" if each["waiting_jobs"] else "" for each in found]
    sizes = [f"{each['pipelines']:,}/{each['executions']:,}" for each in found]
    head = ("pipelines/executions", *(size + more for size, more in zip(sizes, waiting, strict=True)))
    return Table(f"{kind}: µs of CPU a call, and times that of the smallest", head, rows)


def is_bounded(found: list[dict[str, Any]]) -> bool:
    """Whether a job cycle and the state of a pipeline cost about as much at any size."""
    least = found[0]["cpu_us"]
    return all(each["cpu_us"][name] <= BOUND * least[name] for each in found for name in (CYCLE, SAME))


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="[default: 9, after one that warms up]")
    parser.add_argument("--on", nargs="+", choices=KINDS, default=KINDS[:1], help="databases  [default: SQLite]")
    parser.add_argument("--quick", action="store_true", help="without the large sizes")
    parser.add_argument("--under", type=Path, default=Path("/tmp"), help="where the databases are  [default: /tmp]")
    parser.add_argument("--into", type=Path, default=ROOT / ".bench", help="folder of growth.json  [default: .bench]")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    chosen = options(arguments)
    os.environ["PENSTOCK_RETENTION_DAYS"] = "0"
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {int(CLIENT_CORE)})
    sizes = SIZES[:2] if chosen.quick else SIZES
    found = {kind: measured(kind, chosen.rounds, chosen.under, sizes) for kind in chosen.on}
    for kind, each in found.items():
        say("\n" + table(kind, each).as_text())
    about = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "rounds": chosen.rounds}
    document = {**about, "machine": machine.described(chosen.under), "databases": found}
    chosen.into.mkdir(parents=True, exist_ok=True)
    (chosen.into / "growth.json").write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1))
    return 0 if all(map(is_bounded, found.values())) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
