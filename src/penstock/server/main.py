"""A server's life: start, serve, drain.

open the database ─► offer lost jobs again ─► listen ─► workers ─► … signal ─► workers end ─► connections end ─► close

Between the signal and the end of connections it goes on for a while if it was told to: it says that it is not healthy, and its
answers end their connections, so that whoever sends it requests sends them elsewhere before anything is refused.
"""

import asyncio
import gc
import logging
import signal
import sys
from contextlib import closing, suppress
from typing import Any, Protocol

from penstock.engine.duties.deletions import Deletions
from penstock.engine.duties.housekeeping import Housekeeping
from penstock.engine.duties.key_ring import KeyRing
from penstock.engine.duties.led import Led
from penstock.engine.duties.resealing import Resealing
from penstock.engine.duties.retention import Retention
from penstock.engine.duties.timers import Timers
from penstock.engine.leases import Leases, give_up
from penstock.engine.run import Duty
from penstock.engine.run import run as run_duty
from penstock.ports.storage import StorageLost
from penstock.server.board import DirectBoard
from penstock.server.compose import Installation, compose
from penstock.server.executor import choose_executor
from penstock.server.front import Front, Port
from penstock.server.settings import Settings
from penstock.server.workplace import Workplace, folder_of
from penstock.worker import Worker

__all__ = ["Teller", "serve"]

log = logging.getLogger("penstock.server")

# Container runtimes kill ten seconds after they ask; built-in jobs that need longer run anew at the next start.
DRAIN_SECONDS = 7.0
SLOTS = 8


class Teller(Protocol):
    """Whom a server tells that it accepts requests, and that it soon will not; and before, that it needs the data directory."""

    def claim(self) -> None: ...

    def tell(self) -> None: ...

    def take_back(self) -> None: ...


async def serve(settings: Settings, port: Port, teller: Teller, lifeline: int | None = None) -> int:
    """Run a server until a signal; returns the exit code. Raises what `compose` raises, and `teller.claim`.

    It ends as well once nobody holds the other end of `lifeline`, a pipe.
    """
    with Front(settings, port) as front:
        installation = compose(settings, choose_executor(settings), front.url)
        _tame_collector()
        _hush_clients()
        stopping = _stop_signals(lifeline)
        try:
            teller.claim()
            return await _run(installation, front, teller, stopping)
        finally:
            await installation.storage.close()


def _tame_collector() -> None:
    """What is loaded by now stays: no garbage collection need look at it again, and few are needed at all.

    States are trees without cycles, which go away by themselves. Measured: a sixth less CPU per job cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _hush_clients() -> None:
    """AWS clients print signatures and session tokens at their loudest, and those are for no log."""
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.INFO)


def _stop_signals(lifeline: int | None) -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if lifeline is not None:
        loop.add_reader(lifeline, _let_go, loop, lifeline, stopping)
    return stopping


def _let_go(loop: asyncio.AbstractEventLoop, lifeline: int, stopping: asyncio.Event) -> None:
    loop.remove_reader(lifeline)
    stopping.set()


async def _run(installation: Installation, front: Front, teller: Teller, stopping: asyncio.Event) -> int:
    committer = installation.committer
    committing = asyncio.create_task(committer.run())
    background = await _begin(installation)
    await front.open(installation)
    with closing(Workplace(folder_of(installation.settings.data_dir, installation.environment.server_id))):
        workers = _workers(installation, front.worker_url)
        background += [asyncio.create_task(worker.run()) for worker in workers]
        teller.tell()
        await _signal_or_loss(installation, stopping)
        installation.is_serving = False
        teller.take_back()
        if not committer.failed.done():
            await _part(installation, front, workers)
        await _close(installation, front, background)
    if not committer.failed.done():
        await give_up(installation.storage, committer, installation.environment.server_id.__eq__)
    committing.cancel()
    with suppress(asyncio.CancelledError):
        await committing
    return _farewell(committer.failed.result() if committer.failed.done() else None)


async def _begin(installation: Installation) -> list["asyncio.Task[None]"]:
    """Get the key and the database to know each other, and start what runs in the background."""
    clock = installation.clock
    resealing = Resealing(installation.storage.reader.sealed, installation.committer, installation.environment.vault)
    await resealing.prepare(clock.now())
    duties = await _duties(installation, resealing)
    return [asyncio.create_task(run_duty(duty, clock, installation.wakeup)) for duty in duties]


async def _signal_or_loss(installation: Installation, stopping: asyncio.Event) -> None:
    """Return when the server is to end, or has lost its storage."""
    waiting = asyncio.create_task(stopping.wait())
    ends: set[asyncio.Future[Any]] = {waiting, installation.committer.failed}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _part(installation: Installation, front: Front, workers: list[Worker]) -> None:
    """Go on for as long as others need to notice, while the server's own workers end their jobs."""
    front.part()
    noticed = asyncio.sleep(installation.settings.parting_seconds)
    await asyncio.gather(noticed, *(worker.stop(DRAIN_SECONDS) for worker in workers))


async def _duties(installation: Installation, resealing: Resealing) -> list[Duty]:
    storage, committer = installation.storage, installation.committer
    timers, housekeeping = Timers(storage.reader, committer), Housekeeping(installation.sweep)
    looks = installation.outer.duties(storage.reader, committer) if installation.outer is not None else []
    days = installation.settings.retention_days
    old: list[Duty] = [Deletions(storage.reader, committer)]
    if days:
        old.append(Retention(storage.reader, committer, days))
    if installation.settings.is_shared:
        single: list[Duty] = [housekeeping, resealing, Leases(storage, committer), *old]
        led = [Led(duty, storage) for duty in single]
        return [timers, KeyRing(installation.environment.vault), *looks, *led]
    # Nobody else can have held the file.
    lost = await give_up(storage, committer, installation.environment.server_id.__ne__)
    if lost:
        log.warning("%d jobs were in the hands of a server that is gone; they are offered again", lost)
    return [timers, housekeeping, resealing, *looks, *old]


def _workers(installation: Installation, url: str) -> list[Worker]:
    settings = installation.settings
    store = installation.outer.object_store if installation.outer is not None else None
    board = DirectBoard(installation.environment, url, settings.account_id, settings.region, object_store=store)
    return [Worker(provider, board, SLOTS, poll_seconds=0.0) for provider in installation.providers]


async def _close(installation: Installation, front: Front, background: list["asyncio.Task[None]"]) -> None:
    """Let held calls go, end connections, end what runs in the background."""
    installation.wakeup.close()
    await front.drain(DRAIN_SECONDS)
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)


def _farewell(lost_storage: StorageLost | None) -> int:
    if lost_storage is None:
        return 0
    sys.stderr.write(f"penstock: {lost_storage}; what was answered before is kept, the server stops\n")
    return 1
