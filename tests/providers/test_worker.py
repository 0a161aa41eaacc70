"""The worker's loop against a board in memory: slots, claims, results, troubles, and the end."""

import asyncio
import contextlib
import importlib
import logging

import pytest

from penstock.wire import errors
from penstock.wire import types as wire
from penstock.worker import (
    Continue,
    Failure,
    HandedOver,
    JobError,
    Success,
    Worker,
    run_worker,
    worker,
)
from penstock.worker import report as reporting
from providers.boards import BUILD, MemoryBoard, offer

TEST = wire.ActionTypeId(category="Test", owner="Custom", provider="Test", version="1")


class Provider:
    """Runs what it is given, for one action type or more."""

    def __init__(self, run, *action_types):
        self.action_types = action_types or (BUILD,)
        self.run = run


@contextlib.asynccontextmanager
async def working(run, board, *action_types, **options):
    """A worker at its work; it is stopped afterwards, running jobs cut off."""
    made = Worker(Provider(run, *action_types), board, **options)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        async with asyncio.timeout(10):
            await made.stop(0)
            await running


def outcome_of(run, **options):
    """What is reported for one job that this function does."""

    async def go():
        job = offer()
        board = MemoryBoard(job, **options)
        async with working(run, board):
            return await board.result_of(job)

    return asyncio.run(go())


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(reporting, "PAUSE_SECONDS_FIRST", 0.001)
    monkeypatch.setattr(importlib.import_module("penstock.worker.worker"), "POLL_PAUSE_SECONDS_FIRST", 0.001)


def test_a_job_is_acknowledged_run_and_reported():
    async def run(job):
        return Success(summary=f"did {job.id}", output_variables={"A": "1"})

    async def go():
        job = offer()
        board = MemoryBoard(job)
        async with working(run, board):
            assert await board.result_of(job) == Success(summary=f"did {job.id}", output_variables={"A": "1"})
        assert board.acknowledged == [job.id]

    asyncio.run(go())


def test_a_continuation_is_reported_as_it_is():
    async def run(job):
        return Continue("token", after_seconds=3)

    assert outcome_of(run) == Continue("token", after_seconds=3)


def test_nothing_returned_is_a_success():
    async def run(job):
        return None

    assert outcome_of(run) == Success()


def test_something_that_is_no_result_is_a_failure():
    async def run(job):
        return {"ok": True}

    assert outcome_of(run) == Failure("The worker answered with dict, which is not a result.")


def test_an_exception_fails_the_job_with_its_text_and_is_logged_with_its_trace(caplog):
    async def run(job):
        raise ValueError("no such colour: blurple")

    with caplog.at_level(logging.ERROR):
        assert outcome_of(run) == Failure("ValueError: no such colour: blurple")
    assert "Traceback" in caplog.text


def test_a_job_error_is_the_failure_that_it_says():
    async def run(job):
        raise JobError("no bucket", "ConfigurationError")

    assert outcome_of(run) == Failure("no bucket", "ConfigurationError")


def test_a_job_that_another_worker_has_is_not_run():
    ran = []

    async def run(job):
        ran.append(job.id)

    async def go():
        lost, won = offer(), offer()
        board = MemoryBoard(lost, won, taken=[lost.id])
        async with working(run, board):
            await board.result_of(won)
        assert ran == [won.id]
        assert list(board.results) == [won.id]

    asyncio.run(go())


def test_what_was_handed_over_is_not_reported():
    async def run(job):
        return HandedOver() if job.id == first else Success()

    async def go():
        nonlocal first
        jobs = [offer(), offer()]
        first = jobs[0].id
        board = MemoryBoard(*jobs)
        async with working(run, board):
            await board.result_of(jobs[1])
        assert list(board.results) == [jobs[1].id]

    first = ""
    asyncio.run(go())


def test_no_more_jobs_are_asked_for_than_slots_are_free():
    async def go():
        release, full = asyncio.Event(), asyncio.Event()
        running = []

        async def run(job):
            running.append(job.id)
            if len(running) == 2:
                full.set()
            await release.wait()

        jobs = [offer() for _ in range(5)]
        board = MemoryBoard(*jobs)
        async with working(run, board, slots=2):
            await full.wait()
            await asyncio.sleep(0.01)
            assert len(board.offers) == 3
            release.set()
            for job in jobs:
                await board.result_of(job)
        assert max(count for _, count, _ in board.polls) == 2

    asyncio.run(go())


