"""Telling the server what a job came to, also when it does not answer at once."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from penstock.wire import errors
from penstock.worker.board import Board, Offer
from penstock.worker.results import Failure, HandedOver, Result

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

ATTEMPTS_MAX = 6
PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 10.0

# The server is there but cannot just now; every other refusal would be the same the next time.
PASSING = (errors.ThrottlingException, errors.InternalFailure, errors.ServiceUnavailable)
# The job was ended by somebody else: a timeout, a stop, or this very report whose answer was lost.
ENDED = (errors.InvalidJobStateException, errors.JobNotFoundException)


async def report(board: Board, offer: Offer, result: Result) -> None:
    """Bring a result to the server, or say in this program's log why it could not be brought.

    A success that the server refuses, for its variables are too large perhaps, becomes a failure that says so:
    otherwise the action would wait for its timeout.
    """
    if isinstance(result, HandedOver):
        return
    try:
        await persist(lambda: _tell(board, offer, result), f"the result of job {offer.id}")
    except ENDED as error:
        logger.info("job %s had ended before its result came: %s", offer.id, error.code)
    except errors.ApiError as error:
        logger.warning("the result of job %s was refused: %s %s", offer.id, error.code, error.message)
        if not isinstance(result, Failure):
            refusal = Failure(f"The worker's result was refused: {error.code} {error.message}".strip())
            await report(board, offer, refusal)
    except Exception:
        logger.exception("the result of job %s is lost", offer.id)


async def persist(call: Callable[[], Awaitable[Value]], what: str) -> Value:
    """The call's answer. While none comes it is made again, a few times, each after a longer pause."""
    for attempt in range(ATTEMPTS_MAX):
        try:
            return await call()
        except Exception as error:
            is_final = isinstance(error, errors.ApiError) and not isinstance(error, PASSING)
            if is_final or attempt == ATTEMPTS_MAX - 1:
                raise
            pause = backoff(attempt, PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX)
            logger.warning("no answer to %s, again in %.1f s: %r", what, pause, error)
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt either answers or raises")


def backoff(attempt: int, first_seconds: float, max_seconds: float) -> float:
    """How long to wait before the next attempt: doubled each time, bounded, and never the same for two workers."""
    longest = min(max_seconds, first_seconds * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (it spreads load, it hides nothing)


async def _tell(board: Board, offer: Offer, result: Result) -> None:
    if isinstance(result, Failure):
        await board.fail(offer, result)
    elif not isinstance(result, HandedOver):
        await board.succeed(offer, result)
