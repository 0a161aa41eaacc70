"""A server's life: start, serve, drain.

open the database ─► offer lost jobs again ─► listen ─► workers ─► … signal ─► workers end ─► connections end ─► close
"""

import asyncio
import gc
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from penstock.engine.duties.housekeeping import Housekeeping
from penstock.engine.duties.timers import Timers
from penstock.engine.leases import give_up
from penstock.engine.run import Duty
from penstock.engine.run import run as run_duty
from penstock.ports.storage import StorageLost
from penstock.server.board import DirectBoard
from penstock.server.compose import Installation, compose
from penstock.server.credentials import Address, LeftAddress
from penstock.server.executor import choose_executor
from penstock.server.settings import Settings
from penstock.worker import Worker

__all__ = ["serve"]

log = logging.getLogger("penstock.server")

# Longer than SDK connection pools hold a connection, so that they, not we, close it.
KEEP_ALIVE_SECONDS = 75
# Container runtimes kill ten seconds after they ask; built-in jobs that need longer run anew at the next start.
DRAIN_SECONDS = 7.0
BACKLOG = 2048
SLOTS = 8


async def serve(settings: Settings) -> int:
    """Run a server until a signal; returns the exit code. Raises OSError if the address is taken, and what `compose` raises."""
    listening = _bind(settings)
    with listening:
        installation = compose(settings, choose_executor(settings), _url(settings, listening))
        _tame_collector()
        stopping = _stop_signals()
        try:
            return await _run(installation, listening, stopping)
        finally:
            await installation.storage.close()


def _tame_collector() -> None:
    """What is loaded by now stays: no garbage collection need look at it again, and few are needed at all.

    States are trees without cycles, which go away by themselves. Measured: a sixth less CPU per job cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, the event loop turns off the delay that gathers small packets.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError:
        listening.close()
        raise
    return listening


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping


class _Uvicorn(uvicorn.Server):
    """Signals are ours: a drain begins with the workers, not with the socket."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(installation: Installation, listening: socket.socket, stopping: asyncio.Event) -> int:
    committing = asyncio.create_task(installation.committer.run())
    reader, committer, clock = installation.storage.reader, installation.committer, installation.clock
    lost = await give_up(reader, committer)
    if lost:
        log.warning("%d jobs were in the hands of a server that is gone; they are offered again", lost)
    duties: list[Duty] = [Timers(reader, committer), Housekeeping(installation.sweep)]
    background = [asyncio.create_task(run_duty(duty, clock, installation.wakeup)) for duty in duties]
    server, serving = await _listen(installation, listening)
    url, address = _announce(installation.settings, listening)
    workers = _start_workers(installation, url)
    background += [asyncio.create_task(worker.run()) for worker in workers]
    waiting = asyncio.create_task(stopping.wait())
    ends: set[asyncio.Future[Any]] = {waiting, committer.failed, serving}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    lost_storage = committer.failed.result() if committer.failed.done() else None
    installation.is_serving = False
    address.forget()
    if lost_storage is None:
        await asyncio.gather(*(worker.stop(DRAIN_SECONDS) for worker in workers))
    await _close(installation, server, serving, background)
    if lost_storage is None:
        await give_up(reader, committer)
    committing.cancel()
    with suppress(asyncio.CancelledError):
        await committing
    return _farewell(lost_storage)


async def _listen(installation: Installation, listening: socket.socket) -> tuple[_Uvicorn, "asyncio.Task[None]"]:
    config = uvicorn.Config(
        installation.app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(DRAIN_SECONDS),
    )
    server = _Uvicorn(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells it by a flag alone
        await asyncio.sleep(0.002)
    return server, serving


def _host(settings: Settings) -> str:
    return f"[{settings.host}]" if ":" in settings.host else settings.host


def _url(settings: Settings, listening: socket.socket) -> str:
    """Where the server can be reached on this machine."""
    host = _host(settings)
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - these mean every address
    return f"http://{local}:{listening.getsockname()[1]}"


def _announce(settings: Settings, listening: socket.socket) -> tuple[str, LeftAddress]:
    """Say where the server listens, to the command line and to people."""
    port, host = listening.getsockname()[1], _host(settings)
    url = _url(settings, listening)
    left = LeftAddress(settings.data_dir, Address(url, settings.region, os.getpid()))
    sys.stdout.write(f"penstock listening on http://{host}:{port}\nconsole: http://{host}:{port}/_penstock/console/\n")
    sys.stdout.flush()
    return url, left


def _start_workers(installation: Installation, url: str) -> list[Worker]:
    settings = installation.settings
    # What a killed server's jobs left behind: they begin anew, in empty folders.
    shutil.rmtree(settings.data_dir / "work", ignore_errors=True)
    board = DirectBoard(installation.environment, url, settings.account_id, settings.region)
    return [Worker(provider, board, SLOTS, poll_seconds=0.0) for provider in installation.providers]


async def _close(
    installation: Installation, server: _Uvicorn, serving: "asyncio.Task[None]", background: list["asyncio.Task[None]"]
) -> None:
    """Let held calls go, end connections, end what runs in the background."""
    installation.wakeup.close()
    server.should_exit = True
    await serving
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)


def _farewell(lost_storage: StorageLost | None) -> int:
    if lost_storage is None:
        return 0
    sys.stderr.write(f"penstock: {lost_storage}; what was answered before is kept, the server stops\n")
    return 1
