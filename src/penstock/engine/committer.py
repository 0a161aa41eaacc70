"""Group commit: what arrives together is committed together, and nobody is answered before it is on disk.

The problem: one flush to disk costs as much as a hundred decisions, and there are many callers. The rule: while one batch is
in its flush, the next one gathers; then the event loop goes round as long as calls still come in, for whoever was answered
just now is about to ask again. No time is waited for: a call that comes alone goes alone, some ten microseconds later. A batch
is one transaction, in this order:

    plain writes ─► commands (load, step, fold) ─► one write of all that they made ─► claims ─► acknowledgements ─► COMMIT
                                                                                                                    │
                              answers to all callers, wake-ups to all who wait ◄────────────────────────────────────┘

What happens on each failure:

- A refusal answers its own caller; it has written nothing, since writing starts only after all steps have run.
- A fault in one step (a bug) answers its caller with InternalFailure and is logged with the command.
- A fault while writing rolls the batch back; its items then run again, each alone, so that it hurts one caller.
- Storage that can no longer be written (StorageLost) answers all callers with ServiceUnavailable and stops the server:
  `failed` is set, and nothing is accepted any more.
- A database that is away for the moment answers ServiceUnavailable to the batch; the next one tries again.
- A full queue answers ThrottlingException at once.
- A caller who hangs up changes nothing: what was submitted is carried out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from penstock.core.commands import Command
from penstock.core.events import Event, ExecutionStarted
from penstock.core.model import Job
from penstock.core.moment import Moment
from penstock.core.refusals import JobNotInProgress, Refusal
from penstock.engine.batch import Batch, JobGone, PipelineGone
from penstock.engine.repeats import AlreadyStarted, Guard, Once
from penstock.ports.clock import Clock, Ids
from penstock.ports.storage import (
    Acknowledged,
    Acknowledgement,
    Claim,
    ClaimedJob,
    Storage,
    StorageLost,
    Transaction,
)
from penstock.ports.wakeup import Wakeup
from penstock.wire.errors import ApiError, InternalFailure, ServiceUnavailable, ThrottlingException

__all__ = ["AlreadyStarted", "Became", "Committer", "Follow", "Once", "Written"]

T = TypeVar("T")
log = logging.getLogger("penstock.committer")

BATCH_MAX = 128
QUEUE_MAX = 8192
# The loop's rounds without a new call, after which no more are expected. Fewer make smaller batches, more cost what they save.
QUIET_ROUNDS = 8


class Follow(Struct, frozen=True):
    """A command to run in the same commit as the write that asks for it."""

    account: str
    pipeline_id: str
    command: Command


# What became of a command that followed a write: what happened, or why it was refused.
Became = tuple[Event, ...] | Exception


class Written(Struct, Generic[T], frozen=True):
    """What a plain write gives back, the commands that follow it, and whom to wake.

    `conclude`, if given, runs in the same transaction once the commands have run, with what became of each; it may write, and
    gives back what the caller gets in place of the value.
    """

    value: T
    follow: tuple[Follow, ...] = ()
    topics: tuple[str, ...] = ()
    conclude: Callable[[Transaction, list[Became]], T] | None = None


class _Item:
    __slots__ = ("answer", "outcome")

    def __init__(self, answer: "asyncio.Future[Any]") -> None:
        self.answer = answer
        self.outcome: Any = None

    def settle(self) -> None:
        if self.answer.done():
            return
        if isinstance(self.outcome, BaseException):
            self.answer.set_exception(self.outcome)
        else:
            self.answer.set_result(self.outcome)


class _Run(_Item):
    """A command; of a job's result, `job_id` is known and the pipeline comes from the job's row."""

    __slots__ = ("account", "command", "job_id", "make", "once", "pipeline_id")

    account: str | None
    pipeline_id: str
    command: Command | None
    job_id: str | None
    make: Callable[[Job], Command] | None
    once: Guard | None


class _Write(_Item):
    __slots__ = ("conclude", "followed", "work")

    work: Callable[[Transaction], Written[Any]]
    conclude: Callable[[Transaction, list[Became]], Any] | None
    followed: list[_Run]

    def end(self, transaction: Transaction) -> None:
        """Let the write see what became of the commands that followed it."""
        if self.conclude is not None:
            self.outcome = self.conclude(transaction, [run.outcome for run in self.followed])


class _Claim(_Item):
    __slots__ = ("claim",)

    claim: Claim


class _Acknowledge(_Item):
    __slots__ = ("acknowledgement",)

    acknowledgement: Acknowledgement


class Committer:
    """The one way in for everything that changes something. `served` is what `core.moment` says of it."""

    def __init__(
        self, storage: Storage, wakeup: Wakeup, clock: Clock, ids: Ids, served: frozenset[str] = frozenset()
    ) -> None:
        self._storage = storage
        self._wakeup = wakeup
        self._clock = clock
        self._ids = ids
        self.served = served
        self._queue: deque[_Item] = deque()
        self._arrived = asyncio.Event()
        self.last_now = 0.0
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[StorageLost] = self._loop.create_future()
        self.commits = 0
        self.committed = 0

    def submit(
        self, account: str, pipeline_id: str, command: Command, once: Guard | None = None
    ) -> Awaitable[tuple[Event, ...]]:
        """Run a command; gives what happened once it is on disk. Raises Refusal, PipelineGone or AlreadyStarted."""
        item = self._enqueue(_Run)
        item.account, item.pipeline_id, item.command = account, pipeline_id, command
        item.job_id, item.make, item.once = None, None, once
        return item.answer

    def submit_result(
        self, job_id: str, account: str | None, make: Callable[[Job], Command]
    ) -> Awaitable[tuple[Event, ...]]:
        """The same for a job's result; `make` gets the job as it is in the database. Raises Refusal or JobGone."""
        item = self._enqueue(_Run)
        item.account, item.pipeline_id, item.command = account, "", None
        item.job_id, item.make, item.once = job_id, make, None
        return item.answer

    def write(self, work: Callable[[Transaction], Written[T]]) -> Awaitable[T]:
        """Run a plain write. What it raises is raised here, and leaves nothing written."""
        item = self._enqueue(_Write)
        item.work = work
        return item.answer

    def claim(self, claim: Claim) -> Awaitable[list[ClaimedJob]]:
        item = self._enqueue(_Claim)
        item.claim = claim
        return item.answer

    def acknowledge(self, acknowledgement: Acknowledgement) -> Awaitable[Acknowledged]:
        item = self._enqueue(_Acknowledge)
        item.acknowledgement = acknowledgement
        return item.answer

    def _enqueue(self, kind: "type[_AnyItem]") -> "_AnyItem":
        if self.failed.done():
            raise ServiceUnavailable("The server has lost its storage and is stopping")
        if len(self._queue) >= QUEUE_MAX:
            raise ThrottlingException
        item = kind(self._loop.create_future())
        if not self._queue:
            self._arrived.set()
        self._queue.append(item)
        return item

    async def run(self) -> None:
        """Commit batches until cancelled; what was submitted before is carried out first."""
        stopping = False
        while not (stopping and not self._queue):
            try:
                if not self._queue:
                    self._arrived.clear()
                    await self._arrived.wait()
                if not stopping:
                    await self._gather()
            except asyncio.CancelledError:
                stopping = True
                continue
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
            committing = asyncio.ensure_future(self._commit(batch))
            while not committing.done():
                try:
                    await asyncio.shield(committing)
                except asyncio.CancelledError:
                    stopping = True
            if self.failed.done():
                return

    async def _gather(self) -> None:
        """Return once no more calls come in, or enough are there."""
        known, quiet_rounds = len(self._queue), 0
        while known < BATCH_MAX and quiet_rounds < QUIET_ROUNDS:
            await asyncio.sleep(0)
            quiet_rounds = quiet_rounds + 1 if len(self._queue) == known else 0
            known = len(self._queue)

    async def _commit(self, batch: list[_Item]) -> None:
        try:
            topics = await self._storage.commit(lambda transaction: self._apply(transaction, batch))
        except StorageLost as problem:
            self._give_up(batch, problem)
            return
        except ServiceUnavailable as problem:
            # The database is away for now: who asks again may be luckier.
            for item in batch:
                item.outcome = problem
                item.settle()
            return
        except Exception:
            if len(batch) == 1:
                log.exception("a write failed; it was rolled back")
                batch[0].outcome = InternalFailure(
                    "The request could not be carried out because of an internal failure"
                )
                batch[0].settle()
                return
            log.exception("a batch of %d failed and was rolled back; its items run again, each alone", len(batch))
            for item in batch:
                await self._commit([item])
            return
        self.commits += 1
        self.committed += len(batch)
        for item in batch:
            item.settle()
        self._wakeup.wake(topics)

    def _give_up(self, batch: list[_Item], problem: StorageLost) -> None:
        for item in [*batch, *self._queue]:
            item.outcome = ServiceUnavailable("The server has lost its storage and is stopping")
            item.settle()
        self._queue.clear()
        if not self.failed.done():
            self.failed.set_result(problem)

    def _apply(self, transaction: Transaction, batch: list[_Item]) -> list[str]:
        self.last_now = now = max(self._clock.now(), self.last_now)
        steps = Batch(transaction, Moment(now, self._ids.new, self.served))
        runs = [item for item in batch if isinstance(item, _Run)]
        topics: list[str] = []
        for item in batch:
            if isinstance(item, _Write):
                topics += _write(transaction, item, runs)
        if runs:
            steps.load_jobs([item.job_id for item in runs if item.job_id is not None])
            steps.load_pipelines([(item.account or "", item.pipeline_id) for item in runs if item.job_id is None])
            for item in runs:
                _decide(transaction, steps, item, now)
            topics += steps.write()
        for item in batch:
            if isinstance(item, _Write):
                item.end(transaction)
        _exchange(transaction, batch)
        return topics


