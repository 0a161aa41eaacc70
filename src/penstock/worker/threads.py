"""Blocking calls beside the loop, each in a thread of its own.

The loop's pool is small. A held poll, or a job that blocks, would keep its threads from the calls on which that same
job waits; and a process would not end before the last of them has come back. Threads of their own do neither.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")


async def in_own_thread(
    function: Callable[Parameters, Value], *args: Parameters.args, **named: Parameters.kwargs
) -> Value:
    """What the function returns or raises. Who stops waiting leaves it to run on; nobody waits for it at exit."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Value] = loop.create_future()
    context = contextvars.copy_context()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not outcome.done():
            setter(value)

    def work() -> None:
        try:
            answer: tuple[Callable[[Any], None], Any] = (
                outcome.set_result,
                context.run(function, *args, **named),
            )
        except BaseException as error:
            answer = (outcome.set_exception, error)
        # The loop may be gone by now, and with it everybody who would have listened.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *answer)

    threading.Thread(target=work, name=f"own-{getattr(function, '__name__', 'call')}", daemon=True).start()
    return await outcome
