"""The model behind docs/scaling.md: arithmetic and simulation agree with each other, and with what must hold anywhere."""

import subprocess
import sys

import pytest
from benches.scaling.bounds import bounds, demands, upkeep
from benches.scaling.costs import CALLS_A_CYCLE, DEFAULTS, TRIPS_A_BATCH, Costs, Shape
from benches.scaling.fitting import Apart, fitted, median
from benches.scaling.measuring import Point
from benches.scaling.simulation import Found, simulate
from benches.scaling.tables import outlook, parameters
from msgspec.structs import asdict, replace

from docs.pages import ROOT, page

SECONDS = 0.4
COSTS = Costs(
    server_call=100e-6,
    server_batch=800e-6,
    database_call=80e-6,
    database_batch=600e-6,
    server_reload=300e-6,
    database_reload=150e-6,
    server_poll=40e-6,
    server_look=300e-6,
    database_look=70e-6,
    database_tell=45e-6,
    database_hear=3e-6,
    server_hear=30e-6,
    server_held=45e-6,
    database_vacuum=2.5e-6,
    round_trip_seconds=0.3e-3,
    flush_seconds=1e-3,
    wal_bytes_a_cycle=6600.0,
    dead_rows_a_cycle=6.4,
    kept_bytes_a_cycle=4000.0,
)


def run(shape: Shape, seconds: float = SECONDS, seed: int = 1) -> Found:
    return simulate(COSTS, shape, seconds, seed)


def test_the_same_seed_gives_the_same_answer_and_another_one_nearly() -> None:
    shape = Shape(servers=2, workers=64)
    first = run(shape)
    assert run(shape) == first
    other = run(shape, seed=2)
    assert other != first
    assert other.cycles == pytest.approx(first.cycles, rel=0.1)


def test_more_servers_carry_more_until_the_database_is_full() -> None:
    found = [run(Shape(servers=servers, workers=128 * servers)).cycles for servers in (1, 2, 4)]
    # The second one makes both load again what the other one has changed, which is paid once.
    assert found[1] > 1.3 * found[0]
    assert found[2] > 1.6 * found[1]
    small = [run(Shape(servers=servers, workers=128 * servers, database_cores=0.5), 2.0) for servers in (1, 2, 4)]
    assert small[2].database_share > 0.95
    most = bounds(COSTS, Shape(servers=4, workers=512, database_cores=0.5))
    assert most.nearest == "database"
    assert 0.85 * most.database < small[2].cycles <= 1.02 * most.database


@pytest.mark.parametrize(
    "shape",
    [
        Shape(servers=1, workers=4),
        Shape(servers=1, workers=128),
        Shape(servers=3, workers=200, database_cores=2),
        Shape(servers=2, workers=64, caller_call=40e-6, caller_processes=2, shared_cores=1.5),
    ],
    ids=("few", "one", "three", "shared"),
)
def test_what_is_used_is_throughput_times_demand_and_no_more_than_there_is(shape: Shape) -> None:
    found = run(shape, 3.0)
    cores = shape.shared_cores or shape.database_cores
    server, database = found.server_share * shape.servers, found.database_share * cores
    asked = demands(COSTS, shape, found.batch)
    assert 0.95 * found.cycles * asked.server < server < 1.05 * found.cycles * asked.server
    telling = found.notifications * (COSTS.database_tell + (shape.servers - 1) * COSTS.database_hear)
    assert 0.95 * found.cycles * asked.database < database - telling < 1.05 * found.cycles * asked.database
    assert server <= 1.01 * shape.servers
    assert database <= 1.01 * cores
    if shape.shared_cores is not None:
        assert server + database + found.cycles * asked.caller <= 1.02 * cores


def test_nothing_is_carried_that_the_arithmetic_says_cannot_be() -> None:
    for shape in (
        Shape(servers=1, workers=1),
        Shape(servers=1, workers=16),
        Shape(servers=1, workers=400),
        Shape(servers=4, workers=300, database_cores=1),
    ):
        assert run(shape, 1.0).cycles <= 1.03 * bounds(COSTS, shape).least


def test_callers_are_either_waiting_for_an_answer_or_about_to_ask() -> None:
    """Little's law, over callers of a closed system."""
    for shape in (Shape(servers=1, workers=32), Shape(servers=2, workers=100, pause_seconds=0.02)):
        found = run(shape, 1.0)
        assert found.calls * (found.mean_ms / 1e3 + shape.pause_seconds) == pytest.approx(shape.workers, rel=0.07)


