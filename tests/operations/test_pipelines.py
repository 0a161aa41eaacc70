"""CreatePipeline, GetPipeline, UpdatePipeline, DeletePipeline, ListPipelines."""

from datetime import UTC, datetime, timedelta

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from operations.scene import Scene, approval, build, code_of, message_of
from waiting import eventually

ACCOUNT = "123456789012"


def simple(name: str = "line", **more):
    return pipeline(name, stage("Source", custom_source()), stage("Build", build("Make")), **more)


def test_a_created_pipeline_is_echoed_with_its_defaults_filled_in(scene: Scene) -> None:
    scene.types()
    bare = {key: value for key, value in build("Make").items() if key not in ("configuration", "inputArtifacts")}
    answer = scene.aws.create_pipeline(
        pipeline=pipeline("line", stage("Source", custom_source()), stage("Build", bare)),
        tags=[{"key": "team", "value": "blue"}],
    )
    made = answer["pipeline"]
    assert (made["version"], made["executionMode"], made["pipelineType"]) == (1, "SUPERSEDED", "V1")
    action_made = made["stages"][1]["actions"][0]
    assert (action_made["runOrder"], action_made["configuration"]) == (1, {})
    assert (action_made["inputArtifacts"], action_made["outputArtifacts"]) == ([], [])
    assert "region" not in action_made
    assert answer["tags"] == [{"key": "team", "value": "blue"}]


