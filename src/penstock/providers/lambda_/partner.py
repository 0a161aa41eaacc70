"""Partners' action types with the executor Lambda: their function is told the job, and what it returns is the result."""

from typing import Any, cast

import msgspec

from penstock.providers.lambda_.function import invoke
from penstock.providers.lambda_.returned import result_of
from penstock.wire import types as wire
from penstock.worker import Failure, JobContext, JobError, ProviderSettings
from penstock.worker.results import Result

# The jobs of all such types. The category is none of the API's, so that nobody else can declare or poll it.
POLLED_TYPE = wire.ActionTypeId(
    category=cast(wire.ActionCategory, "Partner"), owner="AWS", provider="Lambda", version="1"
)


class PartnerLambda:
    """Invokes the function that the action's type names, once for each job. UG: reference-integrations.

    A function that is to go on is invoked again after the pause of a continuation. One whose server is lost while it runs is
    invoked again as well, with another job id and the same action execution id.
    """

    action_types = (POLLED_TYPE,)

    def __init__(self, settings: ProviderSettings) -> None:
        """The settings are those of every provider; this one needs nothing of its host."""

    async def run(self, job: JobContext) -> Result:
        function = job.function
        if function is None:
            raise JobError("The job does not say which function is to do it.", "ConfigurationError")
        what = f"The function '{function.arn}'"
        answer = await invoke(job, function.arn, event_of(job), function.timeout_seconds)
        if answer.error is not None:
            return Failure(f"{what} failed: {answer.error}", external_execution_id=answer.request_id)
        return result_of(what, answer.returned)


def event_of(job: JobContext) -> dict[str, Any]:
    """What the function is told. UG: reference-integrations, "handle the input"; what there is not has no member."""
    details = job.details()
    given = {
        "actionConfiguration": job.configuration,
        "encryptionKey": details.encryption_key,
        "inputArtifacts": details.input_artifacts or (),
        "outputArtifacts": details.output_artifacts or (),
        "actionCredentials": details.artifact_credentials,
        "actionExecutionId": job.action_execution_id,
        "continuationToken": job.continuation_token,
    }
    present = {member: value for member, value in given.items() if value is not None}
    return {"jobId": job.id, "accountId": job.account, "data": msgspec.to_builtins(present)}
