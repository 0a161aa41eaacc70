"""RetryStageExecution and RollbackStage through a client."""

import pytest

from declarations import action, custom_source, pipeline, stage
from operations.scene import UNKNOWN_ID, Scene, build, code_of


def deploy(name: str = "Ship", **gates: object) -> dict[str, object]:
    return {**stage(name, build("Send")), **gates}


class TestRetry:
    def failed(self, scene: Scene) -> str:
        scene.line("line", stage("Build", build("One"), build("Two"), build("Three", runOrder=2)))
        scene.work()
        scene.fail()
        return scene.newest()

    def retry(self, scene: Scene, execution_id: str, mode: str = "FAILED_ACTIONS", stage_name: str = "Build") -> str:
        answer = scene.aws.retry_stage_execution(
            pipelineName="line", stageName=stage_name, pipelineExecutionId=execution_id, retryMode=mode
        )
        found: str = answer["pipelineExecutionId"]
        return found

    def test_the_same_execution_goes_on_and_the_history_keeps_both_attempts(self, scene: Scene) -> None:
        execution_id = self.failed(scene)
        assert self.retry(scene, execution_id) == execution_id
        assert scene.stage("Build")["retryStageMetadata"] == {
            "manualStageRetryAttempt": 1,
            "latestRetryTrigger": "ManualStageRetry",
        }
        scene.work()
        scene.work()
        assert scene.statuses() == ["Succeeded"]
        attempts = [(each["actionName"], each["status"]) for each in scene.actions()]
        assert attempts.count(("Two", "Failed")) == 1
        assert attempts.count(("Two", "Succeeded")) == 1
        latest = scene.actions(
            filter={"latestInPipelineExecution": {"pipelineExecutionId": execution_id, "startTimeRange": "Latest"}}
        )
        assert [each["actionName"] for each in latest if each["status"] == "Failed"] == []

    def test_all_actions_run_again(self, scene: Scene) -> None:
        execution_id = self.failed(scene)
        self.retry(scene, execution_id, "ALL_ACTIONS")
        assert len(scene.poll(jobs_max=10)) == 2

    def test_each_refusal_has_its_name(self, scene: Scene) -> None:
        execution_id = self.failed(scene)
        known = {"pipelineName": "line", "stageName": "Build", "pipelineExecutionId": execution_id}
        for changes, code in (
            ({"pipelineName": "other"}, "PipelineNotFoundException"),
            ({"stageName": "Other"}, "StageNotFoundException"),
            ({"pipelineExecutionId": UNKNOWN_ID}, "NotLatestPipelineExecutionException"),
            ({"stageName": "Source"}, "NotLatestPipelineExecutionException"),
            ({"retryMode": "SOME_ACTIONS"}, "ValidationException"),
        ):
            request = {**known, "retryMode": "FAILED_ACTIONS", **changes}
            assert code_of(scene.aws.retry_stage_execution, **request) == code
        self.retry(scene, execution_id)
        again = {**known, "retryMode": "FAILED_ACTIONS"}
        assert code_of(scene.aws.retry_stage_execution, **again) == "ConflictException"

    def test_a_changed_structure_is_not_retryable(self, scene: Scene) -> None:
        execution_id = self.failed(scene)
        declared = scene.aws.get_pipeline(name="line")["pipeline"]
        declared["stages"][1]["actions"][0]["name"] = "Uno"
        scene.aws.update_pipeline(pipeline=declared)
        request = {"pipelineName": "line", "stageName": "Build", "pipelineExecutionId": execution_id}
        assert (
            code_of(scene.aws.retry_stage_execution, retryMode="ALL_ACTIONS", **request) == "StageNotRetryableException"
        )

    def test_a_failing_stage_may_retry_itself_once(self, scene: Scene) -> None:
        failure = {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}
        scene.line("line", deploy(onFailure=failure), pipelineType="V2")
        scene.fail()
        assert scene.stage("Ship")["retryStageMetadata"]["autoStageRetryAttempt"] == 1
        scene.fail()
        assert scene.statuses() == ["Failed"]


