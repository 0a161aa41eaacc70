"""The rules of group commit: who is answered what, and that one caller's trouble is nobody else's."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from declarations import action, stage
from engine.house import ACCOUNT, House, house
from penstock.core.commands import JobSucceeded, StartExecution, StopExecution
from penstock.core.model import Job
from penstock.core.refusals import ExecutionNotStoppable, JobNotInProgress
from penstock.engine import committer as committer_module
from penstock.engine.batch import JobGone, PipelineGone
from penstock.engine.committer import Written
from penstock.ports.storage import Claim, Conflict, Transaction
from penstock.wire import types as wire
from penstock.wire.errors import InternalFailure, ServiceUnavailable, ThrottlingException

START = StartExecution(wire.ExecutionTrigger(trigger_type="StartPipelineExecution"))


def tag(key: str) -> Callable[[Transaction], Written[str]]:
    """A plain write that leaves a trace and gives its key back."""

    def work(transaction: Transaction) -> Written[str]:
        transaction.set_tags(ACCOUNT, f"arn-{key}", {"k": key})
        return Written(key)

    return work


def broken(transaction: Transaction) -> Written[None]:
    transaction.set_tags(ACCOUNT, "arn-broken", {"k": "half"})
    raise ZeroDivisionError


async def tags(inside: House, key: str) -> dict[str, str]:
    return await inside.storage.reader.tags(ACCOUNT, f"arn-{key}")


class HeldFlush:
    """No commit reaches the disk until `release` is set."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._has_begun = threading.Event()

    def hold(self) -> None:
        self._has_begun.set()
        assert self.release.wait(20)

    async def begun(self) -> None:
        """Return once a batch is on its way to the disk."""
        assert await asyncio.to_thread(self._has_begun.wait, 20)


@contextmanager
def held_flush(inside: House) -> Iterator[HeldFlush]:
    held, flush = HeldFlush(), inside.storage._flush

    def waiting() -> None:
        held.hold()
        flush()

    inside.storage._flush = waiting  # type: ignore[method-assign]
    try:
        yield held
    finally:
        held.release.set()
        inside.storage._flush = flush  # type: ignore[method-assign]


