"""What a pipeline is while it runs: the aggregate that `step` takes and gives.

The unit of consistency is one pipeline with its open executions. `Head` holds what they share (who is in which stage, who
waits, which transitions are off); each `Execution` holds its own course. Everything is frozen: a change is a new value, so
what is the same object before and after a step need not be written.
"""

from typing import Literal

from msgspec import Struct

from penstock.wire import types as wire

__all__ = [
    "ActionBinding",
    "ActionRun",
    "Artifact",
    "ConditionRun",
    "Execution",
    "Gate",
    "Head",
    "InvokedFunction",
    "Job",
    "JobStatus",
    "JobWork",
    "Pipeline",
    "PipelineVersion",
    "RuleRun",
    "StageRun",
    "StageSlot",
    "StopRequest",
    "Transition",
    "TypeId",
]

ExecutionStatus = Literal["Cancelled", "InProgress", "Stopped", "Stopping", "Succeeded", "Superseded", "Failed"]
StageStatus = Literal["Cancelled", "InProgress", "Failed", "Stopped", "Stopping", "Succeeded", "Skipped"]
ActionStatus = Literal["InProgress", "Abandoned", "Succeeded", "Failed"]
JobStatus = Literal["Created", "Queued", "Dispatched", "InProgress", "TimedOut", "Succeeded", "Failed"]
ExecutionMode = Literal["QUEUED", "SUPERSEDED", "PARALLEL"]
Gate = Literal["beforeEntry", "onSuccess", "onFailure"]


class ActionBinding(Struct, frozen=True, omit_defaults=True):
    """What an action of a declaration means, settled when its pipeline version was made.

    A later change or the deletion of the action type does not reach it. `function_arn` is the partner's function that does
    its jobs, where there is one.
    """

    type_key: str
    timeout_seconds: int
    query_property: str | None = None
    job_timeout_seconds: int | None = None
    secret_keys: tuple[str, ...] = ()
    is_approval: bool = False
    entity_url: str | None = None
    execution_url: str | None = None
    revision_url: str | None = None
    function_arn: str | None = None


class PipelineVersion(Struct, frozen=True):
    """One version of a declaration; it never changes. Bindings are keyed `STAGE/ACTION`."""

    number: int
    declaration: wire.PipelineDeclaration
    bindings: dict[str, ActionBinding]


class Artifact(Struct, frozen=True, omit_defaults=True):
    """A named object in a bucket, and the revision that it carries if a source made it."""

    name: str
    bucket: str
    key: str
    revision: str | None = None


class ActionRun(Struct, frozen=True, omit_defaults=True):
    """One attempt of an action. Its id is the stamp of its jobs and timers, and the API's actionExecutionId; its number
    counts the attempts of its execution.

    `variables` are those of an attempt that a step has ended. An execution has those that can be referred to in its `outputs`,
    and is written too often to hold the others as well.
    """

    id: str
    status: ActionStatus
    started_at: float
    changed_at: float
    number: int = 0
    deadline_at: float | None = None
    job_id: str | None = None
    token: str | None = None
    summary: str | None = None
    external_id: str | None = None
    percent_complete: int | None = None
    error: wire.ErrorDetails | None = None
    updated_by: str | None = None
    outputs: tuple[Artifact, ...] = ()
    variables: dict[str, str] = {}
    revision: wire.CurrentRevision | None = None


class RuleRun(Struct, frozen=True, omit_defaults=True):
    """One run of a rule of a condition. Its id is the stamp of its jobs, and the API's ruleExecutionId."""

    id: str
    status: ActionStatus
    started_at: float
    changed_at: float
    number: int = 0
    deadline_at: float | None = None
    job_id: str | None = None
    summary: str | None = None
    external_id: str | None = None
    error: wire.ErrorDetails | None = None
    updated_by: str | None = None


class ConditionRun(Struct, frozen=True, omit_defaults=True):
    """A condition of a stage as it is looked at: all of its rules must succeed for it to be met."""

    status: wire.ConditionExecutionStatus
    changed_at: float
    summary: str | None = None
    rules: dict[str, RuleRun] = {}


class StageRun(Struct, frozen=True, omit_defaults=True):
    """An execution's passage through one stage.

    `actions` holds the latest attempt of each action that began, `gates` the conditions that were looked at.
    """

    status: StageStatus
    entered_at: float
    actions: dict[str, ActionRun] = {}
    gates: dict[Gate, ConditionRun] = {}
    automatic_retries: int = 0
    manual_retries: int = 0
    latest_retry: wire.RetryTrigger | None = None