_AnyItem = TypeVar("_AnyItem", _Run, _Write, _Claim, _Acknowledge)


def _write(transaction: Transaction, item: _Write, runs: list[_Run]) -> tuple[str, ...]:
    """Run a plain write; what follows it joins the commands of the batch."""
    item.conclude, item.followed = None, []
    try:
        with transaction.part():
            written = item.work(transaction)
    except Exception as problem:
        item.outcome = problem
        return ()
    item.outcome, item.conclude = written.value, written.conclude
    for follow in written.follow:
        # If what follows a write is refused, the write stands all the same.
        run = _Run(item.answer)
        run.account, run.pipeline_id, run.command = follow.account, follow.pipeline_id, follow.command
        run.job_id, run.make, run.once = None, None, None
        item.followed.append(run)
    runs += item.followed
    return written.topics


def _decide(transaction: Transaction, steps: Batch, item: _Run, now: float) -> None:
    try:
        if item.once is not None and item.account is not None:
            item.once.refuse_repeat(transaction, item.account, item.pipeline_id)
        if item.make is not None and item.job_id is not None:
            job = steps.find_job(item.job_id, item.account)
            if job.ended:
                # Its pipeline may be gone: the job alone knows that it is too late.
                raise JobNotInProgress(f"The job '{job.id}' is {job.status}; it takes no further result")
            item.outcome = steps.run(job.account, job.pipeline_id, item.make(job))
        elif item.command is not None and item.account is not None:
            item.outcome = steps.run(item.account, item.pipeline_id, item.command)
        if item.once is not None and item.account is not None:
            for started in (event for event in item.outcome if isinstance(event, ExecutionStarted)):
                item.once.keep(transaction, item.account, item.pipeline_id, started.execution_id, now)
    except (Refusal, PipelineGone, JobGone, AlreadyStarted, ApiError) as problem:
        item.outcome = problem
    except Exception:
        log.exception("a step failed; pipeline %s, command %r", item.pipeline_id or item.job_id, item.command)
        item.outcome = InternalFailure("The request could not be carried out because of an internal failure")


def _exchange(transaction: Transaction, batch: list[_Item]) -> None:
    """Hand out jobs, and take in those that were acknowledged."""
    claims = [item for item in batch if isinstance(item, _Claim)]
    taken = [item for item in batch if isinstance(item, _Acknowledge)]
    if not (claims or taken):
        return
    jobs, statuses = transaction.exchange([item.claim for item in claims], [item.acknowledgement for item in taken])
    for item, outcome in zip([*claims, *taken], [*jobs, *statuses], strict=True):
        item.outcome = outcome