async def begun(call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """A call that is made when this is awaited."""
    return await call(*arguments)


async def gather_in_one_batch(inside: House, *calls: Any) -> list[Any]:
    """Start all the calls while a flush is held, so that they gather, and give their outcomes."""
    with held_flush(inside) as flush:
        first = asyncio.ensure_future(inside.committer.write(tag("first")))
        await flush.begun()
        started = [asyncio.ensure_future(call) for call in calls]
        for _ in range(5):
            await asyncio.sleep(0)
        before = inside.committer.commits
        flush.release.set()
        await first
        outcomes = await asyncio.gather(*started, return_exceptions=True)
    assert inside.committer.commits - before >= 1
    return outcomes


class TestGathering:
    def test_calls_of_one_moment_and_those_that_they_bring_about_go_together(self, tmp_path: Path) -> None:
        async def course() -> None:
            async with house(tmp_path) as inside:
                before = inside.committer.commits

                async def come_later(rounds: int) -> None:
                    for _ in range(rounds):
                        await asyncio.sleep(0)
                    await inside.committer.write(tag(f"{rounds}"))

                late = [asyncio.ensure_future(come_later(rounds)) for rounds in range(0, 60, 4)]
                await asyncio.gather(*late)
                assert inside.committer.commits - before == 1

        asyncio.run(course())

    def test_a_batch_that_is_full_waits_for_no_more(self, tmp_path: Path) -> None:
        async def course() -> None:
            async with house(tmp_path) as inside:
                before = inside.committer.commits
                more = True

                async def keep_coming() -> None:
                    while more:
                        await asyncio.sleep(0)
                        calls.append(asyncio.ensure_future(inside.committer.write(tag("more"))))

                calls: list[asyncio.Future[str]] = []
                coming = asyncio.ensure_future(keep_coming())
                assert await inside.committer.write(tag("first")) == "first"
                assert inside.committer.commits > before
                more = False
                await coming
                await asyncio.gather(*calls)
                assert await tags(inside, "more") == {"k": "more"}

        asyncio.run(course())


class TestFlushing:
    def test_no_caller_is_answered_before_the_flush_and_all_are_after_it(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                pipeline_id = await inside.pipeline_id()
                job = (await inside.poll())[0]
                with held_flush(inside) as flush:
                    calls = [
                        begun(inside.committer.write, tag("a")),
                        begun(inside.committer.submit, ACCOUNT, pipeline_id, START),
                        inside.ask("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"]),
                        inside.ask("DeletePipeline", name="none"),
                        inside.ask("StartPipelineExecution", name="line"),
                    ]
                    waiting = [asyncio.ensure_future(call) for call in calls]
                    done, _ = await asyncio.wait(waiting, timeout=0.3)
                    assert not done
                    flush.release.set()
                    await asyncio.wait_for(asyncio.gather(*waiting), 10)

        asyncio.run(check())

    def test_requests_that_only_read_wait_for_no_flush(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                with held_flush(inside):
                    writing = asyncio.ensure_future(inside.committer.write(tag("a")))
                    assert await asyncio.wait_for(inside.statuses(), 5) == ["InProgress"]
                    assert await asyncio.wait_for(inside.poll("Builder"), 5) == []
                    assert not writing.done()
                await writing

        asyncio.run(check())

    def test_a_commit_that_fails_is_success_for_nobody_and_ends_all_acceptance(self, tmp_path: Path) -> None:
        class FullDisk:
            """The writing connection of a disk that is full at the moment of the COMMIT."""

            def __init__(self, connection: sqlite3.Connection) -> None:
                self._connection = connection

            def execute(self, sql: str, *parameters: Any) -> Any:
                if sql == "COMMIT":
                    raise sqlite3.OperationalError("database or disk is full")
                return self._connection.execute(sql, *parameters)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._connection, name)

        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.committer.write(tag("before"))
                inside.storage.connection = FullDisk(inside.storage.connection)  # type: ignore[assignment]
                calls = [begun(inside.committer.write, tag(str(number))) for number in range(100)]
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} == {ServiceUnavailable}
                assert "full" in str(inside.committer.failed.result())
                with pytest.raises(ServiceUnavailable):
                    await inside.committer.write(tag("after"))
                assert await tags(inside, "before") == {"k": "before"}
                assert await tags(inside, "7") == {}

        asyncio.run(check())


