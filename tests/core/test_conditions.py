"""Conditions before entry, on success and on failure; their rules; overriding them."""

import pytest

from core.worlds import World, action, declaration
from penstock.core.commands import (
    JobFailed,
    JobLost,
    JobSucceeded,
    OverrideCondition,
    StopExecution,
    TimerFired,
)
from penstock.core.events import RuleJobOffered
from penstock.core.refusals import ConditionNotOverridable, JobNotInProgress, NotLatestExecution
from penstock.wire import types as wire

FAILURE = wire.FailureDetails(type="JobFailed", message="no")
WINDOW = "beforeEntry:Window"


def rule(name: str, provider: str = "DeploymentWindow", **configuration: str) -> wire.RuleDeclaration:
    identity = wire.RuleTypeId(category="Rule", owner="AWS", provider=provider, version="1")
    return wire.RuleDeclaration(name=name, rule_type_id=identity, configuration=configuration)


def check(value: str, expected: str = "go", operator: str = "EQ") -> wire.RuleDeclaration:
    return rule("Check", "VariableCheck", Variable=value, Value=expected, Operator=operator)


def condition(result: str | None, *rules: wire.RuleDeclaration) -> tuple[wire.Condition, ...]:
    return (wire.Condition(result=result, rules=rules),)  # type: ignore[arg-type]


def gated(**gates: object) -> World:
    """A pipeline whose stage S1, of the one action A, has these gates; S2, of B, follows."""
    declared = declaration([action("A")], [action("B")])
    stage = wire.StageDeclaration(name="S1", actions=declared.stages[1].actions, **gates)  # type: ignore[arg-type]
    fields = {name: getattr(declared, name) for name in declared.__struct_fields__}
    return World(wire.PipelineDeclaration(**{**fields, "stages": (declared.stages[0], stage, declared.stages[2])}))


def entry(result: str, *rules: wire.RuleDeclaration) -> World:
    return gated(before_entry=wire.BeforeEntryConditions(conditions=condition(result, *rules)))


def success(result: str, *rules: wire.RuleDeclaration) -> World:
    return gated(on_success=wire.SuccessConditions(conditions=condition(result, *rules)))


def at_the_gate(world: World) -> str:
    execution_id = world.start()
    world.succeed("Pull")
    return execution_id


def gate_status(world: World, execution_id: str, gate: str = "beforeEntry") -> str:
    return world.execution(execution_id).stages["S1"].gates[gate].status  # type: ignore[index]


class TestBeforeEntry:
    def test_a_rule_that_holds_lets_the_execution_in(self) -> None:
        world = entry("FAIL", check("go"))
        execution_id = at_the_gate(world)
        assert world.open_actions() == ["A"]
        assert gate_status(world, execution_id) == "Succeeded"

    def test_a_rule_that_does_not_hold_fails_the_stage_before_anything_runs(self) -> None:
        world = entry("FAIL", check("stop"))
        execution_id = at_the_gate(world)
        assert world.execution(execution_id).status == "Failed"
        assert world.execution(execution_id).stages["S1"].actions == {}
        assert not world.jobs

    def test_skip_goes_on_with_the_next_stage(self) -> None:
        world = entry("SKIP", check("stop"))
        execution_id = at_the_gate(world)
        assert world.execution(execution_id).stages["S1"].status == "Skipped"
        assert world.open_actions() == ["B"]

    def test_the_actions_wait_for_all_rules(self) -> None:
        world = entry("FAIL", rule("Window"), rule("Function", "LambdaInvoke"), check("go"))
        at_the_gate(world)
        assert world.open_actions() == ["beforeEntry:Function", WINDOW]
        world.succeed(WINDOW)
        assert world.open_actions() == ["beforeEntry:Function"]
        world.succeed("beforeEntry:Function")
        assert world.open_actions() == ["A"]

    def test_a_rule_that_nobody_serves_says_so(self) -> None:
        world = entry("FAIL", rule("Alarm", "CloudWatchAlarm", AlarmName="a"))
        execution_id = at_the_gate(world)
        run = world.execution(execution_id).stages["S1"].gates["beforeEntry"].rules["Alarm"]
        assert run.error is not None
        assert run.error.code == "ConfigurationError"

    def test_a_rule_may_go_on_in_further_jobs_and_survive_the_loss_of_one(self) -> None:
        world = entry("FAIL", rule("Window"))
        at_the_gate(world)
        first = world.job(WINDOW)
        made = world.run(JobSucceeded(first, continuation_token="later", continue_seconds=60.0))
        offered = next(event for event in made.events if isinstance(event, RuleJobOffered))
        assert offered.job.visible_at == world.now + 60.0
        second = world.job(WINDOW)
        world.run(JobLost(second, "later"))
        assert world.job(WINDOW).id not in (first.id, second.id)
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(second))

    def test_a_rule_has_a_deadline(self) -> None:
        world = entry("FAIL", rule("Function", "LambdaInvoke"))
        execution_id = at_the_gate(world)
        world.now += 3600
        world.run(TimerFired("Deadline", "pipeline-id"))
        assert world.execution(execution_id).status == "Failed"
        assert not world.jobs


