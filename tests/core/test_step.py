"""What a pipeline does: given a state, when a command, then events."""

import pytest

from core.worlds import APPROVAL, World, action, declaration, version_of
from penstock.core.commands import (
    AnswerApproval,
    DisableTransition,
    EnableTransition,
    JobFailed,
    JobLost,
    JobSucceeded,
    ReplaceDeclaration,
    StartExecution,
    StopExecution,
    TimerFired,
)
from penstock.core.refusals import (
    ActionNotFound,
    ApprovalAlreadyCompleted,
    DuplicatedStopRequest,
    ExecutionNotStoppable,
    InvalidApprovalToken,
    InvalidRequest,
    JobNotInProgress,
    StageNotFound,
    TooManyExecutions,
)
from penstock.wire import types as wire

FAILURE = wire.FailureDetails(type="JobFailed", message="it broke")


def approve(world: World, execution_id: str, status: str = "Approved") -> AnswerApproval:
    token = world.attempt(execution_id, "S1", "Gate").token
    assert token is not None
    result = wire.ApprovalResult(summary="looked at", status=status)  # type: ignore[arg-type]
    return AnswerApproval("S1", "Gate", token, result, "arn:aws:iam::1:user/u")


def names(step: object) -> list[str]:
    return [type(event).__name__ for event in step.events]  # type: ignore[attr-defined]


class TestCourse:
    def test_groups_of_a_stage_run_one_after_the_other_and_their_actions_beside_each_other(self) -> None:
        world = World(declaration([action("A"), action("B"), action("C", order=7)]))
        world.start()
        world.succeed("Pull")
        assert world.open_actions() == ["A", "B"]
        world.succeed("B")
        assert world.open_actions() == ["A"]
        world.succeed("A")
        assert world.open_actions() == ["C"]

    def test_an_execution_succeeds_after_its_last_stage(self) -> None:
        world = World(declaration([action("A")], [action("B")]))
        execution_id = world.start()
        for name in ("Pull", "A", "B"):
            last = world.succeed(name)
        assert names(last)[-2:] == ["StageEnded", "ExecutionEnded"]
        assert world.execution(execution_id).status == "Succeeded"
        assert not world.jobs
        assert all(slot.occupant is None for slot in world.state.head.slots.values())

    def test_after_a_failure_the_rest_of_the_group_goes_on_and_no_later_group_starts(self) -> None:
        world = World(declaration([action("A"), action("B"), action("C", order=2)]))
        execution_id = world.start()
        world.succeed("Pull")
        world.run(JobFailed(world.job("A"), FAILURE))
        assert world.execution(execution_id).status == "InProgress"
        assert world.open_actions() == ["B"]
        world.succeed("B")
        assert world.execution(execution_id).status == "Failed"
        assert world.execution(execution_id).stages["S1"].status == "Failed"
        error = world.attempt(execution_id, "S1", "A").error
        assert error == wire.ErrorDetails(code="JobFailed", message="it broke")

    def test_outputs_of_a_source_become_artifacts_and_revisions(self) -> None:
        output = (wire.OutputArtifact(name="App"),)
        taken = (wire.InputArtifact(name="App"),)
        declared = declaration([action("A", input_artifacts=taken)])
        source = wire.StageDeclaration(
            name="Source",
            actions=(action("Pull", declared.stages[0].actions[0].action_type_id, output_artifacts=output),),
        )
        world = World(wire.PipelineDeclaration(**{**_fields(declared), "stages": (source, *declared.stages[1:])}))
        execution_id = world.start()
        revision = wire.CurrentRevision(revision="abc", change_identifier="1", revision_summary="a change")
        made = world.succeed("Pull", current_revision=revision)
        assert world.execution(execution_id).revisions[0].revision_id == "abc"
        offered = next(effect for effect in made.effects if type(effect).__name__ == "OfferJob")
        assert offered.job.work.inputs[0].revision == "abc"
        assert offered.job.work.inputs[0].key.startswith("line/App/")

    def test_a_variable_without_a_value_fails_the_action_that_names_it(self) -> None:
        world = World(declaration([action("A", configuration={"X": "#{codepipeline.Nothing}"})]))
        execution_id = world.start()
        world.succeed("Pull")
        assert world.attempt(execution_id, "S1", "A").error.code == "InvalidVariableReference"  # type: ignore[union-attr]
        assert world.execution(execution_id).status == "Failed"

    def test_output_variables_reach_later_actions(self) -> None:
        declared = declaration(
            [action("A", namespace="made"), action("B", order=2, configuration={"X": "<#{made.Value}>"})]
        )
        world = World(declared)
        world.start()
        world.succeed("Pull")
        made = world.succeed("A", variables={"Value": "7"})
        offered = next(effect for effect in made.effects if type(effect).__name__ == "OfferJob")
        assert offered.job.work.configuration == {"X": "<7>"}

    def test_an_action_that_nobody_serves_fails_at_once_and_says_so(self) -> None:
        kind = wire.ActionTypeId(category="Build", owner="AWS", provider="CodeBuild", version="1")
        world = World(declaration([action("A", kind, configuration={"ProjectName": "p"})]))
        execution_id = world.start()
        world.succeed("Pull")
        error = world.attempt(execution_id, "S1", "A").error
        assert error is not None
        assert error.code == "ConfigurationError"
        assert "CodeBuild" in (error.message or "")

    def test_a_partner_action_of_an_account_without_a_link_fails_at_once(self) -> None:
        kind = wire.ActionTypeId(category="Test", owner="ThirdParty", provider="Partner", version="1")
        unlinked = World(declaration([action("A", kind)]))
        execution_id = unlinked.start()
        unlinked.succeed("Pull")
        assert "not linked" in (unlinked.attempt(execution_id, "S1", "A").error.message or "")  # type: ignore[union-attr]
        linked = World(declaration([action("A", kind)]), {"ThirdParty/Test/Partner/1": "client"})
        linked.start()
        made = linked.succeed("Pull")
        offered = next(effect for effect in made.effects if type(effect).__name__ == "OfferJob")
        assert offered.job.client_id == "client"


