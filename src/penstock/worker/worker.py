"""A worker: takes jobs from a board while it has a free slot, and brings back what came of them.

    poll ──► acknowledge ──► run ──► report
     ▲ only with a free slot           │
     └────────── the slot is free ◄────┘

A poll that fails is made again after a growing pause. A job that another worker was faster to acknowledge is dropped
without a word. Stopping ends the polls at once and gives running jobs time to finish; those that need longer are
cancelled.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from penstock.wire import types as wire
from penstock.worker.board import Board, Offer
from penstock.worker.client import WAIT_SECONDS_MAX
from penstock.worker.context import JobContext
from penstock.worker.provider import ClientTokens, FunctionProvider, JobFunction, Provider
from penstock.worker.report import backoff, persist, report
from penstock.worker.results import Continue, Failure, HandedOver, JobError, Result, Success

logger = logging.getLogger(__name__)

# Between two polls that were answered empty at once, even where the server is trusted to hold them back.
POLL_SECONDS_MIN = 0.05
POLL_PAUSE_SECONDS_FIRST = 1.0
POLL_PAUSE_SECONDS_MAX = 60.0
LAST_REPORTS_SECONDS = 10.0
CANCEL_AGAIN_SECONDS = 0.5


class Worker:
    """Does a provider's jobs, `slots` at a time.

    A server that can holds an empty poll back, so a new job is met at once; with any other, polls are `poll_seconds`
    apart. A provider of several action types keeps a slot for each that has nothing to do. With `fail_cut_off`, a job
    that stopping cut off is reported as failed; leave it off where the server offers such a job again.
    """

    def __init__(
        self,
        provider: Provider,
        board: Board,
        slots: int = 4,
        poll_seconds: float = 5.0,
        *,
        drain_seconds: float = 30.0,
        fail_cut_off: bool = False,
    ) -> None:
        self._provider = provider
        self._board = board
        self._action_types = provider.action_types
        self._slots = Slots(max(slots, len(self._action_types)))
        self._poll_seconds = max(poll_seconds, POLL_SECONDS_MIN)
        self._drain_seconds = drain_seconds
        self._fail_cut_off = fail_cut_off
        self._query: Mapping[str, str] | None = getattr(provider, "query", None)
        self._jobs: set[asyncio.Task[None]] = set()
        self._runs: set[asyncio.Task[Result]] = set()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        """Work until `stop` is called; returns when nothing runs any more. Cancelling it cuts running jobs off."""
        self._ended.clear()
        polls = [asyncio.create_task(self._poll(kind)) for kind in self._action_types]
        try:
            await self._stopping.wait()
            await _cancelled(polls)
            await self._finished(self._drain_seconds)
        finally:
            await _cancelled(polls)
            await self._cut_off()
            self._ended.set()

    async def stop(self, drain_seconds: float | None = None) -> None:
        """Poll no more, and return when the running jobs have ended or been cut off."""
        if drain_seconds is not None:
            self._drain_seconds = drain_seconds
        self._stopping.set()
        await self._ended.wait()

    async def _poll(self, kind: wire.ActionTypeId) -> None:
        failures = 0
        while True:
            # With several types a poll must not keep what another could use, so it asks for one job only.
            taken = await self._slots.take(self._slots.total if len(self._action_types) == 1 else 1)
            started = time.monotonic()
            offers: list[Offer] = []
            try:
                offers = (await self._board.poll(kind, taken, WAIT_SECONDS_MAX, self._query))[:taken]
                failures = 0
            except Exception as error:
                failures += 1
                logger.warning("no jobs of %s/%s: %r", kind.category, kind.provider, error)
            finally:
                self._slots.give_back(taken - len(offers))
            for offer in offers:
                self._start(offer)
            if failures:
                await asyncio.sleep(backoff(failures - 1, POLL_PAUSE_SECONDS_FIRST, POLL_PAUSE_SECONDS_MAX))
            elif not offers:
                await asyncio.sleep(max(0.0, started + self._poll_seconds - time.monotonic()))

    def _start(self, offer: Offer) -> None:
        job = asyncio.create_task(self._work(offer), name=f"job-{offer.id}")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _work(self, offer: Offer) -> None:
        try:
            if await persist(lambda: self._board.acknowledge(offer), f"the claim of job {offer.id}"):
                await report(self._board, offer, await self._outcome(offer))
        except Exception:
            logger.exception("job %s was not begun", offer.id)
        finally:
            self._slots.give_back(1)

    async def _outcome(self, offer: Offer) -> Result:
        run = asyncio.create_task(_run(self._provider, offer, self._board))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        await asyncio.wait({run})
        if not run.cancelled():
            return run.result()
        if self._stopping.is_set() and not self._fail_cut_off:
            return HandedOver()
        return Failure("The worker was stopped while it did this job.", "SystemUnavailable")

    async def _finished(self, seconds: float) -> None:
        if self._jobs:
            await asyncio.wait(set(self._jobs), timeout=seconds)

    async def _cut_off(self) -> None:
        """End what still runs; what has already run is reported first, if the server answers soon."""
        self._stopping.set()
        for run in set(self._runs):
            run.cancel()
        await self._finished(LAST_REPORTS_SECONDS)
        await _cancelled(self._jobs)


class Slots:
    """How many more jobs may run. Who takes one gives it back."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._freed = asyncio.Event()

    async def take(self, at_most: int) -> int:
        """Wait for a free slot, and take it and any others that are free."""
        while not self._free:
            self._freed.clear()
            await self._freed.wait()
        taken = min(at_most, self._free)
        self._free -= taken
        return taken

    def give_back(self, count: int) -> None:
        self._free += count
        self._freed.set()


def worker(
    *,
    category: wire.ActionCategory,
    provider: str,
    version: str = "1",
    owner: wire.ActionOwner = "Custom",
    query: Mapping[str, str] | None = None,
    client_tokens: ClientTokens | None = None,
) -> Callable[[JobFunction], FunctionProvider]:
    """Make a function, async or not, the worker of an action type; a plain one runs in a thread of its own.

    `query` names the value of the queryable property whose jobs it takes. A partner's function, `owner="ThirdParty"`,
    needs `client_tokens`: the secret of each client id.
    """
    kind = wire.ActionTypeId(category=category, owner=owner, provider=provider, version=version)
    if owner == "ThirdParty" and client_tokens is None:
        raise ValueError("the worker of a partner's action type needs client_tokens")

    def provided(function: JobFunction) -> FunctionProvider:
        return FunctionProvider(function, kind, query, client_tokens)

    return provided


async def _run(provider: Provider, offer: Offer, board: Board) -> Result:
    """The provider's result; whatever it raises is a failure."""
    try:
        result: Any = await provider.run(JobContext(offer, board))
    except JobError as error:
        return error.failure
    except Exception as error:
        logger.exception("job %s raised", offer.id)
        return Failure(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    if result is None:
        return Success()
    if not isinstance(result, Success | Continue | Failure | HandedOver):
        return Failure(f"The worker answered with {type(result).__name__}, which is not a result.")
    return result


async def _cancelled(tasks: "set[asyncio.Task[None]] | list[asyncio.Task[None]]") -> None:
    """Cancel the tasks and wait until they are gone.

    `asyncio.wait_for` of Python 3.11 loses a cancellation that comes together with what it waits for, so they are told again.
    """
    ending = set(tasks)
    while ending:
        for task in ending:
            task.cancel()
        _, ending = await asyncio.wait(ending, timeout=CANCEL_AGAIN_SECONDS)