def test_creating_a_pipeline_starts_its_first_execution(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    (execution,) = scene.executions()
    assert (execution["status"], execution["trigger"]["triggerType"]) == ("InProgress", "CreatePipeline")


def test_a_pipeline_is_read_back_as_it_was_created_with_its_metadata(scene: Scene) -> None:
    scene.types()
    made = scene.pipeline()
    answer = scene.aws.get_pipeline(name="line")
    assert answer["pipeline"] == made
    metadata = answer["metadata"]
    assert metadata["pipelineArn"] == f"arn:aws:codepipeline:{scene.region}:{ACCOUNT}:line"
    assert abs(metadata["created"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert metadata["updated"] == metadata["created"]


def test_an_update_makes_the_next_version_and_the_earlier_ones_stay_readable(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    changed = pipeline("line", stage("Source", custom_source()), stage("Build", build("Other")))
    assert scene.aws.update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    assert scene.aws.update_pipeline(pipeline=changed)["pipeline"]["version"] == 3
    first, newest = scene.aws.get_pipeline(name="line", version=1), scene.aws.get_pipeline(name="line")
    assert first["pipeline"]["stages"][1]["actions"][0]["name"] == "Make"
    assert newest["pipeline"]["stages"][1]["actions"][0]["name"] == "Other"
    assert newest["pipeline"]["version"] == 3
    assert newest["metadata"]["updated"] > first["metadata"]["updated"]


def test_the_version_given_in_a_declaration_is_ignored(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    assert scene.aws.update_pipeline(pipeline=simple(version=41))["pipeline"]["version"] == 2


def test_an_update_starts_nothing(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    scene.aws.update_pipeline(pipeline=simple())
    assert len(scene.executions()) == 1


def test_a_deleted_pipeline_is_gone_with_its_history_and_its_namesake_begins_anew(scene: Scene) -> None:
    scene.line()
    scene.aws.delete_pipeline(name="line")
    assert code_of(scene.aws.get_pipeline, name="line") == "PipelineNotFoundException"
    assert scene.aws.list_pipelines()["pipelines"] == []
    scene.pipeline()
    assert scene.aws.get_pipeline(name="line")["pipeline"]["version"] == 1
    assert len(scene.executions()) == 1


def test_deleting_a_pipeline_that_is_not_there_is_no_error(scene: Scene) -> None:
    assert scene.aws.delete_pipeline(name="nobody")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_pipelines_are_listed_by_name_with_what_tells_them_apart(scene: Scene) -> None:
    scene.types()
    scene.pipeline("zebra")
    scene.pipeline("ant", executionMode="QUEUED", pipelineType="V2")
    scene.aws.update_pipeline(pipeline=simple("zebra", executionMode="PARALLEL", pipelineType="V2"))
    ant, zebra = scene.aws.list_pipelines()["pipelines"]
    assert (ant["name"], ant["version"], ant["pipelineType"], ant["executionMode"]) == ("ant", 1, "V2", "QUEUED")
    assert (zebra["name"], zebra["version"], zebra["pipelineType"], zebra["executionMode"]) == (
        "zebra",
        2,
        "V2",
        "PARALLEL",
    )
    assert zebra["updated"] > zebra["created"]


def test_a_name_is_taken_once(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    assert code_of(scene.aws.create_pipeline, pipeline=simple()) == "PipelineNameInUseException"
    assert message_of(scene.aws.create_pipeline, pipeline=simple()) == (
        f"A pipeline with the name 'line' already exists in account '{ACCOUNT}'"
    )
    assert len(scene.executions()) == 1


@pytest.mark.parametrize("operation", ["get_pipeline", "get_pipeline_state", "start_pipeline_execution"])
def test_a_pipeline_that_is_not_there_is_named_in_the_refusal(scene: Scene, operation: str) -> None:
    call = getattr(scene.aws, operation)
    assert code_of(call, name="nobody") == "PipelineNotFoundException"
    assert message_of(call, name="nobody") == f"Account '{ACCOUNT}' does not have a pipeline with name 'nobody'"


def test_an_update_of_an_unknown_name_is_refused(scene: Scene) -> None:
    scene.types()
    assert code_of(scene.aws.update_pipeline, pipeline=simple()) == "PipelineNotFoundException"
    assert scene.aws.list_pipelines()["pipelines"] == []


@pytest.mark.parametrize("version", [2, 999])
def test_a_version_that_was_never_made_is_refused(scene: Scene, version: int) -> None:
    scene.types()
    scene.pipeline()
    assert code_of(scene.aws.get_pipeline, name="line", version=version) == "PipelineVersionNotFoundException"


REFUSED = {
    "one stage": ([stage("Source", custom_source())], "InvalidStructureException"),
    "no source first": ([stage("A", build("Make")), stage("B", build("Make"))], "InvalidStructureException"),
    "a stage's name twice": (
        [stage("Source", custom_source()), stage("B", build("M")), stage("B", build("M"))],
        "InvalidStageDeclarationException",
    ),
    "an action's name twice": (
        [stage("Source", custom_source()), stage("B", build("M"), build("M"))],
        "InvalidActionDeclarationException",
    ),
    "a type that nobody made": (
        [stage("Source", custom_source()), stage("B", action("M", "Build", "Custom", "Nobody"))],
        "InvalidActionDeclarationException",
    ),
    "an unknown key": (
        [stage("Source", custom_source()), stage("B", build("M", {"Colour": "red"}))],
        "InvalidActionDeclarationException",
    ),
    "an input that nobody makes": (
        [stage("Source", custom_source()), stage("B", build("M", inputs=("Ghost",)))],
        "InvalidActionDeclarationException",
    ),
    "a blocker": (
        [
            stage("Source", custom_source()),
            {**stage("B", build("M")), "blockers": [{"name": "night", "type": "Schedule"}]},
        ],
        "InvalidBlockerDeclarationException",
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_wrong_declaration_is_refused_by_create_and_by_update_and_changes_nothing(scene: Scene, wrong: str) -> None:
    stages, code = REFUSED[wrong]
    scene.types()
    made = scene.pipeline()
    assert code_of(scene.aws.create_pipeline, pipeline=pipeline("other", *stages)) == code
    assert code_of(scene.aws.update_pipeline, pipeline=pipeline("line", *stages)) == code
    assert [each["name"] for each in scene.aws.list_pipelines()["pipelines"]] == ["line"]
    assert scene.aws.get_pipeline(name="line")["pipeline"] == made


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"key": "aws:mine", "value": "x"}], "InvalidTagsException"),
        ([{"key": f"k{number}", "value": "x"} for number in range(51)], "TooManyTagsException"),
        ([{"key": "", "value": "x"}], "ValidationException"),
    ],
)
def test_a_pipeline_with_wrong_tags_is_not_created(scene: Scene, tags: list[dict[str, str]], code: str) -> None:
    scene.types()
    assert code_of(scene.aws.create_pipeline, pipeline=simple(), tags=tags) == code
    assert scene.aws.list_pipelines()["pipelines"] == []


def test_every_broken_constraint_is_reported_at_once(scene: Scene) -> None:
    message = message_of(scene.aws.create_pipeline, pipeline={"name": "no spaces", "stages": []})
    assert message.startswith("2 validation errors detected: ")
    assert "at 'pipeline.roleArn' failed to satisfy constraint: Member must not be null" in message
    assert "at 'pipeline.name' failed to satisfy constraint: Member must satisfy regular expression" in message


def test_deleting_withdraws_the_jobs_that_are_open(scene: Scene) -> None:
    scene.types()
    scene.pipeline("line", stage("Build", build("One"), build("Two"), build("Three")))
    scene.work("Origin")
    acknowledged, dispatched = scene.take(), scene.poll()[0]
    scene.aws.delete_pipeline(name="line")
    assert scene.poll(jobs_max=10) == []
    for job in (acknowledged, dispatched):
        known = {"jobId": job["id"]}
        assert code_of(scene.aws.get_job_details, **known) == "JobNotFoundException"
        assert code_of(scene.aws.put_job_success_result, **known) == "InvalidJobStateException"
        failure = {"type": "JobFailed", "message": "late"}
        assert code_of(scene.aws.put_job_failure_result, **known, failureDetails=failure) == "InvalidJobStateException"
    assert scene.aws.acknowledge_job(jobId=dispatched["id"], nonce=dispatched["nonce"])["status"] == "Failed"
    assert code_of(scene.aws.acknowledge_job, jobId=dispatched["id"], nonce="1") == "InvalidNonceException"


def test_what_was_meant_for_a_deleted_pipeline_never_reaches_its_namesake(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    scene.aws.delete_pipeline(name="line")
    scene.pipeline()
    assert code_of(scene.aws.put_job_success_result, jobId=job["id"]) == "InvalidJobStateException"
    assert scene.action("Source", "Pull")["status"] == "InProgress"
    assert scene.action("Build", "Make") == {}


class TestAnUpdateWhileItRuns:
    def test_what_works_ends_by_itself_and_then_the_execution_is_cancelled(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make")), stage("After", build("More")))
        job = scene.take()
        scene.aws.update_pipeline(pipeline=simple())
        assert scene.statuses() == ["InProgress"]
        scene.aws.put_job_success_result(jobId=job["id"])
        assert scene.statuses() == ["Cancelled"]
        assert scene.poll() == []

    def test_a_queued_job_is_still_handed_out(self, scene: Scene) -> None:
        scene.line()
        scene.aws.update_pipeline(pipeline=simple())
        scene.work()
        assert scene.statuses() == ["Cancelled"]

    def test_a_waiting_execution_is_cancelled_at_once(self, scene: Scene) -> None:
        scene.line()
        scene.start()
        scene.work("Origin")
        assert scene.statuses() == ["InProgress", "InProgress"]
        scene.aws.update_pipeline(pipeline=simple())
        assert scene.statuses() == ["InProgress", "Cancelled"]

    def test_a_waiting_approval_is_abandoned_and_its_token_is_dead(self, scene: Scene) -> None:
        scene.line("line", stage("Gate", approval()))
        token = scene.action("Gate", "Ask")["token"]
        scene.aws.update_pipeline(
            pipeline=pipeline("line", stage("Source", custom_source()), stage("Gate", approval()))
        )
        assert scene.statuses() == ["Cancelled"]
        assert scene.actions()[0]["status"] == "Abandoned"
        answer = {"stageName": "Gate", "actionName": "Ask", "result": {"summary": "", "status": "Approved"}}
        code = code_of(scene.aws.put_approval_result, pipelineName="line", token=token, **answer)
        assert code == "InvalidApprovalTokenException"

    def test_a_new_run_goes_by_the_new_declaration_and_waits_for_the_stage(self, scene: Scene) -> None:
        scene.line()
        old = scene.take()
        scene.aws.update_pipeline(pipeline=simple())
        execution_id = scene.start()
        scene.work("Origin")
        assert scene.stage("Build")["inboundExecution"]["pipelineExecutionId"] == execution_id
        scene.aws.put_job_failure_result(jobId=old["id"], failureDetails={"type": "JobFailed", "message": "x"})
        scene.work()
        assert scene.statuses() == ["Cancelled", "Succeeded"]
        shown = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=execution_id)
        assert shown["pipelineExecution"]["pipelineVersion"] == 2

    def test_parallel_executions_go_on_with_what_they_began_with(self, scene: Scene) -> None:
        scene.types(custom_type("Prober", category="Test"))
        scene.pipeline(executionMode="PARALLEL")
        scene.work("Origin")
        changed = stage("Probe", action("Look", "Test", "Custom", "Prober"))
        declared = pipeline("line", stage("Source", custom_source()), changed, executionMode="PARALLEL")
        scene.aws.update_pipeline(pipeline=declared)
        scene.work("Builder")
        assert scene.statuses() == ["Succeeded"]
        assert scene.executions()[0]["executionMode"] == "PARALLEL"

    def test_transitions_of_stages_that_keep_their_name_stay_disabled(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        scene.aws.disable_stage_transition(
            pipelineName="line", stageName="Build", transitionType="Inbound", reason="freeze"
        )
        scene.aws.update_pipeline(pipeline=simple())
        assert scene.stage("Build")["inboundTransitionState"]["enabled"] is False

    def test_many_updates_at_once_each_make_a_version(self, scene: Scene) -> None:
        from concurrent.futures import ThreadPoolExecutor

        scene.types()
        scene.pipeline()
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: scene.aws.update_pipeline(pipeline=simple()), range(16)))
        assert sorted(each["pipeline"]["version"] for each in answers) == list(range(2, 18))


def test_a_pipeline_whose_bucket_is_missing_gets_it_made(scene: Scene) -> None:
    scene.types()
    bucket = f"made-for-{scene.region}"
    scene.pipeline(artifactStore={"type": "S3", "location": bucket})
    s3 = scene.server.client("s3", region=scene.region)
    assert eventually(lambda: bucket in {each["Name"] for each in s3.list_buckets()["Buckets"]})


def test_a_pipeline_that_is_refused_leaves_no_bucket_behind(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    bucket = f"not-made-{scene.region}"
    other = simple(artifactStore={"type": "S3", "location": bucket})
    assert code_of(scene.aws.create_pipeline, pipeline=other) == "PipelineNameInUseException"
    s3 = scene.server.client("s3", region=scene.region)
    assert bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}
