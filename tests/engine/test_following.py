"""A write that asks for commands sees what became of each of them, in the same commit."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine.house import ACCOUNT, House, house
from penstock.core.commands import StartExecution, StopExecution
from penstock.core.events import ExecutionStarted
from penstock.core.refusals import ExecutionNotStoppable
from penstock.engine.batch import PipelineGone
from penstock.engine.committer import Became, Follow, Written
from penstock.ports.storage import Transaction
from penstock.wire import types as wire
from penstock.wire.errors import InternalFailure

START = StartExecution(wire.ExecutionTrigger(trigger_type="Webhook"))


async def line(inside: House) -> str:
    """The id of a pipeline."""
    await inside.types()
    await inside.pipeline(executionMode="PARALLEL", pipelineType="V2")
    return await inside.pipeline_id()


def words(became: list[Became]) -> list[str]:
    return [type(each).__name__ if isinstance(each, Exception) else type(each[0]).__name__ for each in became]


def asking(*follow: Follow) -> Callable[[Transaction], Written[list[str]]]:
    """A write that keeps what became of its commands as a tag."""

    def conclude(transaction: Transaction, became: list[Became]) -> list[str]:
        transaction.set_tags(ACCOUNT, "became", {"words": " ".join(words(became))})
        return words(became)

    return lambda transaction: Written([], follow, conclude=conclude)


def test_it_sees_what_happened_and_what_was_refused_in_order(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as inside:
            pipeline_id = await line(inside)
            told = await inside.committer.write(
                asking(
                    Follow(ACCOUNT, pipeline_id, START),
                    Follow(ACCOUNT, "nobody", START),
                    Follow(ACCOUNT, pipeline_id, StopExecution("nobody", abandon=False)),
                    Follow(ACCOUNT, pipeline_id, START),
                )
            )
            expected = [ExecutionStarted, PipelineGone, ExecutionNotStoppable, ExecutionStarted]
            assert told == [each.__name__ for each in expected]
            assert await inside.storage.reader.tags(ACCOUNT, "became") == {"words": " ".join(told)}
            assert len(await inside.storage.reader.executions(ACCOUNT, pipeline_id, None, 9)) == 3

    asyncio.run(check())


def test_with_nothing_to_follow_it_is_asked_all_the_same(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as inside:
            assert await inside.committer.write(asking()) == []

    asyncio.run(check())


def test_writes_of_one_batch_see_their_own_commands_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with house(tmp_path) as inside:
            pipeline_id = await line(inside)
            before = inside.committer.commits
            told = await asyncio.gather(
                inside.committer.write(asking(Follow(ACCOUNT, pipeline_id, START))),
                inside.committer.write(asking(Follow(ACCOUNT, "nobody", START))),
                inside.committer.write(asking()),
            )
            assert told == [["ExecutionStarted"], ["PipelineGone"], []]
            assert inside.committer.commits == before + 1

    asyncio.run(check())


def test_one_that_fails_to_conclude_leaves_nothing_of_what_it_asked_for(tmp_path: Path) -> None:
    def broken(transaction: Transaction, became: list[Became]) -> None:
        raise ZeroDivisionError

    async def check() -> None:
        async with house(tmp_path) as inside:
            pipeline_id = await line(inside)
            follow = (Follow(ACCOUNT, pipeline_id, START),)
            lame = inside.committer.write(lambda _: Written(None, follow, conclude=broken))
            fine = inside.committer.write(asking(*follow))
            failed, told = await asyncio.gather(lame, fine, return_exceptions=True)
            assert isinstance(failed, InternalFailure)
            assert told == ["ExecutionStarted"]
            assert len(await inside.storage.reader.executions(ACCOUNT, pipeline_id, None, 9)) == 2

    asyncio.run(check())
