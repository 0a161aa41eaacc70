"""The changes of a batch as the parameters of the statements that write them."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from penstock.core.model import Pipeline
from penstock.ports.storage import Changes, ExecutionRow, NewJob, RuleRow, RunRow, TimerRow
from penstock.storage.rows import encode, encode_execution

__all__ = ["changed_rows", "job_parameters", "open_jobs", "settled"]

Parameters = dict[str, Any]


def changed_rows(changes: Changes) -> Iterator[tuple[str, list[Parameters]]]:
    """The queries that write executions, histories and timers, in their order, each with its rows; those without rows are
    left out. One whose name begins with `update` must find each of its rows."""
    executions = changes.executions
    moved = [row for row in executions if row.status_before not in (None, row.execution.status)]
    for query, rows in (
        ("insert_execution", [_execution(row) for row in executions if row.status_before is None]),
        ("update_execution", [_execution(row) for row in executions if row.status_before == row.execution.status]),
        ("update_execution_status", [_execution(row) for row in moved]),
        ("insert_run", [_run(row) for row in changes.runs if row.input is not None]),
        ("update_run", [_run(row) for row in changes.runs if row.input is None]),
        ("insert_rule", [_rule(row) for row in changes.rules if row.input is not None]),
        ("update_rule", [_rule(row) for row in changes.rules if row.input is None]),
        ("clear_timer", [{"account": a, "kind": k, "stamp": s} for a, k, s in changes.timers_cleared]),
        ("set_timer", [_timer(timer) for timer in changes.timers_set]),
    ):
        if rows:
            yield query, rows


def settled(pipeline: Pipeline) -> Pipeline:
    """Without what has ended, and the versions that only that needed."""
    if len(pipeline.versions) == 1 and all(execution.is_open for execution in pipeline.executions.values()):
        return pipeline
    executions = {key: execution for key, execution in pipeline.executions.items() if execution.is_open}
    needed = {pipeline.head.version, *(execution.version for execution in executions.values())}
    versions = {number: pipeline.versions[number] for number in needed}
    return replace(pipeline, executions=executions, versions=versions)


def open_jobs(pipeline: Pipeline) -> list[str]:
    """The ids of the jobs of its actions and rules that may still be open."""
    passages = [passage for execution in pipeline.executions.values() for passage in execution.stages.values()]
    actions = [run.job_id for passage in passages for run in passage.actions.values()]
    rules = [run.job_id for passage in passages for gate in passage.gates.values() for run in gate.rules.values()]
    return [job_id for job_id in (*actions, *rules) if job_id is not None]


def job_parameters(job: NewJob) -> Parameters:
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


def _execution(row: ExecutionRow) -> Parameters:
    execution = row.execution
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "number": execution.number,
        "id": execution.id,
        "status": execution.status,
        "status_before": row.status_before,
        "document": encode_execution(execution),
    }


def _run(row: RunRow) -> Parameters:
    return {
        **_place(row),
        "id": row.run.id,
        "action": row.action,
        "status": row.run.status,
        "input": encode(row.input) if row.input is not None else None,
        "run": encode(row.run),
    }


def _rule(row: RuleRow) -> Parameters:
    return {
        **_place(row),
        "gate": row.gate,
        "rule": row.rule,
        "status": row.run.status,
        "input": encode(row.input) if row.input is not None else None,
        "run": encode(row.run),
    }


def _place(row: RunRow | RuleRow) -> Parameters:
    return {
        "account": row.account,
        "pipeline_id": row.pipeline_id,
        "execution_number": row.execution_number,
        "number": row.run.number,
        "execution_id": row.execution_id,
        "version": row.version,
        "stage": row.stage,
    }


def _timer(timer: TimerRow) -> Parameters:
    return {
        "account": timer.account,
        "pipeline_id": timer.pipeline_id,
        "kind": timer.kind,
        "stamp": timer.stamp,
        "due_at": timer.due_at,
    }
