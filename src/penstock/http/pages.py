"""The door of the plain page of pipelines.

It shows what anybody on this machine may see, so a server on a loopback address serves it and no other does.
"""

from collections.abc import Awaitable, Callable

from penstock.http.asgi import Receive, Scope, Send, header, respond

__all__ = ["LocalPage"]

HTML = b"text/html; charset=utf-8"
POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
_LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")


class LocalPage:
    """ASGI: what `render` gives, for GET requests that name this machine as their host."""

    def __init__(self, render: Callable[[], Awaitable[str]], *, is_loopback: bool) -> None:
        self._render = render
        self._is_loopback = is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A page elsewhere may point its own name at this address: the Host header still tells.
        if not self._is_loopback or _host(scope) not in _LOOPBACK:
            text = b"The page of pipelines is served on loopback addresses only.\n"
            await respond(send, 403, text, b"text/plain")
        elif scope["method"] not in ("GET", "HEAD"):
            await respond(send, 405, b"", b"text/plain", (b"allow", b"GET, HEAD"))
        else:
            await respond(send, 200, (await self._render()).encode(), HTML, POLICY)


def _host(scope: Scope) -> bytes:
    host = header(scope, b"host") or b""
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host
