"""Retrying a stage in place, by hand and by itself, and rolling one back."""

import pytest

from core.worlds import World, action, declaration, version_of
from penstock.core.commands import (
    JobFailed,
    JobSucceeded,
    ReplaceDeclaration,
    RetryStage,
    RollbackStage,
    StopExecution,
)
from penstock.core.refusals import (
    ExecutionNotFound,
    ExecutionOutdated,
    JobNotInProgress,
    NotLatestExecution,
    StageIsBusy,
    StageNotFound,
    StageNotRetryable,
    UnableToRollback,
)
from penstock.wire import types as wire

FAILURE = wire.FailureDetails(type="JobFailed", message="it broke")
Mode = wire.StageRetryMode


def failed(*names: str, mode: str = "SUPERSEDED") -> tuple[World, str]:
    """A pipeline whose stage S1 has failed: of A, B and, later, C, those named failed and the other one succeeded."""
    more = {} if mode == "SUPERSEDED" else {"pipeline_type": "V2"}
    world = World(declaration([action("A"), action("B"), action("C", order=2)], [action("D")], mode=mode, **more))
    execution_id = world.start()
    world.succeed("Pull")
    for name in ("A", "B"):
        if name in names:
            world.run(JobFailed(world.job(name), FAILURE))
        else:
            world.succeed(name)
    return world, execution_id


class TestRetry:
    def test_only_what_failed_runs_again_and_the_execution_keeps_its_id(self) -> None:
        world, execution_id = failed("A")
        before = world.attempt(execution_id, "S1", "A").id
        world.forget_ended()
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        assert world.open_actions() == ["A"]
        assert world.attempt(execution_id, "S1", "A").id != before
        world.succeed("A")
        assert world.open_actions() == ["C"]
        world.succeed("C")
        world.succeed("D")
        assert world.execution(execution_id).status == "Succeeded"

    def test_all_actions_run_again_from_the_first_group(self) -> None:
        world, execution_id = failed("B")
        world.run(RetryStage("S1", execution_id, "ALL_ACTIONS"))
        assert world.open_actions() == ["A", "B"]
        stage = world.execution(execution_id).stages["S1"]
        assert (stage.manual_retries, stage.latest_retry) == (1, "ManualStageRetry")

    def test_what_failed_can_be_retried_while_others_of_its_group_still_work(self) -> None:
        world = World(declaration([action("A"), action("B")]))
        execution_id = world.start()
        world.succeed("Pull")
        world.run(JobFailed(world.job("A"), FAILURE))
        with pytest.raises(StageNotRetryable):
            world.run(RetryStage("S1", execution_id, "ALL_ACTIONS"))
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        assert world.open_actions() == ["A", "B"]

    def test_a_retry_that_runs_is_in_the_way_of_another(self) -> None:
        world, execution_id = failed("A")
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        with pytest.raises(StageIsBusy):
            world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))

    def test_a_stopped_stage_can_be_retried_and_the_late_result_of_what_was_abandoned_cannot_count(self) -> None:
        world = World(declaration([action("A")]))
        execution_id = world.start()
        world.succeed("Pull")
        late = world.job("A")
        world.run(StopExecution(execution_id, abandon=True))
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        assert world.execution(execution_id).status == "InProgress"
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(late))
        world.succeed("A")
        assert world.execution(execution_id).status == "Succeeded"

    def test_a_succeeded_stage_an_unknown_stage_and_an_unknown_execution_are_refused(self) -> None:
        world, execution_id = failed("A")
        for command, refusal in (
            (RetryStage("Source", execution_id, "ALL_ACTIONS"), NotLatestExecution),
            (RetryStage("Nowhere", execution_id, "ALL_ACTIONS"), StageNotFound),
            (RetryStage("S1", "nobody", "ALL_ACTIONS"), NotLatestExecution),
        ):
            with pytest.raises(refusal):
                world.run(command)

    def test_after_a_later_execution_has_come_there_it_is_too_late(self) -> None:
        world, execution_id = failed("A")
        world.start()
        world.succeed("Pull")
        with pytest.raises(NotLatestExecution):
            world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))

    def test_after_the_structure_has_changed_it_is_refused_and_after_a_mere_update_not(self) -> None:
        same = [action("A"), action("B"), action("C", order=2)]
        world, execution_id = failed("A")
        world.run(ReplaceDeclaration(version_of(declaration(same, [action("D")]), 2)))
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        world, execution_id = failed("A")
        world.run(ReplaceDeclaration(version_of(declaration(same, [action("E")]), 2)))
        with pytest.raises(StageNotRetryable):
            world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))

    def test_the_retried_execution_holds_its_stage(self) -> None:
        world, execution_id = failed("A", mode="QUEUED")
        world.run(RetryStage("S1", execution_id, "FAILED_ACTIONS"))
        other = world.start()
        world.succeed("Pull")
        assert world.state.head.slots["S1"].waiting == (other,)


