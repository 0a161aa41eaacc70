"""What holds an execution up or ends it: stops, approvals, transitions, the three modes."""

import pytest

from declarations import stage
from operations.scene import UNKNOWN_ID, Scene, approval, build, code_of, message_of

ROOT = "arn:aws:iam::123456789012:root"


def stop(scene: Scene, execution_id: str, **more: object) -> dict:
    return scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=execution_id, **more)


def stop_code(scene: Scene, execution_id: str, **more: object) -> str:
    return code_of(scene.aws.stop_pipeline_execution, pipelineName="line", pipelineExecutionId=execution_id, **more)


class TestStopping:
    def test_stop_and_wait_lets_the_work_end_and_starts_nothing_more(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make"), build("Next", runOrder=2)), stage("After", build("More")))
        job, execution_id = scene.take(), scene.newest()
        assert stop(scene, execution_id, reason="enough")["pipelineExecutionId"] == execution_id
        assert scene.statuses() == ["Stopping"]
        assert scene.stage("Build")["latestExecution"]["status"] == "Stopping"
        scene.aws.put_job_success_result(jobId=job["id"])
        assert scene.statuses() == ["Stopped"]
        assert scene.stage("Build")["latestExecution"]["status"] == "Stopped"
        assert scene.action("Build", "Make")["status"] == "Succeeded"
        assert scene.executions()[0]["stopTrigger"] == {"reason": "enough"}
        assert scene.poll() == []

    def test_a_failure_while_stopping_ends_stopped_as_well(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        stop(scene, scene.newest())
        scene.aws.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "x"})
        assert scene.statuses() == ["Stopped"]
        assert scene.action("Build", "Make")["status"] == "Failed"

    def test_stop_and_abandon_ends_at_once_and_withdraws_what_was_queued(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make"), build("Other")))
        scene.take()
        stop(scene, scene.newest(), abandon=True)
        assert scene.statuses() == ["Stopped"]
        assert {scene.action("Build", name)["status"] for name in ("Make", "Other")} == {"Abandoned"}
        assert scene.poll() == []

    def test_the_stage_is_free_for_the_next_one(self, scene: Scene) -> None:
        scene.line()
        first = scene.newest()
        scene.start()
        scene.work("Origin")
        stop(scene, first, abandon=True)
        scene.work()
        assert scene.statuses() == ["Stopped", "Succeeded"]

    def test_a_waiting_execution_stops_at_once(self, scene: Scene) -> None:
        scene.line()
        waiting = scene.start()
        scene.work("Origin")
        stop(scene, waiting)
        assert scene.statuses() == ["InProgress", "Stopped"]
        assert "inboundExecution" not in scene.stage("Build")

    def test_a_stop_waits_for_an_approval_but_an_abandon_does_not(self, scene: Scene) -> None:
        scene.line("line", stage("Gate", approval()))
        execution_id = scene.newest()
        stop(scene, execution_id)
        assert scene.statuses() == ["Stopping"]
        stop(scene, execution_id, abandon=True)
        assert scene.statuses() == ["Stopped"]

    def test_a_second_stop_is_a_duplicate_save_for_one_abandon_after_a_wait(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("Make")))
        execution_id = scene.newest()
        stop(scene, execution_id)
        assert stop_code(scene, execution_id) == "DuplicatedStopRequestException"
        stop(scene, execution_id, abandon=True)
        assert stop_code(scene, execution_id, abandon=True) == "PipelineExecutionNotStoppableException"

    def test_what_is_not_running_cannot_be_stopped(self, scene: Scene) -> None:
        scene.line()
        scene.work()
        for execution_id in (scene.newest(), UNKNOWN_ID):
            for abandon in (True, False):
                assert stop_code(scene, execution_id, abandon=abandon) == "PipelineExecutionNotStoppableException"

    def test_a_stop_of_no_pipeline_is_not_found(self, scene: Scene) -> None:
        assert stop_code(scene, UNKNOWN_ID) == "PipelineNotFoundException"

    def test_a_long_reason_breaks_a_constraint(self, scene: Scene) -> None:
        assert stop_code(scene, UNKNOWN_ID, reason="x" * 201) == "ValidationException"


def answer(scene: Scene, token: str, status: str = "Approved", summary: str = "") -> dict:
    return scene.aws.put_approval_result(**approval_answer(token, status, summary))


def approval_answer(token: str, status: str = "Approved", summary: str = "") -> dict:
    result = {"summary": summary, "status": status}
    return {"pipelineName": "line", "stageName": "Gate", "actionName": "Ask", "result": result, "token": token}


