"""Why is it waiting: each reason, each near miss, and what the API's own summaries say."""

import json
import re
import time
import urllib.error
from typing import Any

import pytest

from declarations import custom_type, stage
from operations.partner import Partner, own_operation, user_keys
from operations.scene import Scene, approval, build, fresh_region, type_id
from waiting import eventually

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def explain(scene: Scene, name: str = "line", execution_id: str | None = None) -> dict[str, Any]:
    more = {"pipelineExecutionId": execution_id} if execution_id is not None else {}
    return own_operation(scene.server.url, scene.server.root_keys, scene.region, "ExplainPipeline", name=name, **more)


def only(scene: Scene, name: str = "line") -> dict[str, Any]:
    answer = explain(scene, name)
    assert "ending" not in answer
    (wait,) = answer["waits"]
    assert wait["since"] <= answer["now"]
    found: dict[str, Any] = wait
    return found


def said(pattern: str, text: str) -> bool:
    """Whether the text is that pattern; TIME in it stands for a moment."""
    return re.fullmatch(re.escape(pattern).replace("TIME", TIME), text) is not None


def root(scene: Scene) -> str:
    return f"arn:aws:iam::{account(scene)}:root"


def account(scene: Scene) -> str:
    found: str = scene.aws.get_pipeline(name="line")["metadata"]["pipelineArn"].split(":")[4]
    return found


MAKE = "Action 'Make' of stage 'Build' in pipeline 'line'"


class TestWorkers:
    def test_a_job_that_nobody_polls_for_says_so(self, scene: Scene) -> None:
        scene.line()
        wait = only(scene)
        assert (wait["stage"], wait["action"], wait["reason"]) == ("Build", "Make", "Worker")
        assert wait["executionId"] == scene.newest()
        assert said(
            f"{MAKE} waits for a worker to poll for its job of Build/Custom/Builder/1; without a result it fails at TIME.",
            wait["sentence"],
        )
        assert re.fullmatch(r"nobody has polled for it since the server started .* ago", wait["hints"][0])
        assert not [hint for hint in wait["hints"][1:] if " region " not in hint]

    def test_a_job_that_was_polled_for_before_it_came_names_who(self, scene: Scene) -> None:
        scene.types()
        scene.poll()
        scene.pipeline()
        scene.work("Origin")
        assert re.fullmatch(rf"{root(scene)} polled for it \d+ s ago", only(scene)["hints"][0])

    def test_a_handed_out_job_says_to_whom_and_when_it_comes_back(self, scene: Scene) -> None:
        scene.line()
        handed = f"{MAKE} waits for {root(scene)} to acknowledge its job: it was handed it at TIME, and loses it again at TIME."
        scene.poll()
        assert said(handed, only(scene)["sentence"])
        back = (
            f"{MAKE} waits for a worker to poll for its job of Build/Custom/Builder/1: {root(scene)} was handed it at TIME "
            "and did not acknowledge it; without a result it fails at TIME."
        )
        eventually(lambda: said(back, only(scene)["sentence"]))
        assert re.fullmatch(rf"{root(scene)} polled for it \d s ago", only(scene)["hints"][0])

    def test_an_acknowledged_job_says_by_whom_and_until_when(self, scene: Scene) -> None:
        scene.line()
        before = time.time()
        scene.take()
        wait = only(scene)
        assert said(
            f"{MAKE} waits for the result of {root(scene)}, acknowledged at TIME; without a result it fails at TIME.",
            wait["sentence"],
        )
        assert wait["hints"] == []
        assert before - 1 <= wait["since"] <= time.time()

    def test_a_pause_that_the_worker_asked_for_is_one(self, scene: Scene) -> None:
        scene.line()
        scene.aws.meta.events.register("before-call.codepipeline.PutJobSuccessResult", pause_for_a_minute)
        scene.work(continuationToken="t", executionDetails={"summary": "half done"})
        wait = only(scene)
        assert wait["reason"] == "Pause"
        assert said(f"{MAKE} pauses as its worker asked: its next job can be polled for at TIME.", wait["sentence"])
        assert wait["hints"] == ["its worker said last: half done"]

    def test_a_partners_job_fails_at_its_own_deadline(self, scene: Scene) -> None:
        partner = Partner(scene, jobTimeout=60)
        scene.line("line", stage("Check", partner.action()))
        wait = only(scene)
        assert f"waits for a worker to poll for its job of Test/ThirdParty/{partner.provider}/1" in wait["sentence"]
        partner.take()
        until = only(scene)["sentence"].rpartition("it fails at ")[2].rstrip(".")
        assert abs(seconds(until) - time.time() - 60) < 10


