"""Looking whether there is something to claim, for many who ask at the same time.

Most calls that a server gets are polls that find nothing. A query for each would cost many times what the rest of the call
costs; so one is under way at a time, and those who come meanwhile are answered together by the next, which begins after all of
them have asked. Nobody is told less than was there when they asked.

Where the last claim of a kind got all that it asked for, there is likely to be more: then nobody looks before the next claim.
"""

import asyncio
import math

from penstock.storage.statements import Read

__all__ = ["Claimable", "Kind"]

# The keys of a type and of a queryable value.
Kind = tuple[str, str]

_KINDS_MAX = 16_384


class Claimable:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._asked: dict[Kind, asyncio.Future[float]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._plenty: set[Kind] = set()

    def take(self, kind: Kind, *, is_exhausted: bool) -> None:
        """Jobs of that kind were claimed; `is_exhausted` if the claim got fewer than it asked for. Any thread may tell."""
        if is_exhausted:
            self._plenty.discard(kind)
            return
        if len(self._plenty) >= _KINDS_MAX:
            self._plenty.clear()
        self._plenty.add(kind)

    async def may_have(self, kind: Kind, now: float) -> bool:
        """Whether a claim is worth its transaction; it may come back with nothing all the same."""
        return kind in self._plenty or await self.next_visible_at(kind) <= now

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
