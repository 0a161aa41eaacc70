"""What the operations that show executions say of those that wait."""

from collections.abc import Mapping, Sequence

from penstock.core.model import Execution, Head, Pipeline, PipelineVersion
from penstock.core.waits import JobStanding, jobs_of, waits_of_execution
from penstock.operations.call import Call, no_pipeline
from penstock.operations.polls import OWN_WORKER, name_for
from penstock.ports.storage import JobRow, PipelineRow

__all__ = ["action_sentences", "assembled", "job_rows", "query_of", "standing", "status_sentence", "status_sentences"]


async def assembled(
    call: Call, head: Head, executions: Sequence[Execution], known: Mapping[int, PipelineVersion] | None = None
) -> Pipeline:
    """A pipeline as its waits are read off it: the executions given, and the versions that they run."""
    versions = dict(known or {})
    for number in {execution.version for execution in executions} - versions.keys():
        version = await call.reader.version(head.account, head.id, number)
        if version is None:
            # Versions never go before their pipeline: it has been deleted meanwhile.
            raise no_pipeline(call, head.name)
        versions[number] = version
    return Pipeline(head, {execution.id: execution for execution in executions}, versions)


async def job_rows(call: Call, job_ids: Sequence[str]) -> dict[str, JobRow]:
    rows = [await call.reader.job(job_id) for job_id in job_ids]
    return {row.job.id: row for row in rows if row is not None}


def standing(state: Pipeline, row: JobRow, account: str) -> JobStanding:
    """How a job stands, as the account may know it."""
    return JobStanding(
        status=row.job.status,
        since=row.status_at,
        visible_at=row.visible_at,
        worker=OWN_WORKER if row.lease is not None else name_for(account, row.claimant or ""),
        query=query_of(state, row),
        timeout_seconds=row.job.timeout_seconds,
        is_follow_up=row.work is not None and row.work.continuation_token is not None,
    )


def query_of(state: Pipeline, row: JobRow) -> str:
    """What a poll for the job must name, as NAME=VALUE; empty where its type has no queryable property."""
    version = state.versions[state.executions[row.job.execution_id].version]
    # A rule has no binding, and no property to be chosen by.
    binding = version.bindings.get(f"{row.job.stage}/{row.job.action}")
    return f"{binding.query_property}={row.query_key}" if binding is not None and binding.query_property else ""


async def status_sentences(call: Call, row: PipelineRow, executions: Sequence[Execution]) -> dict[str, str]:
    """By execution, the first thing that each open one without a summary waits for; no job is looked up for it."""
    silent = [execution for execution in executions if execution.is_open and not execution.status_summary]
    head = await call.reader.head(call.account, row.id) if silent else None
    if head is None:
        return {}
    state = await assembled(call, head, silent)
    waits = [waits_of_execution(state, execution, call.now, {})[:1] for execution in silent]
    return {wait.execution_id: wait.sentence for first in waits for wait in first}


async def status_sentence(call: Call, row: PipelineRow, execution: Execution) -> str | None:
    """The same of one execution, with how its jobs stand."""
    head = await call.reader.head(call.account, row.id) if execution.is_open else None
    if head is None:
        return None
    state = await assembled(call, head, [execution])
    rows = await job_rows(call, jobs_of(execution))
    jobs = {job_id: standing(state, found, call.account) for job_id, found in rows.items()}
    return next((wait.sentence for wait in waits_of_execution(state, execution, call.now, jobs)), None)


async def action_sentences(
    call: Call, head: Head, version: PipelineVersion, executions: Sequence[Execution]
) -> dict[str, str]:
    """By attempt, what each running action without a summary waits for; one read for each that has a job."""
    running = [execution for execution in executions if execution.is_open and not execution.waiting]
    state = await assembled(call, head, running, {version.number: version})
    silent = {
        run.id: run.job_id
        for execution in running
        for passage in execution.stages.values()
        for run in passage.actions.values()
        if run.status == "InProgress" and run.summary is None
    }
    rows = await job_rows(call, [job_id for job_id in silent.values() if job_id is not None])
    jobs = {job_id: standing(state, found, call.account) for job_id, found in rows.items()}
    waits = [wait for execution in running for wait in waits_of_execution(state, execution, call.now, jobs)]
    return {wait.run_id: wait.sentence for wait in waits if wait.run_id in silent}
