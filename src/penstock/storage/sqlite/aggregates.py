"""Pipelines in memory and on disk: loading one for a decision, and writing what a batch of steps made of it."""

import sqlite3

from msgspec.structs import replace

from penstock.core.model import Pipeline, PipelineVersion
from penstock.ports.storage import Aggregate, Changes, Conflict, ExecutionRow, RuleRow, RunRow, TimerRow
from penstock.storage import queries
from penstock.storage.rows import decode_execution, decode_head, decode_version, encode

__all__ = ["Aggregates"]

SQL = queries.load("aggregates")
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

    def forget_version(self, account: str, pipeline_id: str, number: int) -> None:
        """The stored document of a version is another one now, though it says the same."""
        self._versions.pop((account, pipeline_id, number), None)
        self.drop(account, pipeline_id)

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
        """Write what belongs to pipelines; after it the kept aggregates are those of the changes."""
        for aggregate in changes.aggregates:
            self._write_head(aggregate)
        self._write_executions(changes.executions)
        self._many("insert_run", [_run_parameters(row) for row in changes.runs if row.input is not None])
        self._many("update_run", [_run_parameters(row) for row in changes.runs if row.input is None])
        self._many("insert_rule", [_rule_parameters(row) for row in changes.rules if row.input is not None])
        self._many("update_rule", [_rule_parameters(row) for row in changes.rules if row.input is None])
        self._many("clear_timer", [{"account": a, "kind": k, "stamp": s} for a, k, s in changes.timers_cleared])
        self._many("set_timer", [_timer_parameters(timer) for timer in changes.timers_set])

    def _many(self, query: str, rows: list[dict[str, object]]) -> None:
        """One statement for all rows; where it names what is there, each row must be there."""
        if not rows:
            return
        written = self._executemany(SQL[query], rows)
        if query.startswith("update") and written.rowcount != len(rows):
            raise Conflict(f"{query} met {written.rowcount} of {len(rows)} rows")

    def _write_executions(self, rows: list[ExecutionRow]) -> None:
        for query, chosen in (
            ("insert_execution", [row for row in rows if row.status_before is None]),
            ("update_execution", [row for row in rows if row.status_before == row.execution.status]),
            (
                "update_execution_status",
                [row for row in rows if row.status_before not in (None, row.execution.status)],
            ),
        ):
            self._many(query, [_execution_parameters(row) for row in chosen])

    def _write_head(self, aggregate: Aggregate) -> None:
        self._keep(replace(aggregate, pipeline=_settled(aggregate.pipeline)))
        if not aggregate.is_head_changed:
            return
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


def _settled(pipeline: Pipeline) -> Pipeline:
    """Without what has ended, and the versions that only that needed."""
    if len(pipeline.versions) == 1 and all(execution.is_open for execution in pipeline.executions.values()):
        return pipeline
    executions = {key: execution for key, execution in pipeline.executions.items() if execution.is_open}
    needed = {pipeline.head.version, *(execution.version for execution in executions.values())}
    versions = {number: pipeline.versions[number] for number in needed}
    return replace(pipeline, executions=executions, versions=versions)


def _execution_parameters(row: ExecutionRow) -> dict[str, object]:
    execution = row.execution
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "number": execution.number,
        "id": execution.id,
        "status": execution.status,
        "status_before": row.status_before,
        "document": encode(execution),
    }


def _run_parameters(row: RunRow) -> dict[str, object]:
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "execution_number": row.execution_number,
        "number": row.run.number,
        "id": row.run.id,
        "execution_id": row.execution_id,
        "version": row.version,
        "stage": row.stage,
        "action": row.action,
        "status": row.run.status,
        "input": encode(row.input) if row.input is not None else None,
        "run": encode(row.run),
    }


def _rule_parameters(row: RuleRow) -> dict[str, object]:
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "execution_number": row.execution_number,
        "number": row.run.number,
        "execution_id": row.execution_id,
        "version": row.version,
        "stage": row.stage,
        "gate": row.gate,
        "rule": row.rule,
        "status": row.run.status,
        "input": encode(row.input) if row.input is not None else None,
        "run": encode(row.run),
    }


def _timer_parameters(timer: TimerRow) -> dict[str, object]:
    return {
        "account": timer.account,
        "pipeline_id": timer.pipeline_id,
        "kind": timer.kind,
        "stamp": timer.stamp,
        "due_at": timer.due_at,
    }
