"""Pushes and pull requests of a connection start the pipelines that they concern, in every git host's own format."""

import json
import urllib.error
from typing import Any

import pytest

import disk
from declarations import action, pipeline, stage
from git_hosts import (
    COMMIT,
    bitbucket_pull,
    bitbucket_push,
    deliver,
    github_pull,
    github_push,
    gitlab_merge,
    gitlab_push,
)
from operations.hooks import connect, connection_arn, deliveries, git_line, git_source, own, trigger
from operations.partner import user_keys
from operations.scene import Scene, code_of, message_of

PUSHES = {
    "GitHub": ("push", github_push),
    "GitLab": ("Push Hook", gitlab_push),
    "Bitbucket": ("repo:push", bitbucket_push),
}
PULLS = {
    "GitHub": ("pull_request", github_pull),
    "GitLab": ("Merge Request Hook", gitlab_merge),
    "Bitbucket": ("pullrequest:created", bitbucket_pull),
}
REPOSITORY = "owner/app"


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.types()
    return scene


def started(scene: Scene, name: str) -> list[dict[str, Any]]:
    """The executions that the connection has started, newest first."""
    return [each for each in scene.executions(name) if each["trigger"].get("triggerType") == "WebhookV2"]


def overrides(scene: Scene, execution_id: str) -> list[dict[str, str]]:
    """What the sources of an execution were told to fetch, as it is on disk."""
    found: list[dict[str, str]] = disk.execution(scene.server, execution_id)["overrides"]
    return found


def log(scene: Scene) -> list[dict[str, Any]]:
    return deliveries(scene, connectionArn=connection_arn(scene))


class Repository:
    """The scene's connection, seen from the git host."""

    def __init__(self, scene: Scene, provider: str = "GitHub") -> None:
        self.provider = provider
        self.url, self.secret = connect(scene, provider)

    def push(self, name: str = "main", delivery_id: str | None = None, **more: Any) -> dict[str, Any]:
        event, make = PUSHES[self.provider]
        event = "Tag Push Hook" if (self.provider, more.get("kind")) == ("GitLab", "tag") else event
        return self.deliver(event, make(REPOSITORY, name, **more), delivery_id)

    def pull(self, branch: str = "main", *given: str) -> dict[str, Any]:
        event, make = PULLS[self.provider]
        return self.deliver(event, make(REPOSITORY, branch, *given))

    def deliver(self, event: str, payload: dict[str, Any], delivery_id: str | None = None) -> dict[str, Any]:
        status, told = deliver(self.provider, self.url, self.secret, event, payload, delivery_id)
        assert status == 200
        return told


class TestConnecting:
    def test_again_keeps_the_address_and_gives_another_secret(self, scene: Scene) -> None:
        first, second = connect(scene), connect(scene, "GitLab")
        assert first[0] == second[0]
        assert first[0].startswith(f"{scene.server.url}/_penstock/webhooks/connections/")
        assert first[1] != second[1]
        assert deliver("GitHub", first[0], first[1], "push", github_push(REPOSITORY, "main"))[0] == 403
        assert deliver("GitLab", *second, "Push Hook", gitlab_push(REPOSITORY, "main"))[0] == 200

    def test_secret_and_address_lie_sealed_on_disk(self, scene: Scene) -> None:
        url, secret = connect(scene)
        assert not disk.places_of(scene.server, secret)
        assert not disk.places_of(scene.server, url.rpartition("/")[2])

    @pytest.mark.parametrize("arn", ["nonsense", "arn:aws:s3:::x", "arn:aws:codeconnections:us-east-1:1:connection/x"])
    def test_what_is_no_connection_has_no_address(self, scene: Scene, arn: str) -> None:
        with pytest.raises(urllib.error.HTTPError) as refused:
            own(scene, "ConnectRepository", connectionArn=arn, provider="GitHub")
        with refused.value as answer:
            assert json.load(answer)["__type"] == "ValidationException"


