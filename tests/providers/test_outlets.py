"""Reading what a command says, and letting go of the pipe once."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvloop

from penstock.providers.commands.outlet import Outlet

Course = Callable[[Outlet, int], Awaitable[None]]


@asynccontextmanager
async def piped() -> AsyncIterator[tuple[Outlet, int]]:
    """An outlet, and where to write for it to come out."""
    reading, writing = os.pipe()
    outlet = Outlet(reading)
    try:
        yield outlet, writing
    finally:
        outlet.close()
        os.close(writing)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def within(request: pytest.FixtureRequest) -> Callable[[Course], None]:
    async def inside(course: Course) -> None:
        async with piped() as (outlet, writing):
            await course(outlet, writing)

    def run(course: Course) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(inside(course))

    return run


def test_what_is_there_is_read_bit_by_bit(within: Callable[[Course], None]) -> None:
    async def course(outlet: Outlet, writing: int) -> None:
        os.write(writing, b"one two")
        assert [await outlet.read(3), await outlet.read(100)] == [b"one", b" two"]

    within(course)


def test_what_comes_later_is_waited_for(within: Callable[[Course], None]) -> None:
    async def course(outlet: Outlet, writing: int) -> None:
        for word in (b"one", b"two"):
            asyncio.get_running_loop().call_soon(partial(os.write, writing, word))
            assert await outlet.read(100) == word

    within(course)


def test_the_end_comes_when_the_last_writer_has_gone() -> None:
    async def course() -> None:
        reading, writing = os.pipe()
        outlet = Outlet(reading)
        os.write(writing, b"last")
        os.close(writing)
        assert [await outlet.read(100), await outlet.read(100)] == [b"last", b""]
        outlet.close()

    asyncio.run(course())


def test_one_that_is_given_up_has_taken_nothing(within: Callable[[Course], None]) -> None:
    async def course(outlet: Outlet, writing: int) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await outlet.read(100)
        os.write(writing, b"whole")
        assert await outlet.read(100) == b"whole"

    within(course)


def test_closing_twice_leaves_alone_what_has_been_opened_in_between(within: Callable[[Course], None]) -> None:
    async def course(outlet: Outlet, writing: int) -> None:
        os.write(writing, b"x")
        await outlet.read(100)
        outlet.close()
        opened = os.open(os.devnull, os.O_RDONLY)
        outlet.close()
        os.fstat(opened)
        os.close(opened)

    within(course)
