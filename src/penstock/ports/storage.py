"""What the engine and the operations ask of a database.

A `Transaction` is synchronous: the committer hands a function to `Storage.commit`, which runs it inside one transaction and
returns only when that is on disk. Readers see what was committed, and never wait for a writer.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeVar

from msgspec import Struct

from penstock.core.model import (
    ActionRun,
    Artifact,
    Execution,
    Gate,
    Head,
    Job,
    JobStatus,
    JobWork,
    Pipeline,
    PipelineVersion,
    RuleRun,
)
from penstock.ports.action_types import ActionTypeReads, ActionTypeRow, ActionTypeWrites
from penstock.ports.history import HistoryReads, HistoryWrites
from penstock.ports.partners import PartnerReads, PartnerWrites
from penstock.ports.principals import PrincipalReads, PrincipalWrites
from penstock.ports.sealed import SealedReads, SealedWrites
from penstock.ports.watches import LookWrites, Watch
from penstock.ports.webhooks import WebhookReads, WebhookWrites
from penstock.wire import types as wire

__all__ = [
    "Acknowledged",
    "Acknowledgement",
    "ActionRecord",
    "ActionTypeRow",
    "Aggregate",
    "Changes",
    "Claim",
    "ClaimedJob",
    "Conflict",
    "DueTimer",
    "EndedJob",
    "ExecutionRow",
    "JobRow",
    "ListedPipeline",
    "LogLine",
    "NewJob",
    "PipelineRow",
    "Reader",
    "RuleRecord",
    "RuleRow",
    "RunInput",
    "RunRow",
    "SourceRevision",
    "Storage",
    "StorageLost",
    "TimerRow",
    "Transaction",
    "Watch",
]

T = TypeVar("T")


class Conflict(Exception):
    """Somebody else changed it first."""


class StorageLost(Exception):
    """The database can no longer be written: a full disk, a lost folder. The text says which."""


class PipelineRow(Struct, frozen=True):
    id: str
    account: str
    region: str
    name: str
    version: int
    created_at: float
    updated_at: float


class ListedPipeline(Struct, frozen=True):
    """With what a listing tells of its newest version."""

    row: PipelineRow
    pipeline_type: wire.PipelineType | None
    execution_mode: wire.ExecutionMode | None


class Aggregate(Struct, frozen=True):
    """A pipeline as loaded for a decision; `revision` counts how often its head was written.

    While a transaction has it, no other one may change it.
    """

    pipeline: Pipeline
    revision: int
    is_head_changed: bool = False


class ExecutionRow(Struct, frozen=True):
    """An execution to write; `status_before` is what it has in the database, None for a new one."""

    account: str
    pipeline_id: str
    execution: Execution
    status_before: str | None


class RunInput(Struct, frozen=True, omit_defaults=True):
    """What an attempt of an action began with; it never changes. Secrets are sealed."""

    configuration: dict[str, str] = {}
    artifacts: tuple[Artifact, ...] = ()


class RunRow(Struct, frozen=True):
    """An attempt for the history. `input` is None where it was written before."""

    account: str
    pipeline_id: str
    execution_number: int
    execution_id: str
    version: int
    stage: str
    action: str
    run: ActionRun
    input: RunInput | None


class ActionRecord(Struct, frozen=True):
    """An attempt as the history gives it back."""

    execution_number: int
    execution_id: str
    version: int
    stage: str
    action: str
    run: ActionRun
    input: RunInput


class RuleRow(Struct, frozen=True):
    """A run of a rule for the history. `input` is None where it was written before."""

    account: str
    pipeline_id: str
    execution_number: int
    execution_id: str
    version: int
    stage: str
    gate: Gate
    rule: str
    run: RuleRun
    input: RunInput | None


class RuleRecord(Struct, frozen=True):
    """A run of a rule as the history gives it back."""

    execution_number: int
    execution_id: str
    version: int
    stage: str
    gate: Gate
    rule: str
    run: RuleRun
    input: RunInput


class NewJob(Struct, frozen=True):
    id: str
    account: str
    region: str
    pipeline_id: str
    execution_id: str
    stage: str
    action: str
    run_id: str
    type_key: str
    query_key: str
    visible_at: float
    created_at: float
    work: JobWork
    client_id: str | None = None
    timeout_seconds: int | None = None


class EndedJob(Struct, frozen=True):
    id: str
    status: str
    at: float


class TimerRow(Struct, frozen=True):
    account: str
    pipeline_id: str
    kind: str
    stamp: str
    due_at: float


class DueTimer(Struct, frozen=True):
    account: str
    pipeline_id: str
    kind: str
    stamp: str


class Changes(Struct):
    """Everything that a batch of steps makes, each row once."""

    aggregates: list[Aggregate] = []
    executions: list[ExecutionRow] = []
    runs: list[RunRow] = []
    rules: list[RuleRow] = []
    jobs_offered: list[NewJob] = []
    jobs_ended: list[EndedJob] = []
    timers_set: list[TimerRow] = []
    timers_cleared: list[tuple[str, str, str]] = []


class Claim(Struct, frozen=True):
    """A poll: at most `jobs_max` jobs of a type and query key, given out until `redeliver_at`.

    `lease` names the server whose own worker asks.
    """

    type_key: str
    query_key: str
    jobs_max: int
    claimant: str
    now: float
    redeliver_at: float
    lease: str | None = None


class ClaimedJob(Struct, frozen=True):
    id: str
    account: str
    region: str
    nonce: str
    work: JobWork
    client_id: str | None = None


class JobRow(Struct, frozen=True):
    """A job with what its worker may know of it.

    It came into its status at `status_at`. `claimant` was handed it last; `lease` names the server whose own worker that is.
    """

    job: Job
    work: JobWork | None
    query_key: str
    visible_at: float
    status_at: float
    claimant: str | None = None
    lease: str | None = None


class Acknowledgement(Struct, frozen=True):
    """`account` is None for a partner, whose jobs belong to other accounts; so is `region` then."""

    job_id: str
    nonce: str
    account: str | None
    now: float
    region: str | None = None


Acknowledged = JobStatus | Literal["InvalidNonce", "JobNotFound"]


class SourceRevision(Struct, frozen=True):
    """The change that a source action was told of last, and the execution that it started."""

    stage: str
    action: str
    change_id: str
    execution_id: str
    at: float


class LogLine(Struct, frozen=True):
    number: int
    at: float
    text: str


class Reader(HistoryReads, ActionTypeReads, Protocol):
    """What was committed. Lists are in key order after `after`, at most `rows_max` rows."""

    @property
    def webhooks(self) -> WebhookReads: ...

    @property
    def sealed(self) -> SealedReads: ...

    @property
    def partners(self) -> PartnerReads: ...

    @property
    def principals(self) -> PrincipalReads: ...

    async def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None: ...

    async def standing(self, account: str, region: str, name: str) -> tuple[PipelineRow, Head, PipelineVersion] | None:
        """With its newest version, all as they were at one moment."""

    async def pipelines(self, account: str, region: str, after: str, rows_max: int) -> list[ListedPipeline]: ...

    async def regions(self, account: str) -> list[str]:
        """The regions in which the account has pipelines."""

    async def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None: ...

    async def version_created_at(self, account: str, pipeline_id: str, number: int) -> float: ...

    async def head(self, account: str, pipeline_id: str) -> Head | None: ...

    async def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None: ...

    async def executions(
        self, account: str, pipeline_id: str, before: int | None, rows_max: int
    ) -> list[Execution]: ...

    async def open_executions(self, account: str, pipeline_id: str) -> list[Execution]:
        """Oldest first."""

    async def runs(
        self,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[ActionRecord]: ...

    async def pipeline_of_run(self, account: str, run_id: str) -> PipelineRow | None:
        """The pipeline that an attempt of an action belongs to."""

    async def rule_runs(
        self,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[RuleRecord]: ...

    async def job(self, job_id: str) -> JobRow | None: ...

    async def has_claimable(self, type_key: str, query_key: str, now: float) -> bool:
        """Whether a claim is worth its transaction. A no is sure, a yes may come to nothing."""

    async def next_visible_at(self, type_key: str, query_key: str) -> float:
        """A time before which nothing of that kind can be claimed; infinity if none waits."""

    async def leased_jobs(self) -> list[JobRow]:
        """Open jobs that servers' own workers hold."""

    async def due_timers(self, now: float, rows_max: int) -> list[DueTimer]: ...

    async def next_due_at(self) -> float | None: ...

    async def next_look_at(self) -> float | None: ...

    async def tags(self, account: str, arn: str) -> dict[str, str]: ...

    async def log(self, account: str, run_id: str, after: int, rows_max: int) -> list[LogLine]: ...