@pytest.mark.parametrize("provider", PUSHES)
class TestEveryHost:
    def test_a_push_to_the_branch_of_the_action_starts_with_its_commit(self, scene: Scene, provider: str) -> None:
        git_line(scene, "line")
        repository = Repository(scene, provider)
        told = repository.push("main", "delivery-1")
        (execution,) = started(scene, "line")
        assert told["started"] == [{"pipelineName": "line", "executionId": execution["pipelineExecutionId"]}]
        assert execution["trigger"]["triggerDetail"] == connection_arn(scene)
        assert overrides(scene, execution["pipelineExecutionId"]) == [
            {"actionName": "Fetch", "revisionType": "COMMIT_ID", "revisionValue": COMMIT}
        ]
        assert repository.push("dev")["result"] == "ignored"
        assert [each["verdict"] for each in log(scene)] == ["Ignored", "Started"]
        assert log(scene)[1]["deliveryId"] == "delivery-1"

    def test_triggers_choose_branches_and_tags(self, scene: Scene, provider: str) -> None:
        filters = [{"branches": {"includes": ["rel/**"], "excludes": ["rel/old"]}}, {"tags": {"includes": ["v*"]}}]
        git_line(scene, "line", pipelineType="V2", executionMode="PARALLEL", triggers=[trigger(push=filters)])
        repository = Repository(scene, provider)
        results = [repository.push(name)["result"] for name in ("rel/1/2", "rel/old", "main")]
        assert results == ["started", "ignored", "ignored"]
        assert [repository.push(name, kind="tag")["result"] for name in ("v1", "w1")] == ["started", "ignored"]
        assert len(started(scene, "line")) == 2

    def test_a_pull_request_starts_with_the_commit_of_its_source(self, scene: Scene, provider: str) -> None:
        filters = [{"branches": {"includes": ["main"]}, "events": ["OPEN"]}]
        git_line(scene, "line", pipelineType="V2", triggers=[trigger(pullRequest=filters)])
        repository = Repository(scene, provider)
        assert repository.pull("dev")["result"] == "ignored"
        assert repository.push("main")["result"] == "ignored"
        assert repository.pull("main")["result"] == "started"
        execution = started(scene, "line")[0]["pipelineExecutionId"]
        assert overrides(scene, execution)[0]["revisionValue"] == COMMIT

    def test_a_wrong_proof_is_told_nothing(self, scene: Scene, provider: str) -> None:
        git_line(scene, "line")
        url, _ = connect(scene, provider)
        event, make = PUSHES[provider]
        assert deliver(provider, url, "wrong", event, make(REPOSITORY, "main")) == (403, {"message": "Forbidden"})
        assert started(scene, "line") == []
        (logged,) = log(scene)
        assert (logged["verdict"], "secret" in logged["reason"]) == ("Refused", True)

    def test_a_deleted_branch_starts_nothing(self, scene: Scene, provider: str) -> None:
        git_line(scene, "line")
        told = Repository(scene, provider).push("main", deleted=True)
        assert (told["result"], "deleted" in told["reason"]) == ("ignored", True)

    def test_what_another_host_sends_is_refused(self, scene: Scene, provider: str) -> None:
        git_line(scene, "line")
        url, secret = connect(scene, provider)
        for other in PUSHES.keys() - {provider}:
            event, make = PUSHES[other]
            assert deliver(other, url, secret, event, make(REPOSITORY, "main"))[0] in (400, 403)
        assert started(scene, "line") == []