class TestAutomaticRetry:
    def world(self, mode: Mode | None = None) -> World:
        declared = declaration([action("A"), action("B")])
        configuration = wire.RetryConfiguration(retry_mode=mode) if mode else None
        gate = wire.FailureConditions(result="RETRY", retry_configuration=configuration)
        stage = wire.StageDeclaration(name="S1", actions=declared.stages[1].actions, on_failure=gate)
        fields = {name: getattr(declared, name) for name in declared.__struct_fields__}
        return World(wire.PipelineDeclaration(**{**fields, "stages": (declared.stages[0], stage)}))

    def test_it_tries_exactly_once_more(self) -> None:
        world = self.world()
        execution_id = world.start()
        world.succeed("Pull")
        world.run(JobFailed(world.job("A"), FAILURE))
        world.succeed("B")
        assert world.open_actions() == ["A"]
        stage = world.execution(execution_id).stages["S1"]
        assert (stage.automatic_retries, stage.latest_retry) == (1, "AutomatedStageRetry")
        made = world.run(JobFailed(world.job("A"), FAILURE))
        assert world.execution(execution_id).status == "Failed"
        assert len(made.attempts) == 1

    def test_both_attempts_are_told_of_when_one_step_ends_the_first_and_starts_the_second(self) -> None:
        world = self.world("ALL_ACTIONS")
        world.start()
        world.succeed("Pull")
        world.succeed("B")
        made = world.run(JobFailed(world.job("A"), FAILURE))
        statuses = sorted((attempt.action, attempt.run.status) for attempt in made.attempts.values())
        assert statuses == [("A", "Failed"), ("A", "InProgress"), ("B", "InProgress")]


class TestRollback:
    def deployed(self, mode: str = "SUPERSEDED", **gate: object) -> tuple[World, str]:
        declared = declaration([action("A", namespace="made")], [action("B")], mode=mode, pipeline_type="V2")
        if gate:
            failure = wire.FailureConditions(**gate)  # type: ignore[arg-type]
            stage = wire.StageDeclaration(name="S2", actions=declared.stages[2].actions, on_failure=failure)
            fields = {name: getattr(declared, name) for name in declared.__struct_fields__}
            declared = wire.PipelineDeclaration(**{**fields, "stages": (*declared.stages[:2], stage)})
        world = World(declared)
        execution_id = world.start()
        world.succeed("Pull")
        world.succeed("A", variables={"Value": "first"})
        world.succeed("B")
        world.forget_ended()
        return world, execution_id

    def test_it_runs_the_one_stage_with_what_the_target_had(self) -> None:
        world, target = self.deployed()
        world.run(RollbackStage("S2", target, "me"))
        rollback = next(each for each in world.state.executions.values() if each.kind == "ROLLBACK")
        assert rollback.rollback_target == target
        assert rollback.trigger.trigger_type == "ManualRollback"
        assert rollback.outputs == {"made": {"Value": "first"}}
        assert world.open_actions() == ["B"]
        world.succeed("B")
        assert world.execution(rollback.id).status == "Succeeded"
        assert list(world.execution(rollback.id).stages) == ["S2"]

    def test_a_failure_goes_back_by_itself_to_the_last_good_execution(self) -> None:
        world, good = self.deployed(result="ROLLBACK")
        bad = world.start()
        world.succeed("Pull")
        world.succeed("A")
        world.run(JobFailed(world.job("B"), FAILURE))
        assert world.execution(bad).status == "Failed"
        rollback = next(each for each in world.state.executions.values() if each.kind == "ROLLBACK")
        assert (rollback.rollback_target, rollback.trigger.trigger_type) == (good, "AutomatedRollback")
        world.run(JobFailed(world.job("B"), FAILURE))
        assert not world.jobs, "a rollback that fails is not rolled back"

    def test_a_failure_without_a_good_execution_just_fails(self) -> None:
        declared = declaration([action("A")])
        gate = wire.FailureConditions(result="ROLLBACK")
        stage = wire.StageDeclaration(name="S1", actions=declared.stages[1].actions, on_failure=gate)
        fields = {name: getattr(declared, name) for name in declared.__struct_fields__}
        world = World(wire.PipelineDeclaration(**{**fields, "stages": (declared.stages[0], stage)}))
        execution_id = world.start()
        world.succeed("Pull")
        world.run(JobFailed(world.job("A"), FAILURE))
        assert world.execution(execution_id).status == "Failed"
        assert len(world.state.executions) == 1

    def test_what_cannot_be_gone_back_to_is_refused(self) -> None:
        world, good = self.deployed()
        failing = world.start()
        world.succeed("Pull")
        world.run(JobFailed(world.job("A"), FAILURE))
        world.run(RollbackStage("S2", good, "me"))
        rollback = next(each.id for each in world.state.executions.values() if each.kind == "ROLLBACK")
        for stage, target, refusal in (
            ("Source", good, UnableToRollback),
            ("S2", good, UnableToRollback),
            ("S2", failing, UnableToRollback),
            ("S1", rollback, UnableToRollback),
            ("S2", "nobody", ExecutionNotFound),
            ("Nowhere", good, StageNotFound),
        ):
            with pytest.raises(refusal):
                world.run(RollbackStage(stage, target, "me"))

    def test_an_execution_of_an_older_version_is_outdated(self) -> None:
        world, good = self.deployed()
        world.run(ReplaceDeclaration(version_of(declaration([action("A")], [action("B")]), 2)))
        with pytest.raises(ExecutionOutdated):
            world.run(RollbackStage("S2", good, "me"))

    def test_a_parallel_pipeline_cannot_be_rolled_back(self) -> None:
        world, good = self.deployed("PARALLEL")
        with pytest.raises(UnableToRollback):
            world.run(RollbackStage("S2", good, "me"))
