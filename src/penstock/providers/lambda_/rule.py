"""The LambdaInvoke rule: asks a function, and takes an error of it for a no."""

import json
from pathlib import Path
from typing import Any

import msgspec

from penstock.worker import JobContext, JobError, ProviderSettings, Success, declared_rule, polled_type
from penstock.worker.credentials import Patience
from penstock.worker.services import client_elsewhere, explained
from penstock.worker.threads import in_own_thread

DECLARATION = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())
# A function may take 15 minutes; asked a second time, it would run twice.
PATIENCE = Patience(read_seconds=15 * 60 + 30, attempts_max=1)
SAID_LENGTH_MAX = 1000


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
        functions = await client_elsewhere(job, "lambda", PATIENCE)
        with explained(what):
            answer = await in_own_thread(
                functions.invoke, FunctionName=name, Payload=json.dumps(event_of(job)).encode()
            )
            said = await in_own_thread(answer["Payload"].read)
        problem = _problem(answer, said)
        request_id = answer["ResponseMetadata"].get("RequestId")
        if (problem is not None) == (job.gate == "onFailure"):
            summary = f"{what} failed: {problem}" if problem is not None else f"{what} succeeded"
            return Success(summary, external_execution_id=request_id)
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


def _problem(answer: dict[str, Any], said: bytes) -> str | None:
    """What went wrong in the function, in its own words; None if nothing did."""
    if not answer.get("FunctionError"):
        return None
    text = said.decode(errors="replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("errorMessage"):
        text = ": ".join(str(told[key]) for key in ("errorType", "errorMessage") if told.get(key))
    return text[:SAID_LENGTH_MAX] or str(answer["FunctionError"])