def _fields(declared: wire.PipelineDeclaration) -> dict[str, object]:
    return {name: getattr(declared, name) for name in declared.__struct_fields__}


class TestJobs:
    def test_a_second_result_is_refused(self) -> None:
        world = World(declaration([action("A")]))
        world.start()
        job = world.job("Pull")
        world.run(JobSucceeded(job))
        for command in (JobSucceeded(job), JobFailed(job, FAILURE)):
            with pytest.raises(JobNotInProgress):
                world.run(command)

    @pytest.mark.parametrize("status", ["Queued", "Dispatched", "TimedOut"])
    def test_a_result_for_a_job_that_is_not_in_progress_is_refused(self, status: str) -> None:
        world = World(declaration([action("A")]))
        world.start()
        job = world.job("Pull")
        fields = {name: getattr(job, name) for name in job.__struct_fields__}
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(type(job)(**{**fields, "status": status})))

    def test_a_continuation_ends_the_job_and_offers_another_for_the_same_attempt(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        first = world.job("Pull")
        details = wire.ExecutionDetails(summary="half", percent_complete=50)
        made = world.run(JobSucceeded(first, continuation_token="more", continue_seconds=9.0, details=details))
        second = world.job("Pull")
        assert second.id != first.id
        assert second.run_id == first.run_id
        offered = next(effect for effect in made.effects if type(effect).__name__ == "OfferJob")
        assert (offered.job.visible_at, offered.job.work.continuation_token) == (world.now + 9.0, "more")
        attempt = world.attempt(execution_id, "Source", "Pull")
        assert (attempt.status, attempt.summary, attempt.percent_complete) == ("InProgress", "half", 50)
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(first))

    def test_a_lost_job_is_offered_again_and_its_late_result_refused(self) -> None:
        world = World(declaration([action("A")]))
        world.start()
        lost = world.job("Pull")
        world.run(JobLost(lost, "token"))
        assert world.job("Pull").id != lost.id
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(lost))
        assert not world.run(JobLost(lost)).events