class TestApproving:
    def begin(self, scene: Scene, *others: dict) -> str:
        scene.line("line", stage("Gate", approval(), *others), stage("After", build("More")))
        return scene.action("Gate", "Ask")["token"]

    def test_an_approval_lets_the_execution_go_on_and_is_kept_with_its_giver(self, scene: Scene) -> None:
        token = self.begin(scene)
        assert "approvedAt" in answer(scene, token, summary="looks good")
        shown = scene.action("Gate", "Ask")
        assert (shown["status"], shown["summary"], shown["lastUpdatedBy"]) == ("Succeeded", "looks good", ROOT)
        assert "token" not in shown
        assert scene.actions(filter={"pipelineExecutionId": scene.newest()})[1]["updatedBy"] == ROOT
        scene.work()
        assert scene.statuses() == ["Succeeded"]

    def test_a_rejection_fails_the_execution_with_its_summary(self, scene: Scene) -> None:
        token = self.begin(scene)
        answer(scene, token, "Rejected", "not today")
        shown = scene.action("Gate", "Ask")
        assert (shown["status"], shown["summary"]) == ("Failed", "not today")
        assert shown["errorDetails"]["message"] == "not today"
        assert scene.statuses() == ["Failed"]

    def test_a_token_that_is_no_approvals_is_refused(self, scene: Scene) -> None:
        self.begin(scene)
        call = scene.aws.put_approval_result
        assert code_of(call, **approval_answer(UNKNOWN_ID)) == "InvalidApprovalTokenException"
        assert scene.action("Gate", "Ask")["status"] == "InProgress"

    def test_an_answered_approval_is_refused_while_the_execution_runs(self, scene: Scene) -> None:
        token = self.begin(scene)
        answer(scene, token)
        code = code_of(scene.aws.put_approval_result, **approval_answer(token, "Rejected"))
        assert code == "ApprovalAlreadyCompletedException"
        assert scene.action("Gate", "Ask")["status"] == "Succeeded"

    def test_an_answered_approvals_token_is_dead_once_the_execution_has_ended(self, scene: Scene) -> None:
        token = self.begin(scene)
        answer(scene, token, "Rejected")
        code = code_of(scene.aws.put_approval_result, **approval_answer(token))
        assert code in ("InvalidApprovalTokenException", "ApprovalAlreadyCompletedException")
        assert scene.statuses() == ["Failed"]

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"pipelineName": "nobody"}, "PipelineNotFoundException"),
            ({"stageName": "Nowhere"}, "StageNotFoundException"),
            ({"actionName": "Nothing"}, "ActionNotFoundException"),
            ({"token": "nonsense"}, "ValidationException"),
            ({"result": {"summary": "x" * 513, "status": "Approved"}}, "ValidationException"),
            ({"result": {"summary": "", "status": "Perhaps"}}, "ValidationException"),
        ],
    )
    def test_an_answer_to_something_else_is_refused(self, scene: Scene, wrong: dict, code: str) -> None:
        token = self.begin(scene)
        assert code_of(scene.aws.put_approval_result, **{**approval_answer(token), **wrong}) == code
        assert scene.action("Gate", "Ask")["status"] == "InProgress"

    def test_an_action_that_is_no_approval_has_no_token(self, scene: Scene) -> None:
        token = self.begin(scene)
        wrong = {"stageName": "After", "actionName": "More"}
        code = code_of(scene.aws.put_approval_result, **{**approval_answer(token), **wrong})
        assert code == "InvalidApprovalTokenException"


def disable(scene: Scene, stage_name: str = "Build", direction: str = "Inbound") -> None:
    scene.aws.disable_stage_transition(
        pipelineName="line", stageName=stage_name, transitionType=direction, reason="release freeze"
    )


def enable(scene: Scene, stage_name: str = "Build", direction: str = "Inbound") -> None:
    scene.aws.enable_stage_transition(pipelineName="line", stageName=stage_name, transitionType=direction)


