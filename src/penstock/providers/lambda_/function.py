"""Invoking a function and waiting for its end."""

import json
from typing import Any

from msgspec import Struct

from penstock.worker import JobContext
from penstock.worker.credentials import Patience
from penstock.worker.services import client_elsewhere, explained
from penstock.worker.threads import in_own_thread

__all__ = ["SECONDS_MAX", "Answer", "invoke"]

# No function may take longer.
SECONDS_MAX = 15 * 60
# On top of its time, for the way there and back.
SLACK_SECONDS = 30
SAID_LENGTH_MAX = 1000
ARN_REGION = 3


class Answer(Struct, frozen=True):
    """What a function returned, or else the error that ended it, in its own words."""

    returned: bytes
    error: str | None = None
    request_id: str | None = None


async def invoke(job: JobContext, name: str, event: dict[str, Any], timeout_seconds: int = SECONDS_MAX) -> Answer:
    """Invoke a function by its name or ARN, once. Raises JobError if it cannot be invoked, or if no answer comes.

    It is where the environment says that functions are; an ARN says in which region.
    """
    # Asked a second time, the function would run twice.
    patience = Patience(read_seconds=timeout_seconds + SLACK_SECONDS, attempts_max=1)
    functions = await client_elsewhere(job, "lambda", patience, _region(name))
    with explained(f"The function '{name}'"):
        answer = await in_own_thread(functions.invoke, FunctionName=name, Payload=json.dumps(event).encode())
        said = await in_own_thread(answer["Payload"].read)
    request_id = answer["ResponseMetadata"].get("RequestId")
    return Answer(said, _error(answer, said), request_id)


def _region(name: str) -> str | None:
    parts = name.split(":")
    return parts[ARN_REGION] if parts[0] == "arn" and len(parts) > ARN_REGION else None


def _error(answer: dict[str, Any], said: bytes) -> str | None:
    """What went wrong in the function; None if nothing did."""
    if not answer.get("FunctionError"):
        return None
    text = said.decode(errors="replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("errorMessage"):
        text = ": ".join(str(told[key]) for key in ("errorType", "errorMessage") if told.get(key))
    return text[:SAID_LENGTH_MAX] or str(answer["FunctionError"])