class TestDeadlines:
    def test_an_action_that_gets_no_result_in_time_fails_and_its_job_is_ended(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        due_at = world.timers["Deadline", "pipeline-id"]
        assert due_at == world.now + 24 * 3600
        world.now = due_at
        world.run(TimerFired("Deadline", "pipeline-id"))
        assert world.execution(execution_id).status == "Failed"
        assert world.attempt(execution_id, "Source", "Pull").error.code == "Timeout"  # type: ignore[union-attr]
        assert not world.jobs

    def test_an_alarm_that_fires_too_early_is_set_to_the_next_deadline(self) -> None:
        world = World(declaration([action("A")]))
        world.start()
        world.now += 3600
        world.succeed("Pull")
        world.now = world.timers["Deadline", "pipeline-id"]
        assert not [
            event for event in world.run(TimerFired("Deadline", "pipeline-id")).events if hasattr(event, "run_id")
        ]
        assert world.timers["Deadline", "pipeline-id"] == 1000.0 + 3600 + 24 * 3600
        assert world.open_actions() == ["A"]

    def test_the_time_of_one_job_ends_its_action(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        world.run(TimerFired("JobTimeout", world.job("Pull").id))
        assert world.execution(execution_id).status == "Failed"
        assert not world.run(TimerFired("JobTimeout", "a job of long ago")).events

    def test_an_approval_waits_for_as_long_as_its_action_says(self) -> None:
        world = World(declaration([action("Gate", APPROVAL, timeout_in_minutes=5)]))
        execution_id = world.start()
        world.succeed("Pull")
        world.now += 300
        world.run(TimerFired("Deadline", "pipeline-id"))
        assert "no approval" in (world.attempt(execution_id, "S1", "Gate").error.message or "")  # type: ignore[union-attr]


class TestApprovals:
    def gate(self) -> tuple[World, str]:
        world = World(declaration([action("Gate", APPROVAL)], [action("A")]))
        execution_id = world.start()
        world.succeed("Pull")
        return world, execution_id

    def test_approved_goes_on(self) -> None:
        world, execution_id = self.gate()
        world.run(approve(world, execution_id))
        assert world.open_actions() == ["A"]
        attempt = world.attempt(execution_id, "S1", "Gate")
        assert (attempt.summary, attempt.updated_by) == ("looked at", "arn:aws:iam::1:user/u")

    def test_rejected_fails(self) -> None:
        world, execution_id = self.gate()
        world.run(approve(world, execution_id, "Rejected"))
        assert world.execution(execution_id).status == "Failed"
        assert world.attempt(execution_id, "S1", "Gate").error.message == "looked at"  # type: ignore[union-attr]

    def test_answered_twice_is_refused_with_its_own_word(self) -> None:
        world, execution_id = self.gate()
        answer = approve(world, execution_id)
        world.run(answer)
        with pytest.raises(ApprovalAlreadyCompleted):
            world.run(answer)

    def test_a_wrong_token_a_wrong_action_and_a_wrong_stage_are_told_apart(self) -> None:
        world, execution_id = self.gate()
        answer = approve(world, execution_id)
        for changes, refusal in (
            ({"token": "other"}, InvalidApprovalToken),
            ({"action": "other"}, ActionNotFound),
            ({"stage": "other"}, StageNotFound),
        ):
            fields = {name: getattr(answer, name) for name in answer.__struct_fields__}
            with pytest.raises(refusal):
                world.run(AnswerApproval(**{**fields, **changes}))


class TestStopping:
    def test_stop_and_wait_lets_what_works_end_and_starts_nothing(self) -> None:
        world = World(declaration([action("A"), action("B", order=2)]))
        execution_id = world.start()
        world.succeed("Pull")
        world.run(StopExecution(execution_id, abandon=False, reason="enough"))
        assert world.execution(execution_id).status == "Stopping"
        world.succeed("A")
        assert world.execution(execution_id).status == "Stopped"
        assert world.execution(execution_id).stages["S1"].status == "Stopped"
        assert not world.jobs

    def test_stop_and_abandon_withdraws_the_job(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        job = world.job("Pull")
        world.run(StopExecution(execution_id, abandon=True))
        assert world.execution(execution_id).status == "Stopped"
        assert world.attempt(execution_id, "Source", "Pull").status == "Abandoned"
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(job))

    def test_stopping_may_be_sharpened_once(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        world.run(StopExecution(execution_id, abandon=False))
        with pytest.raises(DuplicatedStopRequest):
            world.run(StopExecution(execution_id, abandon=False))
        world.run(StopExecution(execution_id, abandon=True))
        with pytest.raises(ExecutionNotStoppable):
            world.run(StopExecution(execution_id, abandon=True))

    def test_an_unknown_execution_cannot_be_stopped(self) -> None:
        with pytest.raises(ExecutionNotStoppable):
            World(declaration([action("A")])).run(StopExecution("nobody", abandon=False))


class TestModes:
    def test_a_newer_execution_takes_the_waiting_place(self) -> None:
        world = World(declaration([action("A")]))
        first, second, third = world.start(), world.start(), world.start()
        assert world.execution(second).status == "Superseded"
        assert world.state.head.slots["Source"].waiting == (third,)
        world.succeed("Pull", first)
        assert world.state.head.slots["Source"].occupant == third

    def test_queued_executions_wait_in_order(self) -> None:
        world = World(declaration([action("A")], mode="QUEUED", pipeline_type="V2"))
        first, second, third = world.start(), world.start(), world.start()
        assert world.state.head.slots["Source"].waiting == (second, third)
        world.succeed("Pull", first)
        assert world.state.head.slots["Source"].occupant == second

    def test_parallel_executions_share_no_stage(self) -> None:
        world = World(declaration([action("A")], mode="PARALLEL", pipeline_type="V2"))
        world.start(), world.start()
        assert world.open_actions() == ["Pull", "Pull"]

    def test_more_than_fifty_at_once_are_too_many(self) -> None:
        world = World(declaration([action("A")], mode="PARALLEL", pipeline_type="V2"))
        for _ in range(50):
            world.start()
        with pytest.raises(TooManyExecutions):
            world.start()


class TestTransitions:
    def test_a_disabled_transition_holds_and_enabling_lets_in(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        world.run(DisableTransition("S1", "Inbound", "frozen", "me"))
        world.succeed("Pull")
        assert world.state.head.slots["S1"].waiting == (execution_id,)
        world.run(EnableTransition("S1", "Inbound", "me"))
        assert world.open_actions() == ["A"]

    def test_outbound_of_a_stage_is_inbound_of_the_next(self) -> None:
        world = World(declaration([action("A")]))
        world.run(DisableTransition("Source", "Outbound", "frozen", "me"))
        assert not world.state.head.slots["S1"].is_enabled
        with pytest.raises(StageNotFound):
            world.run(DisableTransition("S1", "Outbound", "frozen", "me"))

    def test_after_thirty_days_enabling_does_not_resume_what_waited(self) -> None:
        world = World(declaration([action("A")]))
        world.run(DisableTransition("S1", "Inbound", "frozen", "me"))
        older = world.start()
        world.succeed("Pull")
        world.now += 31 * 86400
        world.run(EnableTransition("S1", "Inbound", "me"))
        assert world.execution(older).status == "Cancelled"
        world.start()
        world.succeed("Pull")
        assert world.open_actions() == ["A"]

    def test_what_waits_in_front_of_it_can_be_superseded_and_stopped(self) -> None:
        world = World(declaration([action("A")]))
        world.run(DisableTransition("S1", "Inbound", "frozen", "me"))
        older = world.start()
        world.succeed("Pull")
        newer = world.start()
        world.succeed("Pull")
        assert world.execution(older).status == "Superseded"
        world.run(StopExecution(newer, abandon=False))
        assert world.execution(newer).status == "Stopped"
        assert world.state.head.slots["S1"].waiting == ()


class TestUpdates:
    def test_waiting_executions_and_approvals_end_at_once(self) -> None:
        world = World(declaration([action("Gate", APPROVAL)]))
        first, second = world.start(), world.start()
        world.succeed("Pull", first)
        world.run(ReplaceDeclaration(version_of(declaration([action("B")]), 2)))
        assert world.execution(first).status == "Cancelled"
        assert world.attempt(first, "S1", "Gate").status == "Abandoned"
        # The second had entered the source when the first left it, and its job goes on to its end.
        assert world.execution(second).status == "InProgress"
        world.succeed("Pull", second)
        assert world.execution(second).status == "Cancelled"

    def test_what_works_holds_its_stage_until_it_is_done(self) -> None:
        world = World(declaration([action("A")]))
        first = world.start()
        world.run(ReplaceDeclaration(version_of(declaration([action("B")]), 2)))
        second = world.start()
        assert world.state.head.slots["Source"].waiting == (second,)
        world.succeed("Pull", first)
        assert world.execution(first).status == "Cancelled"
        world.succeed("Pull", second)
        assert world.open_actions() == ["B"]

    def test_parallel_executions_go_on_with_the_version_that_they_started_with(self) -> None:
        world = World(declaration([action("A")], mode="PARALLEL", pipeline_type="V2"))
        execution_id = world.start()
        world.run(ReplaceDeclaration(version_of(declaration([action("B")], mode="PARALLEL", pipeline_type="V2"), 2)))
        world.succeed("Pull", execution_id)
        assert world.open_actions() == ["A"]


class TestVariablesAtStart:
    def world(self) -> World:
        variables = (
            wire.PipelineVariableDeclaration(name="Given"),
            wire.PipelineVariableDeclaration(name="Usual", default_value="x"),
        )
        return World(declaration([action("A")], variables=variables, pipeline_type="V2"))

    def test_defaults_fill_in_and_what_is_given_wins(self) -> None:
        world = self.world()
        world.run(StartExecution(wire.ExecutionTrigger(), (wire.PipelineVariable(name="Given", value="1"),)))
        assert next(iter(world.state.executions.values())).variables == {"Given": "1", "Usual": "x"}

    @pytest.mark.parametrize("given", [(), (("Given", "1"), ("Other", "2"))])
    def test_missing_and_unknown_ones_are_refused(self, given: tuple[tuple[str, str], ...]) -> None:
        variables = tuple(wire.PipelineVariable(name=name, value=value) for name, value in given)
        with pytest.raises(InvalidRequest):
            self.world().run(StartExecution(wire.ExecutionTrigger(), variables))
