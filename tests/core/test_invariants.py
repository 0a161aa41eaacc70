"""Whatever is asked in whatever order, these hold."""

import random
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from core.worlds import APPROVAL, World, action, declaration, version_of
from penstock.core.commands import (
    AnswerApproval,
    Command,
    DisableTransition,
    EnableTransition,
    JobFailed,
    JobLost,
    JobSucceeded,
    OverrideCondition,
    ReplaceDeclaration,
    RetryStage,
    RollbackStage,
    StopExecution,
    TimerFired,
)
from penstock.core.events import StageEntered
from penstock.core.model import Execution, RuleRun, StageRun
from penstock.core.refusals import Refusal
from penstock.wire import types as wire

SEEDS = range(12)
STEPS = 900
STAGES = ("Source", "S1", "S2", "S3")
FINAL = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


def shape(mode: str) -> wire.PipelineDeclaration:
    more = {} if mode == "SUPERSEDED" else {"pipeline_type": "V2"}
    plain = declaration(
        [action("A"), action("B"), action("C", order=2)],
        [action("Gate", APPROVAL), action("D", order=2)],
        [action("E")],
        mode=mode,
        **more,
    )
    source, first, second, third = plain.stages
    window = wire.RuleDeclaration(
        name="Window",
        rule_type_id=wire.RuleTypeId(category="Rule", owner="AWS", provider="DeploymentWindow", version="1"),
    )
    entry = wire.BeforeEntryConditions(conditions=(wire.Condition(result="FAIL", rules=(window,)),))
    success = wire.SuccessConditions(conditions=(wire.Condition(result="FAIL", rules=(window,)),))
    stages = (
        source,
        replace(first, before_entry=entry, on_failure=wire.FailureConditions(result="RETRY")),
        replace(second, on_success=success),
        replace(third, on_failure=wire.FailureConditions(result="ROLLBACK")),
    )
    return replace(plain, stages=stages)


def rules_of(passage: StageRun) -> list[RuleRun]:
    return [rule for condition in passage.gates.values() for rule in condition.rules.values()]


