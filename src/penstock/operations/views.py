"""Core values as the API shows them."""

import re
from collections.abc import Mapping

from penstock.core.declaration import MASK
from penstock.core.model import (
    ActionBinding,
    ActionRun,
    Artifact,
    ConditionRun,
    Execution,
    PipelineVersion,
    RuleRun,
    StageRun,
    StageSlot,
)
from penstock.ports.storage import ActionRecord
from penstock.wire import types as wire

__all__ = [
    "action_execution_detail",
    "action_state",
    "artifact_details",
    "condition_state",
    "execution_summary",
    "fill_url",
    "inbound",
    "masked",
    "pipeline_execution",
    "retry_metadata",
    "transition_state",
]

# The longest summary that the API has a place for.
SUMMARY_LENGTH_MAX = 2048
_PLACEHOLDER = re.compile(r"\{(Config:([^{}]*)|ExternalExecutionId)\}")


def fill_url(template: str | None, configuration: Mapping[str, str], external_id: str | None) -> str | None:
    """A link of an action type, its placeholders filled in; None while something for it is missing."""
    if template is None:
        return None
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        given = configuration.get(found[2]) if found[2] is not None else external_id
        missing = missing or given is None
        return given or ""

    url = _PLACEHOLDER.sub(value, template)
    return None if missing else url


def masked(configuration: Mapping[str, str], secret_keys: tuple[str, ...]) -> dict[str, str]:
    return {key: MASK if key in secret_keys else value for key, value in configuration.items()}


def inbound(execution_id: str, execution: Execution | None) -> wire.StageExecution:
    kind = execution.kind if execution is not None else "STANDARD"
    return wire.StageExecution(pipeline_execution_id=execution_id, status="InProgress", type=kind)


def transition_state(slot: StageSlot) -> wire.TransitionState:
    transition = slot.transition
    if transition is None:
        return wire.TransitionState(enabled=True)
    return wire.TransitionState(
        enabled=transition.enabled,
        last_changed_by=transition.by,
        last_changed_at=transition.at,
        disabled_reason=transition.reason,
    )


def action_state(
    action: wire.ActionDeclaration, binding: ActionBinding, run: ActionRun | None, why: Mapping[str, str]
) -> wire.ActionState:
    """`why` says, by attempt, what those wait for that have no summary of their own."""
    configuration = action.configuration or {}
    return wire.ActionState(
        action_name=action.name,
        current_revision=_current_revision(run) if action.action_type_id.category == "Source" else None,
        latest_execution=_action_execution(run, configuration, binding, why) if run is not None else None,
        entity_url=fill_url(binding.entity_url, configuration, None),
        revision_url=fill_url(binding.revision_url, configuration, None),
    )


def _current_revision(run: ActionRun | None) -> wire.ActionRevision | None:
    if run is None or run.revision is None:
        return None
    revision = run.revision
    return wire.ActionRevision(
        revision_id=revision.revision,
        revision_change_id=revision.change_identifier,
        created=revision.created if revision.created is not None else run.changed_at,
    )


def _action_execution(
    run: ActionRun, configuration: Mapping[str, str], binding: ActionBinding, why: Mapping[str, str]
) -> wire.ActionExecution:
    return wire.ActionExecution(
        action_execution_id=run.id,
        status=run.status,
        summary=run.summary if run.summary is not None else _brief(why.get(run.id)),
        last_status_change=run.changed_at,
        # An approval's token is good only while the approval waits.
        token=run.token if run.status == "InProgress" else None,
        last_updated_by=run.updated_by,
        external_execution_id=run.external_id,
        external_execution_url=fill_url(binding.execution_url, configuration, run.external_id),
        percent_complete=run.percent_complete,
        error_details=run.error,
    )


def _brief(sentence: str | None) -> str | None:
    return sentence[:SUMMARY_LENGTH_MAX] if sentence is not None else None


def pipeline_execution(name: str, execution: Execution, why: str | None) -> wire.PipelineExecution:
    """`why` says what an open execution waits for."""
    variables = tuple(
        wire.ResolvedPipelineVariable(name=key, resolved_value=value) for key, value in execution.variables.items()
    )
    return wire.PipelineExecution(
        pipeline_name=name,
        pipeline_version=execution.version,
        pipeline_execution_id=execution.id,
        status=execution.status,
        status_summary=execution.status_summary or _brief(why),
        artifact_revisions=execution.revisions,
        variables=variables or None,
        trigger=execution.trigger,
        execution_mode=execution.mode,
        execution_type=execution.kind,
        rollback_metadata=_rollback(execution),
    )


