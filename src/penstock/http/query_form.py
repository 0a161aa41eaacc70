"""The API's second door: an operation as a query string or as a form, `GET /?Action=PollForJobs&maxBatchSize=2`.

    read ─► parameters ─► route ─► authenticate ─► JSON members ─► the way of the JSON form

Only the writing differs. A parameter has the name of a member of the operation's input, and becomes that member: text as it
is, a number or a boolean by its JSON, a structure, a list or a map as the JSON text that it is. From there on it is the
request that the JSON form would have sent, and gets the same answer.
"""

from functools import cache, partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw, Struct, inspect, structs

from penstock.http.api import BODY_BYTES_MAX, HELD, JSON, Api, refusal
from penstock.http.asgi import Asgi, ClientGone, Receive, Scope, Send, header, read_body, respond, while_connected
from penstock.http.circumstances import origin_of
from penstock.http.status import Metrics
from penstock.operations.call import Call
from penstock.operations.registry import HANDLERS, Route
from penstock.ports.identity import SignedRequest
from penstock.wire.catalog import TARGET_PREFIX
from penstock.wire.codec import UNREADABLE, decode, encode
from penstock.wire.errors import (
    DryRunOperation,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from penstock.wire.mending import present
from penstock.wire.shape import Operation

__all__ = ["STS_ACTIONS", "QueryForm"]

Parameters = dict[str, list[str]]

PARAMETERS_MAX = 100
FORM = b"application/x-www-form-urlencoded"
PLAIN_JSON = b"application/json"
# Answers hold credentials, and a GET is what caches keep.
NOT_KEPT = (b"cache-control", b"no-store")

# No operation of the API has one of these names.
STS_ACTIONS = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "DecodeAuthorizationMessage",
        "GetAccessKeyInfo",
        "GetCallerIdentity",
        "GetDelegatedAccessToken",
        "GetFederationToken",
        "GetSessionToken",
        "GetWebIdentityToken",
    }
)


class QueryForm:
    """ASGI: `/` with an `Action`, in the query string of a GET or a POST or in the form that is posted.

    `sts` takes what is unsigned and names an action of STS: only a signature tells the router which service is meant.
    """

    def __init__(self, api: Api, metrics: Metrics, sts: Asgi) -> None:
        self._api = api
        self._metrics = metrics
        self._sts = sts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = "unknown"
        try:
            content = await read_body(receive, BODY_BYTES_MAX)
            parameters = _parameters(scope, content)
            if _is_for_sts(scope, parameters):
                await self._sts(scope, _again(content, receive), send)
                return
            route = _route(scope["method"], parameters)
            target = route.operation.name
            request_of = partial(_request, parameters)
            signed = SignedRequest(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], content)
            headers = dict(scope["headers"])
            answering = self._api.serve(route, signed, headers, origin_of(scope), decode=request_of)
            answer = await (while_connected(answering, receive) if HELD in headers else answering)
            body, status = encode(answer), 200
        except ClientGone:
            return
        except Exception as problem:
            body, status = refusal(problem, target)
        self._metrics.count(target, status)
        await respond(send, status, body, _answered_type(scope), NOT_KEPT)


def _answered_type(scope: Scope) -> bytes:
    """JSON by the API's own name for it, or by the plain one for a client that takes only that."""
    wanted = header(scope, b"accept") or b""
    return PLAIN_JSON if PLAIN_JSON in wanted and JSON not in wanted else JSON


def _parameters(scope: Scope, content: bytes) -> Parameters:
    """All that is given under each name, in the query string and in the form."""
    query: bytes = scope["query_string"]
    content_type = (header(scope, b"content-type") or FORM).partition(b";")[0].strip().lower()
    if content and content_type != FORM:
        if b"Action=" not in query:
            raise UnknownOperationException
        raise SerializationException("The content type of a form is application/x-www-form-urlencoded")
    written = b"&".join(part for part in (query, content) if part)
    try:
        return parse_qs(written.decode(), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except UnicodeDecodeError:
        raise SerializationException("The parameters of a request are text in UTF-8") from None
    except ValueError:
        raise ValidationException(f"A request has at most {PARAMETERS_MAX} parameters") from None


def _again(content: bytes, receive: Receive) -> Receive:
    """Gives a body that has been read a second time, and then what follows it."""
    pending: list[dict[str, Any]] = [{"type": "http.request", "body": content}]

    async def receive_again() -> dict[str, Any]:
        return pending.pop() if pending else await receive()

    return receive_again


def _is_for_sts(scope: Scope, parameters: Parameters) -> bool:
    is_signed = header(scope, b"authorization") is not None or "X-Amz-Credential" in parameters
    return not is_signed and parameters.get("Action", [""])[0] in STS_ACTIONS


def _route(method: str, parameters: Parameters) -> Route:
    action = _value(parameters, "Action")
    route = HANDLERS.get(f"{TARGET_PREFIX}.{action}")
    if route is None or method not in {"GET", "POST"}:
        raise UnknownOperationException
    return structs.replace(route, handler=_dry_run) if parameters.get("DryRun") == ["true"] else route


async def _dry_run(request: Struct, call: Call) -> None:
    raise DryRunOperation


def _value(parameters: Parameters, name: str) -> str | None:
    given = parameters.get(name, [])
    if len(given) > 1:
        raise ValidationException(f"The parameter {name} is given more than once")
    return given[0] if given else None


def _request(parameters: Parameters, operation: Operation, _content: bytes) -> Struct:
    """The input of the operation that the parameters stand for; those that it does not have are ignored."""
    if _value(parameters, "DryRun") not in {None, "true", "false"}:
        raise ValidationException("The parameter DryRun takes true or false")
    members = {}
    for name, kind in _members(operation.input).items():
        text = _value(parameters, name)
        if text is not None:
            members[name] = _member(name, kind, text)
    return decode(operation, msgspec.json.encode(members))


@cache
def _members(request: type[Struct]) -> dict[str, inspect.Type]:
    outline = inspect.type_info(request)
    assert isinstance(outline, inspect.StructType)
    return {field.encode_name: present(field) for field in outline.fields}


def _member(name: str, kind: inspect.Type, text: str) -> str | Raw:
    """The JSON that a parameter's text becomes. `Raw` is written as it is, so it must be one whole JSON value."""
    if isinstance(kind, inspect.StrType | inspect.LiteralType):
        return text
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE:
        value = None
        if _is_structured(kind):
            raise ValidationException(f"The parameter {name} takes JSON text") from None
    # What is no number or boolean stays text, and is refused as it would be in the JSON form.
    return Raw(text.encode()) if _is_structured(kind) or isinstance(value, int | float) else text


def _is_structured(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StructType | inspect.VarTupleType | inspect.DictType)
