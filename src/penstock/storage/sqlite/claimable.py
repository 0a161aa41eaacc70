"""What waits on the board, known without a query.

The process owns the file, so it can know when a kind of job may next be claimed. For each kind (type and query key) it keeps
how many jobs became claimable since it last looked, and otherwise a time before which there is nothing to look for. Both are
hints on the safe side: a poll that is told "maybe" claims and may come back with nothing; one that is told "no" misses
nothing. What is offered is known from its commit on, before anybody is answered.
"""

import math
from collections.abc import Callable

__all__ = ["Claimable", "Kind"]

Kind = tuple[str, str]

_KINDS_MAX = 16_384


class Claimable:
    """`look` asks the database when the next job of a kind may be claimed; None if none waits."""

    def __init__(self, look: Callable[[Kind], float | None]) -> None:
        self._look = look
        self._ready: dict[Kind, int] = {}
        self._not_before: dict[Kind, float] = {}
        self._offered: list[tuple[Kind, float]] = []
        self._taken: dict[Kind, tuple[int, bool]] = {}

    def offer(self, kind: Kind, visible_at: float) -> None:
        """A job was written, and will be claimable from then on if its transaction commits."""
        self._offered.append((kind, visible_at))

    def take(self, kind: Kind, jobs: int, *, is_exhausted: bool) -> None:
        """Jobs were claimed; `is_exhausted` if the claim got fewer than it asked for."""
        self._taken[kind] = (jobs, is_exhausted)

    def commit(self) -> None:
        for kind, visible_at in self._offered:
            self._ready[kind] = self._ready.get(kind, 0) + 1
            if kind in self._not_before:
                self._not_before[kind] = min(self._not_before[kind], visible_at)
        for kind, (jobs, is_exhausted) in self._taken.items():
            left = self._ready.pop(kind, 0) - jobs
            if left > 0 and not is_exhausted:
                self._ready[kind] = left
            # What was claimed may come back unacknowledged: the next look finds out when.
            self._not_before.pop(kind, None)
        self._offered.clear()
        self._taken.clear()

    def rollback(self) -> None:
        self._offered.clear()
        self._taken.clear()
        self._not_before.clear()

    def may_have(self, kind: Kind, now: float) -> bool:
        """Whether a claim is worth its transaction."""
        return self._ready.get(kind, 0) > 0 or self.next_at(kind) <= now

    def next_at(self, kind: Kind) -> float:
        """A time before which nothing of the kind can be claimed."""
        known = self._not_before.get(kind)
        if known is None:
            if len(self._not_before) >= _KINDS_MAX:
                # Whoever polls with ever new query values must not make this grow: what is forgotten is looked up again.
                self._not_before.clear()
            found = self._look(kind)
            known = self._not_before[kind] = math.inf if found is None else found
        return known