class TestRollback:
    def succeeded(self, scene: Scene, **gates: object) -> str:
        scene.line("line", stage("Build", build("Make")), deploy(**gates), pipelineType="V2")
        scene.work()
        scene.work()
        return scene.newest()

    def test_it_is_an_execution_of_its_own_of_the_one_stage(self, scene: Scene) -> None:
        good = self.succeeded(scene)
        answer = scene.aws.rollback_stage(pipelineName="line", stageName="Ship", targetPipelineExecutionId=good)
        rollback = scene.executions()[0]
        assert rollback["pipelineExecutionId"] == answer["pipelineExecutionId"] != good
        assert rollback["executionType"] == "ROLLBACK"
        assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": good}
        assert rollback["trigger"]["triggerType"] == "ManualRollback"
        assert scene.stage("Ship")["latestExecution"]["type"] == "ROLLBACK"
        scene.work()
        assert scene.statuses() == ["Succeeded", "Succeeded"]
        listed = scene.executions(filter={"succeededInStage": {"stageName": "Ship"}})
        assert {each["pipelineExecutionId"] for each in listed} == {good, answer["pipelineExecutionId"]}

    def test_a_failed_stage_may_roll_itself_back(self, scene: Scene) -> None:
        good = self.succeeded(scene, onFailure={"result": "ROLLBACK"})
        scene.start()
        scene.work("Origin")
        scene.work()
        scene.fail()
        rollback = scene.executions()[0]
        assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": good}
        assert rollback["trigger"]["triggerType"] == "AutomatedRollback"

    def test_each_refusal_has_its_name(self, scene: Scene) -> None:
        good = self.succeeded(scene)
        known = {"pipelineName": "line", "stageName": "Ship", "targetPipelineExecutionId": good}
        for changes, code in (
            ({"pipelineName": "other"}, "PipelineNotFoundException"),
            ({"stageName": "Other"}, "StageNotFoundException"),
            ({"stageName": "Source"}, "UnableToRollbackStageException"),
            ({"targetPipelineExecutionId": UNKNOWN_ID}, "PipelineExecutionNotFoundException"),
        ):
            assert code_of(scene.aws.rollback_stage, **{**known, **changes}) == code
        declared = scene.aws.get_pipeline(name="line")["pipeline"]
        scene.aws.update_pipeline(pipeline=declared)
        assert code_of(scene.aws.rollback_stage, **known) == "PipelineExecutionOutdatedException"


def rule(value: str, provider: str = "VariableCheck") -> dict[str, object]:
    identity = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    configuration = {"Variable": "#{pulled.Mood}", "Value": value, "Operator": "EQ"}
    return {"name": "Mood", "ruleTypeId": identity, "configuration": configuration}


