"""Conditions and their rules: overriding a condition, the history of rules, and the types of rules that there are."""

from penstock.core import rule_types
from penstock.core.commands import OverrideCondition
from penstock.core.model import Execution, Gate, PipelineVersion
from penstock.core.transitions.condition import declared_rule
from penstock.operations import views
from penstock.operations.call import Call, find_pipeline, version_of
from penstock.operations.executions import find_execution
from penstock.operations.paging import next_token, start_key
from penstock.operations.refusals import as_api_errors
from penstock.ports.storage import PipelineRow, RuleRecord
from penstock.wire import types as wire

__all__ = ["list_rule_executions", "list_rule_types", "override_stage_condition"]

PAGE_MAX = 100
GATES: dict[str, Gate] = {"BEFORE_ENTRY": "beforeEntry", "ON_SUCCESS": "onSuccess"}


async def override_stage_condition(request: wire.OverrideStageConditionInput, call: Call) -> None:
    """API: OverrideStageCondition. The stage goes on as if the condition had been met."""
    row = await find_pipeline(call, request.pipeline_name)
    command = OverrideCondition(
        request.stage_name, request.pipeline_execution_id, GATES[request.condition_type], call.principal.arn
    )
    with as_api_errors():
        await call.committer.submit(call.account, row.id, command)


async def list_rule_executions(request: wire.ListRuleExecutionsInput, call: Call) -> wire.ListRuleExecutionsOutput:
    """API: ListRuleExecutions. Newest first, every run of every rule unless only the latest are asked for."""
    row = await find_pipeline(call, request.pipeline_name)
    execution, latest = await _filtered(request, call, row)
    listing = f"ListRuleExecutions/{row.id}/{execution.id if execution else ''}/{latest}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or PAGE_MAX
    number = execution.number if execution is not None else None
    before = (int(key[0]), int(key[1])) if key else None
    found = await call.reader.rule_runs(call.account, row.id, number, before, rows_max + 1)
    last = found[rows_max - 1] if len(found) > rows_max else None
    token = next_token(call, listing, [last.execution_number, last.run.number]) if last is not None else None
    shown = [each for each in found[:rows_max] if not latest or _is_latest(each, execution)]
    details = [_detail(each, await _version(call, row, each)) for each in shown]
    return wire.ListRuleExecutionsOutput(rule_execution_details=tuple(details), next_token=token)


async def _filtered(
    request: wire.ListRuleExecutionsInput, call: Call, row: PipelineRow
) -> tuple[Execution | None, bool]:
    asked = request.filter
    latest = asked.latest_in_pipeline_execution if asked is not None else None
    if latest is not None:
        execution = await find_execution(call, row, latest.pipeline_execution_id)
        return execution, latest.start_time_range == "Latest"
    if asked is not None and asked.pipeline_execution_id is not None:
        return await find_execution(call, row, asked.pipeline_execution_id), False
    return None, False


def _is_latest(record: RuleRecord, execution: Execution | None) -> bool:
    stage = execution.stages.get(record.stage) if execution is not None else None
    condition = stage.gates.get(record.gate) if stage is not None else None
    run = condition.rules.get(record.rule) if condition is not None else None
    return run is None or run.id == record.run.id


async def _version(call: Call, row: PipelineRow, record: RuleRecord) -> PipelineVersion:
    return await version_of(call, row, record.version)


def _detail(record: RuleRecord, version: PipelineVersion) -> wire.RuleExecutionDetail:
    stages = {stage.name: stage for stage in version.declaration.stages}
    rule = declared_rule(stages[record.stage], record.gate, record.rule)
    run = record.run
    return wire.RuleExecutionDetail(
        pipeline_execution_id=record.execution_id,
        rule_execution_id=run.id,
        pipeline_version=record.version,
        stage_name=record.stage,
        rule_name=record.rule,
        start_time=run.started_at,
        last_update_time=run.changed_at,
        updated_by=run.updated_by,
        status=run.status,
        input=wire.RuleExecutionInput(
            rule_type_id=rule.rule_type_id,
            configuration=rule.configuration or {},
            resolved_configuration=record.input.configuration,
            role_arn=rule.role_arn,
            region=rule.region,
            input_artifacts=views.artifact_details(record.input.artifacts),
        ),
        output=wire.RuleExecutionOutput(
            execution_result=wire.RuleExecutionResult(
                external_execution_id=run.external_id,
                external_execution_summary=run.summary,
                error_details=run.error,
            )
        ),
    )


async def list_rule_types(request: wire.ListRuleTypesInput, call: Call) -> wire.ListRuleTypesOutput:  # noqa: ARG001
    """API: ListRuleTypes. They are the same for all accounts and in every region, and all of one owner."""
    known = rule_types.builtin()
    return wire.ListRuleTypesOutput(rule_types=tuple(known[key].as_wire() for key in sorted(known)))
