"""The API's door: the life of a request on one page.

    read ─► route ─► authenticate ─► decode ─► authorize ─► run ─► encode

Whatever goes wrong is an ApiError, answered with its own code and status; anything else is a fault of ours, logged with the
request id and answered as InternalFailure, without a trace.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from msgspec import Struct

from penstock.http.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body, respond
from penstock.http.status import Metrics
from penstock.operations.call import Call, Environment
from penstock.operations.registry import HANDLERS, Route
from penstock.operations.resources import resource_of
from penstock.ports.identity import Principal, SignedRequest
from penstock.wire.codec import decode, encode
from penstock.wire.errors import (
    ApiError,
    InternalFailure,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)

__all__ = ["Api"]

Headers = dict[bytes, bytes]

log = logging.getLogger("penstock.api")

BODY_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 20.0
CONTINUE_SECONDS_MAX = 24 * 3600.0
JSON = b"application/x-amz-json-1.1"
_JSON_TYPES = (b"application/x-amz-json-1.1", b"application/x-amz-json-1.0", b"application/json")


class RequestEntityTooLargeException(ApiError):
    status = 413
    usual_message = "The request is larger than 1 MiB"


class Api:
    """ASGI: `POST /` with an `X-Amz-Target` header."""

    def __init__(self, environment: Environment, metrics: Metrics) -> None:
        self._environment = environment
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = "unknown"
        try:
            headers = dict(scope["headers"])
            route = _route(scope["method"], headers)
            target = route.operation.name
            body = encode(await self._serve(scope, receive, route, headers))
            status = 200
        except ApiError as problem:
            body, status = problem.body(), problem.status
        except ClientGone:
            return
        except Exception:
            log.exception("%s failed", target)
            fault = InternalFailure("The request could not be carried out because of an internal failure")
            body, status = fault.body(), fault.status
        self._metrics.count(target, status)
        await respond(send, status, body, JSON)

    async def _serve(self, scope: Scope, receive: Receive, route: Route, headers: Headers) -> Struct | None:
        environment = self._environment
        try:
            body = await read_body(receive, BODY_BYTES_MAX)
        except BodyTooLarge:
            raise RequestEntityTooLargeException from None
        signed = SignedRequest(
            scope["method"], scope.get("raw_path", b"/"), scope["query_string"], scope["headers"], body
        )
        principal, region = await environment.door.authenticate(signed)
        request = decode(route.operation, body)
        if principal.kind != "root":
            self._authorize(scope, route, request, principal, region)
        call = Call(
            principal,
            principal.account,
            region,
            environment,
            _seconds(headers, b"x-penstock-wait-seconds", WAIT_SECONDS_MAX) or 0.0,
            _seconds(headers, b"x-penstock-continue-seconds", CONTINUE_SECONDS_MAX),
        )
        if call.wait_seconds > 0:
            return await _while_connected(route.handler(request, call), receive)
        return await route.handler(request, call)

    def _authorize(self, scope: Scope, route: Route, request: Any, principal: Principal, region: str) -> None:
        client = scope.get("client")
        context = {"aws:RequestedRegion": region, "aws:SourceIp": client[0] if client else ""}
        resource = resource_of(route.operation.name, request, region, principal.account)
        self._environment.door.allow(principal, route.iam_action, resource, context)


async def _while_connected(answer: Awaitable[Struct | None], receive: Receive) -> Struct | None:
    """A held answer: given up when the client is gone, so that no job is handed to nobody. Raises ClientGone."""
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_disconnection(receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientGone
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _route(method: str, headers: Headers) -> Route:
    route = HANDLERS.get(headers.get(b"x-amz-target", b"").decode("latin-1"))
    if route is None or method != "POST":
        raise UnknownOperationException
    content_type = headers.get(b"content-type", b"")
    if content_type != JSON and content_type.partition(b";")[0].strip().lower() not in _JSON_TYPES:
        raise SerializationException("The content type of a request is application/x-amz-json-1.1")
    return route


def _seconds(headers: Headers, name: bytes, seconds_max: float) -> float | None:
    """A pause that a worker asks for in a header, within its bounds."""
    text = headers.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= seconds_max:
        raise ValidationException(f"The header {name.decode()} takes 0 to {seconds_max:.0f} seconds")
    return seconds
