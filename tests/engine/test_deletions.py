"""What deleted pipelines leave goes a little at a time: with the real duty, committer and database, on a clock of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.house import ACCOUNT, House, house
from penstock.engine.committer import Written
from penstock.engine.duties import deletions
from penstock.engine.duties.deletions import Deletions
from penstock.storage.history import LOG_PIECE_ROWS
from penstock.wire.errors import ApiError

LEFT = ("executions", "action_executions", "job_logs", "pipeline_versions", "request_tokens", "deleted_pipelines")
NOTHING = dict.fromkeys(LEFT, 0)


def counts(inside: House) -> dict[str, int]:
    return {table: inside.count(table) for table in LEFT}


async def run(inside: House, **started: Any) -> None:
    """An execution from its start to its end, with a log."""
    await inside.ask("StartPipelineExecution", name="line", **started)
    await inside.work()
    job_id = await inside.take("Builder")
    await inside.ask("PutJobLog", jobId=job_id, text="one\n")
    await inside.ask("PutJobSuccessResult", jobId=job_id)


async def finish(inside: House) -> int:
    """Turns of the duty until nothing is left; gives how many that took."""
    duty = Deletions(inside.storage.reader, inside.committer)
    for turns in range(500):
        due_at = await duty.tick(inside.clock.now())
        if due_at is None:
            return turns
        inside.clock.at = due_at
    raise AssertionError("something is always left")


def within(folder: Path, course: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    async def inside_a_house() -> None:
        async with house(folder) as inside:
            await inside.types()
            await inside.pipeline()
            await inside.work()
            await inside.work("Builder")
            await course(inside)

    asyncio.run(inside_a_house())


def test_the_deletion_itself_leaves_the_history_to_the_duty(tmp_path: Path) -> None:
    async def course(inside: House) -> None:
        await run(inside, clientRequestToken="once")
        before = counts(inside)
        await inside.ask("DeletePipeline", name="line")
        assert counts(inside) == {**before, "deleted_pipelines": 1}
        assert (await inside.ask("ListPipelines"))["pipelines"] == []
        assert inside.count("pipelines") == 0
        await finish(inside)
        assert counts(inside) == NOTHING

    within(tmp_path, course)


def test_each_commit_takes_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "ROWS_MAX", 5)

    async def course(inside: House) -> None:
        for _ in range(6):
            await run(inside)
        await inside.ask("DeletePipeline", name="line")
        rows, commits = sum(counts(inside).values()), inside.committer.commits
        turns = await finish(inside)
        assert counts(inside) == NOTHING
        assert turns == inside.committer.commits - commits >= rows / 5

    within(tmp_path, course)


def test_a_long_log_goes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "ROWS_MAX", 5 * LOG_PIECE_ROWS)

    async def course(inside: House) -> None:
        run_id = (await inside.actions())[0]["actionExecutionId"]

        def write(transaction: Any) -> Written[None]:
            for _ in range(12):
                transaction.append_log(ACCOUNT, run_id, "line\n", 1.0)
            return Written(None)

        await inside.committer.write(write)
        await inside.ask("DeletePipeline", name="line")
        duty = Deletions(inside.storage.reader, inside.committer)
        seen = []
        while inside.count("job_logs"):
            await duty.tick(inside.clock.now())
            seen.append(inside.count("job_logs"))
        assert seen == [7, 2, 0]

    within(tmp_path, course)


def test_a_namesake_is_made_at_once_and_has_no_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "ROWS_MAX", 3)

    async def course(inside: House) -> None:
        await run(inside, clientRequestToken="once")
        await inside.ask("DeletePipeline", name="line")
        await inside.pipeline()
        for _ in range(2):
            assert await inside.statuses() == ["InProgress"]
            assert [each["actionName"] for each in await inside.actions()] == ["Pull"]
            await finish(inside)
        await inside.work()
        await inside.work("Builder")
        await inside.ask("StartPipelineExecution", name="line", clientRequestToken="once")
        assert await inside.statuses() == ["Succeeded", "InProgress"]
        assert inside.count("executions") == 2

    within(tmp_path, course)


def test_several_that_are_deleted_go_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "PIPELINES_MAX", 2)

    async def course(inside: House) -> None:
        for number in range(5):
            await inside.pipeline(f"line-{number}")
            await inside.ask("DeletePipeline", name=f"line-{number}")
        assert inside.count("deleted_pipelines") == 5
        assert await finish(inside) == 3
        assert inside.count("deleted_pipelines") == 0
        assert await inside.statuses() == ["Succeeded"]

    within(tmp_path, course)


def test_a_log_takes_nothing_more_once_its_pipeline_is_deleted(tmp_path: Path) -> None:
    """The job was still in progress when the request came in, and the deletion is in front of it in the same commit."""

    async def course(inside: House) -> None:
        await inside.ask("StartPipelineExecution", name="line")
        await inside.work()
        job_id = await inside.take("Builder")
        commits = inside.committer.commits
        deletion = inside.ask("DeletePipeline", name="line")
        _, late = await asyncio.gather(
            deletion, inside.ask("PutJobLog", jobId=job_id, text="late\n"), return_exceptions=True
        )
        assert inside.committer.commits == commits + 1
        assert isinstance(late, ApiError)
        assert (late.code, late.message) == (
            "InvalidJobStateException",
            f"The pipeline of the job '{job_id}' is deleted: its log is closed",
        )
        assert inside.count("job_logs") == 0

    within(tmp_path, course)


def test_where_nothing_was_deleted_there_is_nothing_to_commit(tmp_path: Path) -> None:
    async def course(inside: House) -> None:
        commits = inside.committer.commits
        assert await finish(inside) == 0
        assert inside.committer.commits == commits

    within(tmp_path, course)
