"""Services that this server is not, for the providers that need them: where they are, and what they refuse.

An operator says where such a service is by the variable that every AWS client reads, AWS_ENDPOINT_URL_LAMBDA for one; with
the process's own credentials. A service that nobody has named is never guessed at.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from penstock.wire import types as wire
from penstock.worker.context import JobContext
from penstock.worker.credentials import PATIENCE, Patience
from penstock.worker.results import JobError

DENIED = (
    "AccessDenied",
    "Unauthorized",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "ExpiredToken",
    "InvalidSignature",
)
PASSING = ("Throttl", "TooManyRequests", "ServiceUnavailable", "ServiceException", "InternalFailure", "InternalServer")


def endpoint_variable(name: str) -> str:
    """The variable that says where a service is."""
    return f"AWS_ENDPOINT_URL_{name.upper()}"


async def client_elsewhere(job: JobContext, name: str, patience: Patience = PATIENCE, region: str | None = None) -> Any:
    """A boto3 client of a service, for threads. Raises JobError that names the variable if nobody has said where it is."""
    variable = endpoint_variable(name)
    if not os.environ.get(variable):
        raise JobError(
            f"This server does not know where to find the service '{name}': set {variable} in its environment, "
            "and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to what the service takes.",
            "ConfigurationError",
        )
    return await job.service_client(name, patience, region)


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what a service refuses, or that it does not answer, into a failure that says so of `what`."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise JobError(f"{what}: {error}", _kind(code)) from error
    except (NoCredentialsError, PartialCredentialsError, ParamValidationError) as error:
        raise JobError(f"{what}: {' '.join(str(error).split())}", "ConfigurationError") from error
    except BotoCoreError as error:
        raise JobError(f"{what}: {error}", "SystemUnavailable") from error


def _kind(code: str) -> wire.FailureType:
    if code.startswith(DENIED):
        return "PermissionError"
    if "NotFound" in code or code in ("InvalidInputException", "InvalidParameterValueException", "ValidationException"):
        return "ConfigurationError"
    return "SystemUnavailable" if code.startswith(PASSING) else "JobFailed"
