"""How the core says no. Operations turn each into the API's error of that meaning."""

__all__ = [
    "ActionNotFound",
    "ApprovalAlreadyCompleted",
    "ConditionNotOverridable",
    "DuplicatedStopRequest",
    "ExecutionNotFound",
    "ExecutionNotStoppable",
    "ExecutionOutdated",
    "InvalidApprovalToken",
    "InvalidRequest",
    "JobNotInProgress",
    "NotLatestExecution",
    "Refusal",
    "StageIsBusy",
    "StageNotFound",
    "StageNotRetryable",
    "TooManyExecutions",
    "UnableToRollback",
]


class Refusal(Exception):
    """The command cannot be carried out; nothing has changed. The text is for the caller."""


class StageNotFound(Refusal): ...


class ActionNotFound(Refusal): ...


class InvalidRequest(Refusal): ...


class JobNotInProgress(Refusal): ...


class InvalidApprovalToken(Refusal): ...


class ApprovalAlreadyCompleted(Refusal): ...


class ExecutionNotStoppable(Refusal): ...


class DuplicatedStopRequest(Refusal): ...


class TooManyExecutions(Refusal): ...


class StageNotRetryable(Refusal): ...


class NotLatestExecution(Refusal): ...


class StageIsBusy(Refusal): ...


class ExecutionNotFound(Refusal): ...


class ExecutionOutdated(Refusal): ...


class UnableToRollback(Refusal): ...


class ConditionNotOverridable(Refusal): ...