def test_latencies_grow_with_load_and_with_the_way_to_the_database() -> None:
    found = [run(Shape(servers=1, workers=workers)).p50_ms for workers in (1, 16, 64, 256)]
    assert found == sorted(found)
    assert found[-1] > 4 * found[0]
    far = simulate(replace(COSTS, round_trip_seconds=5e-3), Shape(servers=1, workers=16), SECONDS)
    assert far.p50_ms > TRIPS_A_BATCH * 5.0


def test_one_caller_alone_waits_for_each_part_once() -> None:
    costs = COSTS
    found = run(Shape(servers=1, workers=1), 1.0)
    commit = costs.server_call + costs.server_batch + costs.database_call + costs.database_batch
    commit += TRIPS_A_BATCH * costs.round_trip_seconds + costs.round_trip_seconds + costs.flush_seconds
    assert found.mean_ms / 1e3 == pytest.approx(commit, rel=0.1)
    assert found.batch == 1


def test_empty_polls_share_their_looks() -> None:
    alone, many = (run(Shape(servers=1, workers=workers, are_polls_empty=True)) for workers in (1, 256))
    assert many.server_share > 0.95
    assert alone.server_share / alone.calls > 2 * many.server_share / many.calls
    assert many.cycles == 0
    assert many.disk_share == 0


def test_what_cycles_bring_with_them_is_in_proportion() -> None:
    one, ten = upkeep(COSTS, 1, 100.0), upkeep(COSTS, 10, 1000.0)
    assert ten.wal_bytes == pytest.approx(10 * one.wal_bytes)
    assert ten.dead_rows == pytest.approx(1000 * COSTS.dead_rows_a_cycle)
    assert ten.connections == 10 * one.connections
    assert one.hearing_cores == 0.0
    assert one.telling_cores == pytest.approx(100 * COSTS.database_tell)
    # Each server hears what all others tell.
    assert upkeep(COSTS, 40, 1e6).hearing_cores > 3.9 * upkeep(COSTS, 10, 1e6).hearing_cores


def measured(servers: int, connections: int, commits: float, looks: float) -> Point:
    """What a machine would be seen to do whose costs are the model's."""
    costs, polls = COSTS, commits == 0
    stale = (1 - 1 / servers) / CALLS_A_CYCLE
    server = costs.server_poll if polls else costs.server_call + commits * costs.server_batch
    database = 0.0 if polls else costs.database_call + commits * costs.database_batch
    figures = dict.fromkeys(Point.__struct_fields__, 0.0)
    figures |= {"servers": servers, "connections": connections, "commits_a_call": commits, "looks_a_call": looks}
    figures["server_cpu"] = server + looks * costs.server_look + stale * costs.server_reload
    figures["database_cpu"] = database + looks * costs.database_look + stale * costs.database_reload
    return Point(**figures)


def test_the_parameters_are_found_again_in_points_that_were_made_of_them() -> None:
    cycles = {
        (1, 8): measured(1, 8, 0.25, 0.2),
        (1, 128): measured(1, 128, 0.017, 0.02),
        (2, 64): measured(2, 64, 0.05, 0.1),
    }
    polls = {(1, 1): measured(1, 1, 0, 1.0), (1, 64): measured(1, 64, 0, 0.05)}
    apart = Apart(**{name: getattr(COSTS, name) for name in Apart.__struct_fields__})
    assert asdict(fitted(cycles, polls, apart)) == pytest.approx(asdict(COSTS))


def said(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benches.scaling", *options], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if "there are no programs initdb" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_answers_for_an_installation_that_is_asked_about() -> None:
    lines = said("--servers", "3", "--workers", "8").splitlines()
    assert len([line for line in lines if line.startswith("| 3 |")]) == 2


@pytest.mark.long
def test_it_measures_this_machine_and_shows_the_model_beside_it() -> None:
    found = said("--measure", "--rounds", "1", "--seconds", "0.5", "--servers", "1", "--workers", "8")
    for start in ("| 1 | 8* |", "| 2 | 64* |", "| 2 | 128 |", "| jobs | ", "| `server_call` |"):
        assert f"\n{start}" in found


def test_medians_are_of_each_figure_by_itself() -> None:
    points = [measured(2, 64, commits, 0.1) for commits in (0.05, 0.01, 0.03, 0.02)]
    found = median(points)
    assert (found.servers, found.connections) == (2, 64)
    assert found.commits_a_call == pytest.approx(0.025)
    assert run(Shape(servers=found.servers, workers=found.connections), 0.05).calls > 0


def test_the_page_shows_the_parameters_and_what_the_model_makes_of_them() -> None:
    text = page("docs/scaling.md")
    assert parameters(DEFAULTS) in text
    costs = replace(DEFAULTS, round_trip_seconds=0.3e-3, flush_seconds=1e-3)
    for row in outlook(costs, (1, 2, 4), 128, 16.0).splitlines():
        assert row in text
