"""What a job comes to, and how it is said in the service's own shapes."""

from typing import TypeAlias

from msgspec import Struct

from penstock.wire import types as wire

# API: the constraints of ExecutionSummary, ExecutionId, Message and RevisionSummary
SUMMARY_LENGTH_MAX = 2048
EXECUTION_ID_LENGTH_MAX = 1500
MESSAGE_LENGTH_MAX = 5000


class Success(Struct, frozen=True):
    """The action is done. Variables and a revision are for those that come after it."""

    summary: str | None = None
    external_execution_id: str | None = None
    percent_complete: int | None = None
    output_variables: dict[str, str] = {}
    current_revision: wire.CurrentRevision | None = None


class Continue(Struct, frozen=True):
    """This job is done, the action is not: another job will carry `token`, `after_seconds` from now.

    Where the service does not take a wish for the pause, it waits as long as it always does.
    """

    token: str
    after_seconds: float | None = None
    summary: str | None = None
    external_execution_id: str | None = None
    percent_complete: int | None = None


class Failure(Struct, frozen=True):
    """The action has failed, for the reason that the pipeline's owner will read."""

    message: str
    type: wire.FailureType = "JobFailed"
    external_execution_id: str | None = None


class HandedOver(Struct, frozen=True):
    """Somebody else will report the result of this job; the worker has nothing to say."""


Result: TypeAlias = Success | Continue | Failure | HandedOver


class JobError(Exception):
    """Raised anywhere below a provider's `run`, it ends the job with this failure."""

    def __init__(self, message: str, type: wire.FailureType = "JobFailed") -> None:  # noqa: A002
        super().__init__(message)
        self.failure = Failure(message, type)


def success_input(job_id: str, result: Success | Continue) -> wire.PutJobSuccessResultInput:
    """The call that reports this result. Texts are cut to what the service takes."""
    details = wire.ExecutionDetails(
        summary=cut(result.summary, SUMMARY_LENGTH_MAX),
        external_execution_id=cut(result.external_execution_id, EXECUTION_ID_LENGTH_MAX),
        percent_complete=result.percent_complete,
    )
    said = None if details == wire.ExecutionDetails() else details
    if isinstance(result, Continue):
        return wire.PutJobSuccessResultInput(job_id=job_id, continuation_token=result.token, execution_details=said)
    return wire.PutJobSuccessResultInput(
        job_id=job_id,
        current_revision=result.current_revision,
        execution_details=said,
        output_variables=result.output_variables or None,
    )


def failure_input(job_id: str, result: Failure) -> wire.PutJobFailureResultInput:
    """The call that reports this failure. Texts are cut to what the service takes."""
    details = wire.FailureDetails(
        type=result.type,
        message=cut(result.message, MESSAGE_LENGTH_MAX) or "The worker gave no reason.",
        external_execution_id=cut(result.external_execution_id, EXECUTION_ID_LENGTH_MAX),
    )
    return wire.PutJobFailureResultInput(job_id=job_id, failure_details=details)


def cut(text: str | None, length_max: int) -> str | None:
    """The text, shortened where it is too long; None for one that says nothing."""
    if not text:
        return None
    return text if len(text) <= length_max else text[: length_max - 1] + "…"