class Chaos:
    """Picks a command at random, sensible or not."""

    def __init__(self, seed: int, mode: str) -> None:
        self.random = random.Random(seed)
        self.mode = mode
        self.world = World(shape(mode))
        self.versions = 1
        self.ended: dict[str, Execution] = {}
        self.entered: dict[str, list[int]] = {}

    def pick(self) -> Callable[[], object]:
        choices: list[tuple[int, Callable[[], object]]] = [
            (4, self.world.start),
            (30, lambda: self.on_job(JobSucceeded)),
            (2, lambda: self.on_job(lambda job: JobSucceeded(job, continuation_token="t"))),
            (2, lambda: self.on_job(lambda job: JobFailed(job, wire.FailureDetails(type="JobFailed", message="m")))),
            (1, lambda: self.on_job(JobLost)),
            (8, self.answer),
            (2, self.stop),
            (2, self.turn),
            (1, self.update),
            (2, self.wait),
            (5, self.retry),
            (2, self.roll_back),
            (2, self.override),
        ]
        weights = [weight for weight, _ in choices]
        return self.random.choices([choice for _, choice in choices], weights)[0]

    def on_job(self, make: Callable[..., Command]) -> None:
        jobs = list(self.world.jobs.values())
        if jobs:
            self.world.run(make(self.random.choice(jobs)))

    def answer(self) -> None:
        for execution in self.world.state.executions.values():
            for stage, passage in execution.stages.items():
                for name, run in passage.actions.items():
                    if run.token is not None and self.random.random() < 0.7:
                        status = self.random.choice(["Approved", "Approved", "Rejected"])
                        result = wire.ApprovalResult(summary="", status=status)  # type: ignore[arg-type]
                        self.world.run(AnswerApproval(stage, name, run.token, result, "me"))
                        return

    def known(self) -> str | None:
        """An execution that there was or is."""
        executions = [*self.world.history, *self.world.state.executions]
        return self.random.choice(executions[-12:]) if executions else None

    def retry(self) -> None:
        execution_id = self.known()
        if execution_id is not None:
            mode = self.random.choice(["FAILED_ACTIONS", "ALL_ACTIONS"])
            self.world.run(RetryStage(self.random.choice(STAGES), execution_id, mode))  # type: ignore[arg-type]

    def roll_back(self) -> None:
        target = self.known()
        if target is not None:
            self.world.run(RollbackStage(self.random.choice(STAGES), target, "me"))

    def override(self) -> None:
        execution_id = self.known()
        if execution_id is not None:
            gate = self.random.choice(["beforeEntry", "onSuccess"])
            self.world.run(OverrideCondition(self.random.choice(STAGES), execution_id, gate, "me"))  # type: ignore[arg-type]

    def stop(self) -> None:
        executions = list(self.world.state.executions)
        if executions:
            self.world.run(StopExecution(self.random.choice(executions), abandon=self.random.random() < 0.5))

    def turn(self) -> None:
        stage = self.random.choice(["Source", "S1", "S2", "S3"])
        if self.random.random() < 0.4:
            self.world.run(DisableTransition(stage, "Inbound", "r", "me"))
        else:
            self.world.run(EnableTransition(stage, "Inbound", "me"))

    def update(self) -> None:
        self.versions += 1
        self.world.run(ReplaceDeclaration(version_of(shape(self.mode), self.versions)))

    def wait(self) -> None:
        """Let time pass, sometimes past a deadline; due timers fire, and sometimes one fires twice."""
        self.world.now += self.random.choice([1.0, 600.0, 90_000.0])
        for (kind, stamp), due_at in list(self.world.timers.items()):
            if due_at <= self.world.now:
                del self.world.timers[kind, stamp]
                for _ in range(self.random.choice([1, 1, 2])):
                    self.world.run(TimerFired(kind, stamp))

    def step(self) -> None:
        before = dict(self.world.state.executions)
        try:
            self.pick()()
        except Refusal:
            assert self.world.state.executions == before, "a refusal changed something"
        self.check()

    def check(self) -> None:
        state, world = self.world.state, self.world
        running = [execution for execution in state.executions.values() if execution.is_open]
        self.check_final()
        self.check_jobs(running)
        if self.mode != "PARALLEL":
            self.check_slots(running)
        deadlines = [
            run.deadline_at
            for execution in running
            for passage in execution.stages.values()
            for run in (*passage.actions.values(), *rules_of(passage))
            if run.status == "InProgress"
        ]
        for deadline_at in deadlines:
            assert deadline_at is not None
            assert world.timers["Deadline", "pipeline-id"] <= deadline_at, "a wait has no timer"

    def check_final(self) -> None:
        """What has ended stays as it ended, but for a retry; like the database, keep it out of the aggregate."""
        for execution_id, execution in self.world.state.executions.items():
            before = self.ended.get(execution_id)
            if before is not None and execution is not before:
                assert before.status in ("Failed", "Stopped"), f"{before.status} has changed"
                del self.ended[execution_id]
            if execution.status in FINAL:
                self.ended[execution_id] = execution
                for passage in execution.stages.values():
                    runs = (*passage.actions.values(), *rules_of(passage))
                    assert all(run.status != "InProgress" for run in runs)
        self.world.forget_ended()

    def check_jobs(self, running: list[Execution]) -> None:
        """An action has at most one open job, and no job is without its attempt."""
        expected = {
            run.job_id
            for execution in running
            for passage in execution.stages.values()
            for run in (*passage.actions.values(), *rules_of(passage))
            if run.job_id is not None
        }
        assert expected == set(self.world.jobs)
        runs = [job.run_id for job in self.world.jobs.values()]
        assert len(runs) == len(set(runs))

    def check_slots(self, running: list[Execution]) -> None:
        """One execution a stage; whoever waits stands in one queue; nobody is lost between."""
        slots = self.world.state.head.slots
        occupants = [slot.occupant for slot in slots.values() if slot.occupant is not None]
        waiting = [each for slot in slots.values() for each in slot.waiting]
        assert len(set(occupants)) == len(occupants)
        assert sorted([*occupants, *waiting]) == sorted(execution.id for execution in running)
        if self.mode == "SUPERSEDED":
            assert all(len(slot.waiting) <= 1 for slot in slots.values())
        for slot in slots.values():
            assert not (slot.waiting and slot.occupant is None and slot.is_enabled), "a free stage lets nobody in"


@pytest.mark.parametrize("mode", ["SUPERSEDED", "QUEUED", "PARALLEL"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_invariants_hold_through_any_course(mode: str, seed: int) -> None:
    chaos = Chaos(seed, mode)
    for _ in range(STEPS):
        chaos.step()
    assert len(chaos.ended) > 10, "the course was too short to say anything"


@pytest.mark.parametrize("mode", ["SUPERSEDED", "QUEUED"])
def test_stages_are_entered_in_order_and_by_the_living_alone(mode: str) -> None:
    chaos = Chaos(99, mode)
    order = ["Source", "S1", "S2", "S3"]
    run, seen = chaos.world.run, {}

    def watched(command: Command) -> object:
        made = run(command)
        for event in made.events:
            if isinstance(event, StageEntered):
                assert event.execution_id not in chaos.ended, "an ended execution entered a stage"
                is_rollback = chaos.world.state.executions[event.execution_id].kind == "ROLLBACK"
                assert is_rollback or order.index(event.stage) == seen.get(event.execution_id, -1) + 1
                seen[event.execution_id] = order.index(event.stage)
        return made

    chaos.world.run = watched  # type: ignore[method-assign, assignment]
    for _ in range(2000):
        chaos.step()


def test_stopping_everything_ends_everything() -> None:
    chaos = Chaos(7, "QUEUED")
    for _ in range(300):
        chaos.step()
    for execution_id in list(chaos.world.state.executions):
        chaos.world.run(StopExecution(execution_id, abandon=True))
    chaos.check()
    assert not [execution for execution in chaos.world.state.executions.values() if execution.is_open]
    assert not chaos.world.jobs
