"""The little of ASGI that the doors share."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from random import getrandbits
from typing import Any, TypeVar

__all__ = [
    "Asgi",
    "BodyTooLarge",
    "ClientGone",
    "Receive",
    "Scope",
    "Send",
    "header",
    "read_body",
    "request_id",
    "respond",
    "while_connected",
]

T = TypeVar("T")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """The request's body is longer than this door takes."""


class ClientGone(Exception):
    """The client went away before its request was complete."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is longer than `bytes_max`."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= bytes_max:
        return body
    pieces = [body]
    size = len(body)
    while message.get("more_body") and size <= bytes_max:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if message["type"] == "http.disconnect":
        raise ClientGone
    if size > bytes_max:
        raise BodyTooLarge
    return b"".join(pieces)


async def while_connected(answer: Awaitable[T], receive: Receive) -> T:
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


# Of this process, and how many answers it has named.
_front = b"%08x-%04x-%04x-%04x-" % tuple(getrandbits(bits) for bits in (32, 16, 16, 16))
_numbers = count(getrandbits(40))


def request_id() -> bytes:
    """A name for an answer, in the form of a UUID. It guards nothing, so it need not be hard to guess."""
    return b"%b%012x" % (_front, next(_numbers))


async def respond(send: Send, status: int, body: bytes, content_type: bytes, *headers: tuple[bytes, bytes]) -> None:
    """One whole answer, with a request id."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                (b"x-amzn-requestid", request_id()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
