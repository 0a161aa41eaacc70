"""Driving a coroutine without a task: at once as far as it goes, and on from the callbacks of what it waits for.

Most calls that a server gets are polls with nothing to hand out, which wait for nothing, and the others of a worker wait once,
for their commit. A task for each would cost more than many of them cost themselves.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

__all__ = ["drive"]

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T], finish: Callable[[T], None], _: "asyncio.Future[Any] | None" = None) -> None:
    """Run the work; `finish` gets what it comes to, perhaps before this returns.

    The work may wait for futures alone. It runs in no task: it must not ask for the current one, as `asyncio.timeout` does,
    and cannot be cancelled. A cancellation of what it waits for ends it without `finish`.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        finish(done.value)
    except asyncio.CancelledError:
        return
    else:
        # The mark by which a task tells a future that is awaited from one that was yielded by mistake.
        waits_for._asyncio_future_blocking = False  # noqa: SLF001 - part of the protocol between futures and who drives them
        waits_for.add_done_callback(partial(drive, work, finish))
