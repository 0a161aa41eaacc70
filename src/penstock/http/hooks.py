"""Where git hosts and others deliver: /_penstock/webhooks/TOKEN and /_penstock/webhooks/connections/TOKEN.

The address is a secret, and a delivery proves itself beyond that as its webhook says; a sender who does not is told no more
than that. What was delivered has been judged and logged, and what it starts is on disk, when the sender is answered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from penstock.http.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body, respond
from penstock.operations import connections, receiving
from penstock.operations.call import Environment
from penstock.operations.connections import CONNECTIONS_PATH
from penstock.operations.deliveries import NOT_FOUND, Answer, Delivery
from penstock.operations.webhooks import PATH
from penstock.wire.errors import ApiError

__all__ = ["BODY_BYTES_MAX", "Hooks"]

log = logging.getLogger("penstock.webhooks")

# GitHub sends 25 MB at the most; beyond a push of thousands of commits, events are far smaller than this.
BODY_BYTES_MAX = 5 * 1024 * 1024
BODY_SECONDS_MAX = 30.0
# Bodies are held in memory while they are judged.
UNDER_WAY_MAX = 64
JSON = b"application/json"


BUSY = Answer(503, {"message": "Too many deliveries are under way: deliver it again later"})
TOO_SLOW = Answer(408, {"message": "The body did not come in time"})


class _Taker(Struct, frozen=True):
    """Finds whom a token stands for, and takes in what is sent to it."""

    find: Callable[[str, Environment], Awaitable[Any]]
    receive: Callable[[Any, Delivery, Environment], Awaitable[Answer]]


_WEBHOOKS = _Taker(receiving.find, receiving.receive)
_CONNECTIONS = _Taker(connections.find, connections.receive)


class Hooks:
    """ASGI: every path under /_penstock/webhooks/."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await respond(send, 405, b"", b"text/plain", (b"allow", b"POST"))
            return
        try:
            answer = await self._serve(scope, receive)
        except ClientGone:
            return
        except ApiError as problem:
            answer = Answer(problem.status, {"message": problem.message})
        except Exception:
            log.exception("a delivery failed")
            answer = Answer(500, {"message": "The delivery could not be taken in because of an internal failure"})
        await respond(send, answer.status, msgspec.json.encode(answer.told), JSON)

    async def _serve(self, scope: Scope, receive: Receive) -> Answer:
        taker, token = _address(scope["path"])
        found = await taker.find(token, self._environment)
        if found is None:
            return NOT_FOUND
        if self._under_way >= UNDER_WAY_MAX:
            return BUSY
        self._under_way += 1
        try:
            delivery = await self._delivery(scope, receive)
            return TOO_SLOW if delivery is None else await taker.receive(found, delivery, self._environment)
        finally:
            self._under_way -= 1

    async def _delivery(self, scope: Scope, receive: Receive) -> Delivery | None:
        """The request in full; None if its body does not come in time."""
        try:
            body: bytes | None = await asyncio.wait_for(read_body(receive, BODY_BYTES_MAX), BODY_SECONDS_MAX)
        except BodyTooLarge:
            body = None
        except TimeoutError:
            return None
        client = scope.get("client")
        return Delivery(
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            sender=client[0] if client else "",
            at=self._environment.clock.now(),
        )


def _address(path: str) -> tuple[_Taker, str]:
    if path.startswith(CONNECTIONS_PATH):
        return _CONNECTIONS, path.removeprefix(CONNECTIONS_PATH)
    return _WEBHOOKS, path.removeprefix(PATH)
