"""One port, many doors: which of them a request is for."""

from msgspec import Struct

from penstock.http.asgi import Asgi, Receive, Scope, Send, header, respond

__all__ = ["Doors", "Router"]

OWN = "/_penstock/"


class Doors(Struct, frozen=True):
    """The ASGI callables behind the port. `pages` are those under /_penstock/, by path; `hooks` takes all that is under
    its own."""

    query_form: Asgi
    sts: Asgi
    objects: Asgi
    console: Asgi
    hooks: Asgi
    pages: dict[str, Asgi]


class Router:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope)(scope, receive, send)

    def _door(self, scope: Scope) -> Asgi:
        path: str = scope["path"]
        if path.startswith(OWN):
            return self._own(path)
        if _is_signed_for(scope, b"s3") or path != "/" or _names_bucket(scope):
            return self._doors.objects
        if scope["method"] == "POST" or b"&Action=" in b"&" + scope["query_string"]:
            return self._form(scope)
        return _to_console if b"text/html" in (header(scope, b"accept") or b"") else self._doors.objects

    def _own(self, path: str) -> Asgi:
        if path.startswith(f"{OWN}console"):
            return self._doors.console
        if path.startswith(f"{OWN}webhooks/"):
            return self._doors.hooks
        return self._doors.pages.get(path, _not_found)

    def _form(self, scope: Scope) -> Asgi:
        """A form or a query with an Action: of STS if it is signed for STS."""
        return self._doors.sts if _is_signed_for(scope, b"sts") else self._doors.query_form


def _is_signed_for(scope: Scope, service: bytes) -> bool:
    return (
        b"/%b/aws4_request" % service in (header(scope, b"authorization") or b"")
        or b"%%2F%b%%2Faws4_request" % service in scope["query_string"]
    )


def _names_bucket(scope: Scope) -> bool:
    """Host style: a bucket's name in front of `localhost`."""
    host = (header(scope, b"host") or b"").partition(b":")[0]
    return host.endswith(b".localhost") and host != b"s3.localhost"


async def _to_console(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 302, b"", b"text/plain", (b"location", b"/_penstock/console/"))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 404, b"not found\n", b"text/plain")
