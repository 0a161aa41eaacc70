"""The S3-compatible endpoint of the embedded object store.

A request's signature is checked, then its permission asked for, and only then is its body touched. Every answer has
a request id; every failure is one of S3's errors in XML, and a bug is an InternalError whose cause only the log tells.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.http.circumstances import circumstances, origin_of
from penstock.http.s3.body import Disconnected
from penstock.http.s3.call import Answer, FileSpan, Receive, S3Call
from penstock.http.s3.errors import S3Error, from_api_error
from penstock.http.s3.request import read_request
from penstock.http.s3.routes import permission, route_of
from penstock.http.throttle import Throttle
from penstock.ports.backup import BACKUP_BUCKET
from penstock.ports.clock import Clock
from penstock.ports.identity import Door, SignedRequest
from penstock.ports.objects import ObjectCatalogue, ObjectFiles, Refused
from penstock.ports.storage import StorageLost
from penstock.wire.errors import ApiError

__all__ = ["S3Surface"]

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
PIECE_BYTES = 1 << 18


class S3Surface:
    """An ASGI application that speaks S3, path style and, below localhost, host style."""

    def __init__(
        self,
        door: Door,
        catalogue: ObjectCatalogue,
        files: ObjectFiles,
        clock: Clock,
        *,
        throttle: Throttle | None = None,
        elsewhere: str = "",
    ) -> None:
        """`elsewhere` says where objects are, if not here; then there are backups here and nothing else."""
        self._door = door
        self._catalogue = catalogue
        self._files = files
        self._clock = clock
        self._throttle = throttle or Throttle()
        self._elsewhere = elsewhere

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8).upper()
        body = Incoming(receive)
        try:
            answer = await self._answer(scope, body, request_id)
        except Disconnected:
            return
        headers = {"x-amz-request-id": request_id} | answer.headers
        if not body.is_wanted and any(name == b"expect" for name, _ in scope["headers"]):
            # The client will not send the body now, so what comes next on this connection would be taken for it.
            headers["connection"] = "close"
        await send_answer(msgspec.structs.replace(answer, headers=headers), receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Receive, request_id: str) -> Answer:
        try:
            return await self._handled(scope, receive)
        except Disconnected:
            raise
        except S3Error as error:
            refusal = error
        except Refused as error:
            refusal = S3Error(error.code)
        except ApiError as error:
            refusal = from_api_error(error)
        except StorageLost:
            refusal = S3Error("ServiceUnavailable")
        except OSError as problem:
            logger.error("S3 request %s failed: %s %r: %s", request_id, scope["method"], scope["raw_path"], problem)
            refusal = S3Error("InternalError")
        except Exception:
            logger.exception("S3 request %s failed: %s %r", request_id, scope["method"], scope["raw_path"])
            refusal = S3Error("InternalError")
        body = refusal.body(scope["raw_path"].decode("latin-1"), request_id)
        headers = {"content-type": "application/xml"} | refusal.headers
        return Answer(refusal.status, headers, b"" if scope["method"] == "HEAD" else body)

    async def _handled(self, scope: dict[str, Any], receive: Receive) -> Answer:
        signed = SignedRequest(scope["method"], scope["raw_path"], scope["query_string"], list(scope["headers"]))
        origin = origin_of(scope)
        try:
            principal, region, body_check = await self._door.authenticate_s3(signed)
        except ApiError:
            self._throttle.count_failure(origin.address)
            raise
        self._throttle.admit(principal)
        request = read_request(signed)
        if self._elsewhere and request.bucket != BACKUP_BUCKET:
            raise S3Error("NotImplemented", f"This server keeps no objects: {self._elsewhere}")
        call = S3Call(
            request=request,
            principal=principal,
            region=region,
            circumstances=circumstances(dict(signed.headers), origin),
            receive=receive,
            body_check=body_check,
            door=self._door,
            catalogue=self._catalogue,
            files=self._files,
            clock=self._clock,
        )
        check_owner(call)
        route = route_of(request)
        if route.action:
            call.allow(*permission(request, route))
        return await route.handler(call)


class Incoming:
    """The body's messages, and whether anybody has asked for them."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_wanted = False

    async def __call__(self) -> dict[str, Any]:
        self.is_wanted = True
        return await self._receive()


def check_owner(call: S3Call) -> None:
    """Buckets are always the caller's own account's; who expects another owner is not to get these."""
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if call.request.headers.get(name, call.account) != call.account:
            raise S3Error("AccessDenied")


async def send_answer(answer: Answer, receive: Receive, send: Send) -> None:
    headers = dict(answer.headers)
    if isinstance(answer.body, bytes) and answer.status not in (204, 304):
        headers.setdefault("content-length", str(len(answer.body)))
    raw = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if isinstance(answer.body, bytes):
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await send_file(answer.body, receive, send)
    finally:
        if isinstance(answer.body, FileSpan):
            answer.body.handle.close()


async def send_file(span: FileSpan, receive: Receive, send: Send) -> None:
    """The bytes piece by piece, each once the client has room for it; stops when the client is gone."""
    await asyncio.to_thread(span.handle.seek, span.start)
    gone = asyncio.create_task(disconnection(receive))
    left = span.length
    try:
        while left and not gone.done():
            piece = await asyncio.to_thread(span.handle.read, min(PIECE_BYTES, left))
            if not piece:
                raise EOFError("a file of the object store is shorter than its row says")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        if not span.length:
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


async def disconnection(receive: Receive) -> None:
    """Returns when the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
