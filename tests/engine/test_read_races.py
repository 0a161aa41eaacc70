"""Commits that land between two reads of one call."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from declarations import action, custom_source, pipeline, stage
from engine.house import House, house
from penstock.wire.errors import ApiError


class Interrupted:
    """A reader that lets something happen once, right before the head of a pipeline or an execution is read."""

    def __init__(self, reader: Any, happen: Callable[[], Awaitable[Any]]) -> None:
        self._reader = reader
        self._happen: Callable[[], Awaitable[Any]] | None = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def head(self, account: str, pipeline_id: str) -> Any:
        await self._interrupt()
        return await self._reader.head(account, pipeline_id)

    async def execution(self, account: str, pipeline_id: str, execution_id: str) -> Any:
        await self._interrupt()
        return await self._reader.execution(account, pipeline_id, execution_id)

    async def _interrupt(self) -> None:
        happen, self._happen = self._happen, None
        if happen is not None:
            await happen()


def within(folder: Path, course: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with house(folder) as inside:
            await inside.types()
            await inside.pipeline("line")
            await course(inside)

    asyncio.run(run())


def interrupt(inside: House, operation: str, **request: Any) -> None:
    """Have the next reader of a head or an execution come too late for this."""
    undisturbed = inside.call

    async def happen() -> None:
        disturbed, inside.call = inside.call, undisturbed
        await inside.ask(operation, **request)
        inside.call = disturbed

    environment = undisturbed.environment
    reader: Any = Interrupted(environment.reader, happen)
    inside.call = replace(undisturbed, environment=replace(environment, reader=reader))


def test_a_state_is_read_as_one_although_the_pipeline_is_updated_meanwhile(tmp_path: Path) -> None:
    async def course(inside: House) -> None:
        make = action("Make", "Build", "Custom", "Builder")
        changed = pipeline("line", stage("Source", custom_source()), stage("Assemble", make))
        interrupt(inside, "UpdatePipeline", pipeline=changed)
        state = await inside.ask("GetPipelineState", name="line")
        assert state["pipelineVersion"] == 1
        assert [each["stageName"] for each in state["stageStates"]] == ["Source", "Build"]
        state = await inside.ask("GetPipelineState", name="line")
        assert state["pipelineVersion"] == 2
        assert [each["stageName"] for each in state["stageStates"]] == ["Source", "Assemble"]

    within(tmp_path, course)


def test_one_that_is_deleted_meanwhile_is_not_found(tmp_path: Path) -> None:
    async def course(inside: House) -> None:
        interrupt(inside, "DeletePipeline", name="line")
        with pytest.raises(ApiError) as refused:
            await inside.ask("ExplainPipeline", name="line")
        assert type(refused.value).__name__ == "PipelineNotFoundException"

    within(tmp_path, course)
