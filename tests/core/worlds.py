"""Aggregates for tests of the core: small declarations, counted ids, a clock that is moved by hand."""

from collections.abc import Iterable
from itertools import count

from msgspec.structs import replace

from penstock.core.action_types import ActionTypeRules, ArtifactCount, builtin, type_key
from penstock.core.commands import (
    Command,
    JobSucceeded,
    OverrideCondition,
    RetryStage,
    RollbackStage,
    StartExecution,
)
from penstock.core.declaration import bind_actions, normalise
from penstock.core.effects import Ask, ClearTimer, EndJob, OfferJob, SetTimer
from penstock.core.model import ActionRun, Execution, Head, Job, Pipeline, PipelineVersion, StageSlot
from penstock.core.moment import Moment
from penstock.core.step import Step, step
from penstock.wire import types as wire

ACCOUNT, REGION = "111122223333", "eu-west-1"
ROLE = "arn:aws:iam::111122223333:role/r"
SERVED = frozenset({"AWS/Deploy/S3/1", "AWS/Rule/LambdaInvoke/1", "AWS/Rule/DeploymentWindow/1"})
APPROVAL = wire.ActionTypeId(category="Approval", owner="AWS", provider="Manual", version="1")


def custom(category: str = "Build") -> wire.ActionTypeId:
    return wire.ActionTypeId(category=category, owner="Custom", provider="P", version="1")  # type: ignore[arg-type]


def action(name: str, kind: wire.ActionTypeId | None = None, order: int = 1, **more: object) -> wire.ActionDeclaration:
    return wire.ActionDeclaration(name=name, action_type_id=kind or custom(), run_order=order, **more)  # type: ignore[arg-type]


def declaration(
    *stages: Iterable[wire.ActionDeclaration], mode: str = "SUPERSEDED", **more: object
) -> wire.PipelineDeclaration:
    """A source stage and then those given, called S1, S2, …"""
    declared = [wire.StageDeclaration(name="Source", actions=(action("Pull", custom("Source")),))]
    declared += [wire.StageDeclaration(name=f"S{number}", actions=tuple(each)) for number, each in enumerate(stages, 1)]
    return wire.PipelineDeclaration(
        name="line",
        role_arn=ROLE,
        artifact_store=wire.ArtifactStore(type="S3", location="artifacts"),
        stages=tuple(declared),
        execution_mode=mode,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def rules(identity: wire.ActionTypeId) -> ActionTypeRules:
    known = builtin().get(type_key(identity, ACCOUNT, REGION))
    return known or ActionTypeRules(id=identity, inputs=ArtifactCount(0, 5), outputs=ArtifactCount(0, 5))


def version_of(declared: wire.PipelineDeclaration, number: int = 1) -> PipelineVersion:
    filled = normalise(declared, number)
    return PipelineVersion(number, filled, bind_actions(filled, rules, ACCOUNT, REGION))


class World:
    """One pipeline and everything that a database would hold beside it: open jobs and timers."""

    def __init__(self, declared: wire.PipelineDeclaration, client_ids: dict[str, str] | None = None) -> None:
        version = version_of(declared)
        slots = {stage.name: StageSlot() for stage in declared.stages}
        mode = version.declaration.execution_mode or "SUPERSEDED"
        head = Head("pipeline-id", ACCOUNT, REGION, "line", 1, mode, slots)
        self.state = Pipeline(head, {}, {1: version}, client_ids or {})
        self.now = 1000.0
        self.jobs: dict[str, Job] = {}
        self.timers: dict[tuple[str, str], float] = {}
        self.history: dict[str, Execution] = {}
        self._ids = count(1)

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012x}"

    def run(self, command: Command) -> Step:
        """One step with its effects, and the commands that it asks for, as the engine carries them out."""
        state = self._brought_back(command)
        made = step(state, command, Moment(self.now, self.new_id, SERVED))
        self.state = made.state
        for effect in made.effects:
            if not isinstance(effect, Ask):
                self._follow(effect)
        for effect in made.effects:
            if isinstance(effect, Ask):
                self.run(effect.command)
        return made

    def _brought_back(self, command: Command) -> Pipeline:
        match command:
            case RetryStage() | OverrideCondition():
                wanted = self.history.get(command.execution_id)
            case RollbackStage():
                wanted = self.history.get(command.target_id)
            case _:
                wanted = None
        if wanted is None or wanted.id in self.state.executions:
            return self.state
        return replace(self.state, executions={**self.state.executions, wanted.id: wanted})

    def forget_ended(self) -> None:
        """Like the database: what has ended leaves the aggregate, and stays in the history."""
        for execution_id, execution in list(self.state.executions.items()):
            if not execution.is_open:
                self.history[execution_id] = execution
        open_ones = {key: each for key, each in self.state.executions.items() if each.is_open}
        self.state = replace(self.state, executions=open_ones)

    def _follow(self, effect: OfferJob | EndJob | SetTimer | ClearTimer) -> None:
        match effect:
            case OfferJob():
                assert effect.job.id not in self.jobs
                self.jobs[effect.job.id] = Job(
                    effect.job.id,
                    ACCOUNT,
                    REGION,
                    self.state.head.id,
                    effect.execution_id,
                    effect.stage,
                    effect.action,
                    effect.run_id,
                    effect.job.type_key,
                    "InProgress",
                )
            case EndJob():
                self.jobs.pop(effect.job_id)
            case SetTimer():
                self.timers[effect.kind, effect.stamp] = effect.due_at
            case ClearTimer():
                self.timers.pop((effect.kind, effect.stamp), None)

    def start(self) -> str:
        self.run(StartExecution(wire.ExecutionTrigger(trigger_type="StartPipelineExecution")))
        return list(self.state.executions)[-1]

    def succeed(self, action_name: str, execution_id: str | None = None, **result: object) -> Step:
        """The result of the open job of an action, the oldest execution's unless one is named."""
        return self.run(JobSucceeded(self.job(action_name, execution_id), **result))  # type: ignore[arg-type]

    def job(self, action_name: str, execution_id: str | None = None) -> Job:
        return next(
            job for job in self.jobs.values() if job.action == action_name and execution_id in (None, job.execution_id)
        )

    def open_actions(self) -> list[str]:
        return sorted(job.action for job in self.jobs.values())

    def execution(self, execution_id: str) -> Execution:
        return self.state.executions[execution_id]

    def attempt(self, execution_id: str, stage: str, action_name: str) -> ActionRun:
        return self.execution(execution_id).stages[stage].actions[action_name]
