"""Pipelines in memory and on disk: loading one for a decision, and writing what a batch of steps made of it."""

import sqlite3

from msgspec.structs import replace

from penstock.core.model import Execution, Pipeline, PipelineVersion
from penstock.ports.storage import Aggregate, Changes, Conflict, EndedJob, NewJob, RunRow, TimerRow
from penstock.storage import queries
from penstock.storage.rows import decode_execution, decode_head, decode_version, encode, encode_events

__all__ = ["Aggregates"]

SQL = queries.load("aggregates") | queries.load("jobs")
_CACHED_MAX = 2048


class Aggregates:
    """The aggregates of one database, with those used last kept decoded.

    The process owns the file, so what it committed last is what is there; a rollback forgets everything kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._kept: dict[tuple[str, str], Aggregate] = {}
        self._versions: dict[tuple[str, str, int], PipelineVersion] = {}

    def forget(self) -> None:
        self._kept.clear()

    def drop(self, account: str, pipeline_id: str) -> None:
        self._kept.pop((account, pipeline_id), None)

    def load(self, account: str, pipeline_id: str) -> Aggregate | None:
        kept = self._kept.get((account, pipeline_id))
        if kept is not None:
            return kept
        loaded = self._load(account, pipeline_id)
        if loaded is not None:
            self._keep(loaded)
        return loaded

    def _load(self, account: str, pipeline_id: str) -> Aggregate | None:
        found = self._execute(SQL["load_pipeline"], {"account": account, "pipeline_id": pipeline_id}).fetchone()
        if found is None:
            return None
        head = decode_head(found[1])
        rows = self._execute(SQL["load_open_executions"], {"account": account, "pipeline_id": pipeline_id})
        executions = [decode_execution(document) for (document,) in rows]
        numbers = {head.version, *(execution.version for execution in executions)}
        versions = {number: self._version(account, pipeline_id, number) for number in numbers}
        pipeline = Pipeline(
            head=head,
            executions={execution.id: execution for execution in executions},
            versions=versions,
            client_ids=self._client_ids(account, versions),
        )
        return Aggregate(pipeline, found[0])

    def _keep(self, aggregate: Aggregate) -> None:
        head = aggregate.pipeline.head
        if len(self._kept) >= _CACHED_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept.pop((head.account, head.id), None)
        self._kept[head.account, head.id] = aggregate

    def _version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion:
        key = (account, pipeline_id, number)
        version = self._versions.get(key)
        if version is None:
            parameters = {"account": account, "pipeline_id": pipeline_id, "number": number}
            version = decode_version(self._execute(SQL["load_version"], parameters).fetchone()[0])
            if len(self._versions) >= _CACHED_MAX:
                del self._versions[next(iter(self._versions))]
            self._versions[key] = version
        return version

    def _client_ids(self, account: str, versions: dict[int, PipelineVersion]) -> dict[str, str]:
        """The account's links to the partner types that these declarations name."""
        found = {}
        partner_types = {
            (version.bindings[f"{stage.name}/{action.name}"].type_key, action.action_type_id)
            for version in versions.values()
            for stage in version.declaration.stages
            for action in stage.actions
            if action.action_type_id.owner == "ThirdParty"
        }
        for type_key, identity in partner_types:
            parameters = {"account": account, "provider": identity.provider, "version": identity.version}
            row = self._execute(SQL["load_client"], parameters).fetchone()
            if row is not None:
                found[type_key] = row[0]
        return found

    def write(self, changes: Changes) -> None:
        """Write everything; after it the kept aggregates are those of the changes, without their ended executions."""
        for aggregate in changes.aggregates:
            self._write_head(aggregate)
        self._executemany(
            SQL["write_execution"],
            [_execution_row(row.account, row.pipeline_id, row.execution) for row in changes.executions],
        )
        self._write_runs(changes.runs)
        self._executemany(SQL["insert_job"], [_job_parameters(job) for job in changes.jobs_offered])
        self._executemany(SQL["end_job"], [_end_parameters(job) for job in changes.jobs_ended])
        self._executemany(
            SQL["clear_timer"],
            [{"account": account, "kind": kind, "stamp": stamp} for account, kind, stamp in changes.timers_cleared],
        )
        self._executemany(SQL["set_timer"], [_timer_parameters(timer) for timer in changes.timers_set])
        self._executemany(
            SQL["insert_events"],
            [
                {"account": account, "pipeline_id": pipeline, "revision": revision, "at": at, "document": encode_events(e)}
                for account, pipeline, revision, at, e in changes.events
            ],
        )

    def _write_head(self, aggregate: Aggregate) -> None:
        head = aggregate.pipeline.head
        written = self._execute(
            SQL["write_head"],
            {
                "account": head.account,
                "pipeline_id": head.id,
                "head": encode(head),
                "revision": aggregate.revision,
            },
        )
        if written.rowcount != 1:
            raise Conflict(f"pipeline {head.id} is not at revision {aggregate.revision - 1}")
        self._keep(replace(aggregate, pipeline=_settled(aggregate.pipeline)))

    def _write_runs(self, runs: list[RunRow]) -> None:
        self._executemany(SQL["insert_run"], [_run_parameters(row) for row in runs if row.input is not None])
        self._executemany(SQL["update_run"], [_run_parameters(row) for row in runs if row.input is None])


def _settled(pipeline: Pipeline) -> Pipeline:
    """Without what has ended, and the versions that only that needed."""
    executions = {key: execution for key, execution in pipeline.executions.items() if execution.is_open}
    needed = {pipeline.head.version, *(execution.version for execution in executions.values())}
    versions = {number: pipeline.versions[number] for number in needed}
    return replace(pipeline, executions=executions, versions=versions)


def _execution_row(account: str, pipeline_id: str, execution: Execution) -> dict[str, object]:
    return {
        "account": account,
        "pipeline_id": pipeline_id,
        "number": execution.number,
        "id": execution.id,
        "status": execution.status,
        "document": encode(execution),
    }


def _run_parameters(row: RunRow) -> dict[str, object]:
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "execution_number": row.execution_number,
        "number": row.run.number,
        "execution_id": row.execution_id,
        "version": row.version,
        "stage": row.stage,
        "action": row.action,
        "status": row.run.status,
        "input": encode(row.input) if row.input is not None else None,
        "run": encode(row.run),
    }


def _job_parameters(job: NewJob) -> dict[str, object]:
    return {
        "id": job.id,
        "account": job.account,
        "region": job.region,
        "pipeline_id": job.pipeline_id,
        "execution_id": job.execution_id,
        "stage": job.stage,
        "action": job.action,
        "run_id": job.run_id,
        "type_key": job.type_key,
        "query_key": job.query_key,
        "visible_at": job.visible_at,
        "client_id": job.client_id,
        "timeout_seconds": job.timeout_seconds,
        "created_at": job.created_at,
        "work": encode(job.work),
    }


def _end_parameters(job: EndedJob) -> dict[str, object]:
    return {"id": job.id, "status": job.status, "at": job.at}


def _timer_parameters(timer: TimerRow) -> dict[str, object]:
    return {name: getattr(timer, name) for name in ("account", "pipeline_id", "kind", "stamp", "execution_id", "due_at")}
