"""A worker as a program of its own."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any, TypeAlias

from penstock.worker.board import Board, HttpBoard, ThirdPartyBoard
from penstock.worker.provider import Provider, ProviderSettings
from penstock.worker.worker import Worker

logger = logging.getLogger(__name__)

Runnable: TypeAlias = Provider | Worker | Callable[[ProviderSettings], Provider]


async def run_worker(target: Provider | Worker, board: Board | None = None, slots: int = 4) -> None:
    """Do a provider's jobs, or run a worker that was made elsewhere, until cancelled or stopped.

    Without a board they come from the server that the environment names, as for every AWS client. A job that is cut
    off is reported as failed.
    """
    await _worker(target, board, slots).run()


def run(
    target: Runnable,
    board: Board | None = None,
    settings: ProviderSettings | None = None,
    slots: int = 4,
) -> None:
    """The same as a program: SIGINT or SIGTERM lets running jobs finish, a second one cuts them off.

    A class is made into a provider with the settings.
    """
    made: Any = target(settings or ProviderSettings()) if isinstance(target, type) else target
    asyncio.run(_until_signal(made, board, slots))


async def _until_signal(target: Provider | Worker, board: Board | None, slots: int) -> None:
    worker = _worker(target, board, slots)
    running = asyncio.create_task(worker.run())
    stops: list[asyncio.Task[None]] = []

    def stop() -> None:
        if stops:
            running.cancel()
        else:
            logger.info("stopping: running jobs may finish")
            stops.append(asyncio.create_task(worker.stop()))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _worker(target: Provider | Worker, board: Board | None, slots: int) -> Worker:
    if isinstance(target, Worker):
        return target
    return Worker(target, board or _board(target), slots, fail_cut_off=True)


def _board(provider: Provider) -> Board:
    tokens = getattr(provider, "client_tokens", None)
    if tokens is None:
        return HttpBoard()
    return ThirdPartyBoard(tokens if callable(tokens) else tokens.__getitem__)
