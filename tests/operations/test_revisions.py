"""PutActionRevision: whoever watches a custom source tells of a new revision, and a run starts from it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from declarations import action, custom_source, stage
from operations.partner import user_keys
from operations.scene import Scene, approval, build, code_of, message_of


def revision(change: str, revision_id: str = "", **more: Any) -> dict[str, Any]:
    told = {"revisionId": revision_id or f"commit-{change}", "revisionChangeId": change, "created": 1e9}
    return {
        "pipelineName": "line",
        "stageName": "Source",
        "actionName": "Pull",
        "actionRevision": told,
        **more,
    }


@pytest.fixture
def line(scene: Scene) -> Scene:
    scene.line(executionMode="PARALLEL")
    return scene


def put(scene: Scene, change: str, **more: Any) -> tuple[bool, str]:
    answer = scene.aws.put_action_revision(**revision(change, **more))
    return answer["newRevision"], answer["pipelineExecutionId"]


def test_a_new_revision_starts_an_execution(line: Scene) -> None:
    is_new, execution_id = put(line, "1")
    newest = line.executions()[0]
    assert (is_new, execution_id) == (True, newest["pipelineExecutionId"])
    assert newest["trigger"] == {
        "triggerType": "PutActionRevision",
        "triggerDetail": "arn:aws:iam::123456789012:root",
    }


def test_the_same_change_again_starts_nothing_and_answers_with_what_it_started(line: Scene) -> None:
    _, execution_id = put(line, "1")
    assert put(line, "1") == (False, execution_id)
    assert put(line, "1", revision_id="another") == (False, execution_id)
    assert len(line.executions()) == 2


def test_another_change_starts_another_one_also_one_that_was_there_before_the_last(line: Scene) -> None:
    started = [put(line, change) for change in ("1", "2", "1")]
    assert [is_new for is_new, _ in started] == [True, True, True]
    assert len({execution_id for _, execution_id in started}) == 3


def test_of_many_who_tell_the_same_at_once_one_starts_it(line: Scene) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: put(line, "1"), range(16)))
    assert sorted(is_new for is_new, _ in answers) == [False] * 15 + [True]
    assert len({execution_id for _, execution_id in answers}) == 1
    assert len(line.executions()) == 2


def test_what_was_told_is_each_actions_own(scene: Scene) -> None:
    scene.types()
    scene.pipeline("line", stage("Build", build("Make")), executionMode="PARALLEL")
    scene.pipeline("other", stage("Build", build("Make")), executionMode="PARALLEL")
    assert put(scene, "1")[0]
    assert put(scene, "1", pipelineName="other")[0]
    assert not put(scene, "1")[0]


def test_a_pipeline_made_anew_has_been_told_nothing(line: Scene) -> None:
    put(line, "1")
    line.aws.delete_pipeline(name="line")
    line.pipeline("line", executionMode="PARALLEL")
    assert put(line, "1")[0]


class TestTheRun:
    def test_the_source_is_asked_for_the_revision(self, line: Scene) -> None:
        put(line, "1", revision_id="abc")
        (output,) = line.take("Origin")["data"]["outputArtifacts"]
        assert output["revision"] == "abc"

    def test_a_worker_that_tells_no_revision_has_fetched_what_it_was_asked_for(self, line: Scene) -> None:
        _, execution_id = put(line, "1", revision_id="abc")
        line.work("Origin")
        told = line.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=execution_id)
        (artifact,) = told["pipelineExecution"]["artifactRevisions"]
        assert (artifact["name"], artifact["revisionId"]) == ("App", "abc")
        (source,) = line.executions()[0]["sourceRevisions"]
        assert (source["actionName"], source["revisionId"]) == ("Pull", "abc")

    def test_a_worker_may_say_more(self, line: Scene) -> None:
        put(line, "1", revision_id="abc")
        said = {"revision": "abcdef", "changeIdentifier": "2", "revisionSummary": "Fix it"}
        line.work("Origin", currentRevision=said)
        (source,) = line.executions()[0]["sourceRevisions"]
        assert (source["revisionId"], source["revisionSummary"]) == ("abcdef", "Fix it")

    def test_it_reaches_later_actions_and_no_namesake_of_the_source(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Pull", inputs=("App",), outputs=("Box",))))
        scene.work("Origin")
        scene.work()
        put(scene, "1", revision_id="abc")
        scene.work("Origin")
        data = scene.take()["data"]
        assert data["inputArtifacts"][0]["revision"] == "abc"
        assert "revision" not in data["outputArtifacts"][0]


class TestRefusals:
    def test_an_unknown_place_is_not_found(self, line: Scene) -> None:
        call = line.aws.put_action_revision
        assert code_of(call, **revision("1", pipelineName="nobody")) == "PipelineNotFoundException"
        assert code_of(call, **revision("1", stageName="Nowhere")) == "StageNotFoundException"
        assert code_of(call, **revision("1", actionName="Nothing")) == "ActionNotFoundException"
        assert len(line.executions()) == 1

    def test_only_custom_sources_are_told(self, scene: Scene) -> None:
        scene.types()
        place = {"S3Bucket": "bucket", "S3ObjectKey": "app.zip"}
        first = stage("Source", action("Fetch", "Source", "AWS", "S3", place, outputs=("App",)))
        declared = {
            "name": "line",
            "roleArn": "arn:aws:iam::123456789012:role/pipeline",
            "artifactStore": {"type": "S3", "location": "artifact-bucket"},
            "stages": [first, stage("Gate", approval())],
        }
        scene.aws.create_pipeline(pipeline=declared)
        call = scene.aws.put_action_revision
        assert "is not a source action" in message_of(call, **revision("1", stageName="Gate", actionName="Ask"))
        assert code_of(call, **revision("1", stageName="Gate", actionName="Ask")) == "ValidationException"
        assert "looks for its revisions itself" in message_of(call, **revision("1", actionName="Fetch"))

    def test_a_pipeline_whose_variables_need_values_cannot_be_started_so(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", variables=[{"name": "Colour"}], pipelineType="V2")
        assert code_of(scene.aws.put_action_revision, **revision("1")) == "ValidationException"
        variables = [{"name": "Colour", "value": "red"}]
        scene.start(variables=variables)

    def test_what_the_limit_has_refused_was_not_told(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", executionMode="PARALLEL")
        for _ in range(49):
            scene.start()
        refused = code_of(scene.aws.put_action_revision, **revision("1"))
        assert refused == "ConcurrentPipelineExecutionsLimitExceededException"
        scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest(), abandon=True)
        assert put(scene, "1")[0]

    def test_a_request_that_lacks_something_names_it(self, line: Scene) -> None:
        broken = {**revision("1"), "actionRevision": {"revisionId": "", "revisionChangeId": "x" * 101}}
        said = message_of(line.aws.put_action_revision, **broken)
        for member in ("revisionId", "revisionChangeId", "created"):
            assert f"'actionRevision.{member}'" in said

    def test_a_policy_names_the_action(self, line: Scene) -> None:
        keys = user_keys(line.server, f"teller-{line.region}", ["codepipeline:StartPipelineExecution"])
        said = message_of(line.client(keys).put_action_revision, **revision("1"))
        assert (
            f"codepipeline:PutActionRevision on resource: arn:aws:codepipeline:{line.region}:123456789012:line/Source/Pull"
            in said
        )


def test_what_was_told_outlives_the_server(tmp_path: Any, witness: Any) -> None:
    from serving import serving

    with serving(tmp_path / "data") as server:
        scene = Scene(server, witness)
        scene.types()
        scene.pipeline("line", stage("Build", build("Make")), executionMode="PARALLEL")
        assert custom_source()["name"] == "Pull"
        _, execution_id = put(scene, "1")
        server.kill()
        server.start()
        assert put(scene, "1") == (False, execution_id)
