"""Many who look at the same time: one query for all of them, and nobody is told of a time before they asked."""

import asyncio
import math
from typing import Any

import pytest

from penstock.storage.postgres.claimable import Claimable

KIND, OTHER = ("type", ""), ("other", "value")


class Board:
    """A read that waits to be let through, and tells what was asked."""

    def __init__(self) -> None:
        self.times: dict[tuple[str, str], float] = {}
        self.asked: list[list[tuple[str, str]]] = []
        self.may_answer = asyncio.Event()
        self.problem: Exception | None = None

    async def read(self, query: str, /, **values: Any) -> list[Any]:
        kinds = list(zip(values["type_keys"], values["query_keys"], strict=True))
        self.asked.append(kinds)
        found = [(*kind, self.times[kind]) for kind in kinds if kind in self.times]
        await self.may_answer.wait()
        if self.problem is not None:
            raise self.problem
        return found


def test_who_comes_while_a_look_is_under_way_is_answered_by_the_next_one() -> None:
    async def course() -> None:
        board = Board()
        claimable = Claimable(board.read)
        first = [asyncio.ensure_future(claimable.next_visible_at(KIND)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        board.times[KIND] = 7.0
        later = [asyncio.ensure_future(claimable.next_visible_at(kind)) for kind in (KIND, OTHER, KIND)]
        await asyncio.sleep(0)
        board.may_answer.set()
        assert await asyncio.gather(*first) == [math.inf] * 5
        assert await asyncio.gather(*later) == [7.0, math.inf, 7.0]
        assert board.asked == [[KIND], [KIND, OTHER]]
        assert await claimable.next_visible_at(KIND) == 7.0

    asyncio.run(course())


def test_one_who_hangs_up_takes_the_answer_from_nobody_else() -> None:
    async def course() -> None:
        board = Board()
        claimable = Claimable(board.read)
        gone, stays = (asyncio.ensure_future(claimable.next_visible_at(KIND)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        board.may_answer.set()
        assert await stays == math.inf

    asyncio.run(course())


def test_a_look_that_fails_fails_for_those_who_asked_and_for_nobody_after_them() -> None:
    async def course() -> None:
        board = Board()
        claimable = Claimable(board.read)
        board.problem = LookupError("away")
        board.may_answer.set()
        with pytest.raises(LookupError):
            await claimable.next_visible_at(KIND)
        board.problem = None
        assert await claimable.next_visible_at(KIND) == math.inf

    asyncio.run(course())


def test_nobody_looks_as_long_as_each_claim_gets_what_it_asks_for() -> None:
    async def course() -> None:
        board = Board()
        board.may_answer.set()
        claimable = Claimable(board.read)
        claimable.take(KIND, is_exhausted=False)
        assert await claimable.may_have(KIND, 0.0)
        assert board.asked == []
        assert not await claimable.may_have(OTHER, 0.0)
        claimable.take(KIND, is_exhausted=True)
        assert not await claimable.may_have(KIND, 0.0)
        board.times[KIND] = 5.0
        assert await claimable.may_have(KIND, 5.0)
        assert board.asked == [[OTHER], [KIND], [KIND]]

    asyncio.run(course())
