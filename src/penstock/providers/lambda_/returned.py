"""What a partner's function returns, read strictly. UG: reference-integrations, "return the results".

{"result": "Success" | "Continue" | "Fail",  in any case of letters
 "failureType": …,                           with Fail alone, and required there
 "continuation": {"State": …},               with Continue alone, and required there
 "status": {"ExternalExecutionId": …, "Summary": …},
 "outputVariables": {…}}                     with Success alone
"""

from typing import Any, get_args

import msgspec
from msgspec import Struct

from penstock.wire import types as wire
from penstock.worker import Continue, Failure, Success
from penstock.worker.results import Result

__all__ = ["result_of"]

# The API's limit on a ContinuationToken
TOKEN_LENGTH_MAX = 2048

# The guide's own spelling, beside the API's.
FAILURE_TYPES: dict[str, wire.FailureType] = {
    "PermissionsError": "PermissionError",
    **{name: name for name in get_args(wire.FailureType)},
}


class _Malformed(Exception):
    """What was returned is no result; the text says why."""


class _Returned(Struct, frozen=True, rename="camel"):
    result: str
    failure_type: str | None = None
    continuation: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    output_variables: dict[wire.OutputVariablesKey, str] | None = None


_decode = msgspec.json.Decoder(_Returned).decode


def result_of(what: str, returned: bytes) -> Result:
    """The result; what is none is a failure that says so. `what` is the function, as the subject of a sentence."""
    try:
        return _read(what, _decode(returned))
    except msgspec.DecodeError as problem:
        return Failure(f"{what} did not return a result: {problem}")
    except _Malformed as problem:
        return Failure(f"{what} did not return a valid result: {problem}")


def _read(what: str, told: _Returned) -> Result:
    summary, external_id = _text(told.status, "Summary"), _text(told.status, "ExternalExecutionId")
    match told.result.casefold():
        case "success":
            _refuse(told, "failureType", "continuation")
            return Success(summary, external_id, output_variables=told.output_variables or {})
        case "continue":
            _refuse(told, "failureType", "outputVariables")
            return Continue(_token(told.continuation), summary=summary, external_execution_id=external_id)
        case "fail":
            _refuse(told, "continuation", "outputVariables")
            kind = _failure_type(told.failure_type)
            return Failure(summary or f"{what} returned {kind} without a summary.", kind, external_id)
    raise _Malformed(f"'result' is '{told.result[:100]}', which is none of Success, Continue and Fail.")


def _refuse(told: _Returned, *members: str) -> None:
    for field in msgspec.structs.fields(told):
        if field.encode_name in members and getattr(told, field.name) is not None:
            raise _Malformed(f"'{field.encode_name}' must be null if 'result' is '{told.result}'.")


def _failure_type(given: str | None) -> wire.FailureType:
    if given is None:
        raise _Malformed("'failureType' is required if 'result' is 'Fail'.")
    if given not in FAILURE_TYPES:
        raise _Malformed(f"'failureType' is '{given[:100]}', which is none of {', '.join(FAILURE_TYPES)}.")
    return FAILURE_TYPES[given]


def _token(continuation: dict[str, Any] | None) -> str:
    """The state as the next job carries it: a text as it is, anything else as JSON."""
    state = _member(continuation, "State")
    if state is None or state == "":
        raise _Malformed("'continuation' with its 'State' is required if 'result' is 'Continue'.")
    token = state if isinstance(state, str) else msgspec.json.encode(state).decode()
    if len(token) > TOKEN_LENGTH_MAX:
        raise _Malformed(f"the 'State' is {len(token)} characters long, and {TOKEN_LENGTH_MAX} is the limit.")
    return token


def _text(status: dict[str, Any] | None, name: str) -> str | None:
    value = _member(status, name)
    if value is not None and not isinstance(value, str):
        raise _Malformed(f"'{name}' of 'status' is not a text.")
    return value


def _member(given: dict[str, Any] | None, name: str) -> Any:
    """The guide names these members with a capital and shows them without."""
    return next((value for key, value in (given or {}).items() if key.casefold() == name.casefold()), None)
