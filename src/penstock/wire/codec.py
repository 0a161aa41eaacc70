"""The only place that knows bytes: requests in, answers out.

A request is decoded in one call, with all its constraints. msgspec stops at the first thing that is wrong; the
service forgives some things and reports all others at once, so a refused request is read a second time.
"""

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, inspect

from penstock.wire.errors import SerializationException, ValidationException
from penstock.wire.mending import LIST_FOUND, mended
from penstock.wire.shape import Operation
from penstock.wire.violations import sentence, violations

# What msgspec raises for bad JSON, for bad UTF-8, and for brackets nested too deeply.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.json.Encoder()


def decode(operation: Operation, body: bytes) -> Struct:
    """The request as the operation's input; an empty body is an empty object, unknown members are ignored.

    Raises ValidationException naming every constraint that is broken, SerializationException for whatever is
    no JSON or has the wrong JSON type, and nothing else, whatever the body.
    """
    try:
        return _decoder(operation.input).decode(body or b"{}")
    except msgspec.ValidationError:
        return _read_again(operation.input, body)
    except UNREADABLE as error:
        raise SerializationException from error


def encode(value: Struct | None) -> bytes:
    """The answer's body; nothing at all for an operation without an output."""
    return b"" if value is None else _encoder.encode(value)


@cache
def _decoder(request: type[Struct]) -> msgspec.json.Decoder[Struct]:
    return msgspec.json.Decoder(request)


@cache
def _outline(request: type[Struct]) -> inspect.Type:
    return inspect.type_info(request)


def _read_again(request: type[Struct], body: bytes) -> Struct:
    value = mended(_outline(request), _json_object(body or b"{}"))
    if broken := violations(_outline(request), value):
        raise ValidationException(sentence(broken))
    try:
        return msgspec.convert(value, request)
    except msgspec.ValidationError as error:
        raise SerializationException from error


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise SerializationException from error
    if isinstance(value, dict):
        return value
    raise SerializationException(LIST_FOUND if isinstance(value, list) else None)
