"""What a worker is told of its job: the work with its secrets opened, and credentials for its artifacts."""

from typing import cast

from msgspec import json

from penstock.core import limits
from penstock.core.model import Artifact, JobWork, TypeId
from penstock.core.roles import roles_of_work
from penstock.operations.call import Call
from penstock.ports.artifacts import CredentialsRefused, Location, Scope
from penstock.wire import types as wire
from penstock.wire.arn import pipeline_arn

__all__ = [
    "DECLARATION_KEY",
    "FUNCTION_KEY",
    "GATE_KEY",
    "OVERRIDES_KEY",
    "job_data",
    "roles_of_job",
    "third_party_job_data",
]

# Beside its configuration, a built-in action has members that JobData has no place for.
DECLARATION_KEY = "penstock:declaration"
OVERRIDES_KEY = "penstock:overrides"
GATE_KEY = "penstock:gate"
FUNCTION_KEY = "penstock:function"


async def job_data(call: Call, job_id: str, account: str, region: str, work: JobWork) -> wire.JobData:
    """API: JobData."""
    return wire.JobData(
        action_type_id=_type_id(work.action_type_id),
        action_configuration=wire.ActionConfiguration(configuration=_configuration(call, work)),
        pipeline_context=wire.PipelineContext(
            pipeline_name=work.pipeline_name,
            stage=wire.StageContext(name=work.stage),
            action=wire.ActionContext(name=work.action, action_execution_id=work.run_id),
            pipeline_arn=pipeline_arn(region, account, work.pipeline_name),
            pipeline_execution_id=work.execution_id,
        ),
        input_artifacts=_artifacts(work.inputs),
        output_artifacts=_artifacts(work.outputs),
        artifact_credentials=await _credentials(call, job_id, account, region, work),
        continuation_token=work.continuation_token,
        encryption_key=work.encryption_key,
    )


async def third_party_job_data(
    call: Call, job_id: str, account: str, region: str, work: JobWork
) -> wire.ThirdPartyJobData:
    """API: ThirdPartyJobData. The context names neither the pipeline's ARN nor its execution."""
    return wire.ThirdPartyJobData(
        action_type_id=_type_id(work.action_type_id),
        action_configuration=wire.ActionConfiguration(configuration=_configuration(call, work)),
        pipeline_context=wire.PipelineContext(
            pipeline_name=work.pipeline_name,
            stage=wire.StageContext(name=work.stage),
            action=wire.ActionContext(name=work.action, action_execution_id=work.run_id),
        ),
        input_artifacts=_artifacts(work.inputs),
        output_artifacts=_artifacts(work.outputs),
        artifact_credentials=await _credentials(call, job_id, account, region, work),
        continuation_token=work.continuation_token,
        encryption_key=work.encryption_key,
    )


def _configuration(call: Call, work: JobWork) -> dict[str, str]:
    configuration = work.configuration
    if work.secret_keys:
        configuration = {
            key: call.unseal(value) if key in work.secret_keys else value for key, value in configuration.items()
        }
    if work.gate is not None:
        configuration = {**configuration, GATE_KEY: work.gate}
    if work.function is not None:
        configuration = {**configuration, FUNCTION_KEY: json.encode(work.function).decode()}
    if work.declaration is not None:
        configuration = {**configuration, DECLARATION_KEY: json.encode(work.declaration).decode()}
        if work.overrides:
            configuration[OVERRIDES_KEY] = json.encode(work.overrides).decode()
    return configuration


def _type_id(identity: TypeId) -> wire.ActionTypeId:
    """The category of a rule's type, Rule, is none that the API's action types have; its workers know it."""
    return wire.ActionTypeId(
        category=cast(wire.ActionCategory, identity.category),
        owner=cast(wire.ActionOwner, identity.owner),
        provider=identity.provider,
        version=identity.version,
    )


def _artifacts(artifacts: tuple[Artifact, ...]) -> tuple[wire.Artifact, ...]:
    return tuple(
        wire.Artifact(
            name=each.name,
            revision=each.revision,
            location=wire.ArtifactLocation(
                type="S3", s3_location=wire.S3ArtifactLocation(bucket_name=each.bucket, object_key=each.key)
            ),
        )
        for each in artifacts
    )


async def _credentials(
    call: Call, job_id: str, account: str, region: str, work: JobWork
) -> wire.AWSSessionCredentials | None:
    """Keys for this job's objects and nothing else; a job without artifacts needs none.

    Raises CredentialsRefused or StoreUnavailable where the objects are in another store.
    """
    if not work.inputs and not work.outputs:
        return None
    scope = Scope(
        account=account,
        region=region,
        job_id=job_id,
        reads=_places(work.inputs),
        writes=_places(work.outputs),
        expires_at=call.now + limits.JOB_CREDENTIALS_SECONDS,
    )
    environment = call.environment
    if environment.outer is None:
        keys = environment.credentials.mint(scope)
    else:
        keys = await environment.outer.mint(scope, await roles_of_job(call, job_id))
    return wire.AWSSessionCredentials(
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
    )


def _places(artifacts: tuple[Artifact, ...]) -> tuple[Location, ...]:
    return tuple(Location(each.bucket, each.key) for each in artifacts)


async def roles_of_job(call: Call, job_id: str) -> tuple[str, ...]:
    """The roles under which a job's artifacts are reached: those that its execution's version of the pipeline names."""
    row = await call.reader.job(job_id)
    execution = version = None
    if row is not None:
        job = row.job
        execution = await call.reader.execution(job.account, job.pipeline_id, job.execution_id)
    if row is not None and execution is not None:
        version = await call.reader.version(row.job.account, row.job.pipeline_id, execution.version)
    if row is None or row.work is None or version is None:
        raise CredentialsRefused(f"the pipeline of the job '{job_id}' is gone")
    return roles_of_work(version.declaration, row.work)
