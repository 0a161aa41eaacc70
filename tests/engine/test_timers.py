"""Every wait that has an end ends in time: on a clock moved by hand, with the real duty, committer and database."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from declarations import action, stage
from engine.house import ACCOUNT, REGION, House, house
from operations.partner import declaration
from penstock.engine.run import run
from penstock.wire.errors import ApiError

MINUTE, HOUR, DAY = 60, 3600, 86_400


def within(folder: Path, check: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    async def inside_a_house() -> None:
        async with house(folder) as inside:
            await inside.types()
            await check(inside)

    asyncio.run(inside_a_house())


def approval(**more: Any) -> dict[str, Any]:
    return stage("Gate", action("Ask", "Approval", "AWS", "Manual", **more))


async def passes(inside: House, seconds: float) -> float | None:
    inside.clock.move(seconds)
    return await inside.tick()


async def error_of(inside: House) -> dict[str, str] | None:
    """The error of the newest action execution."""
    newest = (await inside.actions())[0]
    found: dict[str, str] | None = newest["output"]["executionResult"].get("errorDetails")
    return found


async def refusal(call: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(ApiError) as raised:
        await call
    return raised.value.code


@pytest.mark.parametrize(("given", "seconds"), [({}, 7 * DAY), ({"timeoutInMinutes": 5}, 5 * MINUTE)])
def test_an_approval_that_nobody_gives_fails_in_its_time(tmp_path: Path, given: dict, seconds: int) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline("line", approval(**given))
        await inside.work()
        due_at = await passes(inside, seconds - 1)
        assert await inside.statuses() == ["InProgress"]
        assert due_at is not None
        assert due_at <= inside.clock.now() + 1
        token = (await inside.ask("GetPipelineState", name="line"))["stageStates"][1]["actionStates"][0]
        await passes(inside, 1)
        assert await inside.statuses() == ["Failed"]
        assert (await error_of(inside) or {})["code"] == "Timeout"
        answer = {"stageName": "Gate", "actionName": "Ask", "result": {"summary": "", "status": "Approved"}}
        late = inside.ask("PutApprovalResult", pipelineName="line", token=token["latestExecution"]["token"], **answer)
        assert await refusal(late) in ("InvalidApprovalTokenException", "ApprovalAlreadyCompletedException")
        assert inside.count("timers") == 0

    within(tmp_path, check)


def test_a_custom_action_without_a_result_fails_after_a_day(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline()
        await inside.work()
        job_id = await inside.take("Builder")
        await passes(inside, DAY - 1)
        assert await inside.statuses() == ["InProgress"]
        await passes(inside, 1)
        assert await inside.statuses() == ["Failed"]
        error = await error_of(inside)
        assert error is not None
        assert error["code"] == "Timeout"
        job = await inside.storage.reader.job(job_id)
        assert job is not None
        assert job.job.status == "TimedOut"
        assert await refusal(inside.ask("PutJobSuccessResult", jobId=job_id)) == "InvalidJobStateException"

    within(tmp_path, check)


def test_a_job_that_nobody_takes_is_withdrawn_with_its_action(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline()
        await passes(inside, DAY)
        assert await inside.statuses() == ["Failed"]
        assert await inside.poll() == []

    within(tmp_path, check)


def test_continuations_do_not_lengthen_an_actions_time(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline()
        for _ in range(3):
            job_id = await inside.take()
            await inside.ask("PutJobSuccessResult", jobId=job_id, continuationToken="on")
            assert await inside.poll() == []
            await passes(inside, 5)
        await passes(inside, DAY - 15)
        assert await inside.statuses() == ["Failed"]

    within(tmp_path, check)


def test_the_pause_of_a_continuation_is_kept_to_the_second(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline()
        await inside.ask("PutJobSuccessResult", jobId=await inside.take(), continuationToken="on")
        inside.clock.move(4.9)
        assert await inside.poll() == []
        inside.clock.move(0.1)
        assert len(await inside.poll()) == 1

    within(tmp_path, check)


class TestPartnerJobs:
    """A partner's type may say how long one job may take; its time runs from the acknowledgement."""

    async def begin(self, inside: House) -> None:
        declared = declaration("Partner", jobTimeout=60)
        await inside.ask("RegisterPartnerActionType", actionType=declared)
        link = await inside.ask("LinkPartner", provider="Partner", version="1")
        self.token, self.identity = link["clientToken"], declared["id"]
        await inside.pipeline("line", stage("Check", action("Check", "Test", "ThirdParty", "Partner")))
        await inside.work()

    async def take(self, inside: House) -> str:
        (job,) = (await inside.ask("PollForThirdPartyJobs", actionTypeId=self.identity))["jobs"]
        given = {"jobId": job["jobId"], "clientToken": self.token}
        details = await inside.ask("GetThirdPartyJobDetails", **given)
        await inside.ask("AcknowledgeThirdPartyJob", nonce=details["jobDetails"]["nonce"], **given)
        job_id: str = job["jobId"]
        return job_id

    def test_a_job_that_takes_longer_fails_its_action(self, tmp_path: Path) -> None:
        async def check(inside: House) -> None:
            await self.begin(inside)
            await passes(inside, 3600)
            assert await inside.statuses() == ["InProgress"]
            job_id = await self.take(inside)
            await passes(inside, 59)
            assert await inside.statuses() == ["InProgress"]
            await passes(inside, 1)
            assert await inside.statuses() == ["Failed"]
            assert (await error_of(inside) or {})["code"] == "Timeout"
            late = inside.ask("PutThirdPartyJobSuccessResult", jobId=job_id, clientToken=self.token)
            assert await refusal(late) == "InvalidJobStateException"

        within(tmp_path, check)

    def test_a_continuation_gives_the_next_job_its_own_time(self, tmp_path: Path) -> None:
        async def check(inside: House) -> None:
            await self.begin(inside)
            first = await self.take(inside)
            await passes(inside, 50)
            given = {"jobId": first, "clientToken": self.token, "continuationToken": "on"}
            await inside.ask("PutThirdPartyJobSuccessResult", **given)
            await passes(inside, 30)
            second = await self.take(inside)
            await passes(inside, 50)
            assert await inside.statuses() == ["InProgress"]
            await inside.ask("PutThirdPartyJobSuccessResult", jobId=second, clientToken=self.token)
            assert await inside.statuses() == ["Succeeded"]
            await passes(inside, HOUR)
            assert await inside.statuses() == ["Succeeded"]

        within(tmp_path, check)


