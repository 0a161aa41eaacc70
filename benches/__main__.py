"""`make bench`: what this machine does now, beside yardsticks and peers in the same run.

Every round goes through all sides, so that whatever else the machine does meets all of them; medians are compared.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benches import machine
from benches.page import publish, with_growth
from benches.processes import Failed
from benches.results import MODEL, SQLITE, Results, Row
from benches.servers import ROOT
from benches.sides import Sides
from benches.single import first_jobs, held_polls, starts
from benches.tables import tables

PUBLISHED, UNPUBLISHED = ROOT / "docs" / "benchmarks", ROOT / ".bench"
CONNECTIONS = (1, 8, 32, 128)
QUICK_CONNECTIONS: tuple[int, ...] = ()


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in a minute and a half: fewer, shorter rounds")
    parser.add_argument("--rounds", type=int, help="[default: 5, quick 2]")
    parser.add_argument("--seconds", type=float, help="of each measurement  [default: 2, quick 1]")
    parser.add_argument("--at", type=int, default=64, metavar="N", help="connections of the comparison  [default: 64]")
    parser.add_argument(
        "--connections",
        type=int,
        nargs="*",
        help=f"of the curve beside the bare model  [default: {' '.join(map(str, CONNECTIONS))}, quick none]",
    )
    parser.add_argument("--alone", action="store_true", help="without peers: penstock and its yardsticks")
    parser.add_argument(
        "--into", type=Path, help="folder of results.json and results.svg  [default: docs/benchmarks, quick .bench]"
    )
    chosen = parser.parse_args(arguments)
    defaults = (2, 1.0, QUICK_CONNECTIONS, UNPUBLISHED) if chosen.quick else (5, 2.0, CONNECTIONS, PUBLISHED)
    for name, value in zip(("rounds", "seconds", "connections", "into"), defaults, strict=True):
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    if chosen.rounds < 1 or chosen.seconds <= 0:
        parser.error("there must be rounds, and they must last")
    return chosen


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Progress:
    """A line for each part of the run, and how long it took."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began = time.perf_counter()
        sys.stdout.write(f"{self._name} … ")
        sys.stdout.flush()

    def __exit__(self, *_: object) -> None:
        say(f"{time.perf_counter() - self._began:.0f} s")


def add(found: dict[str, list[Row]], side: str, row: Row) -> None:
    found.setdefault(side, []).append(row)


def compare(results: Results, sides: Sides) -> None:
    """One round: every side once."""
    for name, measure in list(sides.jobs.items()):
        try:
            add(results.jobs, name, measure(results.seconds))
        except Failed as problem:
            # A peer that fails is no reason to lose the rest; penstock that fails is.
            if name in (SQLITE, MODEL):
                raise
            del sides.jobs[name]
            sides.left_out[name] = str(problem)
    for name, row in sides.polled(results.seconds):
        add(results.empty_polls, name, row)
    for script, found in (("get", results.get_pipeline), ("list", results.list_pipelines)):
        for name, row in sides.read(script, results.seconds / 2):
            add(found, name, row)


def climb(results: Results, sides: Sides, connections: list[int]) -> None:
    for number in connections:
        found = results.by_connections.setdefault(number, {})
        add(found, SQLITE, sides.worked(sides.sqlite, number, results.seconds))
        add(found, MODEL, sides.modelled(number, results.seconds))


def measure(results: Results, chosen: argparse.Namespace, folder: Path) -> None:
    with Progress("starting and an idle server"):
        results.single |= starts(folder, min(chosen.rounds, 3))
    with Progress("setting up"):
        sides = Sides(folder, chosen.at, chosen.alone)
    try:
        for number in range(chosen.rounds):
            with Progress(f"round {number + 1} of {chosen.rounds}"):
                compare(results, sides)
        for number in range(min(chosen.rounds, 2) if chosen.connections else 0):
            with Progress(f"connections, {number + 1} of {min(chosen.rounds, 2)}"):
                climb(results, sides, chosen.connections)
        if chosen.connections:
            results.by_connections[chosen.at] = {side: results.jobs[side] for side in (SQLITE, MODEL)}
        with Progress("starting executions"):
            results.single |= asyncio.run(first_jobs(sides.sqlite, 200))
    finally:
        sides.close()
        results.versions |= sides.versions
        results.left_out = sides.left_out
    with Progress("held polls and idle workers"):
        results.single |= held_polls(folder, max(chosen.seconds * 2, 3.0))


def main() -> None:
    if not Path("/proc/stat").exists():
        raise SystemExit("CPU times are read from /proc, which this system has not")
    chosen = options(sys.argv[1:])
    under = machine.ON_DISK if machine.ON_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="penstock-bench-", dir=under, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The user that PostgreSQL runs as has a folder in it.
        folder.chmod(0o711)
        results = Results(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=" ".join(["python -m benches", *sys.argv[1:]]),
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            connections=chosen.at,
            machine=machine.described(folder),
            versions=machine.versions(),
        )
        for line in machine.warnings(results.machine):
            say(line)
        try:
            measure(results, chosen, folder)
        except Failed as problem:
            raise SystemExit(str(problem)) from problem
    with_growth(results, chosen.into)
    say("")
    for table in tables(results):
        say(table.as_text())
    for name, why in results.left_out.items():
        say(f"left out: {name}: {why}")
    publish(results, chosen.into)
    say(f"written to {chosen.into}")


if __name__ == "__main__":
    main()