def _rollback(execution: Execution) -> wire.PipelineRollbackMetadata | None:
    if execution.rollback_target is None:
        return None
    return wire.PipelineRollbackMetadata(rollback_target_pipeline_execution_id=execution.rollback_target)


def condition_state(condition: ConditionRun | None) -> wire.StageConditionState | None:
    """A gate as the state of a pipeline shows it: each gate has one condition."""
    if condition is None:
        return None
    rules = tuple(_rule_state(name, run) for name, run in condition.rules.items())
    execution = wire.ConditionExecution(
        status=condition.status, summary=condition.summary, last_status_change=condition.changed_at
    )
    return wire.StageConditionState(
        latest_execution=wire.StageConditionsExecution(status=condition.status, summary=condition.summary),
        condition_states=(wire.ConditionState(latest_execution=execution, rule_states=rules),),
    )


def _rule_state(name: str, run: RuleRun) -> wire.RuleState:
    return wire.RuleState(
        rule_name=name,
        latest_execution=wire.RuleExecution(
            rule_execution_id=run.id,
            status=run.status,
            summary=run.summary,
            last_status_change=run.changed_at,
            last_updated_by=run.updated_by,
            external_execution_id=run.external_id,
            error_details=run.error,
        ),
    )


def retry_metadata(run: StageRun | None) -> wire.RetryStageMetadata | None:
    if run is None or run.latest_retry is None:
        return None
    return wire.RetryStageMetadata(
        auto_stage_retry_attempt=run.automatic_retries or None,
        manual_stage_retry_attempt=run.manual_retries or None,
        latest_retry_trigger=run.latest_retry,
    )


def execution_summary(execution: Execution, why: str | None) -> wire.PipelineExecutionSummary:
    stop = execution.stop
    return wire.PipelineExecutionSummary(
        pipeline_execution_id=execution.id,
        status=execution.status,
        status_summary=execution.status_summary or _brief(why),
        start_time=execution.started_at,
        last_update_time=execution.updated_at,
        source_revisions=execution.source_revisions,
        trigger=execution.trigger,
        stop_trigger=wire.StopExecutionTrigger(reason=stop.reason) if stop is not None else None,
        execution_mode=execution.mode,
        execution_type=execution.kind,
        rollback_metadata=_rollback(execution),
    )


def action_execution_detail(record: ActionRecord, version: PipelineVersion) -> wire.ActionExecutionDetail:
    """One attempt of the history; `version` is the pipeline version that it ran under."""
    run = record.run
    return wire.ActionExecutionDetail(
        pipeline_execution_id=record.execution_id,
        action_execution_id=run.id,
        pipeline_version=record.version,
        stage_name=record.stage,
        action_name=record.action,
        start_time=run.started_at,
        last_update_time=run.changed_at,
        updated_by=run.updated_by,
        status=run.status,
        input=_input(record, version),
        output=_output(record, version),
    )


def _declared(record: ActionRecord, version: PipelineVersion) -> wire.ActionDeclaration:
    stages = {stage.name: stage for stage in version.declaration.stages}
    return next(action for action in stages[record.stage].actions if action.name == record.action)


def _input(record: ActionRecord, version: PipelineVersion) -> wire.ActionExecutionInput:
    action = _declared(record, version)
    secret_keys = version.bindings[f"{record.stage}/{record.action}"].secret_keys
    return wire.ActionExecutionInput(
        action_type_id=action.action_type_id,
        configuration=masked(action.configuration or {}, secret_keys),
        resolved_configuration=masked(record.input.configuration, secret_keys),
        role_arn=action.role_arn,
        region=action.region,
        input_artifacts=artifact_details(record.input.artifacts),
        namespace=action.namespace,
    )


def _output(record: ActionRecord, version: PipelineVersion) -> wire.ActionExecutionOutput:
    run = record.run
    binding = version.bindings[f"{record.stage}/{record.action}"]
    url = fill_url(binding.execution_url, record.input.configuration, run.external_id)
    return wire.ActionExecutionOutput(
        output_artifacts=artifact_details(run.outputs) if run.status == "Succeeded" else (),
        execution_result=wire.ActionExecutionResult(
            # A PARALLEL pipeline has no state to read the token of a waiting approval from.
            external_execution_id=run.token if run.token and run.status == "InProgress" else run.external_id,
            external_execution_summary=run.summary,
            external_execution_url=url,
            error_details=run.error,
        ),
        output_variables=run.variables,
    )


def artifact_details(artifacts: tuple[Artifact, ...]) -> tuple[wire.ArtifactDetail, ...]:
    return tuple(
        wire.ArtifactDetail(name=each.name, s3_location=wire.S3Location(bucket=each.bucket, key=each.key))
        for each in artifacts
    )
