"""What the core's refusals are called on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.core import refusals
from penstock.engine.batch import JobGone, PipelineGone
from penstock.wire import errors

__all__ = ["as_api_errors"]

ERRORS: dict[type[Exception], type[errors.ApiError]] = {
    refusals.StageNotFound: errors.StageNotFoundException,
    refusals.ActionNotFound: errors.ActionNotFoundException,
    refusals.InvalidRequest: errors.ValidationException,
    refusals.JobNotInProgress: errors.InvalidJobStateException,
    refusals.InvalidApprovalToken: errors.InvalidApprovalTokenException,
    refusals.ApprovalAlreadyCompleted: errors.ApprovalAlreadyCompletedException,
    refusals.ExecutionNotStoppable: errors.PipelineExecutionNotStoppableException,
    refusals.DuplicatedStopRequest: errors.DuplicatedStopRequestException,
    refusals.StageIsBusy: errors.ConflictException,
    refusals.StageNotRetryable: errors.StageNotRetryableException,
    refusals.NotLatestExecution: errors.NotLatestPipelineExecutionException,
    refusals.ExecutionNotFound: errors.PipelineExecutionNotFoundException,
    refusals.ExecutionOutdated: errors.PipelineExecutionOutdatedException,
    refusals.UnableToRollback: errors.UnableToRollbackStageException,
    refusals.ConditionNotOverridable: errors.ConditionNotOverridableException,
    refusals.TooManyExecutions: errors.ConcurrentPipelineExecutionsLimitExceededException,
}


@contextmanager
def as_api_errors() -> Iterator[None]:
    """Turn a refusal into the API's error of that meaning."""
    try:
        yield
    except refusals.Refusal as refusal:
        raise ERRORS[type(refusal)](str(refusal)) from None
    except PipelineGone:
        raise errors.PipelineNotFoundException("The pipeline was deleted") from None
    except JobGone as gone:
        raise errors.JobNotFoundException(f"The job '{gone}' does not exist") from None
