"""Pipelines in memory and on disk: loading one for a decision, and writing what a batch of steps made of it."""

import sqlite3

from msgspec.structs import replace

from penstock.core.model import Pipeline, PipelineVersion
from penstock.ports.storage import Aggregate, Changes, Conflict
from penstock.storage.changes import changed_rows, settled
from penstock.storage.rows import decode_execution, decode_head, decode_version, encode
from penstock.storage.sqlite.statements import SqliteStatements, statements

__all__ = ["Aggregates"]

SQL = statements("aggregates")
_CACHED_MAX = 2048


class Aggregates:
    """The aggregates of one database, with those used last kept decoded.

    The process owns the file, so what it committed last is what is there; a rollback forgets everything kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        own = SqliteStatements(connection, SQL)
        self._run, self._run_each = own.run, own.run_each
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
        found = self._run("load_pipeline", account=account, pipeline_id=pipeline_id).fetchone()
        if found is None:
            return None
        head = decode_head(found[1])
        rows = self._run("load_open_executions", account=account, pipeline_id=pipeline_id)
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
            found = self._run("load_version", account=account, pipeline_id=pipeline_id, number=number)
            version = decode_version(found.fetchone()[0])
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
            asked = {"provider": identity.provider, "version": identity.version}
            row = self._run("load_client", account=account, **asked).fetchone()
            if row is not None:
                found[type_key] = row[0]
        return found

    def write(self, changes: Changes) -> None:
        """Write what belongs to pipelines; after it the kept aggregates are those of the changes."""
        for aggregate in changes.aggregates:
            self._write_head(aggregate)
        for query, rows in changed_rows(changes):
            written = self._run_each(query, rows)
            if query.startswith("update") and written.rowcount != len(rows):
                raise Conflict(f"{query} met {written.rowcount} of {len(rows)} rows")

    def _write_head(self, aggregate: Aggregate) -> None:
        self._keep(replace(aggregate, pipeline=settled(aggregate.pipeline)))
        if not aggregate.is_head_changed:
            return
        head = aggregate.pipeline.head
        written = self._run(
            "write_head",
            account=head.account,
            pipeline_id=head.id,
            head=encode(head),
            revision=aggregate.revision,
        )
        if written.rowcount != 1:
            raise Conflict(f"pipeline {head.id} is not at revision {aggregate.revision - 1}")