class TestTransitions:
    def test_an_execution_waits_in_front_of_a_disabled_one_and_goes_in_when_it_is_enabled(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        disable(scene)
        scene.work("Origin")
        state = scene.stage("Build")
        inbound = {"pipelineExecutionId": scene.newest(), "status": "InProgress", "type": "STANDARD"}
        assert (state["inboundExecution"], state["inboundExecutions"]) == (inbound, [inbound])
        assert "latestExecution" not in state
        enable(scene)
        assert scene.stage("Build")["latestExecution"]["pipelineExecutionId"] == scene.newest()
        scene.work()
        assert scene.statuses() == ["Succeeded"]

    def test_its_state_says_who_changed_it_when_and_why(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        disable(scene)
        state = scene.stage("Build")["inboundTransitionState"]
        assert (state["enabled"], state["lastChangedBy"], state["disabledReason"]) == (False, ROOT, "release freeze")
        enable(scene)
        state = scene.stage("Build")["inboundTransitionState"]
        assert (state["enabled"], state["lastChangedBy"]) == (True, ROOT)
        assert "disabledReason" not in state

    def test_a_newer_arrival_supersedes_the_one_that_waits(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        disable(scene)
        scene.work("Origin")
        newer = scene.start()
        scene.work("Origin")
        assert scene.statuses() == ["Superseded", "InProgress"]
        enable(scene)
        scene.work()
        assert scene.stage("Build")["latestExecution"]["pipelineExecutionId"] == newer

    def test_leaving_a_stage_is_entering_the_next(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        disable(scene, "Source", "Outbound")
        assert scene.stage("Build")["inboundTransitionState"]["enabled"] is False
        enable(scene, "Build", "Inbound")
        assert scene.stage("Build")["inboundTransitionState"]["enabled"] is True

    def test_executions_already_past_it_go_on(self, scene: Scene) -> None:
        scene.line()
        disable(scene)
        scene.work()
        assert scene.statuses() == ["Succeeded"]

    @pytest.mark.parametrize("operation", ["disable_stage_transition", "enable_stage_transition"])
    def test_unknown_pipelines_and_stages_are_refused(self, scene: Scene, operation: str) -> None:
        scene.types()
        scene.pipeline()
        call = getattr(scene.aws, operation)
        given = {"stageName": "Build", "transitionType": "Inbound"}
        if operation.startswith("disable"):
            given["reason"] = "freeze"
        assert code_of(call, pipelineName="nobody", **given) == "PipelineNotFoundException"
        assert code_of(call, pipelineName="line", **{**given, "stageName": "X"}) == "StageNotFoundException"
        assert code_of(call, pipelineName="line", **{**given, "transitionType": "Up"}) == "ValidationException"

    @pytest.mark.parametrize("reason", ["", "x" * 301, "no; semicolons"])
    def test_a_reason_of_another_form_breaks_a_constraint(self, scene: Scene, reason: str) -> None:
        given = {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound", "reason": reason}
        assert "'reason'" in message_of(scene.aws.disable_stage_transition, **given)


class TestModes:
    def test_superseded_keeps_one_running_and_one_waiting_a_stage(self, scene: Scene) -> None:
        scene.line()
        for _ in range(3):
            scene.start()
            scene.work("Origin")
        assert scene.statuses() == ["InProgress", "Superseded", "Superseded", "InProgress"]
        scene.work()
        scene.work()
        assert scene.statuses() == ["Succeeded", "Superseded", "Superseded", "Succeeded"]
        assert scene.poll() == []

    def test_superseded_waits_in_front_of_the_source_too(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline()
        scene.start()
        scene.start()
        assert scene.statuses() == ["InProgress", "Superseded", "InProgress"]
        assert "inboundExecution" in scene.stage("Source")

    def test_queued_goes_in_order_of_arrival(self, scene: Scene) -> None:
        scene.line(executionMode="QUEUED")
        others = [scene.start() for _ in range(3)]
        for _ in others:
            scene.work("Origin")
        waiting = [each["pipelineExecutionId"] for each in scene.stage("Build")["inboundExecutions"]]
        assert waiting == others
        for execution_id in others:
            scene.work()
            assert scene.stage("Build")["latestExecution"]["pipelineExecutionId"] == execution_id
        scene.work()
        assert scene.statuses() == ["Succeeded"] * 4

    def test_parallel_executions_share_no_stage(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline(executionMode="PARALLEL")
        scene.start()
        scene.start()
        for provider in ("Origin", "Builder"):
            jobs = scene.poll(provider, jobs_max=5)
            assert len(jobs) == 3
            for job in jobs:
                scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
                scene.aws.put_job_success_result(jobId=job["id"])
        assert scene.statuses() == ["Succeeded"] * 3

    @pytest.mark.parametrize("mode", ["QUEUED", "PARALLEL"])
    def test_fifty_executions_at_a_time_are_the_limit(self, scene: Scene, mode: str) -> None:
        scene.types()
        scene.pipeline(executionMode=mode)
        for _ in range(49):
            scene.start()
        code = code_of(scene.aws.start_pipeline_execution, name="line")
        assert code == "ConcurrentPipelineExecutionsLimitExceededException"
        assert len(scene.executions()) == 50

    def test_a_failure_frees_the_stage(self, scene: Scene) -> None:
        scene.line()
        scene.start()
        scene.work("Origin")
        scene.fail()
        scene.work()
        assert scene.statuses() == ["Failed", "Succeeded"]
