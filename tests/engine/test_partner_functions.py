"""Jobs of partners' functions, as the server's own worker gets them, on a clock moved by hand."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from declarations import action, stage
from engine.house import ACCOUNT, REGION, House
from engine.test_timers import error_of, passes, within
from operations.partner import declaration
from penstock.core.action_types import FUNCTION_TYPE, FUNCTION_TYPE_KEY
from penstock.providers.lambda_.partner import PartnerLambda
from penstock.server.board import DirectBoard
from penstock.worker import Continue, JobContext, Offer, Success
from penstock.worker.context import InvokedFunction

ARN = "arn:aws:lambda:us-east-1:111122223333:function:check:live"


def function_type(**executor: Any) -> dict[str, Any]:
    configuration = {"lambdaExecutorConfiguration": {"lambdaFunctionArn": ARN}}
    return declaration("Partner", type="Lambda", configuration=configuration, **executor)


class Desk:
    """Where the server's own worker of partners' functions stands."""

    def __init__(self, inside: House) -> None:
        self.inside = inside
        self.board = DirectBoard(inside.call.environment, "http://127.0.0.1:1", ACCOUNT, REGION)

    async def begin(self, **executor: Any) -> None:
        await self.inside.ask("RegisterPartnerActionType", actionType=function_type(**executor))
        await self.inside.pipeline("line", stage("Check", action("Check", "Test", "ThirdParty", "Partner")))
        await self.inside.work()

    async def take(self) -> tuple[Offer, JobContext]:
        (offer,) = await self.board.poll(PartnerLambda.action_types[0], 1, 0)
        assert await self.board.acknowledge(offer)
        return offer, JobContext(offer, self.board)


def at_the_desk(folder: Path, check: Callable[[Desk], Coroutine[Any, Any, None]], *, served: bool = True) -> None:
    async def inside_a_house(inside: House) -> None:
        inside.committer.served = frozenset({FUNCTION_TYPE_KEY} if served else ())
        await check(Desk(inside))

    within(folder, inside_a_house)


def test_the_worker_polls_for_the_type_under_which_such_jobs_are_queued() -> None:
    assert PartnerLambda.action_types == (FUNCTION_TYPE.id,)


def test_the_worker_is_told_the_function_and_its_time_and_no_link_is_needed(tmp_path: Path) -> None:
    async def check(desk: Desk) -> None:
        await desk.begin(jobTimeout=60)
        offer, job = await desk.take()
        assert job.function == InvokedFunction(ARN, 60)
        assert (job.configuration, job.account, offer.client_id) == ({}, ACCOUNT, None)
        await desk.board.succeed(offer, Success("fine", "run-7", output_variables={"Links": "12"}))
        assert await desk.inside.statuses() == ["Succeeded"]
        (newest, *_) = await desk.inside.actions()
        assert newest["output"]["outputVariables"] == {"Links": "12"}

    at_the_desk(tmp_path, check)


def test_a_function_has_fifteen_minutes_unless_its_type_gives_it_less(tmp_path: Path) -> None:
    async def check(desk: Desk) -> None:
        await desk.begin()
        _, job = await desk.take()
        assert job.function == InvokedFunction(ARN, 900)
        await passes(desk.inside, 899)
        assert await desk.inside.statuses() == ["InProgress"]
        await passes(desk.inside, 1)
        assert await desk.inside.statuses() == ["Failed"]
        assert (await error_of(desk.inside) or {})["code"] == "Timeout"

    at_the_desk(tmp_path, check)


def test_a_continuation_is_told_to_the_next_job_which_has_its_own_time(tmp_path: Path) -> None:
    async def check(desk: Desk) -> None:
        await desk.begin(jobTimeout=60)
        first, job = await desk.take()
        assert job.continuation_token is None
        await passes(desk.inside, 50)
        await desk.board.succeed(first, Continue("build 7", summary="half way"))
        assert await desk.board.poll(PartnerLambda.action_types[0], 1, 0) == []
        await passes(desk.inside, 5)
        second, job = await desk.take()
        assert second.id != first.id
        assert (job.continuation_token, job.function) == ("build 7", InvokedFunction(ARN, 60))
        await passes(desk.inside, 59)
        assert await desk.inside.statuses() == ["InProgress"]
        await passes(desk.inside, 1)
        assert await desk.inside.statuses() == ["Failed"]

    at_the_desk(tmp_path, check)


def test_where_no_worker_invokes_functions_the_action_fails_at_once(tmp_path: Path) -> None:
    async def check(desk: Desk) -> None:
        await desk.begin()
        assert await desk.inside.statuses() == ["Failed"]
        assert (await error_of(desk.inside) or {})["code"] == "ConfigurationError"

    at_the_desk(tmp_path, check, served=False)


def test_a_pipeline_keeps_the_function_that_its_type_named_until_it_is_updated(tmp_path: Path) -> None:
    async def check(desk: Desk) -> None:
        await desk.begin()
        other = ARN.replace("check", "other")
        configuration = {"lambdaExecutorConfiguration": {"lambdaFunctionArn": other}}
        changed = declaration("Partner", type="Lambda", configuration=configuration)
        await desk.inside.ask("UpdateActionType", actionType=changed)
        offer, job = await desk.take()
        assert job.function == InvokedFunction(ARN, 900)
        await desk.board.succeed(offer, Success())
        kept = (await desk.inside.ask("GetPipeline", name="line"))["pipeline"]
        await desk.inside.ask("UpdatePipeline", pipeline=kept)
        await desk.inside.ask("StartPipelineExecution", name="line")
        await desk.inside.work()
        _, job = await desk.take()
        assert job.function == InvokedFunction(other, 900)

    at_the_desk(tmp_path, check)