def test_an_ended_execution_leaves_no_alarm_that_does_harm(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline()
        await inside.work()
        await inside.work("Builder")
        before = await inside.actions()
        while (due_at := await inside.tick()) is not None:
            inside.clock.move(max(0.0, due_at - inside.clock.now()))
        assert inside.count("timers") == 0
        assert await inside.actions() == before

    within(tmp_path, check)


def test_each_of_many_deadlines_of_one_pipeline_is_kept(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        gates = [action(f"Ask{n}", "Approval", "AWS", "Manual", timeoutInMinutes=n) for n in (30, 10, 20)]
        await inside.pipeline("line", stage("Gate", *gates), executionMode="PARALLEL")
        await inside.work()
        for minutes in (10, 20, 30):
            await passes(inside, 10 * MINUTE - 1)
            failed = [each["actionName"] for each in await inside.actions() if each["status"] == "Failed"]
            assert len(failed) == minutes // 10 - 1
            await passes(inside, 1)
            failed = [each["actionName"] for each in await inside.actions() if each["status"] == "Failed"]
            assert f"Ask{minutes}" in failed
        assert await inside.statuses() == ["Failed"]

    within(tmp_path, check)


def test_a_later_action_with_an_earlier_deadline_is_kept_too(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.pipeline("line", approval(timeoutInMinutes=60), executionMode="PARALLEL")
        await inside.work()
        await inside.pipeline("other", approval(timeoutInMinutes=5))
        await inside.work()
        await passes(inside, 5 * MINUTE)
        assert await inside.statuses("other") == ["Failed"]
        assert await inside.statuses() == ["InProgress"]
        await passes(inside, 55 * MINUTE)
        assert await inside.statuses() == ["Failed"]

    within(tmp_path, check)


def test_a_fired_timer_that_fires_again_changes_nothing(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        from penstock.core.commands import TimerFired

        await inside.pipeline("line", approval(timeoutInMinutes=5))
        await inside.work()
        await passes(inside, 5 * MINUTE)
        before = await inside.actions()
        pipeline_id = await inside.pipeline_id()
        for kind, stamp in (("Deadline", pipeline_id), ("JobTimeout", "nobody"), ("Deadline", "old")):
            await inside.committer.submit(ACCOUNT, pipeline_id, TimerFired(kind, stamp))
        assert await inside.actions() == before

    within(tmp_path, check)


def test_timers_survive_a_restart_and_fire_late_if_need_be(tmp_path: Path) -> None:
    async def first(inside: House) -> None:
        await inside.pipeline("line", approval(timeoutInMinutes=5))
        await inside.work()

    async def later() -> None:
        async with house(tmp_path) as inside:
            await passes(inside, DAY)
            assert await inside.statuses() == ["Failed"]

    within(tmp_path, first)
    asyncio.run(later())


def test_the_duty_wakes_up_for_a_timer_that_is_set_while_it_sleeps(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        duty = asyncio.create_task(run(inside.timers, inside.clock, inside.wakeup))
        await inside.pipeline("line", approval(timeoutInMinutes=5))
        await inside.work()
        inside.clock.move(5 * MINUTE)
        ended = asyncio.create_task(inside.wakeup.wait((f"pipeline:{await inside.pipeline_id()}",), 10))
        await asyncio.sleep(0)
        inside.wakeup.wake(["timers"])
        await ended
        assert await inside.statuses() == ["Failed"]
        inside.wakeup.close()
        await asyncio.wait_for(duty, 10)

    within(tmp_path, check)


def test_a_changed_object_starts_the_pipelines_that_watch_it_once(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        source = action("Fetch", "Source", "AWS", "S3", {"S3Bucket": "src", "S3ObjectKey": "k"}, outputs=("App",))
        ask = action("Ask", "Approval", "AWS", "Manual")
        declared = {
            "name": "watching",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
            "artifactStore": {"type": "S3", "location": "artifact-bucket"},
            "stages": [stage("Source", source), stage("Gate", ask)],
        }
        await inside.ask("CreatePipeline", pipeline=declared)
        pipeline_id = (await inside.storage.reader.pipeline(ACCOUNT, REGION, "watching")).id  # type: ignore[union-attr]
        inside.clock.move(1)
        from penstock.core.commands import TimerFired

        await inside.committer.submit(ACCOUNT, pipeline_id, TimerFired("SourceChanged", f"{pipeline_id}/Fetch"))
        found = (await inside.ask("ListPipelineExecutions", pipelineName="watching"))["pipelineExecutionSummaries"]
        assert [each["trigger"]["triggerType"] for each in found] == ["PollForSourceChanges", "CreatePipeline"]

    within(tmp_path, check)