def pause_for_a_minute(params: dict[str, Any], **_: Any) -> None:
    params["headers"]["x-penstock-continue-seconds"] = "60"


def seconds(moment: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S UTC"))


class TestNearMisses:
    def misses(self, scene: Scene) -> list[str]:
        """In other regions the same names are others' tests."""
        found = [each for each in only(scene)["hints"][1:] if " region " not in each]
        return [re.sub(r"\d+ s ago", "just now", hint).removeprefix(f"{root(scene)} polled ") for hint in found]

    def test_a_poll_for_another_version(self, scene: Scene) -> None:
        scene.line()
        scene.aws.create_custom_action_type(**{**custom_type("Builder"), "version": "2"})
        for version in ("2", "3"):
            try:
                scene.aws.poll_for_jobs(actionTypeId={**type_id("Builder"), "version": version})
            except scene.aws.exceptions.ActionTypeNotFoundException:
                assert version == "3"
        assert self.misses(scene) == [
            "with version 3 just now, this job has version 1; it was refused (ActionTypeNotFoundException)",
            "with version 2 just now, this job has version 1",
        ]

    def test_a_poll_with_another_query_and_one_without(self, scene: Scene) -> None:
        scene.types(custom_type("Jenkins", query="ProjectName"))
        make = build("Make", {"ProjectName": "a"})
        make["actionTypeId"]["provider"] = "Jenkins"
        scene.pipeline("line", stage("Build", make))
        scene.work("Origin")
        assert scene.poll("Jenkins", queryParam={"ProjectName": "b"}) == []
        with pytest.raises(scene.aws.exceptions.ClientError):
            scene.poll("Jenkins")
        wait = only(scene)
        assert "of Build/Custom/Jenkins/1 with ProjectName=a;" in wait["sentence"]
        assert self.misses(scene) == [
            "with no queryParam just now, this job has ProjectName=a; it was refused (ValidationException)",
            "with ProjectName=b just now, this job has ProjectName=a",
        ]

    def test_a_poll_in_another_region(self, scene: Scene) -> None:
        scene.line()
        region = fresh_region()
        elsewhere = scene.client(region=region)
        with pytest.raises(elsewhere.exceptions.ActionTypeNotFoundException):
            elsewhere.poll_for_jobs(actionTypeId=type_id("Builder"))
        (miss,) = [each for each in only(scene)["hints"][1:] if region in each]
        assert miss.startswith(f"{root(scene)} polled with region {region} ")
        assert miss.endswith(
            f" s ago, this job has region {scene.region}; it was refused (ActionTypeNotFoundException)"
        )

    def test_a_poll_for_a_type_that_was_deleted(self, scene: Scene) -> None:
        scene.line()
        scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
        with pytest.raises(scene.aws.exceptions.ActionTypeNotFoundException):
            scene.poll()
        assert self.misses(scene) == ["for it just now; it was refused (ActionTypeNotFoundException)"]

    def test_a_partners_poll_for_another_version(self, scene: Scene) -> None:
        partner = Partner(scene)
        scene.line("line", stage("Check", partner.action()))
        with pytest.raises(scene.aws.exceptions.ActionTypeNotFoundException):
            scene.aws.poll_for_third_party_jobs(actionTypeId={**partner.type_id, "version": "2"})
        assert self.misses(scene) == [
            "with version 2 just now, this job has version 1; it was refused (ActionTypeNotFoundException)"
        ]


class TestOtherReasons:
    def test_an_approval(self, scene: Scene) -> None:
        scene.line("line", stage("Ship", approval("Ask")))
        wait = only(scene)
        assert (wait["reason"], wait["action"], wait["hints"]) == ("Approval", "Ask", [])
        assert said(
            "Action 'Ask' of stage 'Ship' in pipeline 'line' waits for somebody to approve or reject it until TIME; "
            "then it fails.",
            wait["sentence"],
        )

    def test_a_disabled_transition(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        scene.aws.disable_stage_transition(
            pipelineName="line", stageName="Build", transitionType="Inbound", reason="freeze"
        )
        scene.work("Origin")
        wait = only(scene)
        assert (wait["reason"], wait["stage"], "action" in wait) == ("Transition", "Build", False)
        assert said(
            f"Execution {scene.newest()} waits in front of stage 'Build' of pipeline 'line': {root(scene)} disabled the "
            "transition at TIME (freeze); enable it.",
            wait["sentence"],
        )

    def test_the_execution_ahead_says_what_it_waits_for_itself(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        first = scene.newest()
        second = scene.start()
        (wait,) = explain(scene, execution_id=second)["waits"]
        assert (wait["reason"], wait["executionId"]) == ("EarlierExecution", second)
        assert wait["sentence"] == (
            f"Execution {second} waits in front of stage 'Source' of pipeline 'line' until execution {first} has left it."
        )
        (hint,) = wait["hints"]
        assert hint.startswith("Action 'Pull' of stage 'Source' in pipeline 'line' waits for a worker to poll")
        assert [each["executionId"] for each in explain(scene)["waits"]] == [first, second]

    def gated(self, scene: Scene, provider: str, configuration: dict[str, str], **more: Any) -> None:
        identity = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
        rule = {"name": "Look", "ruleTypeId": identity, "configuration": configuration, **more}
        gate = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
        scene.line("line", {**stage("Ship", build("Send")), "beforeEntry": gate}, pipelineType="V2")

    def test_a_deployment_window_says_when_it_opens(self, scene: Scene) -> None:
        self.gated(scene, "DeploymentWindow", {"Cron": "* * * ? * * 2099"})
        wait = eventually(lambda: found if "waits for its window" in (found := only(scene))["sentence"] else None)
        assert (wait["reason"], wait["gate"], wait["rule"]) == ("DeploymentWindow", "beforeEntry", "Look")
        assert "Rule 'Look' of the condition before entry of stage 'Ship' in pipeline 'line' waits" in wait["sentence"]
        assert "opens at 2099-01-01 00:00 UTC" in wait["sentence"]
        assert wait["hints"] == []

    def test_another_rule_waits_for_its_worker(self, scene: Scene) -> None:
        self.gated(scene, "Commands", {}, commands=["sleep 1"])
        wait = eventually(lambda: found if "waits for the result" in (found := only(scene))["sentence"] else None)
        assert (wait["reason"], wait["rule"]) == ("Rule", "Look")
        assert "waits for the result of the server's own worker, acknowledged at" in wait["sentence"]

    def test_a_stop_says_what_still_works(self, scene: Scene) -> None:
        scene.line()
        scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest(), reason="no need")
        stop, worker = explain(scene)["waits"]
        assert (stop["reason"], worker["reason"]) == ("Stop", "Worker")
        assert stop["sentence"] == (
            f"Execution {scene.newest()} of pipeline 'line' is being stopped (no need); "
            "it ends when what runs in stage 'Build' has ended: 'Make'."
        )
        assert stop["hints"] == ["StopPipelineExecution with abandon ends it at once"]

    def test_an_update_says_what_it_cancelled(self, scene: Scene) -> None:
        scene.line()
        first = scene.newest()
        declared = scene.aws.get_pipeline(name="line")["pipeline"]
        before = time.time()
        scene.aws.update_pipeline(pipeline=declared)
        update, worker = explain(scene, execution_id=first)["waits"]
        assert (update["reason"], worker["reason"]) == ("Update", "Worker")
        assert "was cancelled by an update of the pipeline; it ends when" in update["sentence"]
        assert before - 1 <= update["since"] <= time.time()


class TestEndings:
    def test_a_failure_is_told_with_its_first_error(self, scene: Scene) -> None:
        scene.line()
        scene.fail(message="no such tool")
        for answer in (explain(scene), explain(scene, execution_id=scene.newest())):
            assert answer["waits"] == []
            ending = answer["ending"]
            assert said(
                f"Execution {scene.newest()} of pipeline 'line' failed in stage 'Build' at TIME: "
                "action 'Make' failed with JobFailed: no such tool.",
                ending["sentence"],
            )
            assert (ending["status"], ending["executionId"]) == ("Failed", scene.newest())
            assert ending["errorDetails"] == {"code": "JobFailed", "message": "no such tool"}

    def test_an_ended_execution_is_told_beside_an_open_one(self, scene: Scene) -> None:
        scene.line()
        first = scene.newest()
        scene.work()
        scene.start()
        answer = explain(scene, execution_id=first)
        assert answer["waits"] == []
        assert said(f"Execution {first} of pipeline 'line' succeeded at TIME.", answer["ending"]["sentence"])
        assert "ending" not in explain(scene)


class TestSummaries:
    def test_a_running_action_says_what_it_waits_for_until_its_worker_says_more(self, scene: Scene) -> None:
        scene.line()
        assert scene.action("Build", "Make")["summary"] == only(scene)["sentence"]
        scene.take()
        assert scene.action("Build", "Make")["summary"] == only(scene)["sentence"]
        assert "waits for the result of" in scene.action("Build", "Make")["summary"]

    def test_a_summary_of_the_workers_own_stays(self, scene: Scene) -> None:
        scene.line()
        scene.work(continuationToken="t", executionDetails={"summary": "half done"})
        assert scene.action("Build", "Make")["summary"] == "half done"

    def test_what_has_ended_without_a_summary_has_none(self, scene: Scene) -> None:
        scene.line()
        scene.work()
        assert "summary" not in scene.action("Build", "Make")
        execution = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
        assert "statusSummary" not in execution["pipelineExecution"]
        assert "statusSummary" not in scene.executions()[0]

    def test_an_open_execution_says_what_it_waits_for_first(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make"), approval("Ask")))
        execution = scene.aws.get_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest())
        shown = execution["pipelineExecution"]["statusSummary"]
        assert shown == explain(scene)["waits"][0]["sentence"]
        listed = scene.executions()[0]["statusSummary"]
        assert listed.startswith(f"{MAKE} waits for a worker of Build/Custom/Builder/1; without a result it fails at ")

    def test_the_executions_of_a_parallel_pipeline_say_it_too(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", executionMode="PARALLEL", pipelineType="V2")
        scene.start()
        assert [each["statusSummary"][:28] for each in scene.executions()] == ["Action 'Pull' of stage 'Sour"] * 2


class TestWhoMayAsk:
    def refusal(self, scene: Scene, keys: dict[str, str], name: str, **more: str) -> str:
        with pytest.raises(urllib.error.HTTPError) as raised:
            own_operation(scene.server.url, keys, scene.region, "ExplainPipeline", name=name, **more)
        with raised.value as answer:
            code: str = json.load(answer)["__type"]
            return code

    def test_what_is_not_there_is_said_in_the_services_own_words(self, scene: Scene) -> None:
        keys = scene.server.root_keys
        assert self.refusal(scene, keys, "line") == "PipelineNotFoundException"
        scene.line()
        unknown = "00000000-0000-4000-8000-000000000000"
        assert self.refusal(scene, keys, "line", pipelineExecutionId=unknown) == "PipelineExecutionNotFoundException"
        assert self.refusal(scene, keys, "line", pipelineExecutionId="x") == "ValidationException"

    def test_a_policy_names_the_operation_and_the_pipeline(self, scene: Scene) -> None:
        scene.line()
        allowed = user_keys(scene.server, f"Asker-{scene.region}", ["penstock:ExplainPipeline"])
        assert own_operation(scene.server.url, allowed, scene.region, "ExplainPipeline", name="line")["waits"]
        refused = user_keys(scene.server, f"Reader-{scene.region}", ["codepipeline:*"])
        assert self.refusal(scene, refused, "line") == "AccessDeniedException"
