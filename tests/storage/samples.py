"""Rows for the storage suite, and a way to run what is asynchronous."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import pytest

from penstock.core.model import (
    ActionBinding,
    ActionRun,
    Artifact,
    Execution,
    Head,
    JobWork,
    Pipeline,
    PipelineVersion,
    StageSlot,
    TypeId,
)
from penstock.ports.storage import (
    Aggregate,
    Changes,
    Claim,
    ExecutionRow,
    NewJob,
    PipelineRow,
    RunInput,
    RunRow,
    Storage,
    Transaction,
)
from penstock.wire import types as wire

ACCOUNT, REGION = "111122223333", "eu-west-1"
KIND = f"Custom/{ACCOUNT}/{REGION}/Build/Builder/1"
TYPE_ID = wire.ActionTypeId(category="Build", owner="Custom", provider="Builder", version="1")
WORK_TYPE = TypeId("Build", "Custom", "Builder", "1")
TRIGGER = wire.ExecutionTrigger(trigger_type="StartPipelineExecution")
T = TypeVar("T")


class Store:
    """A storage adapter, spoken to without `await`."""

    def __init__(self, storage: Storage, runner: asyncio.Runner) -> None:
        self.storage, self._runner = storage, runner

    def commit(self, work: Callable[[Transaction], T]) -> T:
        return self._runner.run(self.storage.commit(work))

    def read(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def read_within(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Read while a commit is under way: from its own thread, or in one go if that is the loop's."""
        loop = self._runner.get_loop()
        with suppress(RuntimeError):
            assert asyncio.get_running_loop() is loop
            with pytest.raises(StopIteration) as ended:
                coroutine.send(None)
            value: T = ended.value.value
            return value
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=10)

    @property
    def reader(self) -> Any:
        return self.storage.reader


def row(name: str = "line", version: int = 1, region: str = REGION, account: str = ACCOUNT) -> PipelineRow:
    return PipelineRow(f"id-{account}-{region}-{name}", account, region, name, version, 1.0, 1.0)


def head(pipeline: PipelineRow, **more: Any) -> Head:
    return Head(
        id=pipeline.id,
        account=pipeline.account,
        region=pipeline.region,
        name=pipeline.name,
        version=1,
        mode="PARALLEL",
        slots={"Source": StageSlot(), "Build": StageSlot()},
        **more,
    )


def version(number: int = 1, name: str = "line", **declares: Any) -> PipelineVersion:
    actions = tuple(
        wire.StageDeclaration(name=stage, actions=(wire.ActionDeclaration(name="Make", action_type_id=TYPE_ID),))
        for stage in ("Source", "Build")
    )
    declared = wire.PipelineDeclaration(
        name=name, role_arn="arn:aws:iam::111122223333:role/r", stages=actions, **declares
    )
    bindings = {f"{stage}/Make": ActionBinding(KIND, 60) for stage in ("Source", "Build")}
    return PipelineVersion(number, declared, bindings)


def add(store: Store, pipeline: PipelineRow) -> None:
    def work(transaction: Transaction) -> None:
        transaction.add_pipeline(pipeline, head(pipeline))
        transaction.add_version(pipeline, version(1, pipeline.name), 1.0)

    store.commit(work)


def execution(number: int, status: str = "InProgress", **more: Any) -> Execution:
    return Execution(
        id=f"execution-{number}",
        version=1,
        mode="PARALLEL",
        status=status,
        trigger=TRIGGER,
        started_at=float(number),
        updated_at=float(number),
        number=number,
        **more,
    )


def work_of(action: str = "Make") -> JobWork:
    return JobWork(WORK_TYPE, {"Key": "value"}, "line", "execution-1", "Build", action, "run-1")


def new_job(number: int, pipeline: PipelineRow, **more: Any) -> NewJob:
    given: dict[str, Any] = {
        "id": f"job-{number}",
        "account": pipeline.account,
        "region": pipeline.region,
        "pipeline_id": pipeline.id,
        "execution_id": "execution-1",
        "stage": "Build",
        "action": "Make",
        "run_id": "run-1",
        "type_key": KIND,
        "query_key": "",
        "visible_at": 10.0,
        "created_at": 10.0,
        "work": work_of(),
    }
    return NewJob(**{**given, **more})


def offer(store: Store, *jobs: NewJob) -> None:
    store.commit(lambda transaction: transaction.write(Changes(jobs_offered=list(jobs))))


def claim(jobs_max: int = 1, now: float = 100.0, **more: Any) -> Claim:
    given: dict[str, Any] = {"type_key": KIND, "query_key": "", "claimant": "somebody", "redeliver_at": now + 60}
    return Claim(**{**given, "jobs_max": jobs_max, "now": now, **more})


def step_of(pipeline: PipelineRow, revision: int, *executions: Execution, before: str | None = None) -> Changes:
    """What a step makes of a pipeline: a new revision, some executions."""
    state = Pipeline(head(pipeline), {each.id: each for each in executions}, {1: version(1, pipeline.name)})
    return Changes(
        aggregates=[Aggregate(state, revision, is_head_changed=True)],
        executions=[ExecutionRow(pipeline.account, pipeline.id, each, before) for each in executions],
    )


def run_row(pipeline: PipelineRow, execution_number: int, number: int, status: str = "InProgress") -> RunRow:
    box = Artifact("Box", "bucket", f"key-{number}")
    run = ActionRun(f"run-{execution_number}-{number}", status, 1.0, 1.0, number=number, outputs=(box,))
    given = RunInput({"Key": "value"}, (box,)) if status == "InProgress" else None
    where = (execution_number, f"execution-{execution_number}", 1, "Build", "Make")
    return RunRow(pipeline.account, pipeline.id, *where, run, given)
