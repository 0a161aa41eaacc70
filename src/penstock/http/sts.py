"""The little of STS that clients need: GetCallerIdentity, in the query protocol."""

import logging
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from penstock.http.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body, respond
from penstock.ports.identity import Door, Principal, SignedRequest
from penstock.wire.errors import ApiError, InternalFailure

__all__ = ["Sts"]

log = logging.getLogger("penstock.sts")

BODY_BYTES_MAX = 64 * 1024
XML = b"text/xml"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class InvalidAction(ApiError): ...


class Sts:
    """ASGI: a form with `Action=GetCallerIdentity`, as every SDK sends it. Anybody who can sign may ask who they are."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body, status = await self._serve(scope, receive), 200
        except ApiError as problem:
            body, status = _error(problem), problem.status
        except BodyTooLarge:
            body, status = _error(InvalidAction("The request is too large")), 413
        except ClientGone:
            return
        except Exception:
            log.exception("a request to STS failed")
            body, status = _error(InternalFailure("The request failed")), 500
        await respond(send, status, body, XML)

    async def _serve(self, scope: Scope, receive: Receive) -> bytes:
        body = await read_body(receive, BODY_BYTES_MAX)
        signed = SignedRequest(
            scope["method"], scope.get("raw_path", b"/"), scope["query_string"], scope["headers"], body
        )
        principal, _ = await self._door.authenticate(signed)
        query = scope["query_string"] if scope["method"] == "GET" else body
        action = parse_qs(query.decode("utf-8", "replace")).get("Action", [""])[0]
        if action != "GetCallerIdentity":
            raise InvalidAction(f"The action {action[:128]} is not valid for this endpoint.")
        return _identity(principal)


def _identity(principal: Principal) -> bytes:
    return (
        f'<GetCallerIdentityResponse xmlns="{NAMESPACE}"><GetCallerIdentityResult>'
        f"<Arn>{escape(principal.arn)}</Arn><UserId>{escape(principal.access_key_id)}</UserId>"
        f"<Account>{principal.account}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()


def _error(problem: ApiError) -> bytes:
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{escape(problem.code)}</Code>'
        f"<Message>{escape(problem.message)}</Message></Error><RequestId>{uuid4()}</RequestId></ErrorResponse>"
    ).encode()
