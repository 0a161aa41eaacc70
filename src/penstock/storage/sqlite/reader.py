"""Reads of what was committed, on a read-only connection.

They run on the caller's thread: an indexed read of one row costs less than handing it to another.
"""

import sqlite3
from typing import Any

from penstock.core.model import Execution, Head, PipelineVersion
from penstock.ports.storage import (
    ActionRecord,
    ActionTypeRow,
    DueTimer,
    JobRow,
    LogLine,
    PipelineRow,
    RuleRecord,
)
from penstock.storage import queries, rows
from penstock.storage.sqlite.claimable import Claimable, Kind
from penstock.storage.sqlite.partners import SqlitePartnerReads
from penstock.storage.sqlite.principals import SqlitePrincipalReads
from penstock.storage.sqlite.sealed import SqliteSealedReads
from penstock.storage.sqlite.webhooks import SqliteWebhookReads

__all__ = ["SqliteReader"]

SQL = queries.load("pipelines") | queries.load("jobs") | queries.load("registry") | queries.load("aggregates")
_LAST = 2**62


class SqliteReader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.claimable = Claimable(self._next_visible_at)
        self.webhooks = SqliteWebhookReads(connection)
        self.sealed = SqliteSealedReads(connection)
        self.partners = SqlitePartnerReads(connection)
        self.principals = SqlitePrincipalReads(connection)
        self._action_types: dict[str, ActionTypeRow] = {}

    def forget_action_types(self) -> None:
        self._action_types.clear()

    def _one(self, query: str, **parameters: Any) -> Any:
        return self._connection.execute(SQL[query], parameters).fetchone()

    def _all(self, query: str, **parameters: Any) -> list[Any]:
        return self._connection.execute(SQL[query], parameters).fetchall()

    async def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None:
        row = self._one("pipeline", account=account, region=region, name=name)
        return rows.pipeline_row(row) if row is not None else None

    async def pipelines(self, account: str, region: str, after: str, rows_max: int) -> list[PipelineRow]:
        found = self._all("pipelines", account=account, region=region, after=after, rows_max=rows_max)
        return [rows.pipeline_row(row) for row in found]

    async def regions(self, account: str) -> list[str]:
        return [region for (region,) in self._all("regions", account=account)]

    async def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None:
        row = self._one("load_version", account=account, pipeline_id=pipeline_id, number=number)
        return rows.decode_version(row[0]) if row is not None else None

    async def version_created_at(self, account: str, pipeline_id: str, number: int) -> float:
        at: float = self._one("version_created_at", account=account, pipeline_id=pipeline_id, number=number)[0]
        return at

    async def head(self, account: str, pipeline_id: str) -> Head | None:
        row = self._one("head", account=account, pipeline_id=pipeline_id)
        return rows.decode_head(row[0]) if row is not None else None

    async def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None:
        row = self._one("execution", account=account, pipeline_id=pipeline_id, execution_id=execution_id)
        return rows.decode_execution(row[0]) if row is not None else None

    async def executions(self, account: str, pipeline_id: str, before: int | None, rows_max: int) -> list[Execution]:
        found = self._all(
            "executions", account=account, pipeline_id=pipeline_id, before=before or _LAST, rows_max=rows_max
        )
        return [rows.decode_execution(document) for (document,) in found]

    async def open_executions(self, account: str, pipeline_id: str) -> list[Execution]:
        found = self._all("load_open_executions", account=account, pipeline_id=pipeline_id)
        return [rows.decode_execution(document) for (document,) in found]

    def _history(
        self,
        query: str,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[Any]:
        """Newest first: of one execution, by a query of its own, or of all."""
        before_execution, before_number = before or (_LAST, _LAST)
        if execution_number is None:
            place = {"before_execution": before_execution}
        else:
            query, place = f"{query}_of_execution", {"execution_number": execution_number}
        return self._all(
            query, account=account, pipeline_id=pipeline_id, before_number=before_number, rows_max=rows_max, **place
        )

    async def runs(
        self,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[ActionRecord]:
        found = self._history("runs", account, pipeline_id, execution_number, before, rows_max)
        return [rows.action_record(row) for row in found]

    async def pipeline_of_run(self, account: str, run_id: str) -> PipelineRow | None:
        row = self._one("pipeline_of_run", account=account, run_id=run_id)
        return rows.pipeline_row(row) if row is not None else None

    async def rule_runs(
        self,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[RuleRecord]:
        found = self._history("rule_runs", account, pipeline_id, execution_number, before, rows_max)
        return [rows.rule_record(row) for row in found]

    async def job(self, job_id: str) -> JobRow | None:
        row = self._one("job_with_work", id=job_id)
        return rows.job_row(row) if row is not None else None

    async def has_claimable(self, type_key: str, query_key: str, now: float) -> bool:
        return self.claimable.may_have((type_key, query_key), now)

    async def next_visible_at(self, type_key: str, query_key: str) -> float:
        return self.claimable.next_at((type_key, query_key))

    def _next_visible_at(self, kind: Kind) -> float | None:
        row = self._one("next_visible_at", type_key=kind[0], query_key=kind[1])
        return row[0] if row is not None else None

    async def leased_jobs(self) -> list[JobRow]:
        return [rows.job_row(row) for row in self._all("leased_jobs")]

    async def due_timers(self, now: float, rows_max: int) -> list[DueTimer]:
        return [rows.due_timer(row) for row in self._all("due_timers", now=now, rows_max=rows_max)]

    async def next_due_at(self) -> float | None:
        row = self._one("next_due_at")
        return row[0] if row is not None else None

    async def action_type(self, type_key: str) -> ActionTypeRow | None:
        known = self._action_types.get(type_key)
        if known is None:
            row = self._one("action_type", type_key=type_key)
            if row is None:
                return None
            known = self._action_types[type_key] = rows.action_type_row(row)
        return known

    async def action_types(self, account: str, region: str, after: str, rows_max: int) -> list[ActionTypeRow]:
        found = self._all("action_types", account=account, region=region, after=after, rows_max=rows_max)
        return [rows.action_type_row(row) for row in found]

    async def tags(self, account: str, arn: str) -> dict[str, str]:
        return dict(self._all("tags", account=account, arn=arn))

    async def log(self, account: str, run_id: str, after: int, rows_max: int) -> list[LogLine]:
        found = self._all("log", account=account, run_id=run_id, after=after, rows_max=rows_max)
        return [rows.log_line(row) for row in found]
