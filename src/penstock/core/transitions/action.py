"""Actions: how an attempt begins, and how it is given up."""

from collections.abc import Iterator

from penstock.core.action_types import FUNCTION_TYPE
from penstock.core.artifacts import allocate, store_of
from penstock.core.events import ActionEnded, ActionStarted, Event, JobOffer, JobOffered
from penstock.core.limits import PARTNER_FUNCTION_TIMEOUT_SECONDS
from penstock.core.lookup import binding_of, current_stage, stage_run, version_of
from penstock.core.model import (
    ActionBinding,
    ActionRun,
    Artifact,
    Execution,
    InvokedFunction,
    Job,
    JobWork,
    Pipeline,
    TypeId,
)
from penstock.core.moment import Moment
from penstock.core.revisions import asked_revision
from penstock.core.variables import ResolutionFailure, resolve, resolve_configuration
from penstock.core.work import CannotStart, Namespaces, inputs_of, namespaces, resolved_commands
from penstock.wire import types as wire

__all__ = ["abandon_runs", "offer_again", "start_action"]


def start_action(
    state: Pipeline, execution: Execution, action: wire.ActionDeclaration, moment: Moment
) -> Iterator[Event]:
    """One attempt: a job on the board, a token for a human, or a failure that says what is missing."""
    stage = current_stage(state, execution).name
    binding = binding_of(state, execution, stage, action.name)
    run_id = moment.new_id()
    timeout_at = moment.now + binding.timeout_seconds
    inputs = tuple([artifact.name for artifact in action.input_artifacts or ()])
    try:
        work = _work(state, execution, stage, action, run_id, moment)
        if binding.is_approval:
            job, token = None, moment.new_id()
        else:
            job, token = _offer(state, binding, work, moment, visible_at=moment.now), None
    except CannotStart as problem:
        yield ActionStarted(execution.id, stage, action.name, run_id, moment.now, timeout_at, inputs=inputs)
        yield ActionEnded(execution.id, stage, action.name, run_id, "Failed", moment.now, error=problem.details)
        return
    yield ActionStarted(
        execution.id,
        stage,
        action.name,
        run_id,
        moment.now,
        timeout_at,
        job=job,
        token=token,
        configuration=work.configuration,
        inputs=inputs,
    )


def offer_again(
    state: Pipeline,
    execution: Execution,
    run: ActionRun,
    job: Job,
    moment: Moment,
    token: str | None = None,
    pause_seconds: float = 0.0,
) -> Event:
    """A further job of a running attempt, with the same artifacts; or its end, if nobody may be offered it any more."""
    declared = {action.name: action for action in current_stage(state, execution).actions}
    binding = binding_of(state, execution, job.stage, job.action)
    try:
        work = _work(
            state, execution, job.stage, declared[job.action], run.id, moment, outputs=run.outputs, token=token
        )
        offer = _offer(state, binding, work, moment, visible_at=moment.now + pause_seconds)
    except CannotStart as problem:
        return ActionEnded(execution.id, job.stage, job.action, run.id, "Failed", moment.now, error=problem.details)
    return JobOffered(execution.id, job.stage, job.action, run.id, moment.now, offer)


def _offer(state: Pipeline, binding: ActionBinding, work: JobWork, moment: Moment, visible_at: float) -> JobOffer:
    owner = work.action_type_id.owner
    kind = f"{work.action_type_id.category} action type {work.action_type_id.provider}"
    client_id = None
    job_id = moment.new_id()
    if owner == "ThirdParty":
        client_id = state.client_ids.get(binding.type_key)
        if client_id is None:
            raise CannotStart(
                "ConfigurationError",
                f"The account {state.head.account} is not linked to the partner's {kind}: "
                f"link it with 'penstock partner link'",
            )
        # Partners work for many accounts: the id says whose job it is.
        job_id = f"{state.head.account}.{state.head.region}.{job_id}"
    elif owner != "Custom" and binding.type_key not in moment.served:
        raise CannotStart("ConfigurationError", f"No worker of this server serves the {kind}")
    query_key = work.configuration.get(binding.query_property, "") if binding.query_property else ""
    return JobOffer(
        job_id,
        binding.type_key,
        query_key,
        visible_at,
        work,
        client_id=client_id,
        timeout_seconds=binding.job_timeout_seconds,
    )


def _work(
    state: Pipeline,
    execution: Execution,
    stage: str,
    action: wire.ActionDeclaration,
    run_id: str,
    moment: Moment,
    outputs: tuple[Artifact, ...] | None = None,
    token: str | None = None,
) -> JobWork:
    declaration = version_of(state, execution).declaration
    binding = binding_of(state, execution, stage, action.name)
    values = namespaces(execution)
    try:
        configuration = resolve_configuration(action.configuration or {}, binding.secret_keys, values)
        # What an action of another owner may refer to variables in is its configuration alone.
        resolved = _resolved(action, values) if action.action_type_id.owner == "AWS" else None
    except ResolutionFailure as problem:
        raise CannotStart("InvalidVariableReference", str(problem)) from None
    store = store_of(declaration, action, state.head.region)
    if outputs is None:
        asked = asked_revision(execution, action.name)
        outputs = allocate(declaration.name, action, store, moment, revision=asked)
    function = _function_of(binding)
    return JobWork(
        action_type_id=_type_of(action.action_type_id if function is None else FUNCTION_TYPE.id),
        configuration=configuration,
        pipeline_name=declaration.name,
        execution_id=execution.id,
        stage=stage,
        action=action.name,
        run_id=run_id,
        inputs=inputs_of(execution, action.input_artifacts),
        outputs=outputs,
        continuation_token=token,
        encryption_key=store.encryption_key,
        secret_keys=binding.secret_keys,
        declaration=resolved,
        overrides=tuple([override for override in execution.overrides if override.action_name == action.name]),
        function=function,
    )


def _function_of(binding: ActionBinding) -> InvokedFunction | None:
    if binding.function_arn is None:
        return None
    return InvokedFunction(binding.function_arn, binding.job_timeout_seconds or PARTNER_FUNCTION_TIMEOUT_SECONDS)


def _type_of(identity: wire.ActionTypeId) -> TypeId:
    return TypeId(identity.category, identity.owner, identity.provider, identity.version)


def _resolved(action: wire.ActionDeclaration, values: Namespaces) -> wire.ActionDeclaration:
    """The parts beside the configuration that may refer to variables, and nothing else."""
    environment = tuple(
        wire.EnvironmentVariable(name=item.name, value=resolve(item.value, values), type=item.type)
        for item in action.environment_variables or ()
    )
    return wire.ActionDeclaration(
        name=action.name,
        action_type_id=action.action_type_id,
        commands=resolved_commands(action.commands, values),
        environment_variables=environment or None,
        output_variables=action.output_variables,
        input_artifacts=action.input_artifacts,
        output_artifacts=action.output_artifacts,
    )


def abandon_runs(
    state: Pipeline, execution: Execution, moment: Moment, only: set[str] | None = None
) -> Iterator[Event]:
    """End the attempts that still work, all of the current stage's or those named."""
    stage = current_stage(state, execution).name
    for name, run in stage_run(state, execution).actions.items():
        if run.status == "InProgress" and (only is None or name in only):
            yield ActionEnded(execution.id, stage, name, run.id, "Abandoned", moment.now, job_id=run.job_id)
