"""What a job carries, and what its results make of the action: details, revisions, variables, continuations, queries."""

import time

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from operations.scene import Scene, approval, build, code_of, message_of
from waiting import eventually

PUBLISHER = custom_type("Publisher", category="Deploy")


def test_a_job_carries_its_context_its_configuration_and_its_artifacts(scene: Scene) -> None:
    scene.types(custom_type("Prober", category="Test", query="Project"))
    probe = action("Probe", "Test", "Custom", "Prober", {"Project": "one"}, inputs=("App",), outputs=("Report",))
    scene.pipeline("line", stage("Check", probe))
    scene.work("Origin")
    (job,) = scene.poll("Prober", queryParam={"Project": "one"})
    assert set(job) == {"id", "nonce", "accountId", "data"}
    data = job["data"]
    context = data["pipelineContext"]
    assert context["pipelineName"] == "line"
    assert context["pipelineArn"] == f"arn:aws:codepipeline:{scene.region}:123456789012:line"
    assert context["pipelineExecutionId"] == scene.newest()
    assert (context["stage"], context["action"]["name"]) == ({"name": "Check"}, "Probe")
    assert context["action"]["actionExecutionId"] == scene.action("Check", "Probe")["actionExecutionId"]
    assert data["actionConfiguration"] == {"configuration": {"Project": "one"}}
    (given,), (wanted,) = data["inputArtifacts"], data["outputArtifacts"]
    assert (given["name"], given["location"]["type"]) == ("App", "S3")
    assert (wanted["name"], wanted["location"]["s3Location"]["bucketName"]) == ("Report", "artifact-bucket")
    assert given["location"]["s3Location"]["objectKey"] != wanted["location"]["s3Location"]["objectKey"]
    assert set(data["artifactCredentials"]) == {"accessKeyId", "secretAccessKey", "sessionToken"}
    assert "continuationToken" not in data


def test_a_job_without_artifacts_gets_no_credentials(scene: Scene) -> None:
    scene.line()
    assert "artifactCredentials" not in scene.poll()[0]["data"]


def test_a_sources_revision_is_the_executions_and_goes_with_the_artifact(scene: Scene) -> None:
    scene.types()
    scene.pipeline("line", stage("Build", build("Make", inputs=("App",))))
    revision = {"revision": "abc123", "changeIdentifier": "c-1", "created": 1_700_000_000, "revisionSummary": "A fix"}
    scene.work("Origin", currentRevision=revision)
    shown = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
    (artifact,) = shown["pipelineExecution"]["artifactRevisions"]
    assert (artifact["name"], artifact["revisionId"], artifact["revisionSummary"]) == ("App", "abc123", "A fix")
    assert artifact["revisionChangeIdentifier"] == "c-1"
    (source,) = scene.executions()[0]["sourceRevisions"]
    assert source == {"actionName": "Pull", "revisionId": "abc123", "revisionSummary": "A fix"}
    assert scene.poll()[0]["data"]["inputArtifacts"][0]["revision"] == "abc123"
    current = scene.stage("Source")["actionStates"][0]["currentRevision"]
    assert (current["revisionId"], current["revisionChangeId"]) == ("abc123", "c-1")


def test_a_revision_is_taken_from_workers_of_any_category(scene: Scene) -> None:
    scene.line()
    scene.work(currentRevision={"revision": "7", "changeIdentifier": "7"})
    assert scene.statuses() == ["Succeeded"]


def test_what_a_worker_tells_is_shown_in_the_state_and_the_history(scene: Scene) -> None:
    scene.line()
    details = {"summary": "Built", "externalExecutionId": "build-9", "percentComplete": 100}
    scene.work(executionDetails=details)
    shown = scene.action("Build", "Make")
    assert {key: shown[key] for key in details} == details
    result = scene.actions()[0]["output"]["executionResult"]
    assert (result["externalExecutionId"], result["externalExecutionSummary"]) == ("build-9", "Built")


def test_the_links_of_the_type_are_filled_in(scene: Scene) -> None:
    settings = {
        "entityUrlTemplate": "https://ci.example/{Config:Project}/",
        "executionUrlTemplate": "https://ci.example/{Config:Project}/{ExternalExecutionId}",
        "revisionUrlTemplate": "https://ci.example/{Config:Project}/configure",
    }
    scene.types({**custom_type("Prober", category="Test", query="Project"), "settings": settings})
    scene.pipeline("line", stage("Check", action("Probe", "Test", "Custom", "Prober", {"Project": "one"})))
    scene.work("Origin")
    (state,) = scene.stage("Check")["actionStates"]
    assert state["entityUrl"] == "https://ci.example/one/"
    assert state["revisionUrl"] == "https://ci.example/one/configure"
    assert "externalExecutionUrl" not in state["latestExecution"]
    job = scene.take("Prober", queryParam={"Project": "one"})
    scene.aws.put_job_success_result(jobId=job["id"], executionDetails={"externalExecutionId": "42"})
    assert scene.action("Check", "Probe")["externalExecutionUrl"] == "https://ci.example/one/42"


