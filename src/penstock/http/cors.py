"""Calls from web pages of other origins (https://fetch.spec.whatwg.org/#http-cors-protocol), for those who want them.

A browser lets a page read an answer of another origin only if that says so, and asks beforehand whether it may send what a
signed request takes. Unless origins are named, nothing here runs: no answer has a header of this protocol, and a browser's
question is refused like any other request that nobody has signed.

What is shared is the API in both forms, STS and S3, which prove by a signature who calls. Pages never send credentials of
the browser's own: no answer allows them. What lies under /_penstock/ is never shared.
"""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from penstock.http.asgi import Asgi, Receive, Scope, Send, header, respond
from penstock.http.connection import ApiCall, Connection, Request

if TYPE_CHECKING:
    from penstock.http.listener import Listener

__all__ = ["Cors", "SharingConnection"]

ANY = b"*"
ORIGIN = b"origin"
VARY = (b"vary", ORIGIN)
ASKED_METHOD = b"access-control-request-method"
ASKED_HEADERS = b"access-control-request-headers"
METHODS = b"GET, POST, PUT, DELETE, HEAD"
# What every signed request has; what else begins like them (metadata, checksums) is allowed as it is asked for.
HEADERS = (
    b"authorization",
    b"content-type",
    b"x-amz-content-sha256",
    b"x-amz-date",
    b"x-amz-security-token",
    b"x-amz-target",
    b"x-amz-user-agent",
    b"amz-sdk-invocation-id",
    b"amz-sdk-request",
)
SIGNING_HEADER = re.compile(rb"(?:x-amz|amz-sdk)-[a-z0-9-]{1,128}")
EXPOSED = b"x-amzn-requestid, etag"
# Answers to the question are kept by browsers for so long, at most.
KEPT_SECONDS = b"600"


class Cors:
    """The origins whose pages may call; `*` stands for all of them."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._of_origin = {origin: _lines(origin) for origin in self._origins}
        self._of_others = self._of_origin.get(ANY, [VARY])
        self._written = {origin: _written(lines) for origin, lines in self._of_origin.items()}
        self._written_for_others = _written(self._of_others)

    def written(self, origin: bytes | None) -> bytes:
        """What an answer to a request from there says, as lines of its head."""
        return self._written.get(origin, self._written_for_others) if origin is not None else self._written_for_others

    def shared(self, app: Asgi) -> Asgi:
        """ASGI: the same application for pages of these origins too."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            origin = header(scope, ORIGIN)
            if scope["method"] == "OPTIONS" and origin is not None and header(scope, ASKED_METHOD) is not None:
                await self._answer(scope, origin, send)
                return
            lines = self._of_others if origin is None else self._of_origin.get(origin, self._of_others)

            async def send_shared(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], *lines]}
                await send(message)

            await app(scope, receive, send_shared)

        return serve

    async def _answer(self, scope: Scope, origin: bytes, send: Send) -> None:
        """What a browser asks before it sends a page's request. What is not granted it does not send."""
        allowed = ANY if ANY in self._origins else origin
        if allowed not in self._origins:
            await respond(send, 403, b"Pages of this origin may not call\n", b"text/plain", VARY)
            return
        asked = (name.strip().lower() for name in (header(scope, ASKED_HEADERS) or b"").split(b","))
        also = sorted({name for name in asked if SIGNING_HEADER.fullmatch(name)}.difference(HEADERS))
        granted = [
            (b"access-control-allow-origin", allowed),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", b", ".join((*HEADERS, *also))),
            (b"access-control-max-age", KEPT_SECONDS),
            (b"vary", b"%b, %b" % (ORIGIN, ASKED_HEADERS)),
        ]
        await respond(send, 200, b"", b"text/plain", *granted)


class SharingConnection(Connection):
    """A connection of a server whose API is called from pages of other origins."""

    def __init__(self, listener: "Listener", cors: Cors) -> None:
        super().__init__(listener)
        self._cors = cors

    def common_head(self, request: Request) -> bytes:
        lines = super().common_head(request)
        if isinstance(request, ApiCall):
            return self._cors.written(request.names.get(ORIGIN)) + lines
        return lines


def _lines(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED), VARY]


def _written(lines: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % line for line in lines)
