"""What an execution waits for, said in one sentence; and whatever happens, an open one waits for something."""

import pytest
from msgspec.structs import replace

from core.test_invariants import Chaos, rules_of
from core.worlds import APPROVAL, World, action, declaration, version_of
from penstock.core.commands import (
    DisableTransition,
    JobFailed,
    JobSucceeded,
    ReplaceDeclaration,
    StopExecution,
)
from penstock.core.endings import ending_of
from penstock.core.limits import DAY
from penstock.core.model import Execution, Pipeline
from penstock.core.waits import JobStanding, Wait, jobs_of, waits_of
from penstock.core.wording import span_words
from penstock.wire import types as wire

UNTIL = "1970-01-02 00:16:40 UTC"  # a custom action's time, from the world's first moment on


def waits(world: World, **standing: object) -> list[Wait]:
    """The waits, each job standing alike if anything is told of them."""
    jobs = {}
    if standing:
        known = {"since": world.now, "visible_at": world.now, **standing}
        jobs = {job_id: JobStanding(**known) for job_id in world.jobs}  # type: ignore[arg-type]
    return waits_of(world.state, world.now, jobs)


def only(found: list[Wait]) -> Wait:
    assert len(found) == 1, found
    return found[0]


def past_the_source(*stages: list[wire.ActionDeclaration], **more: object) -> World:
    world = World(declaration(*stages, **more))  # type: ignore[arg-type]
    world.start()
    world.succeed("Pull")
    return world


class TestWorkers:
    def test_an_action_whose_job_is_not_looked_up_waits_for_a_worker_of_its_type(self) -> None:
        world = past_the_source([action("Make")])
        wait = only(waits(world))
        assert (wait.reason, wait.stage, wait.action, wait.since) == ("Worker", "S1", "Make", 1000.0)
        assert wait.job_id in world.jobs
        assert wait.sentence == (
            "Action 'Make' of stage 'S1' in pipeline 'line' waits for a worker of Build/Custom/P/1; "
            f"without a result it fails at {UNTIL}."
        )

    @pytest.mark.parametrize(
        ("standing", "reason", "since", "said"),
        [
            (
                {"status": "Queued", "query": "Project=a"},
                "Worker",
                1000.0,
                (
                    f"waits for a worker to poll for its job of Build/Custom/P/1 with Project=a; "
                    f"without a result it fails at {UNTIL}."
                ),
            ),
            (
                {"status": "Queued", "since": 990.0, "visible_at": 1030.0, "is_follow_up": True},
                "Pause",
                990.0,
                "pauses as its worker asked: its next job can be polled for at 1970-01-01 00:17:10 UTC.",
            ),
            (
                {"status": "Queued", "since": 970.0, "visible_at": 995.0, "is_follow_up": True},
                "Worker",
                995.0,
                f"waits for a worker to poll for its job of Build/Custom/P/1; without a result it fails at {UNTIL}.",
            ),
            (
                {"status": "Dispatched", "since": 960.0, "visible_at": 1020.0, "worker": "Ann"},
                "Worker",
                960.0,
                (
                    "waits for Ann to acknowledge its job: it was handed it at 1970-01-01 00:16:00 UTC, "
                    "and loses it again at 1970-01-01 00:17:00 UTC."
                ),
            ),
            (
                {"status": "Dispatched", "since": 900.0, "visible_at": 960.0, "worker": "Ann"},
                "Worker",
                900.0,
                (
                    "waits for a worker to poll for its job of Build/Custom/P/1: Ann was handed it at 1970-01-01 00:15:00 UTC "
                    f"and did not acknowledge it; without a result it fails at {UNTIL}."
                ),
            ),
            (
                {"status": "InProgress", "since": 960.0, "worker": "Ann"},
                "Worker",
                960.0,
                (
                    f"waits for the result of Ann, acknowledged at 1970-01-01 00:16:00 UTC; "
                    f"without a result it fails at {UNTIL}."
                ),
            ),
            (
                {"status": "InProgress", "since": 960.0, "worker": "Ann", "timeout_seconds": 100},
                "Worker",
                960.0,
                (
                    "waits for the result of Ann, acknowledged at 1970-01-01 00:16:00 UTC; "
                    "without a result it fails at 1970-01-01 00:17:40 UTC."
                ),
            ),
        ],
    )
    def test_how_the_job_stands_says_more(
        self, standing: dict[str, object], reason: str, since: float, said: str
    ) -> None:
        wait = only(waits(past_the_source([action("Make")]), **standing))
        assert (wait.reason, wait.since) == (reason, since)
        assert wait.sentence == f"Action 'Make' of stage 'S1' in pipeline 'line' {said}"

    def test_every_action_that_runs_has_a_wait_of_its_own(self) -> None:
        world = past_the_source([action("A"), action("B"), action("C", order=2)])
        assert [wait.action for wait in waits(world)] == ["A", "B"]
        assert sorted(jobs_of(next(iter(world.state.executions.values())))) == sorted(world.jobs)


