"""What the core's refusals are called on the wire."""

from contextlib import AbstractContextManager

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


class _AsApiErrors:
    # Every result of a job goes through here, and a generator would cost four times as much.
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, refusals.Refusal):
            raise ERRORS[type(problem)](str(problem)) from None
        if isinstance(problem, PipelineGone):
            raise errors.PipelineNotFoundException("The pipeline was deleted") from None
        if isinstance(problem, JobGone):
            raise errors.JobNotFoundException(f"The job '{problem}' does not exist") from None


_as_api_errors = _AsApiErrors()


def as_api_errors() -> AbstractContextManager[None]:
    """Turn a refusal into the API's error of that meaning."""
    return _as_api_errors
