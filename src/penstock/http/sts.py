"""The little of STS that clients need, in the query protocol: parameters in, XML out.

A request is signed for STS, as every SDK does it; a signature that was made for the API opens nothing here.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct, structs

from penstock.http.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body, request_id, respond
from penstock.http.circumstances import circumstances, origin_of
from penstock.http.s3.documents import Tree, render
from penstock.http.throttle import Throttle
from penstock.operations import sessions
from penstock.operations.call import Call, Environment
from penstock.ports.identity import Conditions, SignedRequest
from penstock.wire.codec import decode
from penstock.wire.errors import ApiError, InternalFailure
from penstock.wire.shape import Operation

__all__ = ["Sts"]

log = logging.getLogger("penstock.sts")

BODY_BYTES_MAX = 64 * 1024
PARAMETERS_MAX = 100
VERSION = "2011-06-15"
XML = b"text/xml"
NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
# Answers hold credentials, and a GET is what caches keep.
NOT_KEPT = (b"cache-control", b"no-store")

Handler = Callable[[Any, Call, Conditions], Awaitable[Struct]]


class InvalidAction(ApiError): ...


class InvalidParameterValue(ApiError): ...


_HANDLERS: dict[str, Handler] = {
    "AssumeRole": sessions.assume_role,
    "GetCallerIdentity": sessions.get_caller_identity,
    "GetSessionToken": sessions.get_session_token,
}
_OPERATIONS = {
    name: Operation(
        name,
        getattr(handler, "__name__", name),
        getattr(sessions, f"{name}Input"),
        getattr(sessions, f"{name}Output"),
        frozenset(),
    )
    for name, handler in _HANDLERS.items()
}
# What would narrow, tag or prove more than is done here must not be passed over.
_UNSUPPORTED = (
    "PolicyArns",
    "ProvidedContexts",
    "SerialNumber",
    "SourceIdentity",
    "Tags",
    "TokenCode",
    "TransitiveTagKeys",
)

# The door speaks the words of the JSON protocol.
_OF_STS: dict[str, tuple[str, int]] = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "ThrottlingException": ("Throttling", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "ValidationException": ("ValidationError", 400),
}


class Sts:
    """ASGI: a form, or a query string, with the `Action` AssumeRole, GetCallerIdentity or GetSessionToken."""

    def __init__(self, environment: Environment, throttle: Throttle | None = None) -> None:
        self._environment = environment
        self._throttle = throttle or Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = request_id()
        try:
            body, status = await self._serve(scope, receive, named.decode()), 200
        except ApiError as problem:
            body, status = _refusal(problem, named.decode())
        except BodyTooLarge:
            body, status = _refusal(InvalidAction("The request is too large"), named.decode())[0], 413
        except ClientGone:
            return
        except Exception:
            log.exception("a request to STS failed")
            body, status = _refusal(InternalFailure(), named.decode())
        await respond(send, status, body, XML, NOT_KEPT)

    async def _serve(self, scope: Scope, receive: Receive, named: str) -> bytes:
        body = await read_body(receive, BODY_BYTES_MAX)
        signed = SignedRequest(
            scope["method"], scope.get("raw_path", b"/"), scope["query_string"], scope["headers"], body
        )
        environment = self._environment
        origin = origin_of(scope)
        try:
            principal, region = await environment.door.authenticate(signed, "sts")
        except ApiError:
            self._throttle.count_failure(origin.address)
            raise
        self._throttle.admit(principal)
        parameters = _parameters(scope["query_string"] if scope["method"] == "GET" else body)
        action = parameters.get("Action", "")
        operation = _OPERATIONS.get(action)
        if operation is None:
            raise InvalidAction(f"Could not find operation {action[:128]} for version {VERSION}")
        request = decode(operation, _members(operation, parameters))
        call = Call(principal, principal.account, region, environment)
        answer = await _HANDLERS[action](
            request, call, circumstances(dict(scope["headers"]), origin).conditions(region)
        )
        content: Tree = [(f"{action}Result", _tree(answer)), ("ResponseMetadata", [("RequestId", named)])]
        return render(f"{action}Response", content, NAMESPACE)


def _parameters(query: bytes) -> dict[str, str]:
    """Each parameter by its name; of one that is given twice, the last."""
    try:
        found = parse_qs(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise InvalidParameterValue("The parameters of a request are text in UTF-8, and not many") from None
    return {name: values[-1] for name, values in found.items()}


def _members(operation: Operation, parameters: dict[str, str]) -> bytes:
    """The JSON of the operation's input; parameters that it does not have are ignored, as long as nothing hangs on them."""
    for name in parameters:
        if name.startswith(_UNSUPPORTED):
            raise InvalidParameterValue(f"The parameter {name[:128]} is not supported by this server")
    members: dict[str, str | int] = {}
    for field in structs.fields(operation.input):
        name = field.encode_name[0].upper() + field.encode_name[1:]
        if name in parameters:
            text = parameters[name]
            members[field.encode_name] = _number(name, text) if name == "DurationSeconds" else text
    return msgspec.json.encode(members)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise InvalidParameterValue(f"The parameter {name} takes a whole number")
    return int(text)


def _tree(value: Struct) -> list[tuple[str, Tree]]:
    """The members that are there, in their order; what has a point in it is a moment."""
    found: list[tuple[str, Tree]] = []
    for field in structs.fields(type(value)):
        match getattr(value, field.name):
            case None:
                continue
            case Struct() as inner:
                found.append((field.encode_name, _tree(inner)))
            case float() as moment:
                found.append((field.encode_name, datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
            case scalar:
                found.append((field.encode_name, str(scalar)))
    return found


def _refusal(problem: ApiError, named: str) -> tuple[bytes, int]:
    """The body and the status of a refusal, in STS's words."""
    code, status = _OF_STS.get(problem.code, (problem.code, problem.status))
    # A document that quotes a control character is none that a client could read.
    message = "".join(letter if letter.isprintable() else "\ufffd" for letter in problem.message)
    side = "Receiver" if status >= 500 else "Sender"
    error: Tree = [("Type", side), ("Code", code), ("Message", message)]
    return render("ErrorResponse", [("Error", error), ("RequestId", named)], NAMESPACE), status