class Transaction(HistoryWrites, ActionTypeWrites, Protocol):
    """Reads see what this transaction has written. Writes of a status assert the status that they expect."""

    @property
    def webhooks(self) -> WebhookWrites: ...

    @property
    def sealed(self) -> SealedWrites: ...

    @property
    def partners(self) -> PartnerWrites: ...

    @property
    def principals(self) -> PrincipalWrites: ...

    @property
    def looks(self) -> LookWrites: ...

    def part(self) -> AbstractContextManager[None]:
        """A part of the transaction: what raises within it leaves nothing of the part, and the rest stands."""

    def load(self, account: str, pipeline_id: str) -> Aggregate | None: ...

    def load_many(self, pipelines: Sequence[tuple[str, str]]) -> None:
        """Have these at hand, by account and id: `load` is about to be asked for most of them."""

    def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None:
        """One execution, ended or not."""

    def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]: ...

    def write(self, changes: Changes) -> None: ...

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        """One list a claim, in the same order; claims of the same kind share what there is, first come first."""

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]: ...

    def exchange(
        self, claims: Sequence[Claim], acknowledgements: Sequence[Acknowledgement]
    ) -> tuple[list[list[ClaimedJob]], list[Acknowledged]]:
        """`claim` and then `acknowledge`, together in one trip to the database."""

    def redispatch(self, job_id: str) -> str | None:
        """A fresh nonce for a dispatched job, or None if it is in another state."""

    def clear_timer(self, account: str, kind: str, stamp: str) -> None: ...

    def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None: ...

    def has_pipeline(self, account: str, pipeline_id: str) -> bool:
        """Whether it is there; then it is not deleted before the transaction ends."""

    def pipeline_count(self, account: str, region: str) -> int: ...

    def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None: ...

    def add_pipeline(self, row: PipelineRow, head: Head) -> None: ...

    def add_version(self, row: PipelineRow, version: PipelineVersion, at: float) -> None: ...

    def delete_pipeline(self, row: PipelineRow, at: float) -> None:
        """With its open jobs, timers, watches and all that shows it; `forget_deleted` takes what it leaves."""

    def set_watches(self, account: str, pipeline_id: str, watches: Sequence[Watch]) -> None: ...

    def ensure_bucket(self, account: str, region: str, name: str, now: float) -> None:
        """Make the bucket unless the account has it."""

    def request_token(self, account: str, pipeline_id: str, token: str, since: float) -> tuple[bytes, str] | None:
        """The fingerprint and the execution id that a token of this time stands for."""

    def keep_request_token(
        self, account: str, pipeline_id: str, token: str, fingerprint: bytes, execution_id: str, now: float
    ) -> None: ...

    def source_revision(self, account: str, pipeline_id: str, stage: str, action: str) -> SourceRevision | None: ...

    def keep_source_revision(self, account: str, pipeline_id: str, revision: SourceRevision) -> None: ...

    def tags(self, account: str, arn: str) -> dict[str, str]: ...

    def set_tags(self, account: str, arn: str, tags: dict[str, str]) -> None: ...

    def append_log(self, account: str, run_id: str, text: str, at: float) -> None: ...

    def log_size(self, account: str, run_id: str) -> int:
        """How many bytes the log of that run takes up, a little more than its text has."""


class Storage(Protocol):
    @property
    def reader(self) -> Reader: ...

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction and return its result once it is on disk. One call at a time.

        Raises StorageLost if the database cannot be written any more; then nothing of it is promised.
        """

    async def live_servers(self) -> list[str]:
        """The ids of the servers that have the database open now, this one among them."""

    async def lead(self, duty: str, now: float, until: float) -> bool:
        """Whether this server is the one to do that duty; nobody else is before `until`, unless it was another's already."""

    async def check(self) -> None:
        """Return if what was committed can be read. Raises ServiceUnavailable."""

    async def close(self) -> None: ...