class TestTrouble:
    def test_a_refusal_answers_its_caller_alone(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                pipeline_id = await inside.pipeline_id()
                outcomes = await gather_in_one_batch(
                    inside,
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, START),
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, StopExecution("nobody", abandon=False)),
                    begun(inside.committer.submit, ACCOUNT, "no-pipeline", START),
                    begun(inside.committer.submit_result, "no-job", ACCOUNT, JobSucceeded),
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, START),
                )
                kinds = [type(outcome) for outcome in outcomes]
                assert kinds == [tuple, ExecutionNotStoppable, PipelineGone, JobGone, tuple]
                assert await inside.statuses() == ["InProgress", "Superseded", "InProgress"]

        asyncio.run(check())

    def test_an_unexpected_error_in_a_plain_write_undoes_that_write_alone(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                calls = [begun(inside.committer.write, work) for work in (tag("a"), broken, tag("b"))]
                a, wrong, b = await gather_in_one_batch(inside, *calls)
                assert (a, type(wrong), b) == ("a", ZeroDivisionError, "b")
                assert [await tags(inside, key) for key in ("a", "broken", "b")] == [{"k": "a"}, {}, {"k": "b"}]

        asyncio.run(check())

    def test_an_unexpected_error_in_a_step_fails_that_command_alone(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def impossible(job: Job) -> JobSucceeded:
            raise ZeroDivisionError(job.id)

        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                job_id = await inside.take()
                outcomes = await gather_in_one_batch(
                    inside,
                    begun(inside.committer.submit_result, job_id, ACCOUNT, impossible),
                    begun(inside.committer.submit_result, job_id, ACCOUNT, JobSucceeded),
                )
                assert [type(outcome) for outcome in outcomes] == [InternalFailure, tuple]
                assert len(await inside.actions()) == 2

        with caplog.at_level(logging.ERROR):
            asyncio.run(check())
        assert "a step failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text

    def test_a_batch_that_cannot_be_written_runs_again_each_item_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                for name in ("good", "bad"):
                    await inside.pipeline(name)
                good, bad = await inside.pipeline_id("good"), await inside.pipeline_id("bad")
                write = inside.storage._transaction.write

                def refusing(changes: Any) -> None:
                    if any(each.pipeline.head.id == bad for each in changes.aggregates):
                        raise Conflict("not this one")
                    write(changes)

                monkeypatch.setattr(inside.storage._transaction, "write", refusing)
                outcomes = await gather_in_one_batch(
                    inside,
                    begun(inside.committer.submit, ACCOUNT, good, START),
                    begun(inside.committer.submit, ACCOUNT, bad, START),
                    begun(inside.committer.write, tag("a")),
                )
                assert [type(outcome) for outcome in outcomes] == [tuple, InternalFailure, str]
                assert len(await inside.statuses("good")) == 2
                assert len(await inside.statuses("bad")) == 1
                assert await tags(inside, "a") == {"k": "a"}
                monkeypatch.undo()
                await inside.committer.submit(ACCOUNT, bad, START)
                assert len(await inside.statuses("bad")) == 2

        asyncio.run(check())

    def test_a_full_queue_answers_at_once_and_takes_more_when_it_has_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(committer_module, "QUEUE_MAX", 10)

        async def check() -> None:
            async with house(tmp_path) as inside:
                with held_flush(inside) as flush:
                    first = asyncio.ensure_future(inside.committer.write(tag("first")))
                    await flush.begun()
                    queued = [asyncio.ensure_future(inside.committer.write(tag(str(number)))) for number in range(10)]
                    await asyncio.sleep(0)
                    with pytest.raises(ThrottlingException):
                        await asyncio.wait_for(inside.committer.write(tag("much")), 1)
                    flush.release.set()
                    await asyncio.gather(first, *queued)
                assert await inside.committer.write(tag("again")) == "again"
                assert await tags(inside, "much") == {}

        asyncio.run(check())

    def test_a_caller_who_hangs_up_changes_nothing(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                pipeline_id = await inside.pipeline_id()
                with held_flush(inside) as flush:
                    started = [
                        asyncio.ensure_future(inside.committer.submit(ACCOUNT, pipeline_id, START)),
                        asyncio.ensure_future(inside.committer.write(tag("a"))),
                    ]
                    await flush.begun()
                    for task in started:
                        task.cancel()
                    await asyncio.gather(*started, return_exceptions=True)
                assert await inside.committer.write(tag("next")) == "next"
                assert len(await inside.statuses()) == 2
                assert await tags(inside, "a") == {"k": "a"}

        asyncio.run(check())

    def test_what_was_submitted_before_the_end_is_carried_out(self, tmp_path: Path) -> None:
        async def check() -> None:
            inside = House(tmp_path)
            running = asyncio.create_task(inside.committer.run())
            calls = [asyncio.ensure_future(inside.committer.write(tag(str(number)))) for number in range(200)]
            await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(*calls)
            await running
            assert await tags(inside, "199") == {"k": "199"}
            await inside.storage.close()

        asyncio.run(check())


class TestBatches:
    def test_of_two_results_for_one_job_in_one_batch_the_second_is_refused(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                job_id = await inside.take()
                calls = [begun(inside.committer.submit_result, job_id, ACCOUNT, JobSucceeded) for _ in range(3)]
                outcomes = await gather_in_one_batch(inside, *calls)
                assert [type(outcome) for outcome in outcomes] == [tuple, JobNotInProgress, JobNotInProgress]
                assert len(await inside.actions()) == 2

        asyncio.run(check())

    def test_a_job_that_is_offered_and_withdrawn_in_one_batch_leaves_no_row(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                pipeline_id = await inside.pipeline_id()
                execution_id = (await inside.actions())[0]["pipelineExecutionId"]
                job_id = await inside.take()
                jobs = inside.count("jobs")
                outcomes = await gather_in_one_batch(
                    inside,
                    begun(inside.committer.submit_result, job_id, ACCOUNT, JobSucceeded),
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, StopExecution(execution_id, abandon=True)),
                )
                assert [type(outcome) for outcome in outcomes] == [tuple, tuple]
                assert inside.count("jobs") == jobs
                assert await inside.statuses() == ["Stopped"]
                assert [each["status"] for each in await inside.actions()] == ["Abandoned", "Succeeded"]
                assert await inside.poll("Builder") == []

        asyncio.run(check())

    def test_an_attempt_that_begins_and_fails_in_one_step_is_in_the_history(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                unserved = action(
                    "Ship", "Deploy", "AWS", "S3", {"BucketName": "b", "Extract": "true"}, inputs=("App",)
                )
                await inside.pipeline("line", stage("Ship", unserved))
                await inside.work()
                (failed, _) = await inside.actions()
                assert failed["status"] == "Failed"
                assert failed["output"]["executionResult"]["errorDetails"]["code"] == "ConfigurationError"

        asyncio.run(check())

    def test_what_waits_together_is_committed_together(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                before = inside.committer.commits
                await gather_in_one_batch(
                    inside, *[begun(inside.committer.write, tag(str(number))) for number in range(64)]
                )
                assert inside.committer.commits - before == 2

        asyncio.run(check())

    def test_an_offer_a_claim_and_an_acknowledgement_of_one_batch_see_each_other(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline(executionMode="PARALLEL")
                await inside.take()
                pipeline_id = await inside.pipeline_id()
                now = inside.clock.now()
                key = f"Custom/{ACCOUNT}/eu-west-1/Source/Origin/1"
                _, jobs = await gather_in_one_batch(
                    inside,
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, START),
                    begun(inside.committer.claim, Claim(key, "", 1, "me", now, now + 60)),
                )
                assert len(jobs) == 1

        asyncio.run(check())

    def test_a_delete_and_what_was_meant_for_the_deleted_one_go_together(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                pipeline_id, job_id = await inside.pipeline_id(), await inside.take()
                deleted, started, result = await gather_in_one_batch(
                    inside,
                    inside.ask("DeletePipeline", name="line"),
                    begun(inside.committer.submit, ACCOUNT, pipeline_id, START),
                    begun(inside.committer.submit_result, job_id, ACCOUNT, JobSucceeded),
                )
                assert (deleted, type(started), type(result)) == (None, PipelineGone, JobNotInProgress)
                assert {inside.count(table) for table in ("pipelines", "timers")} == {0}
                # What the deletion leaves is what there was before it.
                assert [inside.count(table) for table in ("executions", "action_executions")] == [1, 1]

        asyncio.run(check())


class TestTime:
    def test_it_never_runs_backwards(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline(executionMode="PARALLEL")
                began = inside.clock.now()
                inside.clock.move(-3600)
                await inside.ask("StartPipelineExecution", name="line")
                found = (await inside.ask("ListPipelineExecutions", pipelineName="line"))["pipelineExecutionSummaries"]
                assert [each["startTime"] for each in found] == [began, began]

        asyncio.run(check())

    def test_work_goes_on_after_the_clock_was_set_back(self, tmp_path: Path) -> None:
        async def check() -> None:
            async with house(tmp_path) as inside:
                await inside.types()
                await inside.pipeline()
                inside.clock.move(-3600)
                await inside.work()
                await inside.work("Builder")
                assert await inside.statuses() == ["Succeeded"]

        asyncio.run(check())
