"""What a call costs, in CPU and as a multiple of what the least that could answer it costs in the same minute.

CPU times hardly know what else a machine does, rates do; and a ratio of two of them knows little of the machine itself.
The bounds are twice what was found when they were set (the figure beside each), so that only a change that shows in a
profile too passes them. Whoever makes a call cheaper lowers its bound.
"""

import asyncio
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benches.servers import Measured, bare_handler, bare_model, penstock, prepare, refill

CONNECTIONS = 16
PIPELINES = 300
# A call of a job's life on SQLite, to one of the bare model: 2.6. An empty signed poll, to a fixed answer of uvicorn: 1.6.
JOB_CALL_MAX, EMPTY_POLL_MAX = 5.2, 3.2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    server = penstock(tmp_path_factory.mktemp("costs") / "data")
    asyncio.run(prepare(server, PIPELINES))
    yield server
    server.stop()


def job_call(server: Measured, tmp_path: Path, seconds: float) -> float:
    asyncio.run(refill(server))
    found = server.load("cycle", CONNECTIONS, seconds)
    assert found["empty"] < 0.2 * found["cycles"], "there were too few jobs: this would measure empty polls"
    model = bare_model(tmp_path)
    try:
        return found["cpu"] / model.load("cycle", CONNECTIONS, seconds)["cpu"]
    finally:
        model.stop()


def empty_poll(server: Measured, tmp_path: Path, seconds: float) -> float:
    handler = bare_handler()
    try:
        bare = handler.load("empty", CONNECTIONS, seconds)
    finally:
        handler.stop()
    return server.load("empty", CONNECTIONS, seconds)["cpu"] / bare["cpu"]


Cost = Callable[[Measured, Path, float], float]
costs = pytest.mark.parametrize(
    ("cost", "most"), [(job_call, JOB_CALL_MAX), (empty_poll, EMPTY_POLL_MAX)], ids=["a call of a job", "an empty poll"]
)


def median_of(times: int, cost: Cost, server: Measured, tmp_path: Path, seconds: float) -> float:
    found = []
    for number in range(times):
        (tmp_path / f"{number}").mkdir()
        found.append(cost(server, tmp_path / f"{number}", seconds))
    return statistics.median(found)


@costs
@pytest.mark.long
def test_a_call_costs_no_more_than_its_bound(server: Measured, tmp_path: Path, cost: Cost, most: float) -> None:
    assert median_of(5, cost, server, tmp_path, 1.0) <= most


@costs
def test_a_call_is_not_many_times_as_dear_as_it_was(server: Measured, tmp_path: Path, cost: Cost, most: float) -> None:
    """The same in a glance, with room for what one short look gets wrong."""
    assert median_of(1, cost, server, tmp_path, 0.3) <= 1.5 * most
