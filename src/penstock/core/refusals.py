"""How the core says no. Operations turn each into the API's error of that meaning."""

__all__ = [
    "ActionNotFound",
    "ApprovalAlreadyCompleted",
    "DuplicatedStopRequest",
    "ExecutionNotStoppable",
    "InvalidApprovalToken",
    "InvalidRequest",
    "JobNotInProgress",
    "Refusal",
    "StageNotFound",
    "TooManyExecutions",
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
