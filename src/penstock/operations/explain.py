"""Why a pipeline does not go on: every wait of its executions, with what is known of whoever could end it."""

from msgspec import Struct

from penstock.core.endings import ending_of
from penstock.core.model import ActionRun, Execution, Pipeline, RuleRun
from penstock.core.waits import Wait, jobs_of, waits_of_execution
from penstock.operations.call import Call, find_pipeline, head_of
from penstock.operations.executions import find_execution
from penstock.operations.links import live_tokens
from penstock.operations.own_types import ExplainedEnding, ExplainedWait, ExplainPipelineInput, ExplainPipelineOutput
from penstock.operations.polls import polled
from penstock.operations.waiting import assembled, job_rows, query_of, standing
from penstock.ports.storage import JobRow, PipelineRow

__all__ = ["explain_pipeline"]


class _Scene(Struct, frozen=True):
    """A pipeline at one time: its open executions and those asked for, their jobs and their waits.

    `silenced` are the clients whose jobs nobody can answer, since they have no valid token.
    """

    state: Pipeline
    now: float
    rows: dict[str, JobRow]
    waits: dict[str, list[Wait]]
    silenced: frozenset[str] = frozenset()


async def explain_pipeline(request: ExplainPipelineInput, call: Call) -> ExplainPipelineOutput:
    """Of one execution, or of all open ones; one that has ended says how, and without open ones the last one does."""
    row = await find_pipeline(call, request.name)
    running = await call.reader.open_executions(call.account, row.id)
    if request.pipeline_execution_id is not None:
        asked = [await find_execution(call, row, request.pipeline_execution_id)]
    else:
        asked = running or await call.reader.executions(call.account, row.id, None, 1)
    # Whoever is ahead of an execution says why that one does not go on either.
    scene = await _scene(call, row, [*running, *asked])
    ended = next((execution for execution in asked if not execution.is_open), None)
    return ExplainPipelineOutput(
        now=scene.now,
        waits=tuple(
            _explained(wait, _hints(call, scene, wait)) for execution in asked for wait in scene.waits[execution.id]
        ),
        ending=_ending(scene.state, ended) if ended is not None else None,
    )


async def _scene(call: Call, row: PipelineRow, executions: list[Execution]) -> _Scene:
    head = await head_of(call, row)
    state = await assembled(call, head, executions)
    rows = await job_rows(call, [job_id for each in state.executions.values() for job_id in jobs_of(each)])
    jobs = {job_id: standing(state, found, call.account) for job_id, found in rows.items()}
    now = call.now
    waits = {execution.id: waits_of_execution(state, execution, now, jobs) for execution in state.executions.values()}
    return _Scene(state, now, rows, waits, await _silenced(call, rows, now))


async def _silenced(call: Call, rows: dict[str, JobRow], now: float) -> frozenset[str]:
    clients = {row.job.client_id for row in rows.values() if row.job.client_id is not None}
    links = [await call.reader.partners.client(client_id) for client_id in clients]
    return frozenset(link.client_id for link in links if link is not None and not live_tokens(link, now))


def _explained(wait: Wait, hints: list[str]) -> ExplainedWait:
    return ExplainedWait(
        execution_id=wait.execution_id,
        stage=wait.stage,
        action=wait.action,
        gate=wait.gate,
        rule=wait.rule,
        reason=wait.reason,
        since=wait.since,
        sentence=wait.sentence,
        hints=tuple(hints),
    )


def _hints(call: Call, scene: _Scene, wait: Wait) -> list[str]:
    ahead = scene.waits.get(wait.ahead_id or "", [])
    hints = [each.sentence for each in ahead[:1]]
    row = scene.rows.get(wait.job_id or "")
    if row is not None and row.job.client_id in scene.silenced:
        hints.append(
            "the account's link to the partner has no valid client token, so nobody can answer the job: "
            "'penstock partner rotate' gives it one"
        )
    if row is not None and row.work is not None:
        if row.job.status in ("Queued", "Dispatched") and row.visible_at <= scene.now:
            kind, query = row.work.action_type_id, query_of(scene.state, row)
            wanted = polled(kind, row.job.account, row.job.region, query)
            hints += call.environment.polls.hints(wanted, call.account, scene.now)
        run = _run(scene.state, wait)
        if run is not None and run.summary and wait.reason != "DeploymentWindow":
            hints.append(f"its worker said last: {run.summary}")
    execution = scene.state.executions[wait.execution_id]
    if wait.reason == "Stop" and execution.stop is not None and not execution.stop.abandon:
        hints.append("StopPipelineExecution with abandon ends it at once")
    return hints


def _run(state: Pipeline, wait: Wait) -> ActionRun | RuleRun | None:
    passage = state.executions[wait.execution_id].stages[wait.stage]
    if wait.action is not None:
        return passage.actions.get(wait.action)
    return passage.gates[wait.gate].rules.get(wait.rule or "") if wait.gate is not None else None


def _ending(state: Pipeline, execution: Execution) -> ExplainedEnding:
    ending = ending_of(state, execution)
    return ExplainedEnding(
        execution_id=execution.id,
        status=execution.status,
        ended_at=ending.at,
        sentence=ending.sentence,
        error_details=ending.error,
    )