class TestWhichPipelines:
    def test_all_that_take_the_repository_are_compared_and_each_has_its_verdict(self, scene: Scene) -> None:
        git_line(scene, "a")
        git_line(scene, "b", git_source(scene, branch="dev"))
        git_line(scene, "c", git_source(scene, DetectChanges="false"))
        git_line(scene, "d", git_source(scene, FullRepositoryId="owner/other"))
        git_line(scene, "e", pipelineType="V2", triggers=[trigger(push=[{"branches": {"includes": ["m*"]}}])])
        told = Repository(scene).push("main")
        assert (told["result"], told["compared"]) == ("started", 4)
        assert [each["pipelineName"] for each in told["started"]] == ["a", "e"]
        (logged,) = log(scene)
        assert logged["reason"] == f"push of branch main at {COMMIT}"
        verdicts = {each["pipelineName"]: (each["verdict"], each.get("reason")) for each in logged["pipelines"]}
        assert verdicts == {
            "a": ("Started", None),
            "b": ("Ignored", "Fetch: BranchName is dev, not main"),
            "c": ("Ignored", "Fetch: DetectChanges is false, and the action has no trigger"),
            "e": ("Started", None),
        }
        assert [len(started(scene, name)) for name in "abcde"] == [1, 0, 0, 0, 1]

    def test_one_event_starts_one_execution_however_many_sources_match(self, scene: Scene) -> None:
        sources = (git_source(scene, "One"), git_source(scene, "Two"), git_source(scene, "Three", branch="dev"))
        filters = [{"branches": {"includes": ["main"]}}, {"branches": {"includes": ["m*"]}}]
        git_line(scene, "line", *sources, pipelineType="V2", triggers=[trigger("Two", push=filters)])
        Repository(scene).push("main")
        (execution,) = started(scene, "line")
        told = overrides(scene, execution["pipelineExecutionId"])
        assert {each["actionName"] for each in told} == {"One", "Two"}

    def test_another_repository_of_the_connection_starts_nothing(self, scene: Scene) -> None:
        git_line(scene, "line")
        told = Repository(scene).deliver("push", github_push("owner/unheard-of", "main"))
        assert told == {"result": "ignored", "reason": "no pipeline takes owner/unheard-of through this connection"}

    def test_the_case_of_a_repositorys_name_does_not_matter(self, scene: Scene) -> None:
        git_line(scene, "line", git_source(scene, FullRepositoryId="Owner/App"))
        assert Repository(scene).push("main")["result"] == "started"

    def test_a_connection_is_found_under_either_name_of_its_service(self, scene: Scene) -> None:
        arn = connection_arn(scene, "codeconnections")
        git_line(scene, "line", git_source(scene, ConnectionArn=arn))
        assert Repository(scene).push("main")["result"] == "started"
        assert started(scene, "line")[0]["trigger"]["triggerDetail"] == arn

    def test_other_accounts_pipelines_are_left_alone(self, scene: Scene) -> None:
        account = "222222222222"
        keys = user_keys(scene.server, f"owner-{scene.region}", ["*"], account)
        other = Scene(scene.server, scene.witness, keys, scene.region)
        other.types()
        git_line(other, "theirs")
        git_line(scene, "ours")
        Repository(scene).push("main")
        assert (len(started(scene, "ours")), started(other, "theirs")) == (1, [])

    def test_an_update_and_a_delete_change_what_is_compared(self, scene: Scene) -> None:
        declared = git_line(scene, "line")
        repository = Repository(scene)
        declared["stages"][0]["actions"][0]["configuration"]["BranchName"] = "dev"
        scene.aws.update_pipeline(pipeline=declared)
        assert repository.push("main")["result"] == "ignored"
        assert repository.push("dev")["result"] == "started"
        declared["stages"][0]["actions"][0]["configuration"]["FullRepositoryId"] = "owner/moved"
        scene.aws.update_pipeline(pipeline=declared)
        assert repository.push("dev")["reason"] == "no pipeline takes owner/app through this connection"
        scene.aws.delete_pipeline(name="line")
        told = repository.deliver("push", github_push("owner/moved", "dev"))
        assert told["reason"] == "no pipeline takes owner/moved through this connection"