def test_each_of_several_types_is_polled_though_there_is_one_slot():
    async def run(job):
        return Success()

    async def go():
        jobs = [offer(), offer(action_type_id=TEST)]
        board = MemoryBoard()
        async with working(run, board, BUILD, TEST, slots=1):
            await asyncio.sleep(0)
            board.post(*jobs)
            for job in jobs:
                await board.result_of(job)
        assert {count for _, count, _ in board.polls} == {1}

    asyncio.run(go())


def test_a_poll_that_fails_is_made_again():
    async def run(job):
        return Success()

    assert outcome_of(run, troubles={"poll": [ConnectionError("down"), errors.ThrottlingException()]}) == Success()


def test_a_claim_and_a_result_that_get_no_answer_are_sent_again():
    async def run(job):
        return Success()

    troubles = {"claim": [ConnectionError()], "report": [errors.InternalFailure(), ConnectionError()]}
    assert outcome_of(run, troubles=troubles) == Success()


def test_a_result_for_a_job_that_has_ended_is_dropped():
    async def run(job):
        return Success()

    async def go():
        late, next_job = offer(), offer()
        board = MemoryBoard(late, troubles={"report": [errors.InvalidJobStateException("it is Failed")]})
        async with working(run, board, slots=1):
            board.post(next_job)
            await board.result_of(next_job)
        assert list(board.results) == [next_job.id]

    asyncio.run(go())


def test_a_success_that_is_refused_becomes_a_failure_that_says_so():
    async def run(job):
        return Success(output_variables={"A": "x"})

    refusal = errors.OutputVariablesSizeExceededException("too many")
    told = outcome_of(run, troubles={"report": [refusal]})
    assert told == Failure("The worker's result was refused: OutputVariablesSizeExceededException too many")


def test_stopping_lets_a_running_job_finish():
    async def go():
        begun, release = asyncio.Event(), asyncio.Event()

        async def run(job):
            begun.set()
            await release.wait()
            return Success("done")

        job = offer()
        board = MemoryBoard(job)
        made = Worker(Provider(run), board)
        running = asyncio.create_task(made.run())
        await begun.wait()
        stopping = asyncio.create_task(made.stop())
        await asyncio.sleep(0.01)
        assert not stopping.done()
        release.set()
        await asyncio.gather(stopping, running)
        assert board.results[job.id] == Success("done")

    asyncio.run(go())


@pytest.mark.parametrize("fail_cut_off", [False, True])
def test_a_job_that_outlasts_the_drain_is_cancelled(fail_cut_off):
    async def go():
        begun, ended = asyncio.Event(), asyncio.Event()

        async def run(job):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        job = offer()
        board = MemoryBoard(job)
        async with working(run, board, fail_cut_off=fail_cut_off):
            await begun.wait()
        assert ended.is_set()
        told = Failure("The worker was stopped while it did this job.", "SystemUnavailable")
        assert board.results == ({job.id: told} if fail_cut_off else {})

    asyncio.run(go())


def test_a_poll_that_loses_its_cancellation_does_not_hold_up_the_end():
    """As `asyncio.wait_for` of Python 3.11 does if what it waits for comes at the same time."""

    class Forgetful(MemoryBoard):
        begun = 0

        async def poll(self, *given):
            self.begun += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.begun > 1:
                    raise
            return []

    async def go():
        board = Forgetful()
        async with working(None, board, poll_seconds=0.0):
            while not board.begun:  # noqa: ASYNC110 - the board tells nobody
                await asyncio.sleep(0)
        assert board.begun == 2

    asyncio.run(go())


def test_a_decorated_function_is_a_worker():
    @worker(category="Build", provider="Test", version="1", query={"Project": "a"})
    async def build(job):
        return Success(job.configuration.get("Colour"))

    async def go():
        job = offer()
        board = MemoryBoard(job)
        running = asyncio.create_task(run_worker(build, board))
        assert await board.result_of(job) == Success()
        assert board.polls[0] == (BUILD, 4, {"Project": "a"})
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(go())


def test_a_plain_function_runs_in_a_thread_and_can_use_the_context():
    @worker(category="Build", provider="Test")
    def build(job):
        job.wait_for(job.log("from a thread\n"))
        return Success()

    async def go():
        job = offer()
        board = MemoryBoard(job)
        async with working(build.run, board):
            assert await board.result_of(job) == Success()
        assert board.logged[job.id] == "from a thread\n"

    asyncio.run(go())


def test_a_partners_function_needs_client_tokens():
    with pytest.raises(ValueError, match="client_tokens"):
        worker(category="Build", provider="Test", owner="ThirdParty")
