"""Starting executions, and following them: GetPipelineExecution, GetPipelineState and the two histories."""

from datetime import UTC, datetime, timedelta

import pytest

from declarations import stage
from operations.scene import UNKNOWN_ID, Scene, approval, build, code_of, message_of

ROOT = "arn:aws:iam::123456789012:root"


def get(scene: Scene, execution_id: str) -> dict:
    return scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=execution_id)["pipelineExecution"]


class TestStarting:
    def test_the_execution_says_who_started_it(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        shown = get(scene, scene.start())
        assert shown["trigger"] == {"triggerType": "StartPipelineExecution", "triggerDetail": ROOT}
        assert (shown["pipelineName"], shown["pipelineVersion"], shown["status"]) == ("line", 1, "InProgress")
        assert (shown["executionMode"], shown["executionType"]) == ("SUPERSEDED", "STANDARD")

    def test_the_same_request_token_starts_one_execution(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        first, second = scene.start(clientRequestToken="a-1"), scene.start(clientRequestToken="a-1")
        assert first == second
        assert len(scene.executions()) == 2
        assert scene.start(clientRequestToken="a-2") != first

    def test_the_same_request_token_with_another_request_is_a_conflict(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline(variables=[{"name": "Env", "defaultValue": "test"}])
        scene.start(clientRequestToken="a-1")
        other = {"variables": [{"name": "Env", "value": "prod"}]}
        code = code_of(scene.aws.start_pipeline_execution, name="line", clientRequestToken="a-1", **other)
        assert code == "ConflictException"
        assert len(scene.executions()) == 2

    def test_a_request_token_counts_for_its_pipeline_alone(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        scene.pipeline("other")
        assert scene.start("line", clientRequestToken="a-1") != scene.start("other", clientRequestToken="a-1")

    def test_racing_starts_with_one_token_start_one_execution(self, scene: Scene) -> None:
        from concurrent.futures import ThreadPoolExecutor

        scene.types()
        scene.pipeline(executionMode="PARALLEL")
        with ThreadPoolExecutor(8) as threads:
            ids = list(threads.map(lambda _: scene.start(clientRequestToken="race"), range(16)))
        assert len(set(ids)) == 1
        assert len(scene.executions()) == 2

    @pytest.mark.parametrize(
        "given", [[], [{"name": "Env", "value": "x"}, {"name": "Ghost", "value": "y"}], [{"name": "Env", "value": ""}]]
    )
    def test_variables_must_be_those_that_are_declared(self, scene: Scene, given: list[dict[str, str]]) -> None:
        scene.types()
        scene.pipeline(variables=[{"name": "Env", "defaultValue": "a"}])
        declared = scene.aws.get_pipeline(name="line")["pipeline"]
        declared["variables"] = [{"name": "Env"}]
        scene.aws.update_pipeline(pipeline=declared)
        start = scene.aws.start_pipeline_execution
        assert code_of(start, name="line", variables=given) == "ValidationException"
        assert len(scene.executions()) == 1

    def test_an_override_must_name_a_source(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        override = {"actionName": "Make", "revisionType": "COMMIT_ID", "revisionValue": "abc"}
        start = scene.aws.start_pipeline_execution
        assert code_of(start, name="line", sourceRevisions=[override]) == "ValidationException"

    @pytest.mark.parametrize("token", ["", "no spaces", "x" * 129])
    def test_a_request_token_of_another_form_breaks_a_constraint(self, scene: Scene, token: str) -> None:
        scene.types()
        scene.pipeline()
        assert code_of(scene.aws.start_pipeline_execution, name="line", clientRequestToken=token) == (
            "ValidationException"
        )


class TestCourse:
    def test_actions_of_one_run_order_work_side_by_side_and_the_next_group_waits_for_all(self, scene: Scene) -> None:
        first = [build(name, runOrder=1) for name in ("One", "Two")]
        scene.line("line", stage("Build", *first, build("Three", runOrder=5)))
        one, two = scene.poll(jobs_max=5)
        for job in (one, two):
            assert scene.poll(jobs_max=5) == []
            scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
            scene.aws.put_job_success_result(jobId=job["id"])
        (three,) = scene.poll(jobs_max=5)
        assert three["data"]["pipelineContext"]["action"]["name"] == "Three"

    def test_after_a_failure_the_others_of_the_group_end_and_no_later_group_starts(self, scene: Scene) -> None:
        first = [build(name, runOrder=1) for name in ("One", "Two")]
        scene.line("line", stage("Build", *first, build("Three", runOrder=2)))
        scene.fail()
        assert scene.stage("Build")["latestExecution"]["status"] == "InProgress"
        scene.work()
        assert scene.stage("Build")["latestExecution"]["status"] == "Failed"
        assert scene.statuses() == ["Failed"]
        assert scene.poll() == []

    def test_the_last_stages_success_is_the_executions(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make")), stage("After", build("More")))
        scene.work()
        assert scene.statuses() == ["InProgress"]
        scene.work()
        assert scene.statuses() == ["Succeeded"]


class TestTheState:
    def test_a_stage_that_never_ran_shows_its_actions_names_alone(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        state = scene.aws.get_pipeline_state(name="line")
        assert (state["pipelineName"], state["pipelineVersion"]) == ("line", 1)
        source, later = state["stageStates"]
        assert "latestExecution" not in later
        assert later["actionStates"] == [{"actionName": "Make"}]
        assert later["inboundTransitionState"] == {"enabled": True}
        assert source["latestExecution"] == {
            "pipelineExecutionId": scene.newest(),
            "status": "InProgress",
            "type": "STANDARD",
        }

    def test_each_stage_shows_its_own_latest_execution(self, scene: Scene) -> None:
        scene.line()
        first, second = scene.newest(), scene.start()
        shown = [each["latestExecution"] for each in scene.aws.get_pipeline_state(name="line")["stageStates"]]
        assert [(each["pipelineExecutionId"], each["status"]) for each in shown] == [
            (second, "InProgress"),
            (first, "InProgress"),
        ]

    def test_an_action_shows_its_execution_as_it_goes(self, scene: Scene) -> None:
        scene.line()
        begun = scene.action("Build", "Make")
        assert begun["status"] == "InProgress"
        assert abs(begun["lastStatusChange"] - datetime.now(UTC)) < timedelta(minutes=1)
        scene.work(executionDetails={"summary": "ok"})
        ended = scene.action("Build", "Make")
        assert (ended["status"], ended["summary"]) == ("Succeeded", "ok")
        assert ended["actionExecutionId"] == begun["actionExecutionId"]

    def test_a_parallel_pipeline_shows_no_executions(self, scene: Scene) -> None:
        scene.line(executionMode="PARALLEL")
        states = scene.aws.get_pipeline_state(name="line")["stageStates"]
        assert not [each for each in states if "latestExecution" in each or "inboundExecutions" in each]


class TestTheHistory:
    def test_executions_are_listed_newest_first_with_their_times(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        scene.work("Origin")
        second = scene.start()
        newest, oldest = scene.executions()
        assert newest["pipelineExecutionId"] == second
        assert newest["startTime"] >= oldest["startTime"]
        assert oldest["lastUpdateTime"] >= oldest["startTime"]
        assert (newest["executionMode"], newest["executionType"]) == ("SUPERSEDED", "STANDARD")

    def test_only_those_that_succeeded_in_a_stage(self, scene: Scene) -> None:
        scene.line()
        scene.fail()
        second = scene.start()
        scene.work("Origin")
        scene.work()
        wanted = {"succeededInStage": {"stageName": "Build"}}
        assert [each["pipelineExecutionId"] for each in scene.executions(filter=wanted)] == [second]
        assert len(scene.executions(filter={"succeededInStage": {"stageName": "Source"}})) == 2

    def test_action_executions_are_listed_newest_first_with_input_and_output(self, scene: Scene) -> None:
        scene.types()
        made = build("Make", inputs=("App",), outputs=("Box",), namespace="Made")
        scene.pipeline("line", stage("Build", made))
        scene.work("Origin")
        scene.work(outputVariables={"Name": "rocket"})
        newest, oldest = scene.actions()
        assert [(each["stageName"], each["actionName"]) for each in (newest, oldest)] == [
            ("Build", "Make"),
            ("Source", "Pull"),
        ]
        assert newest["pipelineExecutionId"] == scene.newest()
        assert (newest["pipelineVersion"], newest["status"]) == (1, "Succeeded")
        given, made = newest["input"], newest["output"]
        assert (given["actionTypeId"]["provider"], given["namespace"]) == ("Builder", "Made")
        assert (given["configuration"], given["resolvedConfiguration"]) == ({}, {})
        assert given["inputArtifacts"][0]["name"] == "App"
        assert given["inputArtifacts"] == oldest["output"]["outputArtifacts"]
        assert set(made["outputArtifacts"][0]["s3location"]) == {"bucket", "key"}
        assert made["outputVariables"] == {"Name": "rocket"}

    def test_the_history_can_be_that_of_one_execution(self, scene: Scene) -> None:
        scene.line()
        first = scene.newest()
        scene.start()
        assert len(scene.actions()) == 3
        assert len(scene.actions(filter={"pipelineExecutionId": first})) == 2
        latest = {"latestInPipelineExecution": {"pipelineExecutionId": first, "startTimeRange": "Latest"}}
        assert len(scene.actions(filter=latest)) == 2

    def test_both_filters_at_once_are_refused(self, scene: Scene) -> None:
        scene.line()
        execution_id = scene.newest()
        both = {
            "pipelineExecutionId": execution_id,
            "latestInPipelineExecution": {"pipelineExecutionId": execution_id, "startTimeRange": "All"},
        }
        assert code_of(scene.aws.list_action_executions, pipelineName="line", filter=both) == "ValidationException"


class TestUnknown:
    def test_an_execution_that_is_not_the_pipelines_is_not_found(self, scene: Scene) -> None:
        scene.line()
        scene.pipeline("other")
        for execution_id in (UNKNOWN_ID, scene.newest("other")):
            known = {"pipelineName": "line", "pipelineExecutionId": execution_id}
            assert code_of(scene.aws.get_pipeline_execution, **known) == "PipelineExecutionNotFoundException"
            wanted = {"pipelineName": "line", "filter": {"pipelineExecutionId": execution_id}}
            assert code_of(scene.aws.list_action_executions, **wanted) == "PipelineExecutionNotFoundException"

    @pytest.mark.parametrize("operation", ["list_pipeline_executions", "list_action_executions"])
    def test_a_history_of_no_pipeline_is_not_found(self, scene: Scene, operation: str) -> None:
        assert code_of(getattr(scene.aws, operation), pipelineName="nobody") == "PipelineNotFoundException"

    def test_an_id_of_another_form_breaks_a_constraint(self, scene: Scene) -> None:
        call = scene.aws.get_pipeline_execution
        assert code_of(call, pipelineName="line", pipelineExecutionId="nonsense") == "ValidationException"
        assert "'pipelineExecutionId'" in message_of(call, pipelineName="line")


def test_an_approvals_token_is_in_the_history_of_a_parallel_pipeline(scene: Scene) -> None:
    scene.line("line", stage("Gate", approval()), executionMode="PARALLEL")
    token = scene.actions()[0]["output"]["executionResult"]["externalExecutionId"]
    answer = {"stageName": "Gate", "actionName": "Ask", "result": {"summary": "go", "status": "Approved"}}
    scene.aws.put_approval_result(pipelineName="line", token=token, **answer)
    assert scene.statuses() == ["Succeeded"]