class TestOnSuccess:
    @pytest.mark.parametrize(("value", "status"), [("go", "InProgress"), ("stop", "Failed")])
    def test_it_decides_whether_the_stage_has_succeeded(self, value: str, status: str) -> None:
        world = success("FAIL", check(value))
        execution_id = at_the_gate(world)
        world.succeed("A")
        assert world.execution(execution_id).status == status

    def test_rollback_goes_to_the_last_good_execution(self) -> None:
        world = success("ROLLBACK", rule("Window"))
        good = at_the_gate(world)
        world.succeed("A")
        world.succeed("onSuccess:Window")
        world.succeed("B")
        bad = at_the_gate(world)
        world.succeed("A")
        world.run(JobFailed(world.job("onSuccess:Window"), FAILURE))
        assert world.execution(bad).status == "Failed"
        rollback = next(each for each in world.state.executions.values() if each.kind == "ROLLBACK")
        assert rollback.rollback_target == good


class TestOnFailure:
    @pytest.mark.parametrize(("value", "rollbacks"), [("go", 1), ("stop", 0)])
    def test_the_result_follows_if_the_condition_is_met(self, value: str, rollbacks: int) -> None:
        failure = wire.FailureConditions(conditions=condition("ROLLBACK", check(value)))
        world = gated(on_failure=failure)
        at_the_gate(world)
        world.succeed("A")
        world.succeed("B")
        bad = at_the_gate(world)
        world.run(JobFailed(world.job("A"), FAILURE))
        assert world.execution(bad).status == "Failed"
        assert sum(each.kind == "ROLLBACK" for each in world.state.executions.values()) == rollbacks


class TestComparisons:
    @pytest.mark.parametrize(
        ("given", "operator", "expected", "holds"),
        [
            ("a", "EQ", "a", True),
            ("a", "EQ", "A", False),
            ("a", "NE", "b", True),
            ("a", "NE", "a", False),
            ("abc", "CONTAINS", "b", True),
            ("abc", "CONTAINS", "x", False),
            ("v1.2", "MATCHES", r"v\d\.\d", True),
            ("xv1.2", "MATCHES", r"v\d\.\d", False),
            ("a", "MATCHES", "(", False),
        ],
    )
    def test_operators(self, given: str, operator: str, expected: str, holds: bool) -> None:
        world = entry("FAIL", check(given, expected, operator))
        at_the_gate(world)
        assert (world.open_actions() == ["A"]) == holds


class TestOverride:
    def test_a_failed_entry_condition_is_overridden_and_the_stage_runs(self) -> None:
        world = entry("FAIL", check("stop"))
        execution_id = at_the_gate(world)
        world.forget_ended()
        world.run(OverrideCondition("S1", execution_id, "beforeEntry", "me"))
        assert world.execution(execution_id).status == "InProgress"
        assert world.open_actions() == ["A"]
        assert gate_status(world, execution_id) == "Overridden"

    def test_an_open_condition_is_overridden_and_its_rules_abandoned(self) -> None:
        world = entry("FAIL", rule("Window"))
        execution_id = at_the_gate(world)
        job = world.job(WINDOW)
        world.run(OverrideCondition("S1", execution_id, "beforeEntry", "me"))
        run = world.execution(execution_id).stages["S1"].gates["beforeEntry"].rules["Window"]
        assert run.status == "Abandoned"
        assert world.open_actions() == ["A"]
        with pytest.raises(JobNotInProgress):
            world.run(JobSucceeded(job))

    def test_a_failed_success_condition_is_overridden_and_the_execution_goes_on(self) -> None:
        world = success("FAIL", check("stop"))
        execution_id = at_the_gate(world)
        world.succeed("A")
        world.run(OverrideCondition("S1", execution_id, "onSuccess", "me"))
        assert world.open_actions() == ["B"]

    def test_what_was_met_or_skipped_or_never_looked_at_cannot_be_overridden(self) -> None:
        world = entry("FAIL", check("go"))
        execution_id = at_the_gate(world)
        for gate in ("beforeEntry", "onSuccess"):
            with pytest.raises(ConditionNotOverridable):
                world.run(OverrideCondition("S1", execution_id, gate, "me"))  # type: ignore[arg-type]
        skipped = entry("SKIP", check("stop"))
        execution_id = at_the_gate(skipped)
        with pytest.raises(NotLatestExecution):
            skipped.run(OverrideCondition("S1", execution_id, "beforeEntry", "me"))

    def test_after_another_execution_has_come_it_is_too_late(self) -> None:
        world = entry("FAIL", check("stop"))
        first = at_the_gate(world)
        at_the_gate(world)
        with pytest.raises(NotLatestExecution):
            world.run(OverrideCondition("S1", first, "beforeEntry", "me"))


def test_stopping_gives_up_an_open_condition() -> None:
    world = entry("FAIL", rule("Window"))
    execution_id = at_the_gate(world)
    world.run(StopExecution(execution_id, abandon=False))
    assert world.execution(execution_id).status == "Stopped"
    assert gate_status(world, execution_id) == "Abandoned"
    assert not world.jobs
