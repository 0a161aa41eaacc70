"""Old history goes and what is needed stays: on a clock moved by hand, with the real duty, committer and database."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from declarations import action, stage
from engine.house import House, house
from penstock.engine.committer import Written
from penstock.engine.duties import retention
from penstock.engine.duties.retention import Retention
from penstock.storage.history import LOG_PIECE_ROWS
from penstock.wire.errors import ApiError

DAY = 86_400
DAYS = 366
HISTORY = ("executions", "action_executions", "jobs", "job_logs", "request_tokens")


class Kept:
    """A house that keeps its history for so long."""

    def __init__(self, inside: House, days: float = DAYS) -> None:
        self.house = inside
        self.duty = Retention(inside.storage.reader, inside.committer, days)

    async def go_round(self) -> int:
        """One round of the duty, from its first turn to its last; gives how many turns that took."""
        for turns in range(1, 500):
            due_at = await self.duty.tick(self.house.clock.now())
            assert due_at is not None
            is_over = due_at - self.house.clock.now() > 60
            self.house.clock.at = due_at
            if is_over:
                return turns
        raise AssertionError("the round does not end")

    async def run(self, name: str = "line", *, result: str = "Success", **started: Any) -> str:
        """An execution from its start to its end; gives its id."""
        made = await self.house.ask("StartPipelineExecution", name=name, **started)
        await self.house.work()
        job_id = await self.house.take("Builder")
        await self.house.ask("PutJobLog", jobId=job_id, text="one\n")
        if result == "Success":
            await self.house.ask("PutJobSuccessResult", jobId=job_id)
        else:
            await self.house.ask(
                "PutJobFailureResult", jobId=job_id, failureDetails={"type": "JobFailed", "message": "no"}
            )
        execution_id: str = made["pipelineExecutionId"]
        return execution_id

    async def ids(self, name: str = "line") -> list[str]:
        found = await self.house.ask("ListPipelineExecutions", pipelineName=name)
        return [each["pipelineExecutionId"] for each in found["pipelineExecutionSummaries"]]

    def counts(self) -> dict[str, int]:
        return {table: self.house.count(table) for table in HISTORY}


def within(folder: Path, course: Callable[[Kept], Coroutine[Any, Any, None]], **pipeline: Any) -> None:
    async def inside_a_house() -> None:
        async with house(folder) as inside:
            await inside.types()
            await inside.pipeline(**pipeline)
            await inside.work()
            await inside.work("Builder")
            await course(Kept(inside))

    asyncio.run(inside_a_house())


async def refusal(call: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(ApiError) as raised:
        await call
    return raised.value.code


def test_what_ended_long_ago_goes_with_all_its_parts(tmp_path: Path) -> None:
    async def course(kept: Kept) -> None:
        old = await kept.run(clientRequestToken="once")
        kept.house.clock.move(DAYS * DAY - 60)
        newest = await kept.run()
        kept.house.clock.move(30)
        await kept.go_round()
        assert len(await kept.ids()) == 3
        assert kept.counts()["request_tokens"] == 0
        kept.house.clock.move(DAY)
        await kept.go_round()
        assert await kept.ids() == [newest]
        assert kept.counts() == {"executions": 1, "action_executions": 2, "jobs": 2, "job_logs": 1, "request_tokens": 0}
        asked = kept.house.ask("GetPipelineExecution", pipelineName="line", pipelineExecutionId=old)
        assert await refusal(asked) == "PipelineExecutionNotFoundException"

    within(tmp_path, course)


def test_what_the_state_shows_stays_however_old_it_is(tmp_path: Path) -> None:
    async def course(kept: Kept) -> None:
        succeeded = await kept.run()
        failed = await kept.run(result="Failure")
        before = await kept.house.ask("GetPipelineState", name="line")
        kept.house.clock.move(3 * DAYS * DAY)
        await kept.go_round()
        # The failed one is what both stages show, the one before it is what Build would be rolled back to.
        assert await kept.ids() == [failed, succeeded]
        assert await kept.house.ask("GetPipelineState", name="line") == before
        assert kept.counts()["jobs"] == 0
        await kept.house.ask(
            "RetryStageExecution",
            pipelineName="line",
            stageName="Build",
            pipelineExecutionId=failed,
            retryMode="FAILED_ACTIONS",
        )
        await kept.house.work("Builder")
        assert (await kept.house.statuses())[-1] == "Succeeded"

    within(tmp_path, course)


def test_what_is_open_stays_and_counts_from_its_end(tmp_path: Path) -> None:
    async def approve(inside: House) -> None:
        state = (await inside.ask("GetPipelineState", name="gated"))["stageStates"][1]["actionStates"][0]
        await inside.ask(
            "PutApprovalResult",
            pipelineName="gated",
            stageName="Gate",
            actionName="Ask",
            token=state["latestExecution"]["token"],
            result={"summary": "", "status": "Approved"},
        )

    async def course(kept: Kept) -> None:
        await kept.house.pipeline("gated", stage("Gate", action("Ask", "Approval", "AWS", "Manual")))
        await kept.house.work()
        (waiting,) = await kept.ids("gated")
        kept.house.clock.move(2 * DAYS * DAY)
        await kept.go_round()
        assert await kept.ids("gated") == [waiting]
        await approve(kept.house)
        await kept.house.ask("StartPipelineExecution", name="gated")
        await kept.house.work()
        await approve(kept.house)
        kept.house.clock.move(DAYS * DAY - retention.ROUND_SECONDS + 60)
        await kept.go_round()
        assert waiting in await kept.ids("gated")
        await kept.go_round()
        assert waiting not in await kept.ids("gated")

    within(tmp_path, course)


def test_each_commit_takes_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_MAX", 5)

    async def course(kept: Kept) -> None:
        for _ in range(6):
            await kept.run()
        kept.house.clock.move(2 * DAYS * DAY)
        commits = kept.house.committer.commits
        before = kept.counts()
        turns = await kept.go_round()
        after = kept.counts()
        assert (after["executions"], after["jobs"]) == (1, 0)
        gone = sum(before.values()) - sum(after.values())
        assert turns >= kept.house.committer.commits - commits >= gone / 5

    within(tmp_path, course)


def test_a_long_log_goes_in_pieces_and_the_execution_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_MAX", 5 * LOG_PIECE_ROWS)

    async def course(kept: Kept) -> None:
        old = await kept.run()
        run_id = (await kept.house.actions())[0]["actionExecutionId"]

        def write(transaction: Any) -> Written[None]:
            for _ in range(12):
                transaction.append_log(kept.house.call.account, run_id, "line\n", 1.0)
            return Written(None)

        await kept.house.committer.write(write)
        await kept.run()
        kept.house.clock.move(2 * DAYS * DAY)
        seen = []
        while old in await kept.ids():
            await kept.duty.tick(kept.house.clock.now())
            seen.append(kept.house.count("job_logs"))
        assert seen == [10, 5, 1]

    within(tmp_path, course)


def test_a_round_goes_through_all_pipelines_and_the_next_one_waits_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PIPELINES_MAX", 2)

    async def course(kept: Kept) -> None:
        for number in range(5):
            await kept.house.pipeline(f"line-{number}")
            await kept.house.work()
            await kept.house.work("Builder")
            await kept.run(f"line-{number}")
        kept.house.clock.move(2 * DAYS * DAY)
        began_at = kept.house.clock.now()
        await kept.go_round()
        assert [len(await kept.ids(f"line-{number}")) for number in range(5)] == [1] * 5
        assert kept.house.clock.now() >= began_at + retention.ROUND_SECONDS

    within(tmp_path, course)


def test_a_late_result_of_a_job_that_went_is_told_that_there_is_none(tmp_path: Path) -> None:
    async def course(kept: Kept) -> None:
        await kept.run()
        job_id = kept.house.storage.reading.execute("SELECT id FROM jobs ORDER BY number DESC LIMIT 1").fetchone()[0]
        late = {"jobId": job_id}
        assert await refusal(kept.house.ask("PutJobSuccessResult", **late)) == "InvalidJobStateException"
        kept.house.clock.move(2 * DAYS * DAY)
        await kept.go_round()
        assert await refusal(kept.house.ask("PutJobSuccessResult", **late)) == "JobNotFoundException"

    within(tmp_path, course)
