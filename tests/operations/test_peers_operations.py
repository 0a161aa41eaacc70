"""What other implementations answer with success and do not do, where no other test rules it out."""

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from operations.scene import UNKNOWN_ID, Scene, build, code_of

ROOT = "arn:aws:iam::123456789012:root"


def two_stages(name: str = "Build") -> dict[str, object]:
    return pipeline("line", stage("Source", custom_source()), stage(name, build("Make")))


def test_a_stage_that_was_taken_out_and_comes_back_has_an_open_transition(scene: Scene) -> None:
    scene.line()
    transition = {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound"}
    scene.aws.disable_stage_transition(**transition, reason="freeze")
    scene.aws.update_pipeline(pipeline=two_stages("Other"))
    shown = scene.aws.get_pipeline_state(name="line")["stageStates"]
    assert [each["stageName"] for each in shown] == ["Source", "Other"]
    assert code_of(scene.aws.enable_stage_transition, **transition) == "StageNotFoundException"
    scene.aws.update_pipeline(pipeline=two_stages())
    assert scene.stage("Build")["inboundTransitionState"] == {"enabled": True}


def test_a_running_execution_does_not_write_itself_back_after_its_pipeline_was_deleted(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    execution_id = scene.newest()
    scene.aws.delete_pipeline(name="line")
    assert code_of(scene.aws.put_job_success_result, jobId=job["id"]) == "InvalidJobStateException"
    scene.pipeline()
    gone = {"pipelineName": "line", "pipelineExecutionId": execution_id}
    assert code_of(scene.aws.get_pipeline_execution, **gone) == "PipelineExecutionNotFoundException"


def test_a_percentage_is_the_workers_word_or_none_at_all(scene: Scene) -> None:
    scene.line("line", stage("Build", build("Make"), build("Next", runOrder=2)))
    job = scene.take()
    assert "percentComplete" not in scene.action("Build", "Make")
    scene.aws.put_job_success_result(jobId=job["id"])
    assert "percentComplete" not in scene.action("Build", "Make")
    scene.work(executionDetails={"percentComplete": 73})
    assert scene.action("Build", "Next")["percentComplete"] == 73


def test_a_stage_still_shows_its_latest_execution_after_that_went_on(scene: Scene) -> None:
    scene.line("line", stage("Build", build("Make")), stage("After", build("More")))
    scene.work()
    states = scene.aws.get_pipeline_state(name="line")["stageStates"]
    shown = [(each["latestExecution"]["pipelineExecutionId"], each["latestExecution"]["status"]) for each in states]
    execution_id = scene.newest()
    assert shown == [(execution_id, "Succeeded"), (execution_id, "Succeeded"), (execution_id, "InProgress")]


def test_a_request_token_does_not_show_in_the_trigger(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    scene.start(clientRequestToken="between-us")
    assert scene.executions()[0]["trigger"] == {"triggerType": "StartPipelineExecution", "triggerDetail": ROOT}


def test_an_override_of_a_revision_reaches_the_source_that_it_names(scene: Scene) -> None:
    scene.types()
    scene.pipeline(pipelineType="V2")
    scene.work("Origin", currentRevision={"revision": "head", "changeIdentifier": "head"})
    override = {"actionName": "Pull", "revisionType": "COMMIT_ID", "revisionValue": "abc123"}
    scene.start(sourceRevisions=[override])
    scene.work("Origin")
    assert scene.executions()[0]["sourceRevisions"] == [{"actionName": "Pull", "revisionId": "abc123"}]
    shown = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
    (artifact,) = shown["pipelineExecution"]["artifactRevisions"]
    assert (artifact["name"], artifact["revisionId"]) == ("App", "abc123")


def test_stop_and_wait_waits_for_the_worker_and_takes_its_word(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
    assert scene.action("Build", "Make")["status"] == "InProgress"
    assert scene.poll() == []
    failure = {"type": "JobFailed", "message": "no"}
    scene.aws.put_job_failure_result(jobId=job["id"], failureDetails=failure)
    assert scene.action("Build", "Make")["status"] == "Failed"
    assert scene.statuses() == ["Stopped"]


def test_what_a_stage_can_go_back_to_is_a_filter_of_structure(scene: Scene) -> None:
    scene.line()
    scene.fail()
    nowhere = {"succeededInStage": {"stageName": "Build"}}
    assert scene.executions(filter=nowhere) == []
    assert len(scene.executions(filter={"succeededInStage": {"stageName": "Source"}})) == 1


def test_a_history_can_leave_out_all_but_the_latest_attempts(scene: Scene) -> None:
    scene.line()
    execution_id = scene.newest()
    scene.fail()
    known = {"pipelineName": "line", "stageName": "Build", "pipelineExecutionId": execution_id}
    scene.aws.retry_stage_execution(**known, retryMode="FAILED_ACTIONS")
    scene.work()
    for wanted, count in (("All", 2), ("Latest", 1)):
        chosen = {"latestInPipelineExecution": {"pipelineExecutionId": execution_id, "startTimeRange": wanted}}
        made = [each for each in scene.actions(filter=chosen) if each["actionName"] == "Make"]
        assert len(made) == count
        assert (made[0]["status"], made[0]["pipelineVersion"]) == ("Succeeded", 1)


def revised(scene: Scene, revision: str) -> dict[str, object]:
    """The source gives out a revision; the artifact that it made."""
    job = scene.work("Origin", currentRevision={"revision": revision, "changeIdentifier": revision})
    found: dict[str, object] = job["data"]["outputArtifacts"][0]["location"]
    return found


def test_a_rollback_works_on_its_targets_source_and_not_on_the_newest(scene: Scene) -> None:
    scene.types()
    scene.pipeline("line", stage("Build", build("Make", inputs=("App",))), pipelineType="V2")
    good, old = scene.newest(), revised(scene, "old")
    scene.work()
    scene.start()
    revised(scene, "new")
    scene.fail()
    rollback = scene.aws.rollback_stage(pipelineName="line", stageName="Build", targetPipelineExecutionId=good)
    assert scene.poll("Origin") == []
    (given,) = scene.work()["data"]["inputArtifacts"]
    assert (given["revision"], given["location"]) == ("old", old)
    known = {"pipelineName": "line", "pipelineExecutionId": rollback["pipelineExecutionId"]}
    shown = scene.aws.get_pipeline_execution(**known)["pipelineExecution"]
    assert [each["revisionId"] for each in shown["artifactRevisions"]] == ["old"]
    assert shown["executionType"] == "ROLLBACK"


def test_jobs_are_handed_out_oldest_first(scene: Scene) -> None:
    scene.types()
    scene.pipeline(executionMode="PARALLEL")
    started = [scene.newest(), *[scene.start() for _ in range(3)]]
    given = [scene.poll("Origin")[0]["data"]["pipelineContext"]["pipelineExecutionId"] for _ in started]
    assert given == started


def test_a_job_carries_its_account_and_the_key_of_its_store(scene: Scene) -> None:
    scene.types()
    key = {"id": "arn:aws:kms:us-east-1:123456789012:key/one", "type": "KMS"}
    scene.pipeline(artifactStore={"type": "S3", "location": "keyed-bucket", "encryptionKey": key})
    (job,) = scene.poll("Origin")
    assert job["accountId"] == "123456789012"
    assert job["data"]["encryptionKey"] == key
    context = job["data"]["pipelineContext"]
    assert (context["stage"]["name"], context["action"]["name"]) == ("Source", "Pull")


def test_each_acknowledgement_that_counts_belongs_to_one_hand_out(scene: Scene) -> None:
    scene.line()
    (first,) = scene.poll()
    second = scene.wait_for_job()
    assert (second["id"], second["nonce"] != first["nonce"]) == (first["id"], True)
    known = {"jobId": first["id"]}
    assert code_of(scene.aws.acknowledge_job, **known, nonce=first["nonce"]) == "InvalidNonceException"
    assert scene.aws.acknowledge_job(**known, nonce=second["nonce"])["status"] == "InProgress"


UNSERVED = {
    "Lambda": action("Do", "Invoke", "AWS", "Lambda", {"FunctionName": "f"}),
    "CodeBuild": action("Do", "Build", "AWS", "CodeBuild", {"ProjectName": "p"}, inputs=("App",), outputs=("Box",)),
    "CodePipeline": action("Do", "Invoke", "AWS", "CodePipeline", {"PipelineName": "other"}),
    "CodeDeploy": action(
        "Do", "Deploy", "AWS", "CodeDeploy", {"ApplicationName": "a", "DeploymentGroupName": "g"}, inputs=("App",)
    ),
}


@pytest.mark.parametrize("provider", UNSERVED)
def test_an_action_that_nobody_works_fails_and_says_so(scene: Scene, provider: str) -> None:
    scene.line("line", stage("Work", UNSERVED[provider]), pipelineType="V2")
    shown = scene.action("Work", "Do")
    assert (shown["status"], shown["errorDetails"]["code"]) == ("Failed", "ConfigurationError")
    assert provider in shown["errorDetails"]["message"]
    assert scene.statuses() == ["Failed"]


def test_targets_are_asked_of_an_action_execution_that_there_is(scene: Scene) -> None:
    scene.line()
    call = scene.aws.list_deploy_action_execution_targets
    assert code_of(call, actionExecutionId=UNKNOWN_ID) == "ActionExecutionNotFoundException"
    known = {"actionExecutionId": scene.actions()[0]["actionExecutionId"]}
    assert code_of(call, **known, pipelineName="nobody") == "PipelineNotFoundException"
    assert code_of(call, **known, nextToken="1") == "InvalidNextTokenException"
    assert call(**known, pipelineName="line")["targets"] == []


def test_a_custom_source_is_told_of_a_revision_and_it_starts_one_execution(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    scene.work("Origin")
    revision = {"revisionId": "r1", "revisionChangeId": "c1", "created": 1_700_000_000}
    told = {"pipelineName": "line", "stageName": "Source", "actionName": "Pull", "actionRevision": revision}
    answers = [scene.aws.put_action_revision(**told) for _ in range(2)]
    assert [each["newRevision"] for each in answers] == [True, False]
    assert {each["pipelineExecutionId"] for each in answers} == {scene.newest()}
    assert len(scene.executions()) == 2
    assert scene.executions()[0]["trigger"]["triggerType"] == "PutActionRevision"
    assert scene.poll("Origin")[0]["data"]["pipelineContext"]["pipelineExecutionId"] == scene.newest()


RULES = {"CloudWatchAlarm", "CodeBuild", "Commands", "DeploymentWindow", "LambdaInvoke", "VariableCheck"}


def test_the_rule_types_are_listed_with_what_they_need(scene: Scene) -> None:
    listed = {each["id"]["provider"]: each for each in scene.aws.list_rule_types()["ruleTypes"]}
    assert set(listed) >= RULES
    needed = {each["name"] for each in listed["VariableCheck"]["ruleConfigurationProperties"] if each.get("required")}
    assert needed == {"Variable", "Value", "Operator"}


def test_a_type_that_pipelines_still_use_cannot_be_declared_anew_after_its_deletion(scene: Scene) -> None:
    scene.line()
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    code = code_of(scene.aws.update_pipeline, pipeline=two_stages())
    assert code == "InvalidActionDeclarationException"
    assert code_of(scene.poll) == "ActionTypeNotFoundException"
    assert code_of(scene.aws.create_custom_action_type, **custom_type("Builder", query="P")) == "ValidationException"
