"""A region of its own for each test, with the test as the worker of every custom action in it."""

import itertools
import string
from typing import Any

import pytest
from botocore.exceptions import ClientError

from declarations import action, custom_source, custom_type, pipeline, stage
from operations.faithful import Witness
from serving import Server
from waiting import eventually

_NUMBERS = itertools.count()
_LETTERS = string.ascii_lowercase
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def fresh_region() -> str:
    """A region that nobody has used: a world of its own, its quotas included."""
    number = next(_NUMBERS)
    return f"test-{_LETTERS[number // 90 // 26]}{_LETTERS[number // 90 % 26]}-{number % 90 + 1}"


def code_of(call: Any, **parameters: Any) -> str:
    """The code of the error that the call answers with."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    code: str = raised.value.response["Error"]["Code"]
    return code


def message_of(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    message: str = raised.value.response["Error"]["Message"]
    return message


class Scene:
    """One partition of the shared server; `aws` is root's client in it, every answer of which is watched."""

    def __init__(self, server: Server, witness: Witness, keys: dict[str, str] | None = None, region: str = "") -> None:
        self.server, self.witness = server, witness
        self.region = region or fresh_region()
        self.aws = self.client(keys)

    def client(self, keys: dict[str, str] | None = None, region: str = "") -> Any:
        client = self.server.client(
            "codepipeline",
            keys,
            region or self.region,
            parameter_validation=False,
            retries={"total_max_attempts": 1},
        )
        self.witness.listen(client)
        return client

    def types(self, *more: dict[str, Any]) -> None:
        """Origin, a source, and Builder, a build; and more."""
        for declared in (custom_type("Origin", category="Source"), custom_type("Builder"), *more):
            self.aws.create_custom_action_type(**declared)

    def pipeline(self, name: str = "line", *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Create one: a source Pull of Origin, then the stages given, else Build with the action Make of Builder."""
        later = stages or (stage("Build", build("Make")),)
        declared = pipeline(name, stage("Source", custom_source()), *later, **more)
        created: dict[str, Any] = self.aws.create_pipeline(pipeline=declared)["pipeline"]
        return created

    def line(self, name: str = "line", *stages: dict[str, Any], **more: Any) -> None:
        """The types and the pipeline, its first execution past the source."""
        self.types()
        self.pipeline(name, *stages, **more)
        self.work("Origin")

    def poll(self, provider: str = "Builder", jobs_max: int = 1, **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.poll_for_jobs(
            actionTypeId=type_id(provider), maxBatchSize=jobs_max, **more
        )["jobs"]
        return found

    def wait_for_job(self, provider: str = "Builder", **more: Any) -> dict[str, Any]:
        return eventually(lambda: self.poll(provider, **more))[0]

    def take(self, provider: str = "Builder", **more: Any) -> dict[str, Any]:
        """One job, acknowledged."""
        jobs = self.poll(provider, **more)
        assert len(jobs) == 1
        job = jobs[0]
        assert self.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
        return job

    def work(self, provider: str = "Builder", **result: Any) -> dict[str, Any]:
        """One job, done with success."""
        job = self.take(provider)
        self.aws.put_job_success_result(jobId=job["id"], **result)
        return job

    def fail(self, provider: str = "Builder", message: str = "broken", kind: str = "JobFailed") -> dict[str, Any]:
        job = self.take(provider)
        self.aws.put_job_failure_result(jobId=job["id"], failureDetails={"type": kind, "message": message})
        return job

    def start(self, name: str = "line", **more: Any) -> str:
        started: str = self.aws.start_pipeline_execution(name=name, **more)["pipelineExecutionId"]
        return started

    def executions(self, name: str = "line", **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.list_pipeline_executions(pipelineName=name, **more)[
            "pipelineExecutionSummaries"
        ]
        return found

    def statuses(self, name: str = "line") -> list[str]:
        """Of all executions, oldest first."""
        return [each["status"] for each in reversed(self.executions(name))]

    def newest(self, name: str = "line") -> str:
        found: str = self.executions(name)[0]["pipelineExecutionId"]
        return found

    def actions(self, name: str = "line", **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.list_action_executions(pipelineName=name, **more)[
            "actionExecutionDetails"
        ]
        return found

    def stage(self, stage_name: str, name: str = "line") -> dict[str, Any]:
        """The state of one stage."""
        states = self.aws.get_pipeline_state(name=name)["stageStates"]
        return next(state for state in states if state["stageName"] == stage_name)

    def action(self, stage_name: str, action_name: str, name: str = "line") -> dict[str, Any]:
        """The latest execution of an action, as the state shows it; empty before its first."""
        states = self.stage(stage_name, name)["actionStates"]
        state = next(state for state in states if state["actionName"] == action_name)
        found: dict[str, Any] = state.get("latestExecution", {})
        return found


CATEGORIES = {"Origin": "Source", "Publisher": "Deploy", "Prober": "Test"}


def type_id(provider: str, owner: str = "Custom") -> dict[str, str]:
    return {"category": CATEGORIES.get(provider, "Build"), "owner": owner, "provider": provider, "version": "1"}


def build(name: str, configuration: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return action(name, "Build", "Custom", "Builder", configuration, **more)


def approval(name: str = "Ask", **more: Any) -> dict[str, Any]:
    return action(name, "Approval", "AWS", "Manual", **more)