def test_a_failure_keeps_its_type_message_and_external_id(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    failure = {"type": "ConfigurationError", "message": "No such project", "externalExecutionId": "x-1"}
    scene.aws.put_job_failure_result(jobId=job["id"], failureDetails=failure)
    shown = scene.action("Build", "Make")
    assert shown["errorDetails"] == {"code": "ConfigurationError", "message": "No such project"}
    assert (shown["status"], shown["externalExecutionId"]) == ("Failed", "x-1")
    assert scene.stage("Build")["latestExecution"]["status"] == "Failed"
    assert scene.statuses() == ["Failed"]


@pytest.mark.parametrize("failure", [{"type": "Tired", "message": "x"}, {"type": "JobFailed", "message": ""}, {}])
def test_a_failure_of_no_known_kind_is_refused_and_the_job_goes_on(scene: Scene, failure: dict[str, str]) -> None:
    scene.line()
    job = scene.take()
    assert code_of(scene.aws.put_job_failure_result, jobId=job["id"], failureDetails=failure) == "ValidationException"
    scene.aws.put_job_success_result(jobId=job["id"])


class TestContinuations:
    def test_a_token_ends_the_job_and_a_new_one_of_the_same_action_carries_it(self, scene: Scene) -> None:
        scene.line()
        first = scene.work(continuationToken="page-2", executionDetails={"percentComplete": 30, "summary": "a third"})
        shown = scene.action("Build", "Make")
        assert (shown["status"], shown["percentComplete"], shown["summary"]) == ("InProgress", 30, "a third")
        second = scene.wait_for_job()
        assert second["id"] != first["id"]
        assert second["nonce"] != first["nonce"]
        assert second["data"]["continuationToken"] == "page-2"
        contexts = [job["data"]["pipelineContext"] for job in (first, second)]
        assert contexts[0] == contexts[1]
        scene.aws.acknowledge_job(jobId=second["id"], nonce=second["nonce"])
        scene.aws.put_job_success_result(jobId=second["id"])
        assert scene.statuses() == ["Succeeded"]
        assert len(scene.actions()) == 2

    def test_what_was_told_before_stays_where_the_end_says_nothing(self, scene: Scene) -> None:
        scene.line()
        scene.work(continuationToken="on", executionDetails={"externalExecutionId": "run-1", "summary": "begun"})
        job = scene.wait_for_job()
        scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        scene.aws.put_job_success_result(jobId=job["id"], executionDetails={"summary": "done"})
        shown = scene.action("Build", "Make")
        assert (shown["externalExecutionId"], shown["summary"]) == ("run-1", "done")

    def test_the_next_job_comes_only_after_the_pause(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        began = time.monotonic()
        scene.aws.put_job_success_result(jobId=job["id"], continuationToken="later")
        scene.wait_for_job()
        assert time.monotonic() - began >= 0.2

    def test_the_outputs_stay_where_they_were_allocated(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Make", outputs=("Box",))))
        scene.work("Origin")
        first = scene.work(continuationToken="on")
        assert scene.wait_for_job()["data"]["outputArtifacts"] == first["data"]["outputArtifacts"]

    def test_a_continued_action_can_be_stopped(self, scene: Scene) -> None:
        scene.line()
        scene.work(continuationToken="on")
        scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest(), abandon=True)
        assert scene.statuses() == ["Stopped"]
        assert scene.poll() == []

    def test_variables_go_with_the_last_result_alone(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        both = {"continuationToken": "on", "outputVariables": {"A": "1"}}
        assert code_of(scene.aws.put_job_success_result, jobId=job["id"], **both) == "ValidationException"
        scene.aws.put_job_success_result(jobId=job["id"])
        assert scene.statuses() == ["Succeeded"]


class TestVariables:
    def test_the_outputs_of_one_action_are_resolved_in_a_later_ones_configuration(self, scene: Scene) -> None:
        scene.types(custom_type("Prober", category="Test", query="Project"))
        text = "#{Made.Name}-#{codepipeline.PipelineExecutionId}"
        probe = action("Probe", "Test", "Custom", "Prober", {"Project": "#{Made.Name}"})
        tell = approval(configuration={"CustomData": text})
        scene.pipeline("line", stage("Build", build("Make", namespace="Made")), stage("Check", probe, tell))
        scene.work("Origin")
        scene.work(outputVariables={"Name": "rocket"})
        (job,) = scene.poll("Prober", queryParam={"Project": "rocket"})
        assert job["data"]["actionConfiguration"]["configuration"] == {"Project": "rocket"}
        history = {each["actionName"]: each for each in scene.actions()}
        assert history["Make"]["output"]["outputVariables"] == {"Name": "rocket"}
        assert history["Probe"]["input"]["configuration"] == {"Project": "#{Made.Name}"}
        assert history["Probe"]["input"]["resolvedConfiguration"] == {"Project": "rocket"}
        resolved = history["Ask"]["input"]["resolvedConfiguration"]["CustomData"]
        assert resolved == f"rocket-{scene.newest()}"

    def test_a_variable_that_nobody_set_fails_the_action_and_says_which(self, scene: Scene) -> None:
        scene.types()
        tell = approval(configuration={"CustomData": "#{Made.Name}"})
        scene.pipeline("line", stage("Build", build("Make", namespace="Made")), stage("Gate", tell))
        scene.work("Origin")
        scene.work(outputVariables={"Other": "x"})
        error = scene.action("Gate", "Ask")["errorDetails"]
        assert "Made.Name" in error["message"]
        assert scene.statuses() == ["Failed"]

    def test_pipeline_variables_take_their_defaults_or_what_the_start_gives(self, scene: Scene) -> None:
        scene.types()
        tell = approval(configuration={"CustomData": "#{variables.Env}"})
        scene.pipeline(
            "line", stage("Gate", tell), variables=[{"name": "Env", "defaultValue": "test"}], executionMode="PARALLEL"
        )
        scene.start(variables=[{"name": "Env", "value": "prod"}])
        for _ in range(2):
            scene.work("Origin")
        resolved = [each["input"]["resolvedConfiguration"] for each in scene.actions() if each["stageName"] == "Gate"]
        assert resolved == [{"CustomData": "prod"}, {"CustomData": "test"}]
        shown = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
        assert shown["pipelineExecution"]["variables"] == [{"name": "Env", "resolvedValue": "prod"}]

    def test_more_than_the_limit_is_refused_and_the_job_goes_on(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        many = {f"V{number}": "x" * 1000 for number in range(123)}
        code = code_of(scene.aws.put_job_success_result, jobId=job["id"], outputVariables=many)
        assert code == "OutputVariablesSizeExceededException"
        scene.aws.put_job_success_result(jobId=job["id"], outputVariables={"V": "x" * 1000})
        assert scene.statuses() == ["Succeeded"]

    def test_a_key_of_other_characters_breaks_a_constraint(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        message = message_of(scene.aws.put_job_success_result, jobId=job["id"], outputVariables={"no spaces": "x"})
        assert "outputVariables" in message


class TestQueries:
    def begin(self, scene: Scene) -> None:
        scene.types(custom_type("Prober", category="Test", query="Project"))
        probes = [action(name, "Test", "Custom", "Prober", {"Project": name}) for name in ("one", "two")]
        scene.aws.create_pipeline(pipeline=pipeline("line", stage("Source", custom_source()), stage("Check", *probes)))
        scene.work("Origin")

    def test_only_the_jobs_with_that_value_are_handed_out(self, scene: Scene) -> None:
        self.begin(scene)
        (job,) = scene.poll("Prober", jobs_max=10, queryParam={"Project": "two"})
        assert job["data"]["pipelineContext"]["action"]["name"] == "two"
        assert scene.poll("Prober", queryParam={"Project": "three"}) == []
        assert len(scene.poll("Prober", queryParam={"Project": "one"})) == 1

    @pytest.mark.parametrize("query", [None, {}, {"Other": "one"}])
    def test_a_type_with_a_queryable_property_must_be_asked_by_it(self, scene: Scene, query: dict | None) -> None:
        self.begin(scene)
        given = {} if query is None else {"queryParam": query}
        assert code_of(scene.poll, provider="Prober", **given) == "ValidationException"

    def test_a_type_without_one_may_not_be_asked_by_any(self, scene: Scene) -> None:
        self.begin(scene)
        assert code_of(scene.poll, queryParam={"Project": "one"}) == "ValidationException"

    @pytest.mark.parametrize(
        "query", [{"Project": "a b"}, {"Project": ""}, {"A": "1", "B": "2"}, {"Project": "x" * 51}]
    )
    def test_a_query_that_can_match_nothing_breaks_a_constraint(self, scene: Scene, query: dict[str, str]) -> None:
        self.begin(scene)
        assert code_of(scene.poll, provider="Prober", queryParam=query) == "ValidationException"


def test_a_deleted_types_jobs_that_were_handed_out_finish(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    assert code_of(scene.poll) == "ActionTypeNotFoundException"
    scene.aws.put_job_success_result(jobId=job["id"])
    assert eventually(lambda: scene.statuses() == ["Succeeded"])
