"""Looking whether there is something to claim, for many who ask at the same time.

Most calls that a server gets are polls that find nothing. A query for each would cost many times what the rest of the call
costs; so one is under way at a time, and those who come meanwhile are answered together by the next, which begins after all of
them have asked. Nobody is told less than was there when they asked.
"""

import asyncio
import math

from penstock.storage.statements import Read

__all__ = ["Claimable", "Kind"]

# The keys of a type and of a queryable value.
Kind = tuple[str, str]


class Claimable:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._asked: dict[Kind, asyncio.Future[float]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def next_visible_at(self, kind: Kind) -> float:
        """A time before which nothing of that kind can be claimed; infinity if nothing is there."""
        answer = self._asked.get(kind)
        if answer is None:
            answer = self._asked[kind] = asyncio.get_running_loop().create_future()
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
        # One who hangs up takes the answer from nobody else.
        return await asyncio.shield(answer)

    async def _look(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._looking = None

    async def _answer(self, asked: "dict[Kind, asyncio.Future[float]]") -> None:
        type_keys, query_keys = zip(*asked, strict=True)
        try:
            rows = await self._read("next_visible_times", type_keys=list(type_keys), query_keys=list(query_keys))
        except Exception as problem:
            for answer in asked.values():
                answer.set_exception(problem)
                # Whoever asked may have hung up meanwhile.
                answer.exception()
            return
        found = {(type_key, query_key): visible_at for type_key, query_key, visible_at in rows}
        for kind, answer in asked.items():
            answer.set_result(found.get(kind, math.inf))
