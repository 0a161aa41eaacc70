"""The part of a transaction that is the same for every database: rows that are written as they are asked for."""

from collections.abc import Sequence

from penstock.core.model import Execution, Head, PipelineVersion
from penstock.ports.objects import BucketRow
from penstock.ports.storage import ActionTypeRow, PipelineRow, SourceRevision, Watch
from penstock.storage.catalogue import insert_bucket
from penstock.storage.history import HistoryWriting
from penstock.storage.rows import action_type_row, decode_execution, decode_version, encode, encode_listed, pipeline_row
from penstock.storage.statements import Statements
from penstock.storage.watches import LookWriting, set_watches

__all__ = ["FILES", "Writing"]

# The files whose queries a transaction is given.
FILES = ("pipelines", "registry", "aggregates", "objects", "history")

# What the row of a piece of a log takes beside its text, about
LOG_PIECE_BYTES = 64
# What of a pipeline is found without it, and few rows each, in the order in which they go. The rest is found by its id alone.
_SEEN_OF_PIPELINE = ("delete_watches", "delete_timers", "delete_source_revisions", "delete_pipeline")


class Writing(HistoryWriting):
    """`statements` are those of the object store too, whose rows are written in the same transactions."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.has_changed_types = False
        self._run = statements.run
        self.looks = LookWriting(statements)

    def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None:
        row = self._run("execution", account=account, pipeline_id=pipeline_id, execution_id=execution_id).fetchone()
        return decode_execution(row[0]) if row is not None else None

    def clear_timer(self, account: str, kind: str, stamp: str) -> None:
        self._run("clear_timer", account=account, kind=kind, stamp=stamp)

    def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None:
        row = self.statements.hold("pipeline", account=account, region=region, name=name).fetchone()
        return pipeline_row(row) if row is not None else None

    def pipeline_count(self, account: str, region: str) -> int:
        # Who counts in order to add waits for whoever is just adding.
        self.statements.lock(f"pipelines/{account}/{region}")
        count: int = self._run("pipeline_count", account=account, region=region).fetchone()[0]
        return count

    def has_pipeline(self, account: str, pipeline_id: str) -> bool:
        return self.statements.share("has_pipeline", account=account, pipeline_id=pipeline_id).fetchone() is not None

    def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None:
        row = self._run("load_version", account=account, pipeline_id=pipeline_id, number=number).fetchone()
        return decode_version(row[0]) if row is not None else None

    def add_pipeline(self, row: PipelineRow, head: Head) -> None:
        self._run(
            "insert_pipeline",
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
        place = {"account": row.account, "pipeline_id": row.id}
        self._run("insert_version", **place, number=version.number, created_at=at, document=encode(version))
        self._run(
            "update_version", **place, version=version.number, updated_at=at, listed=encode_listed(version.declaration)
        )

    def take_out(self, row: PipelineRow, at: float) -> None:
        """Delete what shows a pipeline, and note that the rest is to go."""
        place = {"account": row.account, "pipeline_id": row.id}
        for query in _SEEN_OF_PIPELINE:
            self._run(query, **place)
        self._run("insert_deleted_pipeline", **place, deleted_at=at)

    def set_watches(self, account: str, pipeline_id: str, watches: Sequence[Watch]) -> None:
        set_watches(self.statements, account, pipeline_id, watches)

    def ensure_bucket(self, account: str, region: str, name: str, now: float) -> None:
        insert_bucket(self.statements, BucketRow(account, region, name, now))

    def request_token(self, account: str, pipeline_id: str, token: str, since: float) -> tuple[bytes, str] | None:
        row: tuple[bytes, str] | None = self._run(
            "request_token", account=account, pipeline_id=pipeline_id, token=token, since=since
        ).fetchone()
        return row

    def keep_request_token(
        self, account: str, pipeline_id: str, token: str, fingerprint: bytes, execution_id: str, now: float
    ) -> None:
        self._run(
            "keep_request_token",
            account=account,
            pipeline_id=pipeline_id,
            token=token,
            fingerprint=fingerprint,
            execution_id=execution_id,
            created_at=now,
        )

    def source_revision(self, account: str, pipeline_id: str, stage: str, action: str) -> SourceRevision | None:
        row = self._run(
            "source_revision", account=account, pipeline_id=pipeline_id, stage=stage, action=action
        ).fetchone()
        return SourceRevision(*row) if row is not None else None

    def keep_source_revision(self, account: str, pipeline_id: str, revision: SourceRevision) -> None:
        self._run(
            "keep_source_revision",
            account=account,
            pipeline_id=pipeline_id,
            stage=revision.stage,
            action=revision.action,
            change_id=revision.change_id,
            execution_id=revision.execution_id,
            told_at=revision.at,
        )

    def action_type(self, type_key: str) -> ActionTypeRow | None:
        row = self.statements.hold("action_type", type_key=type_key).fetchone()
        return action_type_row(row) if row is not None else None

    def custom_type_count(self, account: str, region: str) -> int:
        self.statements.lock(f"action types/{account}/{region}")
        count: int = self._run("custom_type_count", account=account, region=region).fetchone()[0]
        return count

    def put_action_type(self, row: ActionTypeRow) -> None:
        self.has_changed_types = True
        self._run(
            "put_action_type",
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
        return [action_type_row(row) for row in self._run("partner_types", provider=provider, version=version)]

    def tags(self, account: str, arn: str) -> dict[str, str]:
        return dict(self._run("tags", account=account, arn=arn).fetchall())

    def set_tags(self, account: str, arn: str, tags: dict[str, str]) -> None:
        self._run("delete_tags", account=account, arn=arn)
        for key, value in tags.items():
            self._run("insert_tag", account=account, arn=arn, key=key, value=value)

    def append_log(self, account: str, run_id: str, text: str, at: float) -> None:
        size = self.log_size(account, run_id) + len(text.encode()) + LOG_PIECE_BYTES
        self._run("append_log", account=account, run_id=run_id, text=text, at=at, total_bytes=size)

    def log_size(self, account: str, run_id: str) -> int:
        row = self._run("log_size", account=account, run_id=run_id).fetchone()
        return row[0] if row is not None else 0
