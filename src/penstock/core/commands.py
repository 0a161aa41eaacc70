"""What may be asked of a pipeline."""

from msgspec import Struct

from penstock.core.model import Gate, Job, PipelineVersion
from penstock.wire import types as wire

__all__ = [
    "AnswerApproval",
    "Command",
    "DisableTransition",
    "EnableTransition",
    "JobFailed",
    "JobLost",
    "JobSucceeded",
    "OverrideCondition",
    "ReplaceDeclaration",
    "RetryStage",
    "RollbackStage",
    "StartExecution",
    "StopExecution",
    "TimerFired",
]


class StartExecution(Struct, frozen=True):
    trigger: wire.ExecutionTrigger
    variables: tuple[wire.PipelineVariable, ...] = ()
    overrides: tuple[wire.SourceRevisionOverride, ...] = ()


class JobSucceeded(Struct, frozen=True):
    """A worker's good result. `continue_seconds` is the pause before the follow-up job if there is a continuation token."""

    job: Job
    current_revision: wire.CurrentRevision | None = None
    continuation_token: str | None = None
    continue_seconds: float = 0.0
    details: wire.ExecutionDetails | None = None
    variables: dict[str, str] = {}


class JobFailed(Struct, frozen=True):
    job: Job
    failure: wire.FailureDetails


class JobLost(Struct, frozen=True):
    """The server's own worker died with the job in its hands: the action gets a new one."""

    job: Job
    continuation_token: str | None = None


class AnswerApproval(Struct, frozen=True):
    stage: str
    action: str
    token: str
    result: wire.ApprovalResult
    by: str


class StopExecution(Struct, frozen=True):
    execution_id: str
    abandon: bool
    reason: str | None = None


class DisableTransition(Struct, frozen=True):
    stage: str
    direction: wire.StageTransitionType
    reason: str
    by: str


class EnableTransition(Struct, frozen=True):
    stage: str
    direction: wire.StageTransitionType
    by: str


class ReplaceDeclaration(Struct, frozen=True):
    """UpdatePipeline: what runs on the old version is cancelled, but for PARALLEL executions."""

    version: PipelineVersion


class RetryStage(Struct, frozen=True):
    """The named execution may have ended: it is loaded back in for this."""

    stage: str
    execution_id: str
    mode: wire.StageRetryMode


class RollbackStage(Struct, frozen=True):
    """Run one stage again with what the target execution had. `by` is the caller, None if a failure asks."""

    stage: str
    target_id: str
    by: str | None = None


class OverrideCondition(Struct, frozen=True):
    stage: str
    execution_id: str
    gate: Gate
    by: str


class TimerFired(Struct, frozen=True):
    """`kind` is one of `core.effects.TIMER_KINDS`; `stamp` names what the timer was set for."""

    kind: str
    stamp: str


Command = (
    RetryStage
    | RollbackStage
    | OverrideCondition
    | StartExecution
    | JobSucceeded
    | JobFailed
    | JobLost
    | AnswerApproval
    | StopExecution
    | DisableTransition
    | EnableTransition
    | ReplaceDeclaration
    | TimerFired
)
