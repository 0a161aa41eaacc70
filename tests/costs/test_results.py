"""What the bench makes of its rounds: medians, goals, tables, a picture; and that it runs at all."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from benches.page import publish, with_growth
from benches.plot import drawn
from benches.processes import cpu_seconds, family_cpu_seconds
from benches.results import (
    DBOS,
    DRAMATIQ,
    HANDLER,
    MINISTACK,
    MODEL,
    MOTO,
    POSTGRES,
    PROCRASTINATE,
    SQLITE,
    Results,
    Row,
    as_json,
    goals,
)
from benches.tables import tables

ROOT = Path(__file__).parents[2]
GROWTH = """{"databases": {"SQLite": [
    {"pipelines": 10, "executions": 10, "cpu_us": {"job cycle": 300, "GetPipelineState": 90}},
    {"pipelines": 1000, "executions": 10000, "cpu_us": {"job cycle": 330, "GetPipelineState": 90}}]}}"""


def jobs(rate: float) -> Row:
    figures = {"p50": 12.34, "p99": 1234.5, "empty": 0.0, "cpu_call": 123.4, "cpu_job": 12345.6}
    return {"jobs": rate, **figures}


def results(**rates: float) -> Results:
    """Three rounds of each side, the last of which something else on the machine spoiled."""
    found = Results("2026-01-01T00:00:00+00:00", "python -m benches", 3, 1.0, 64, {"cores": 2}, {"penstock": "1"})
    names = {"sqlite": SQLITE, "model": MODEL, "postgres": POSTGRES, "procrastinate": PROCRASTINATE, "dbos": DBOS}
    names |= {"dramatiq": DRAMATIQ, "moto": MOTO, "ministack": MINISTACK}
    found.jobs = {names[side]: [jobs(rate), jobs(rate), jobs(rate / 100)] for side, rate in rates.items()}
    found.machine |= {"processor": "p", "memory_gib": 4, "system": "Linux 6", "file_system": "ext4"}
    found.machine |= {"flush_ms": 0.5, "load_before": 0.1}
    return found


def full() -> Results:
    found = results(
        sqlite=22222, model=44444, postgres=3500, procrastinate=1000, dbos=2000, dramatiq=9999, moto=50, ministack=500
    )
    calls = {"calls": 22222.0, "p50": 12.3, "p99": 123.4, "cpu_call": 1234.5}
    found.empty_polls = {SQLITE: [calls], HANDLER: [{**calls, "calls": 44444.0}]}
    found.get_pipeline = found.list_pipelines = {SQLITE: [calls], MOTO: [calls]}
    found.by_connections = {number: {SQLITE: [jobs(20000)], MODEL: [jobs(40000)]} for number in (1, 128)}
    found.single = {"start_seconds": 0.4, "idle_mib": 100.0, "held_p99": 3.0, "idle_cores": 0.1}
    return found


def test_goals_are_ratios_of_medians_to_the_best_of_their_kind() -> None:
    found = [(goal.found, goal.is_met) for goal in goals(full())]
    assert found[:5] == [(0.5, True), (22222 / 2000, True), (22222 / 500, True), (3.5, True), (0.5, False)]
    assert found[5:] == [(0.1, True), (3.0, True), (0.4, True), (100.0, False)]


def test_a_goal_whose_peer_took_no_part_is_not_measured() -> None:
    found = {goal.name: goal.found for goal in goals(results(sqlite=100, model=100, dbos=10))}
    assert found["jobs on PostgreSQL, to procrastinate's"] is None
    assert found["jobs on SQLite, to the best durable peer's"] == 10
    document = msgspec.json.decode(as_json(results(sqlite=100, model=100)))
    assert {goal["is_met"] for goal in document["goals"] if goal["found"] is None} == {False}


def test_tables_fit_a_console_of_a_hundred_columns() -> None:
    lines = [line for table in tables(full()) for line in table.as_text().splitlines()]
    assert len(lines) > 40
    assert max(map(len, lines)) <= 100


def test_a_run_is_published_in_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- the newest run -->\nold\n<!-- up to here -->\nafter\n")
    publish(full(), tmp_path)
    publish(full(), tmp_path)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("| penstock on SQLite | 22,222 |") == 1
    assert msgspec.json.decode((tmp_path / "results.json").read_bytes())["jobs"][SQLITE]["median"]["jobs"] == 22222
    ET.parse(tmp_path / "results.svg")


def test_growth_is_drawn_if_it_was_measured_and_left_out_aloud_if_it_cannot_be_read(tmp_path: Path) -> None:
    found = full()
    with_growth(found, tmp_path)
    assert "Cost by" not in drawn(found)
    (tmp_path / "growth.json").write_text(GROWTH)
    with_growth(found, tmp_path)
    assert "GetPipelineState" in drawn(found)
    assert not found.left_out
    (tmp_path / "growth.json").write_text("[]")
    with_growth(found, tmp_path)
    assert "growth.json" in found.left_out["growth"]


def test_the_cpu_of_a_family_is_that_of_a_process_and_of_its_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        alone, together = cpu_seconds(process.pid), family_cpu_seconds(process.pid)
        process.communicate("\n")
    assert together >= alone + 0.19


@pytest.mark.long
def test_the_bench_runs_and_says_what_it_found(tmp_path: Path) -> None:
    """Without peers, which are not there on every machine."""
    options = ("--alone", "--rounds", "1", "--seconds", "0.4", "--connections", "8", "--into", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "benches", *options], capture_output=True, text=True, cwd=ROOT, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines()[-60:-1])) <= 100
    document = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    assert document["jobs"][SQLITE]["median"]["jobs"] > 10
    assert document["by_connections"]["8"][MODEL][0]["jobs"] > 10
    assert all(document["single"][name] > 0 for name in ("start_seconds", "idle_mib", "held_p99", "idle_cores"))
    ET.parse(tmp_path / "results.svg")