class TestPeople:
    def test_an_approval_waits_for_somebody(self) -> None:
        wait = only(waits(past_the_source([action("Ask", APPROVAL)])))
        assert (wait.reason, wait.action, wait.job_id) == ("Approval", "Ask", None)
        assert wait.sentence == (
            "Action 'Ask' of stage 'S1' in pipeline 'line' waits for somebody to approve or reject it "
            "until 1970-01-08 00:16:40 UTC; then it fails."
        )

    def closed(self) -> World:
        world = World(declaration([action("Make")]))
        world.run(DisableTransition("S1", "Inbound", "freeze", "Ann"))
        world.start()
        world.now += 60
        world.succeed("Pull")
        return world

    def test_a_disabled_transition_names_who_closed_it_and_why(self) -> None:
        world = self.closed()
        wait = only(waits(world))
        execution_id = next(iter(world.state.executions))
        assert (wait.reason, wait.stage, wait.action, wait.since) == ("Transition", "S1", None, 1060.0)
        assert wait.sentence == (
            f"Execution {execution_id} waits in front of stage 'S1' of pipeline 'line': "
            "Ann disabled the transition at 1970-01-01 00:16:40 UTC (freeze); enable it."
        )

    def test_what_is_closed_for_too_long_does_not_go_on(self) -> None:
        world = self.closed()
        world.now += 31 * DAY
        sentence = only(waits(world)).sentence
        assert sentence.endswith("; since that is more than 30 days ago, enabling it cancels the execution.")


class TestOtherExecutions:
    def test_whoever_is_in_the_stage_is_named(self) -> None:
        world = World(declaration([action("Make")]))
        first, second = world.start(), world.start()
        wait = waits(world)[1]
        assert (wait.reason, wait.execution_id, wait.stage) == ("EarlierExecution", second, "Source")
        assert wait.sentence == (
            f"Execution {second} waits in front of stage 'Source' of pipeline 'line' until execution {first} has left it."
        )

    def test_a_queue_says_how_many_are_ahead(self) -> None:
        world = World(declaration([action("Make")], mode="QUEUED", pipeline_type="V2"))
        first = world.start()
        for _ in range(3):
            world.start()
        ends = [wait.sentence.partition(" until ")[2] for wait in waits(world)[1:]]
        left = f"execution {first} has left it"
        assert ends == [
            f"{left}.",
            f"{left} and the 1 execution that is ahead in the queue went in.",
            f"{left} and the 2 executions that are ahead in the queue went in.",
        ]

    def test_a_closed_stage_with_somebody_in_it_is_waited_for_twice(self) -> None:
        world = World(declaration([action("Make")]))
        world.start()
        world.run(DisableTransition("Source", "Inbound", "freeze", "Ann"))
        second = world.start()
        assert [wait.reason for wait in waits(world) if wait.execution_id == second] == [
            "Transition",
            "EarlierExecution",
        ]