class TestEvents:
    def test_file_paths_choose(self, scene: Scene) -> None:
        filters = [{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"], "excludes": ["**/*.md"]}}]
        git_line(scene, "line", pipelineType="V2", executionMode="PARALLEL", triggers=[trigger(push=filters)])
        repository = Repository(scene)
        assert repository.push("main", files=["docs/a", "src/a.md"])["result"] == "ignored"
        assert repository.push("main", files=["docs/a", "src/a.py"])["result"] == "started"
        assert repository.push("main", files=["src/a.py"], created=True)["result"] == "ignored"
        assert "a new branch" in log(scene)[0]["pipelines"][0]["reason"]

    def test_a_delivery_that_comes_again_starts_nothing_more(self, scene: Scene) -> None:
        git_line(scene, "line", executionMode="PARALLEL", pipelineType="V2")
        repository = Repository(scene)
        repository.push("main", "same")
        assert repository.push("main", "same")["result"] == "ignored"
        assert "before" in log(scene)[0]["pipelines"][0]["reason"]
        repository.push("main", "other")
        assert len(started(scene, "line")) == 2

    def test_each_branch_of_one_push_is_an_event(self, scene: Scene) -> None:
        filters = [{"branches": {"includes": ["a", "b"]}}]
        git_line(scene, "line", pipelineType="V2", executionMode="PARALLEL", triggers=[trigger(push=filters)])
        payload = bitbucket_push(REPOSITORY, "a")
        payload["push"]["changes"] += bitbucket_push(REPOSITORY, "b")["push"]["changes"]
        told = Repository(scene, "Bitbucket").deliver("repo:push", payload)
        assert len(told["started"]) == len(started(scene, "line")) == 2

    def test_what_starts_nothing_is_logged_with_its_name(self, scene: Scene) -> None:
        git_line(scene, "line")
        told = Repository(scene).deliver("ping", {"zen": "Keep it simple"})
        assert told == {"result": "ignored", "reason": "a 'ping' event starts nothing"}
        assert (log(scene)[0]["event"], log(scene)[0]["verdict"]) == ("ping", "Ignored")

    def test_a_body_that_is_no_such_event_is_refused(self, scene: Scene) -> None:
        url, secret = connect(scene)
        status, told = deliver("GitHub", url, secret, "push", {"ref": 1})
        assert (status, "not that of such an event" in told["message"]) == (400, True)
        assert log(scene)[0]["verdict"] == "Refused"

    def test_a_start_that_is_refused_is_the_verdict_on_that_pipeline_alone(self, scene: Scene) -> None:
        git_line(scene, "fine")
        git_line(scene, "lame", pipelineType="V2", variables=[{"name": "Needed"}])
        told = Repository(scene).push("main")
        assert told["result"] == "started"
        verdicts = {each["pipelineName"]: each for each in log(scene)[0]["pipelines"]}
        assert (verdicts["fine"]["verdict"], verdicts["lame"]["verdict"]) == ("Started", "Failed")
        assert "Needed" in verdicts["lame"]["reason"]


class TestDeclaring:
    def declared(self, scene: Scene, **filters: Any) -> dict[str, Any]:
        build = stage("Build", action("Make", "Build", "Custom", "Builder"))
        first = stage("Source", git_source(scene))
        return pipeline("line", first, build, pipelineType="V2", triggers=[trigger(**filters)])

    def test_triggers_are_given_back_as_they_came(self, scene: Scene) -> None:
        declared = self.declared(scene, push=[{"tags": {"includes": ["v*"]}}], pullRequest=[{"events": ["OPEN"]}])
        made = scene.aws.create_pipeline(pipeline=declared)["pipeline"]
        assert made["triggers"] == declared["triggers"]
        assert scene.aws.get_pipeline(name="line")["pipeline"]["triggers"] == declared["triggers"]

    def test_a_pattern_that_cannot_be_read_is_refused_by_name(self, scene: Scene) -> None:
        declared = self.declared(scene, push=[{"branches": {"includes": ["ok", "{a"]}}])
        assert code_of(scene.aws.create_pipeline, pipeline=declared) == "InvalidStructureException"
        assert "'{a' of branches" in message_of(scene.aws.create_pipeline, pipeline=declared)

    def test_the_source_itself_fails_and_says_that_nobody_serves_it(self, scene: Scene) -> None:
        git_line(scene, "line")
        Repository(scene).push("main")
        error = scene.actions("line")[0]["output"]["executionResult"]["errorDetails"]
        assert error["code"] == "ConfigurationError"
