"""The one loop: a duty is asked to tick, says when it is due again, and is woken earlier if there is a reason."""

import asyncio
import logging
from typing import Protocol

from penstock.ports.clock import Clock
from penstock.ports.wakeup import Wakeup
from penstock.wire.errors import ServiceUnavailable

__all__ = ["Duty", "run"]

log = logging.getLogger("penstock.duties")

# The net under lost wake-ups.
IDLE_SECONDS_MAX = 30.0
BACKOFF_SECONDS = 1.0


class Duty(Protocol):
    """Background work. `topic` is what wakes it."""

    topic: str

    async def tick(self, now: float) -> float | None:
        """Do what is due; return when something is due next (epoch seconds), None if nothing is known to be."""


async def run(duty: Duty, clock: Clock, wakeup: Wakeup) -> None:
    """Tick until cancelled or the server stops. A tick that fails is logged and made again after a pause."""
    while True:
        try:
            due_at = await duty.tick(clock.now())
            pause = IDLE_SECONDS_MAX if due_at is None else min(max(due_at - clock.now(), 0.0), IDLE_SECONDS_MAX)
        except ServiceUnavailable as problem:
            log.warning("the duty %s waits: %s", duty.topic, problem)
            pause = BACKOFF_SECONDS
        except Exception:
            log.exception("the duty %s failed; it is tried again", duty.topic)
            pause = BACKOFF_SECONDS
        if pause > 0 and not await wakeup.wait((duty.topic,), pause):
            return
        await asyncio.sleep(0)