class TestRules:
    def gated(self, provider: str) -> World:
        rule = wire.RuleDeclaration(
            name="Look", rule_type_id=wire.RuleTypeId(category="Rule", owner="AWS", provider=provider, version="1")
        )
        gate = wire.BeforeEntryConditions(conditions=(wire.Condition(result="FAIL", rules=(rule,)),))
        plain = declaration([action("Make")], pipeline_type="V2")
        source, first = plain.stages
        world = World(replace(plain, stages=(source, replace(first, before_entry=gate))))
        world.start()
        world.succeed("Pull")
        return world

    def test_a_rule_waits_for_the_worker_of_its_type(self) -> None:
        wait = only(waits(self.gated("LambdaInvoke")))
        assert (wait.reason, wait.gate, wait.rule, wait.action) == ("Rule", "beforeEntry", "Look", None)
        assert wait.sentence.startswith(
            "Rule 'Look' of the condition before entry of stage 'S1' in pipeline 'line' "
            "waits for a worker of Rule/AWS/LambdaInvoke/1; "
        )

    def test_a_window_says_when_it_opens(self) -> None:
        world = self.gated("DeploymentWindow")
        assert only(waits(world)).reason == "DeploymentWindow"
        details = wire.ExecutionDetails(summary="The window opens at noon.")
        job = next(iter(world.jobs.values()))
        world.run(JobSucceeded(job, continuation_token="t", continue_seconds=900.0, details=details))
        assert only(waits(world)).sentence == (
            "Rule 'Look' of the condition before entry of stage 'S1' in pipeline 'line' waits for its window: "
            "The window opens at noon; without a result it fails at 1970-01-08 00:16:40 UTC."
        )


class TestWhatIsBeingEnded:
    def test_a_stop_waits_for_what_works(self) -> None:
        world = past_the_source([action("A"), action("B")])
        execution_id = next(iter(world.state.executions))
        world.now += 5
        world.run(StopExecution(execution_id, abandon=False, reason="no need"))
        stop, *working = waits(world)
        assert (stop.reason, stop.since, stop.stage) == ("Stop", 1005.0, "S1")
        assert stop.sentence == (
            f"Execution {execution_id} of pipeline 'line' is being stopped (no need); "
            "it ends when what runs in stage 'S1' has ended: 'A', 'B'."
        )
        assert [wait.reason for wait in working] == ["Worker", "Worker"]

    def test_an_update_lets_what_works_end(self) -> None:
        world = past_the_source([action("A")])
        execution_id = next(iter(world.state.executions))
        world.now += 5
        world.run(ReplaceDeclaration(version_of(declaration([action("A")]), 2)))
        world.now += 5
        update, working = waits(world)
        assert (update.reason, update.since, working.reason) == ("Update", 1005.0, "Worker")
        assert update.sentence == (
            f"Execution {execution_id} of pipeline 'line' was cancelled by an update of the pipeline; "
            "it ends when what runs in stage 'S1' has ended: 'A'."
        )