class StopRequest(Struct, frozen=True, omit_defaults=True):
    abandon: bool
    at: float
    reason: str | None = None


class Execution(Struct, frozen=True, omit_defaults=True):
    """One run of the pipeline.

    `position` is the index of the stage that it is in, or, while `waiting`, in front of. `cancelling` is set by an update of
    the pipeline: what works goes on to its end, then the execution is Cancelled.
    """

    id: str
    version: int
    mode: ExecutionMode
    status: ExecutionStatus
    trigger: wire.ExecutionTrigger
    started_at: float
    updated_at: float
    number: int
    position: int = 0
    waiting: bool = False
    waiting_since: float | None = None
    cancelling: bool = False
    runs_started: int = 0
    status_summary: str | None = None
    stages: dict[str, StageRun] = {}
    variables: dict[str, str] = {}
    overrides: tuple[wire.SourceRevisionOverride, ...] = ()
    artifacts: dict[str, Artifact] = {}
    revisions: tuple[wire.ArtifactRevision, ...] = ()
    source_revisions: tuple[wire.SourceRevision, ...] = ()
    outputs: dict[str, dict[str, str]] = {}
    stop: StopRequest | None = None
    kind: wire.ExecutionType = "STANDARD"
    rollback_target: str | None = None
    cancelling_since: float | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("InProgress", "Stopping")


class Transition(Struct, frozen=True, omit_defaults=True):
    """The door in front of a stage, as it was last set."""

    enabled: bool
    by: str
    at: float
    reason: str | None = None


class StageSlot(Struct, frozen=True, omit_defaults=True):
    """Who holds a stage, who waits in front of it (first come first), and whose run the stage shows.

    `succeeded` is the last standard execution of this version that succeeded here: what an automatic rollback goes back to.
    """

    occupant: str | None = None
    waiting: tuple[str, ...] = ()
    latest: str | None = None
    succeeded: str | None = None
    transition: Transition | None = None

    @property
    def is_enabled(self) -> bool:
        return self.transition is None or self.transition.enabled


class Head(Struct, frozen=True, omit_defaults=True):
    """What the executions of a pipeline share. `id` outlives no delete: a namesake made later has another.

    `alarm_at` is when the pipeline's one timer for deadlines fires: never later than the earliest deadline of what works,
    often earlier. A deadline that moves away leaves it alone, so an action that ends in time costs no timer.
    """

    id: str
    account: str
    region: str
    name: str
    version: int
    mode: ExecutionMode
    slots: dict[str, StageSlot]
    executions_started: int = 0
    alarm_at: float | None = None


class Pipeline(Struct, frozen=True):
    """The aggregate. `versions` holds those that the open executions and the head name; `client_ids` the account's links
    to partner action types, by type key. Neither is part of the stored state."""

    head: Head
    executions: dict[str, Execution]
    versions: dict[int, PipelineVersion]
    client_ids: dict[str, str] = {}


class TypeId(Struct, frozen=True):
    """What a job is of: an action type, or a rule type, whose category the API's action types do not have."""

    category: str
    owner: str
    provider: str
    version: str


class InvokedFunction(Struct, frozen=True, rename="camel"):
    """A partner's function, and how long it is given for one job."""

    arn: str
    timeout_seconds: int


class JobWork(Struct, frozen=True, omit_defaults=True):
    """What a worker is told of a job, but for its credentials. Secret configuration values are sealed.

    The job of a rule has the rule's name as `action`, and the gate that the rule stands at.
    """

    action_type_id: TypeId
    configuration: dict[str, str]
    pipeline_name: str
    execution_id: str
    stage: str
    action: str
    run_id: str
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    continuation_token: str | None = None
    encryption_key: wire.EncryptionKey | None = None
    secret_keys: tuple[str, ...] = ()
    declaration: wire.ActionDeclaration | None = None
    overrides: tuple[wire.SourceRevisionOverride, ...] = ()
    gate: Gate | None = None
    function: InvokedFunction | None = None


class Job(Struct, frozen=True, omit_defaults=True):
    """A job's row as a decision needs it. Of a rule's job, `action` is `GATE:RULE`."""

    id: str
    account: str
    region: str
    pipeline_id: str
    execution_id: str
    stage: str
    action: str
    run_id: str
    type_key: str
    status: JobStatus
    nonce: str | None = None
    client_id: str | None = None
    timeout_seconds: int | None = None
    ended: bool = False
