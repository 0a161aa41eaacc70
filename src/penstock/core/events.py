"""What happened. Events carry everything that `evolve` needs: it reads no clock and makes no ids."""

from msgspec import Struct

from penstock.core.model import (
    ActionStatus,
    ExecutionMode,
    ExecutionStatus,
    Gate,
    JobWork,
    PipelineVersion,
    StageStatus,
)
from penstock.wire import types as wire

__all__ = [
    "ActionEnded",
    "ActionStarted",
    "AlarmSet",
    "ConditionEnded",
    "ConditionStarted",
    "DeclarationReplaced",
    "Event",
    "ExecutionCancelling",
    "ExecutionEnded",
    "ExecutionResumed",
    "ExecutionStarted",
    "ExecutionStopping",
    "JobEnded",
    "JobOffer",
    "JobOffered",
    "RollbackAsked",
    "RollbackStarted",
    "RuleEnded",
    "RuleJobEnded",
    "RuleJobOffered",
    "RuleStarted",
    "StageEnded",
    "StageEntered",
    "StageReached",
    "StageRetried",
    "TransitionChanged",
]


class _Event(Struct, frozen=True, omit_defaults=True, tag_field="event"):
    pass


class ExecutionStarted(_Event, frozen=True, tag="ExecutionStarted"):
    execution_id: str
    version: int
    mode: ExecutionMode
    trigger: wire.ExecutionTrigger
    at: float
    variables: dict[str, str] = {}
    overrides: tuple[wire.SourceRevisionOverride, ...] = ()


class RollbackStarted(_Event, frozen=True, tag="RollbackStarted"):
    """A new execution of one stage, with what the target execution had when it came there."""

    execution_id: str
    target_id: str
    stage: str
    trigger: wire.ExecutionTrigger
    at: float


class StageReached(_Event, frozen=True, tag="StageReached"):
    """The execution waits in front of the stage."""

    execution_id: str
    stage: str
    at: float


class StageEntered(_Event, frozen=True, tag="StageEntered"):
    execution_id: str
    stage: str
    at: float


class JobOffer(Struct, frozen=True, omit_defaults=True):
    """A job as it is put on the board."""

    id: str
    type_key: str
    query_key: str
    visible_at: float
    work: JobWork
    client_id: str | None = None
    timeout_seconds: int | None = None


class ActionStarted(_Event, frozen=True, tag="ActionStarted"):
    """An attempt of an action begins: with a job for a worker, or with a token for an approval."""

    execution_id: str
    stage: str
    action: str
    run_id: str
    at: float
    timeout_at: float
    job: JobOffer | None = None
    token: str | None = None
    configuration: dict[str, str] = {}
    inputs: tuple[str, ...] = ()


class JobOffered(_Event, frozen=True, tag="JobOffered"):
    """A further job of a running attempt: after a continuation token, or because the server's own worker was lost."""

    execution_id: str
    stage: str
    action: str
    run_id: str
    at: float
    job: JobOffer


class JobEnded(_Event, frozen=True, tag="JobEnded"):
    """A job ended with a continuation token, or was lost; the attempt goes on."""

    execution_id: str
    stage: str
    action: str
    run_id: str
    job_id: str
    status: str
    at: float
    details: wire.ExecutionDetails | None = None


class ActionEnded(_Event, frozen=True, tag="ActionEnded"):
    execution_id: str
    stage: str
    action: str
    run_id: str
    status: ActionStatus
    at: float
    job_id: str | None = None
    job_status: str = "Failed"
    details: wire.ExecutionDetails | None = None
    error: wire.ErrorDetails | None = None
    summary: str | None = None
    by: str | None = None
    revision: wire.CurrentRevision | None = None
    variables: dict[str, str] = {}


class StageRetried(_Event, frozen=True, tag="StageRetried"):
    """The stage of a failed or stopped execution goes on, in place: what failed is forgotten, or all of it."""

    execution_id: str
    stage: str
    mode: wire.StageRetryMode
    trigger: wire.RetryTrigger
    at: float


class ConditionStarted(_Event, frozen=True, tag="ConditionStarted"):
    execution_id: str
    stage: str
    gate: Gate
    at: float


class RuleStarted(_Event, frozen=True, tag="RuleStarted"):
    execution_id: str
    stage: str
    gate: Gate
    rule: str
    run_id: str
    at: float
    timeout_at: float
    job: JobOffer | None = None
    configuration: dict[str, str] = {}


class RuleEnded(_Event, frozen=True, tag="RuleEnded"):
    execution_id: str
    stage: str
    gate: Gate
    rule: str
    run_id: str
    status: ActionStatus
    at: float
    job_id: str | None = None
    job_status: str = "Failed"
    details: wire.ExecutionDetails | None = None
    error: wire.ErrorDetails | None = None


class RuleJobEnded(_Event, frozen=True, tag="RuleJobEnded"):
    """A rule's job ended with a continuation token, or was lost; the rule goes on."""

    execution_id: str
    stage: str
    gate: Gate
    rule: str
    run_id: str
    job_id: str
    status: str
    at: float
    details: wire.ExecutionDetails | None = None


class RuleJobOffered(_Event, frozen=True, tag="RuleJobOffered"):
    execution_id: str
    stage: str
    gate: Gate
    rule: str
    run_id: str
    at: float
    job: JobOffer


class ConditionEnded(_Event, frozen=True, tag="ConditionEnded"):
    execution_id: str
    stage: str
    gate: Gate
    status: wire.ConditionExecutionStatus
    at: float
    summary: str | None = None


class ExecutionResumed(_Event, frozen=True, tag="ExecutionResumed"):
    """A failed execution whose condition was overridden goes on in its stage."""

    execution_id: str
    stage: str
    at: float


class RollbackAsked(_Event, frozen=True, tag="RollbackAsked"):
    """A failed stage asks for its last good execution to be run again."""

    stage: str
    target_id: str
    at: float


class StageEnded(_Event, frozen=True, tag="StageEnded"):
    execution_id: str
    stage: str
    status: StageStatus
    at: float


class ExecutionStopping(_Event, frozen=True, tag="ExecutionStopping"):
    execution_id: str
    abandon: bool
    at: float
    reason: str | None = None


class ExecutionCancelling(_Event, frozen=True, tag="ExecutionCancelling"):
    execution_id: str
    at: float


class ExecutionEnded(_Event, frozen=True, tag="ExecutionEnded"):
    """`by` is the execution that superseded this one."""

    execution_id: str
    status: ExecutionStatus
    at: float
    summary: str | None = None
    by: str | None = None


class AlarmSet(_Event, frozen=True, tag="AlarmSet"):
    """The pipeline's timer for deadlines has fired; `due_at` is when it does so next, None if nothing has a deadline."""

    at: float
    due_at: float | None = None


class TransitionChanged(_Event, frozen=True, tag="TransitionChanged"):
    stage: str
    enabled: bool
    by: str
    at: float
    reason: str | None = None


class DeclarationReplaced(_Event, frozen=True, tag="DeclarationReplaced"):
    version: PipelineVersion
    at: float


Event = (
    RollbackStarted
    | StageRetried
    | ConditionStarted
    | RuleStarted
    | RuleEnded
    | RuleJobEnded
    | RuleJobOffered
    | ConditionEnded
    | ExecutionResumed
    | RollbackAsked
    | AlarmSet
    | ExecutionStarted
    | StageReached
    | StageEntered
    | ActionStarted
    | JobOffered
    | JobEnded
    | ActionEnded
    | StageEnded
    | ExecutionStopping
    | ExecutionCancelling
    | ExecutionEnded
    | TransitionChanged
    | DeclarationReplaced
)
