"""The API's door: the life of a call on one page.

    route ─► authenticate ─► decode ─► authorize ─► run ─► encode

Whatever goes wrong is an ApiError, answered with its own code and status; anything else is a fault of ours, logged and
answered as InternalFailure, without a trace.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from msgspec import Struct

from penstock.http.asgi import BodyTooLarge
from penstock.http.circumstances import Origin, circumstances
from penstock.http.status import Metrics
from penstock.http.throttle import Throttle
from penstock.operations.authorization import authorize
from penstock.operations.call import Call, Environment
from penstock.operations.registry import HANDLERS, Route
from penstock.ports.identity import Principal, SignedRequest
from penstock.wire.catalog import TARGET_PREFIX
from penstock.wire.codec import decode, encode
from penstock.wire.errors import (
    ApiError,
    InternalFailure,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from penstock.wire.shape import Operation

__all__ = ["BODY_BYTES_MAX", "HELD", "JSON", "TARGET", "Answer", "Api", "is_prompt", "refusal"]

Headers = dict[bytes, bytes]
# Status and body of an answer.
Answer = tuple[int, bytes]
# Who calls, and in which region.
Caller = tuple[Principal, str]

log = logging.getLogger("penstock.api")

BODY_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 20.0
CONTINUE_SECONDS_MAX = 24 * 3600.0
JSON = b"application/x-amz-json-1.1"
TARGET = b"x-amz-target"
HELD = b"x-penstock-wait-seconds"
CONTINUE = b"x-penstock-continue-seconds"
_JSON_TYPES = (b"application/x-amz-json-1.1", b"application/x-amz-json-1.0", b"application/json")


_PROMPT = frozenset(
    f"{TARGET_PREFIX}.{operation}".encode()
    for operation in (
        "AcknowledgeJob",
        "AcknowledgeThirdPartyJob",
        "GetJobDetails",
        "GetThirdPartyJobDetails",
        "PollForJobs",
        "PollForThirdPartyJobs",
        "PutJobFailureResult",
        "PutJobSuccessResult",
        "PutThirdPartyJobFailureResult",
        "PutThirdPartyJobSuccessResult",
    )
)


# What many workers ask in the same words.
_REPEATED = frozenset({"PollForJobs", "PollForThirdPartyJobs"})


class RequestEntityTooLargeException(ApiError):
    status = 413
    usual_message = "The request is larger than 1 MiB"


class Api:
    """Answers `POST /` with an `X-Amz-Target` header."""

    def __init__(self, environment: Environment, metrics: Metrics, throttle: Throttle | None = None) -> None:
        self._environment = environment
        self._metrics = metrics
        self._throttle = throttle or Throttle()

    def answer(self, request: SignedRequest, headers: Headers, origin: Origin) -> Coroutine[Any, Any, Answer]:
        """The answer to a whole request, its headers once more by name.

        Up to where the operation begins everything is done before this returns, as long as nobody has to be looked up. So what
        waits for an answer is small: of the request only what was asked.
        """
        target = "unknown"
        try:
            route = _route(request.method, headers)
            target = route.operation.name
            caller = self._recognized(request, origin, is_repeated=target in _REPEATED)
            if caller is None:
                return self._told(target, partial(self.serve, route, request, headers, origin))
            call = self._call(caller, headers, origin)
            asked = decode(route.operation, request.body)
        except Exception as problem:
            return self._told(target, partial(_fail, problem))
        return self._told(target, partial(_run, route, asked, call))

    async def _told(self, target: str, work: Callable[[], Awaitable[Struct | None]]) -> Answer:
        try:
            body, status = encode(await work()), 200
        except Exception as problem:
            body, status = refusal(problem, target)
        self._metrics.count(target, status)
        return status, body

    def too_large(self) -> Answer:
        """The answer to a request of more than BODY_BYTES_MAX."""
        body, status = refusal(BodyTooLarge(), "unknown")
        self._metrics.count("unknown", status)
        return status, body

    async def serve(
        self,
        route: Route,
        signed: SignedRequest,
        headers: Headers,
        origin: Origin,
        *,
        decode: Callable[[Operation, bytes], Struct] = decode,
    ) -> Struct | None:
        """What the operation answers, once the caller is known, the request decoded and the caller allowed.

        Any failure of these is raised, for `refusal` to tell.
        """
        caller = self._recognized(signed, origin) or await self._looked_up(signed, origin)
        call = self._call(caller, headers, origin)
        return await _run(route, decode(route.operation, signed.body), call)

    def _recognized(self, signed: SignedRequest, origin: Origin, *, is_repeated: bool = False) -> Caller | None:
        try:
            return self._environment.door.recognize(signed, is_repeated=is_repeated)
        except ApiError:
            self._throttle.count_failure(origin.address)
            raise

    async def _looked_up(self, signed: SignedRequest, origin: Origin) -> Caller:
        try:
            return await self._environment.door.authenticate(signed)
        except ApiError:
            self._throttle.count_failure(origin.address)
            raise

    def _call(self, caller: Caller, headers: Headers, origin: Origin) -> Call:
        """Raises ThrottlingException if the caller asks too often, ValidationException if a header asks for too much."""
        principal, region = caller
        self._throttle.admit(principal)
        return Call(
            principal,
            principal.account,
            region,
            self._environment,
            _seconds(headers, HELD, WAIT_SECONDS_MAX) if HELD in headers else 0.0,
            _seconds(headers, CONTINUE, CONTINUE_SECONDS_MAX) if CONTINUE in headers else None,
            circumstances(headers, origin),
        )


def _run(route: Route, asked: Struct, call: Call) -> Awaitable[Struct | None]:
    return route.handler(asked, call) if call.principal.kind == "root" else _once_allowed(route, asked, call)


async def _once_allowed(route: Route, asked: Struct, call: Call) -> Struct | None:
    await authorize(call, route, asked)
    return await route.handler(asked, call)


async def _fail(problem: Exception) -> None:
    raise problem


def refusal(problem: Exception, target: str) -> tuple[bytes, int]:
    """The body and the status of the answer to a request that failed; a fault of ours is logged."""
    if isinstance(problem, BodyTooLarge):
        problem = RequestEntityTooLargeException()
    if not isinstance(problem, ApiError):
        log.error("%s failed", target, exc_info=problem)
        problem = InternalFailure("The request could not be carried out because of an internal failure")
    return problem.body(), problem.status


def is_prompt(headers: Headers) -> bool:
    """Whether the call is one that waits for futures alone, if for anything: the committer's, and those of reads."""
    return headers.get(TARGET) in _PROMPT and HELD not in headers


def _route(method: str, headers: Headers) -> Route:
    route = HANDLERS.get(headers[TARGET].decode("latin-1"))
    if route is None or method != "POST":
        raise UnknownOperationException
    content_type = headers.get(b"content-type", b"")
    if content_type != JSON and content_type.partition(b";")[0].strip().lower() not in _JSON_TYPES:
        raise SerializationException("The content type of a request is application/x-amz-json-1.1")
    return route


def _seconds(headers: Headers, name: bytes, seconds_max: float) -> float:
    """A pause that a worker asks for in a header, within its bounds."""
    try:
        seconds = float(headers[name])
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= seconds_max:
        raise ValidationException(f"The header {name.decode()} takes 0 to {seconds_max:.0f} seconds")
    return seconds