class TestConditions:
    def gated(self, scene: Scene, mood: str, gate: str = "beforeEntry", result: str = "FAIL") -> str:
        scene.types()
        gates = {gate: {"conditions": [{"result": result, "rules": [rule("good")]}]}}
        source = stage("Source", custom_source(namespace="pulled"))
        scene.aws.create_pipeline(pipeline=pipeline("line", source, deploy(**gates), pipelineType="V2"))
        execution_id = scene.newest()
        scene.work("Origin", outputVariables={"Mood": mood})
        return execution_id

    def test_a_condition_that_is_met_lets_the_stage_run_and_is_shown(self, scene: Scene) -> None:
        self.gated(scene, "good")
        state = scene.stage("Ship")["beforeEntryConditionState"]
        assert state["latestExecution"]["status"] == "Succeeded"
        assert state["conditionStates"][0]["ruleStates"][0]["latestExecution"]["status"] == "Succeeded"
        scene.work()

    def test_a_condition_that_is_not_met_fails_the_stage_until_it_is_overridden(self, scene: Scene) -> None:
        execution_id = self.gated(scene, "bad")
        assert scene.poll() == []
        assert (
            scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=execution_id)[
                "pipelineExecution"
            ]["status"]
            == "Failed"
        )
        scene.aws.override_stage_condition(
            pipelineName="line", stageName="Ship", pipelineExecutionId=execution_id, conditionType="BEFORE_ENTRY"
        )
        assert scene.stage("Ship")["beforeEntryConditionState"]["latestExecution"]["status"] == "Overridden"
        scene.work()
        assert scene.statuses()[-1] == "Succeeded"

    def test_skip_leaves_the_stage_out(self, scene: Scene) -> None:
        self.gated(scene, "bad", result="SKIP")
        assert scene.stage("Ship")["latestExecution"]["status"] == "Skipped"
        assert scene.statuses()[-1] == "Succeeded"

    def test_rules_have_a_history_of_their_own(self, scene: Scene) -> None:
        execution_id = self.gated(scene, "bad")
        known = {"pipelineName": "line", "filter": {"pipelineExecutionId": execution_id}}
        details = scene.aws.list_rule_executions(**known)["ruleExecutionDetails"]
        assert [each["ruleName"] for each in details] == ["Mood"]
        assert details[0]["status"] == "Failed"
        assert details[0]["input"]["resolvedConfiguration"]["Variable"] == "bad"
        assert details[0]["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"
        assert (
            code_of(scene.aws.list_rule_executions, pipelineName="line", nextToken="x") == "InvalidNextTokenException"
        )
        assert code_of(scene.aws.list_rule_executions, pipelineName="other") == "PipelineNotFoundException"
        unknown = {"pipelineExecutionId": UNKNOWN_ID}
        assert (
            code_of(scene.aws.list_rule_executions, pipelineName="line", filter=unknown)
            == "PipelineExecutionNotFoundException"
        )

    def test_what_cannot_be_overridden_says_so(self, scene: Scene) -> None:
        execution_id = self.gated(scene, "good")
        known = {"pipelineName": "line", "stageName": "Ship", "pipelineExecutionId": execution_id}
        for changes, code in (
            ({"conditionType": "BEFORE_ENTRY"}, "ConditionNotOverridableException"),
            ({"conditionType": "ON_SUCCESS"}, "ConditionNotOverridableException"),
            ({"conditionType": "ON_FAILURE"}, "ValidationException"),
            ({"conditionType": "ON_SUCCESS", "stageName": "Other"}, "StageNotFoundException"),
            ({"conditionType": "ON_SUCCESS", "pipelineName": "other"}, "PipelineNotFoundException"),
            (
                {"conditionType": "ON_SUCCESS", "pipelineExecutionId": UNKNOWN_ID},
                "NotLatestPipelineExecutionException",
            ),
        ):
            assert code_of(scene.aws.override_stage_condition, **{**known, **changes}) == code


@pytest.mark.parametrize("mode", ["QUEUED", "PARALLEL"])
def test_a_retry_counts_against_the_limit_of_executions(scene: Scene, mode: str) -> None:
    scene.line(
        "line", stage("Build", action("Make", "Build", "Custom", "Builder")), executionMode=mode, pipelineType="V2"
    )
    scene.fail()
    failed = scene.newest()
    for _ in range(50):
        scene.start()
    request = {"pipelineName": "line", "stageName": "Build", "pipelineExecutionId": failed, "retryMode": "ALL_ACTIONS"}
    refused = "ConcurrentPipelineExecutionsLimitExceededException"
    assert code_of(scene.aws.retry_stage_execution, **request) == refused


def test_a_v1_pipeline_cannot_be_rolled_back(scene: Scene) -> None:
    scene.line()
    scene.work()
    request = {"pipelineName": "line", "stageName": "Build", "targetPipelineExecutionId": scene.newest()}
    assert code_of(scene.aws.rollback_stage, **request) == "UnableToRollbackStageException"


def test_a_pipeline_that_becomes_parallel_shows_no_executions(scene: Scene) -> None:
    scene.line()
    declared = scene.aws.get_pipeline(name="line")["pipeline"]
    scene.aws.update_pipeline(pipeline={**declared, "executionMode": "PARALLEL", "pipelineType": "V2"})
    assert "latestExecution" not in scene.stage("Build")
    assert scene.action("Build", "Make") == {}


@pytest.mark.parametrize(
    ("kind", "more"),
    [("COMMIT_ID", {}), ("IMAGE_DIGEST", {"pipelineType": "V2"}), ("S3_OBJECT_KEY", {"pipelineType": "V2"})],
)
def test_a_revision_that_the_source_cannot_follow_is_refused_at_the_start(
    scene: Scene, kind: str, more: dict[str, str]
) -> None:
    scene.line("line", **more)
    override = {"actionName": "Pull", "revisionType": kind, "revisionValue": "a"}
    assert code_of(scene.aws.start_pipeline_execution, name="line", sourceRevisions=[override]) == "ValidationException"


def test_what_an_execution_is_started_with_is_its_revision_from_the_start(scene: Scene) -> None:
    scene.types()
    scene.pipeline(pipelineType="V2")
    scene.work("Origin")
    scene.start(sourceRevisions=[{"actionName": "Pull", "revisionType": "COMMIT_ID", "revisionValue": "abc"}])
    assert scene.executions()[0]["sourceRevisions"] == [{"actionName": "Pull", "revisionId": "abc"}]


def test_a_pattern_that_never_ends_elsewhere_is_matched_in_time(scene: Scene) -> None:
    scene.types()
    identity = {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"}
    configuration = {"Variable": "a" * 60, "Value": "(a+)+b", "Operator": "MATCHES"}
    gate = {
        "conditions": [
            {"result": "FAIL", "rules": [{"name": "R", "ruleTypeId": identity, "configuration": configuration}]}
        ]
    }
    scene.pipeline("line", deploy(beforeEntry=gate), pipelineType="V2")
    scene.work("Origin")
    assert scene.statuses() == ["Failed"]
