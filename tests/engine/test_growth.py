"""What the database does for a call does not grow with what is stored: counted in SQLite's own instructions, not in time."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.house import House, house

TIMES = 1000
COUNTED = "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {times})"
# Other pipelines with histories of their own, and an older history of the pipeline itself.
OTHERS = f"""
{COUNTED} INSERT INTO pipelines
    SELECT account, region, name || n, id || n, version, revision, created_at, updated_at, head, listed_version, listed
        FROM pipelines, counted;
{COUNTED} INSERT INTO pipeline_versions SELECT account, pipeline_id || n, number, created_at, document
    FROM pipeline_versions, counted;
{COUNTED} INSERT INTO executions SELECT account, pipeline_id || n, number, id || n, status, document FROM executions, counted;
{COUNTED} INSERT INTO executions SELECT account, pipeline_id, number - n * 10, id || 'old' || n, status, document
    FROM executions, counted WHERE pipeline_id IN (SELECT id FROM pipelines WHERE name = 'line');
{COUNTED} INSERT INTO action_executions
    SELECT account, pipeline_id, execution_number - n * 10, number, execution_id || n, version, stage, action, status, input,
        run, id || n FROM action_executions, counted;
{COUNTED} INSERT INTO jobs
        (number, id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status, visible_at,
         created_at, work)
    SELECT -number - n * 1000, id || n, account, region, pipeline_id || n, execution_id || n, stage, action, run_id || n,
        type_key || 'Other', '', 'Queued', visible_at, created_at, x'00' FROM jobs, counted;
{COUNTED} INSERT INTO request_tokens SELECT account, pipeline_id || n, token, fingerprint, execution_id, created_at
    FROM request_tokens, counted;
"""


async def cycle(inside: House) -> None:
    await inside.ask("StartPipelineExecution", name="line", clientRequestToken="again")
    await inside.work()
    await inside.work("Builder")


def reading(operation: str, **request: Any) -> Callable[[House], Coroutine[Any, Any, None]]:
    async def ask(inside: House) -> None:
        await inside.ask(operation, **request)

    return ask


async def look_for_old(inside: House) -> None:
    await inside.storage.reader.oldest(("", ""), 0.0, 1)


async def fire(inside: House) -> None:
    await inside.tick()


LINE = {"pipelineName": "line"}
CALLS = {
    "a job cycle": cycle,
    "GetPipelineState": reading("GetPipelineState", name="line"),
    "ListPipelines": reading("ListPipelines", maxResults=1),
    "ListPipelineExecutions": reading("ListPipelineExecutions", **LINE, maxResults=1),
    "ListActionExecutions": reading("ListActionExecutions", **LINE, maxResults=1),
    "an empty poll": lambda inside: inside.poll("Builder"),
    "a look for what is due": fire,
    "a look for what is old": look_for_old,
}


class Instructions:
    """Counts those that the connections of a house run."""

    def __init__(self, inside: House) -> None:
        self.count = 0
        self._connections = (inside.storage.connection, inside.storage.reading)

    def _one(self) -> int:
        self.count += 1
        return 0

    def __enter__(self) -> "Instructions":
        for connection in self._connections:
            connection.set_progress_handler(self._one, 1)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.set_progress_handler(None, 0)


async def cost(inside: House, call: Callable[[House], Coroutine[Any, Any, Any]]) -> int:
    inside.storage.reader.claimable.rollback()
    with Instructions(inside) as instructions:
        await call(inside)
    return instructions.count


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, int], dict[str, int]]:
    """What each call costs, with three executions and with thousands."""

    async def found() -> tuple[dict[str, int], dict[str, int]]:
        folder: Path = tmp_path_factory.mktemp("growth")
        async with house(folder) as inside:
            await inside.types()
            for name in ("line", "other"):
                await inside.pipeline(name)
                await inside.work()
                await inside.work("Builder")
            await cycle(inside)
            inside.clock.move(2 * 86_400)
            small = {name: await cost(inside, call) for name, call in CALLS.items()}
            inside.storage.connection.executescript(OTHERS.replace("{times}", str(TIMES)))
            inside.storage._transaction.forget()
            inside.clock.move(2 * 86_400)
            return small, {name: await cost(inside, call) for name, call in CALLS.items()}

    return asyncio.run(found())


@pytest.mark.parametrize("name", CALLS)
def test_a_call_costs_no_more_with_a_long_history(costs: tuple[dict[str, int], dict[str, int]], name: str) -> None:
    small, large = (each[name] for each in costs)
    assert small > 5
    assert large <= 1.2 * small
