"""Reads of what was committed: what is the same for every database."""

from typing import Any

from penstock.core.model import Execution, Head, PipelineVersion
from penstock.ports.storage import ActionRecord, ActionTypeRow, JobRow, ListedPipeline, LogLine, PipelineRow, RuleRecord
from penstock.storage import rows
from penstock.storage.history import HistoryReading
from penstock.storage.statements import Read

__all__ = ["FILES", "Reading"]

# The files whose queries a reader is given.
FILES = ("pipelines", "jobs", "registry", "aggregates", "history")
_LAST = 2**62
# Type keys begin with the owner: those of partners come after all others, and after this.
_PARTNERS = "ThirdParty/"


class Reading(HistoryReading):
    def __init__(self, read: Read) -> None:
        self._all = read

    async def _one(self, query: str, /, **values: Any) -> Any:
        return next(iter(await self._all(query, **values)), None)

    async def pipeline(self, account: str, region: str, name: str) -> PipelineRow | None:
        row = await self._one("pipeline", account=account, region=region, name=name)
        return rows.pipeline_row(row) if row is not None else None

    async def standing(self, account: str, region: str, name: str) -> tuple[PipelineRow, Head, PipelineVersion] | None:
        row = await self._one("standing", account=account, region=region, name=name)
        return rows.standing(row) if row is not None else None

    async def pipelines(self, account: str, region: str, after: str, rows_max: int) -> list[ListedPipeline]:
        found = await self._all("pipelines", account=account, region=region, after=after, rows_max=rows_max)
        return [rows.listed_pipeline(row) for row in found]

    async def regions(self, account: str) -> list[str]:
        return [region for (region,) in await self._all("regions", account=account)]

    async def version(self, account: str, pipeline_id: str, number: int) -> PipelineVersion | None:
        row = await self._one("load_version", account=account, pipeline_id=pipeline_id, number=number)
        return rows.decode_version(row[0]) if row is not None else None

    async def version_created_at(self, account: str, pipeline_id: str, number: int) -> float:
        (row,) = await self._all("version_created_at", account=account, pipeline_id=pipeline_id, number=number)
        at: float = row[0]
        return at

    async def head(self, account: str, pipeline_id: str) -> Head | None:
        row = await self._one("head", account=account, pipeline_id=pipeline_id)
        return rows.decode_head(row[0]) if row is not None else None

    async def execution(self, account: str, pipeline_id: str, execution_id: str) -> Execution | None:
        row = await self._one("execution", account=account, pipeline_id=pipeline_id, execution_id=execution_id)
        return rows.decode_execution(row[0]) if row is not None else None

    async def executions(self, account: str, pipeline_id: str, before: int | None, rows_max: int) -> list[Execution]:
        found = await self._all(
            "executions", account=account, pipeline_id=pipeline_id, before=before or _LAST, rows_max=rows_max
        )
        return [rows.decode_execution(document) for (document,) in found]

    async def open_executions(self, account: str, pipeline_id: str) -> list[Execution]:
        found = await self._all("load_open_executions", account=account, pipeline_id=pipeline_id)
        return [rows.decode_execution(document) for (document,) in found]

    async def _history(
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
        return await self._all(
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
        found = await self._history("runs", account, pipeline_id, execution_number, before, rows_max)
        return [rows.action_record(row) for row in found]

    async def pipeline_of_run(self, account: str, run_id: str) -> PipelineRow | None:
        row = await self._one("pipeline_of_run", account=account, run_id=run_id)
        return rows.pipeline_row(row) if row is not None else None

    async def rule_runs(
        self,
        account: str,
        pipeline_id: str,
        execution_number: int | None,
        before: tuple[int, int] | None,
        rows_max: int,
    ) -> list[RuleRecord]:
        found = await self._history("rule_runs", account, pipeline_id, execution_number, before, rows_max)
        return [rows.rule_record(row) for row in found]

    async def job(self, job_id: str) -> JobRow | None:
        row = await self._one("job_with_work", id=job_id)
        return rows.job_row(row) if row is not None else None

    async def leased_jobs(self) -> list[JobRow]:
        return [rows.job_row(row) for row in await self._all("leased_jobs")]

    async def next_due_at(self) -> float | None:
        row = await self._one("next_due_at")
        return row[0] if row is not None else None

    async def next_look_at(self) -> float | None:
        row = await self._one("next_look_at")
        return row[0] if row is not None else None

    async def action_type(self, type_key: str) -> ActionTypeRow | None:
        row = await self._one("action_type", type_key=type_key)
        return rows.action_type_row(row) if row is not None else None

    async def action_types(self, account: str, region: str, after: str, rows_max: int) -> list[ActionTypeRow]:
        place = {"account": account, "region": region, "after": after, "partners_after": max(after, _PARTNERS)}
        found = await self._all("action_types", **place, rows_max=rows_max)
        return [rows.action_type_row(row) for row in found]

    async def tags(self, account: str, arn: str) -> dict[str, str]:
        return dict(await self._all("tags", account=account, arn=arn))

    async def log(self, account: str, run_id: str, after: int, rows_max: int) -> list[LogLine]:
        found = await self._all("log", account=account, run_id=run_id, after=after, rows_max=rows_max)
        return [rows.log_line(row) for row in found]
