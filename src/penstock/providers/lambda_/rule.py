"""The LambdaInvoke rule: asks a function, and takes an error of it for a no."""

from pathlib import Path
from typing import Any

import msgspec

from penstock.providers.lambda_.function import invoke
from penstock.worker import JobContext, JobError, ProviderSettings, Success, declared_rule, polled_type

DECLARATION = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())


class LambdaInvoke:
    """Invokes a function and waits for its end.

    Before a stage and after its success the rule succeeds if the function does. After a failure it is the function's error
    that meets the condition: there the rule succeeds if the function does not. What cannot be invoked meets nothing.
    """

    declarations = (DECLARATION,)
    action_types = (polled_type(DECLARATION),)

    def __init__(self, settings: ProviderSettings) -> None:
        """The settings are those of every provider; this one needs nothing of its host."""

    async def run(self, job: JobContext) -> Success:
        name = job.configuration.get("FunctionName", "")
        what = f"The function '{name}'"
        answer = await invoke(job, name, event_of(job))
        problem = answer.error
        if (problem is not None) == (job.gate == "onFailure"):
            summary = f"{what} failed: {problem}" if problem is not None else f"{what} succeeded"
            return Success(summary, external_execution_id=answer.request_id)
        if problem is None:
            raise JobError(f"{what} succeeded, and a condition of a failure is met by its error.")
        raise JobError(f"{what} failed: {problem}")


def event_of(job: JobContext) -> dict[str, Any]:
    """What the function is told: the event of a Lambda action. One that reports its own result may do so."""
    details = job.details()
    given = {
        "actionConfiguration": details.action_configuration,
        "inputArtifacts": details.input_artifacts or (),
        "outputArtifacts": details.output_artifacts or (),
        "artifactCredentials": details.artifact_credentials,
        "continuationToken": details.continuation_token,
        "encryptionKey": details.encryption_key,
    }
    # Functions ask whether there is a token by looking for its key.
    present = {member: value for member, value in given.items() if value is not None}
    return {"CodePipeline.job": {"id": job.id, "accountId": job.account, "data": msgspec.to_builtins(present)}}
