"""The CodeBuild rule: starts a build, and succeeds if the build does."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from penstock.wire import types as wire
from penstock.worker import Continue, JobContext, JobError, ProviderSettings, Success, declared_rule, polled_type
from penstock.worker.services import client_elsewhere, explained
from penstock.worker.threads import in_own_thread

DECLARATION = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())
LOOK_SECONDS = 10
RUNNING = "IN_PROGRESS"


class Variable(Struct, frozen=True, forbid_unknown_fields=True):
    """An environment variable of a build, as CodeBuild takes it."""

    name: str
    value: str
    type: str = "PLAINTEXT"


class Build(Struct, frozen=True):
    """A build, or a batch of them, as it was last seen."""

    id: str
    status: str


class CodeBuild:
    """Starts a build of a project on the rule's input artifacts, and looks after it until it has ended."""

    declarations = (DECLARATION,)
    action_types = (polled_type(DECLARATION),)

    def __init__(self, settings: ProviderSettings) -> None:
        """The settings are those of every provider; this one needs nothing of its host."""

    async def run(self, job: JobContext) -> Success | Continue:
        project = job.configuration.get("ProjectName", "")
        is_batch = _says(job, "BatchEnabled")
        builds = await client_elsewhere(job, "codebuild")
        with explained(f"A build of the project '{project}'"):
            if job.continuation_token is None:
                build = await in_own_thread(_start, builds, request_of(job), is_batch=is_batch)
            else:
                build = await in_own_thread(_look, builds, job.continuation_token, is_batch=is_batch)
        if build.status == RUNNING:
            summary = f"The build {build.id} is running"
            return Continue(build.id, LOOK_SECONDS, summary, external_execution_id=build.id)
        if build.status == "SUCCEEDED":
            return Success(f"The build {build.id} succeeded", external_execution_id=build.id)
        raise JobError(f"Build terminated with state: {build.status}. Build: {build.id}")


def request_of(job: JobContext) -> dict[str, Any]:
    """The call that starts the build; raises JobError for a configuration that cannot be carried out."""
    request: dict[str, Any] = {
        "projectName": job.configuration.get("ProjectName", ""),
        # The work begins anew if this server dies, and then must not start a second build.
        "idempotencyToken": job.action_execution_id or job.id,
        **_sources(job),
    }
    if variables := _variables(job.configuration.get("EnvironmentVariables")):
        request["environmentVariablesOverride"] = variables
    if _says(job, "CombineArtifacts"):
        if not _says(job, "BatchEnabled"):
            raise JobError("CombineArtifacts needs BatchEnabled to be true.", "ConfigurationError")
        request["buildBatchConfigOverride"] = {"combineArtifacts": True}
    return request


def _says(job: JobContext, key: str) -> bool:
    return job.configuration.get(key, "false").lower() == "true"


def _sources(job: JobContext) -> dict[str, Any]:
    """The input artifacts as the build's sources. Without any, the project's own source stands."""
    if not job.inputs:
        return {}
    primary = job.configuration.get("PrimarySource")
    if primary is None and len(job.inputs) > 1:
        raise JobError("Of several input artifacts, PrimarySource has to name one.", "ConfigurationError")
    if primary is None:
        primary = next(iter(job.inputs))
    if primary not in job.inputs:
        raise JobError(f"PrimarySource names '{primary}', which is not an input artifact.", "ConfigurationError")
    sources: dict[str, Any] = {"sourceTypeOverride": "S3", "sourceLocationOverride": _place(job.inputs[primary])}
    others = [name for name in job.inputs if name != primary]
    if others:
        sources["secondarySourcesOverride"] = [
            {"type": "S3", "location": _place(job.inputs[name]), "sourceIdentifier": name.replace("-", "_")}
            for name in others
        ]
    return sources


def _place(artifact: wire.Artifact) -> str:
    place = artifact.location.s3_location if artifact.location is not None else None
    if place is None:
        raise JobError(f"The artifact '{artifact.name}' has no place.")
    return f"{place.bucket_name}/{place.object_key}"


def _variables(text: str | None) -> list[dict[str, str]]:
    if text is None:
        return []
    try:
        variables = msgspec.json.decode(text, type=list[Variable])
    except msgspec.MsgspecError as problem:
        raise JobError(
            f"EnvironmentVariables is not a JSON array of name, value and type: {problem}.", "ConfigurationError"
        ) from None
    return [msgspec.to_builtins(variable) for variable in variables]


def _start(builds: Any, request: dict[str, Any], *, is_batch: bool) -> Build:
    if is_batch:
        return _batch(builds.start_build_batch(**request)["buildBatch"])
    return _build(builds.start_build(**request)["build"])


def _look(builds: Any, build_id: str, *, is_batch: bool) -> Build:
    if is_batch:
        found = [_batch(each) for each in builds.batch_get_build_batches(ids=[build_id]).get("buildBatches", ())]
    else:
        found = [_build(each) for each in builds.batch_get_builds(ids=[build_id]).get("builds", ())]
    if not found:
        raise JobError(f"The build {build_id} is gone.")
    return found[0]


def _build(told: dict[str, Any]) -> Build:
    return Build(told["id"], told["buildStatus"])


def _batch(told: dict[str, Any]) -> Build:
    return Build(told["id"], told["buildBatchStatus"])