class TestEndings:
    def told(self, world: World, execution_id: str) -> str:
        execution = world.execution(execution_id)
        assert not execution.is_open
        ending = ending_of(world.state, execution)
        assert ending.at == execution.updated_at
        subject = f"Execution {execution_id} of pipeline 'line' "
        assert ending.sentence.startswith(subject)
        return ending.sentence.removeprefix(subject)

    def test_success_needs_no_reason(self) -> None:
        world = past_the_source([action("A")])
        world.succeed("A")
        assert self.told(world, next(iter(world.state.executions))) == "succeeded at 1970-01-01 00:16:40 UTC."

    def test_the_first_error_is_the_reason(self) -> None:
        world = past_the_source([action("A"), action("B")])
        for name in ("B", "A"):
            world.now += 1
            failure = wire.FailureDetails(type="JobFailed", message=f"{name} broke")
            world.run(JobFailed(world.job(name), failure))
        execution_id = next(iter(world.state.executions))
        assert self.told(world, execution_id) == (
            "failed in stage 'S1' at 1970-01-01 00:16:42 UTC: action 'B' failed with JobFailed: B broke."
        )
        error = ending_of(world.state, world.execution(execution_id)).error
        assert error == wire.ErrorDetails(code="JobFailed", message="B broke")

    def test_a_condition_that_was_not_met_names_its_rule(self) -> None:
        world = TestRules().gated("LambdaInvoke")
        failure = wire.FailureDetails(type="JobFailed", message="not today")
        world.run(JobFailed(next(iter(world.jobs.values())), failure))
        assert self.told(world, next(iter(world.state.executions))) == (
            "failed in stage 'S1' at 1970-01-01 00:16:40 UTC: the condition before entry was not met: "
            "its rule 'Look' failed with JobFailed: not today."
        )

    def test_a_superseded_execution_was_overtaken(self) -> None:
        world = World(declaration([action("Make")]))
        _, second, _ = world.start(), world.start(), world.start()
        assert self.told(world, second) == (
            "was superseded in front of stage 'Source' at 1970-01-01 00:16:40 UTC: a newer execution took its place."
        )

    def test_a_stop_and_an_update_say_why(self) -> None:
        world = World(declaration([action("Make")]))
        first, second = world.start(), world.start()
        world.run(StopExecution(first, abandon=True, reason="no need"))
        assert self.told(world, first) == "was stopped in stage 'Source' at 1970-01-01 00:16:40 UTC: no need."
        third = world.start()
        world.run(ReplaceDeclaration(version_of(declaration([action("A")]), 2)))
        assert self.told(world, third) == (
            "was cancelled in front of stage 'Source' at 1970-01-01 00:16:40 UTC: "
            "Cancelled by the update of the pipeline to version 2."
        )
        assert world.execution(second).is_open


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7800, "2 h 10 min"),
        (7200, "2 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_told_in_its_largest_units(seconds: float, said: str) -> None:
    assert span_words(seconds) == said


def check(state: Pipeline, now: float) -> set[str]:
    """Each open execution waits for something, each attempt that works is a wait, and nothing else is; the reasons."""
    found = waits_of(state, now, {})
    running = [execution for execution in state.executions.values() if execution.is_open]
    assert {wait.execution_id for wait in found} == {execution.id for execution in running}
    for execution in running:
        mine = [wait for wait in found if wait.execution_id == execution.id]
        assert sorted(wait.job_id for wait in mine if wait.job_id is not None) == sorted(jobs_of(execution))
        assert sum(wait.action is not None or wait.rule is not None for wait in mine) == working(execution)
    for wait in found:
        assert wait.since <= now
        assert "'line'" in wait.sentence
        assert f"'{wait.stage}'" in wait.sentence
        assert wait.sentence.endswith(".")
    return {wait.reason for wait in found}


def working(execution: Execution) -> int:
    passages = execution.stages.values()
    runs = [run for passage in passages for run in (*passage.actions.values(), *rules_of(passage))]
    return sum(run.status == "InProgress" for run in runs)


@pytest.mark.parametrize("mode", ["SUPERSEDED", "QUEUED", "PARALLEL"])
def test_through_any_course_every_open_execution_waits_and_every_ended_one_has_a_reason(mode: str) -> None:
    seen: set[str] = set()
    for seed in range(1000, 1003):
        chaos = Chaos(seed, mode)
        for _ in range(600):
            chaos.step()
            seen |= check(chaos.world.state, chaos.world.now)
        for execution in chaos.ended.values():
            sentence = ending_of(chaos.world.state, execution).sentence
            assert sentence.endswith(".")
            assert execution.status in ("Succeeded", "Stopped") or ": " in sentence, "an end without a reason"
    alone = {"Approval", "DeploymentWindow", "Stop", "Worker"}
    assert seen == (alone if mode == "PARALLEL" else alone | {"EarlierExecution", "Transition", "Update"})
