"""One open transaction on the writing connection, as the ports describe it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.core.model import Execution, Head, Job, Pipeline, PipelineVersion
from penstock.ports.objects import BucketRow
from penstock.ports.storage import (
    Acknowledged,
    Acknowledgement,
    ActionTypeRow,
    Aggregate,
    Changes,
    Claim,
    ClaimedJob,
    EndedJob,
    PipelineRow,
    SourceRevision,
    Watch,
)
from penstock.storage import queries
from penstock.storage.rows import action_type_row, decode_execution, decode_version, encode, pipeline_row
from penstock.storage.sqlite.aggregates import SQL as AGGREGATES
from penstock.storage.sqlite.aggregates import Aggregates
from penstock.storage.sqlite.claimable import Claimable
from penstock.storage.sqlite.jobs import Jobs
from penstock.storage.sqlite.objects import insert_bucket
from penstock.storage.sqlite.partners import SqlitePartnerWrites
from penstock.storage.sqlite.principals import SqlitePrincipalWrites
from penstock.storage.sqlite.sealed import SqliteSealedWrites
from penstock.storage.sqlite.webhooks import SqliteWebhookWrites

__all__ = ["SqliteTransaction"]

PIPELINES = queries.load("pipelines")
REGISTRY = queries.load("registry")
# What the row of a piece of a log takes beside its text, about
LOG_PIECE_BYTES = 64
_OWNED_BY_PIPELINE = (
    "delete_watches",
    "delete_versions",
    "delete_executions",
    "delete_runs",
    "delete_rules",
    "delete_timers",
    "delete_request_tokens",
    "delete_source_revisions",
    "delete_pipeline",
)


class SqliteTransaction:
    """Valid within `SqliteStorage.commit` alone."""

    def __init__(self, connection: sqlite3.Connection, claimable: Claimable) -> None:
        self.connection = connection
        self.aggregates = Aggregates(connection)
        self._jobs = Jobs(connection, claimable)
        self.webhooks = SqliteWebhookWrites(connection)
        self.sealed = SqliteSealedWrites(connection, self.aggregates.forget_version, self._jobs.forget_work)
        self.partners = SqlitePartnerWrites(connection, self.aggregates.forget)
        self.principals = SqlitePrincipalWrites(connection)
        self.has_changed_types = False

    def forget(self) -> None:
        """What was kept in memory may no longer be what is on disk."""
        self.aggregates.forget()
        self._jobs.forget()

    def _run(self, sql: str, **parameters: Any) -> sqlite3.Cursor:
        return self.connection.execute(sql, parameters)

    @contextmanager
    def part(self) -> Iterator[None]:
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.forget()
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")

    def load(self, account: str, pipeline_id: str) -> Aggregate | None:
        return self.aggregates.load(account, pipeline_id)

    def load_many(self, pipelines: Sequence[tuple[str, str]]) -> None:
        """One at a time costs no more: the database is in this process."""

    def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None:
        row = self._run(
            PIPELINES["execution"], account=account, pipeline_id=pipeline_id, execution_id=execution_id
        ).fetchone()
        return decode_execution(row[0]) if row is not None else None

    def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return self._jobs.find(job_ids)

    def write(self, changes: Changes) -> None:
        self.aggregates.write(changes)
        self._jobs.offer(changes.jobs_offered)
        self._jobs.end(changes.jobs_ended)

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return self._jobs.claim(claims)

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        return self._jobs.acknowledge(acknowledgements)

    def redispatch(self, job_id: str) -> str | None:
        return self._jobs.redispatch(job_id)

    def clear_timer(self, account: str, kind: str, stamp: str) -> None:
        self._run(AGGREGATES["clear_timer"], account=account, kind=kind, stamp=stamp)

    def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None:
        row = self._run(PIPELINES["pipeline"], account=account, region=region, name=name).fetchone()
        return pipeline_row(row) if row is not None else None

    def pipeline_count(self, account: str, region: str) -> int:
        count: int = self._run(PIPELINES["pipeline_count"], account=account, region=region).fetchone()[0]
        return count

    def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None:
        row = self._run(AGGREGATES["load_version"], account=account, pipeline_id=pipeline_id, number=number).fetchone()
        return decode_version(row[0]) if row is not None else None

    def add_pipeline(self, row: PipelineRow, head: Head) -> None:
        self._run(
            PIPELINES["insert_pipeline"],
            account=row.account,
            region=row.region,
            name=row.name,
            id=row.id,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            head=encode(head),
        )

    def add_version(self, row: PipelineRow, version: PipelineVersion, at: float) -> None:
        self._run(
            PIPELINES["insert_version"],
            account=row.account,
            pipeline_id=row.id,
            number=version.number,
            created_at=at,
            document=encode(version),
        )
        self._run(
            PIPELINES["update_version"],
            account=row.account,
            pipeline_id=row.id,
            version=version.number,
            updated_at=at,
        )
        # A new version may name partner types whose links the kept aggregate never looked up.
        self.aggregates.drop(row.account, row.id)

    def delete_pipeline(self, row: PipelineRow, at: float) -> None:
        loaded = self.aggregates.load(row.account, row.id)
        if loaded is not None:
            self._jobs.end([EndedJob(job_id, "Failed", at) for job_id in _open_jobs(loaded.pipeline)])
        for query in _OWNED_BY_PIPELINE:
            self._run(PIPELINES[query], account=row.account, pipeline_id=row.id)
        self.webhooks.set_sources(row.account, row.id, ())
        self.aggregates.drop(row.account, row.id)

    def set_watches(self, account: str, pipeline_id: str, watches: Sequence[Watch]) -> None:
        self._run(PIPELINES["delete_watches"], account=account, pipeline_id=pipeline_id)
        for watch in watches:
            self._run(
                PIPELINES["insert_watch"],
                account=account,
                bucket=watch.bucket,
                object_key=watch.object_key,
                pipeline_id=pipeline_id,
                action=watch.action,
            )

    def ensure_bucket(self, account: str, region: str, name: str, now: float) -> None:
        insert_bucket(self.connection, BucketRow(account, region, name, now))

    def request_token(self, account: str, pipeline_id: str, token: str, since: float) -> tuple[bytes, str] | None:
        row: tuple[bytes, str] | None = self._run(
            PIPELINES["request_token"], account=account, pipeline_id=pipeline_id, token=token, since=since
        ).fetchone()
        return row

    def keep_request_token(
        self, account: str, pipeline_id: str, token: str, fingerprint: bytes, execution_id: str, now: float
    ) -> None:
        self._run(
            PIPELINES["keep_request_token"],
            account=account,
            pipeline_id=pipeline_id,
            token=token,
            fingerprint=fingerprint,
            execution_id=execution_id,
            created_at=now,
        )

    def source_revision(self, account: str, pipeline_id: str, stage: str, action: str) -> SourceRevision | None:
        row = self._run(
            PIPELINES["source_revision"], account=account, pipeline_id=pipeline_id, stage=stage, action=action
        ).fetchone()
        return SourceRevision(*row) if row is not None else None

    def keep_source_revision(self, account: str, pipeline_id: str, revision: SourceRevision) -> None:
        self._run(
            PIPELINES["keep_source_revision"],
            account=account,
            pipeline_id=pipeline_id,
            stage=revision.stage,
            action=revision.action,
            change_id=revision.change_id,
            execution_id=revision.execution_id,
            told_at=revision.at,
        )

    def action_type(self, type_key: str) -> ActionTypeRow | None:
        row = self._run(REGISTRY["action_type"], type_key=type_key).fetchone()
        return action_type_row(row) if row is not None else None

    def custom_type_count(self, account: str, region: str) -> int:
        count: int = self._run(REGISTRY["custom_type_count"], account=account, region=region).fetchone()[0]
        return count

    def put_action_type(self, row: ActionTypeRow) -> None:
        self.has_changed_types = True
        self._run(
            REGISTRY["put_action_type"],
            type_key=row.type_key,
            account=row.account,
            region=row.region,
            owner=row.owner,
            category=row.category,
            provider=row.provider,
            version=row.version,
            document=row.document,
            created_at=row.created_at,
            deleted_at=row.deleted_at,
        )

    def partner_types(self, provider: str, version: str) -> list[ActionTypeRow]:
        return [
            action_type_row(row) for row in self._run(REGISTRY["partner_types"], provider=provider, version=version)
        ]

    def tags(self, account: str, arn: str) -> dict[str, str]:
        return dict(self._run(REGISTRY["tags"], account=account, arn=arn).fetchall())

    def set_tags(self, account: str, arn: str, tags: dict[str, str]) -> None:
        self._run(REGISTRY["delete_tags"], account=account, arn=arn)
        for key, value in tags.items():
            self._run(REGISTRY["insert_tag"], account=account, arn=arn, key=key, value=value)

    def append_log(self, account: str, run_id: str, text: str, at: float) -> None:
        size = self.log_size(account, run_id) + len(text.encode()) + LOG_PIECE_BYTES
        self._run(REGISTRY["append_log"], account=account, run_id=run_id, text=text, at=at, total_bytes=size)

    def log_size(self, account: str, run_id: str) -> int:
        row = self._run(REGISTRY["log_size"], account=account, run_id=run_id).fetchone()
        return row[0] if row is not None else 0


def _open_jobs(pipeline: Pipeline) -> list[str]:
    return [
        run.job_id
        for execution in pipeline.executions.values()
        for passage in execution.stages.values()
        for run in passage.actions.values()
        if run.job_id is not None
    ]
