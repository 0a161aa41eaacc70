"""The engine with its real parts in one process: SQLite, committer, wake-ups, operations; and a clock moved by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from declarations import action, custom_source, custom_type, pipeline, stage
from penstock.auth import policy
from penstock.auth.door import make_door
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.core.action_types import builtin
from penstock.engine.committer import Committer, Written
from penstock.engine.duties.timers import Timers
from penstock.operations.call import Call, Environment
from penstock.operations.polls import Polls
from penstock.operations.registry import HANDLERS
from penstock.ports.identity import AccessKey, Principal
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.wakeup.local import LocalWakeup
from penstock.wire.catalog import TARGET_PREFIX
from penstock.wire.codec import encode

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROOT = Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "root", "AKIAROOT")


class HandClock:
    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


class Ids:
    def new(self) -> str:
        return str(uuid4())


class House:
    """A server's inside without its doors. `ask` is an operation as root calls it, with the JSON of requests and answers."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.storage = SqliteStorage(folder / "penstock.db")
        self.wakeup = LocalWakeup()
        self.committer = Committer(self.storage, self.wakeup, self.clock, Ids())
        self.timers = Timers(self.storage.reader, self.committer)
        self.call = Call(ROOT, ACCOUNT, REGION, self._environment())

    def _environment(self) -> Environment:
        sealer = Sealer(b"k" * 32)
        sessions = Sessions(sealer)

        def commit(work: Any) -> Any:
            return asyncio.ensure_future(
                self.committer.write(lambda transaction: Written(work(transaction.statements)))
            )

        class NoKeys:
            async def find(self, access_key_id: str) -> AccessKey | None:
                return None

            async def principal(self, principal_id: str) -> Principal | None:
                return None

        return Environment(
            reader=self.storage.reader,
            committer=self.committer,
            wakeup=self.wakeup,
            clock=self.clock,
            ids=Ids(),
            vault=sealer,
            credentials=sessions,
            door=make_door(
                "sigv4", keys=NoKeys(), sessions=sessions, clock=self.clock, roots=[AccessKey("AKIAROOT", "s", ROOT)]
            ),
            check_policy=policy.check,
            action_types=builtin(),
            ack_timeout_seconds=60.0,
            continuation_delay_seconds=5.0,
            server_id="house",
            polls=Polls(self.clock.now()),
        )

    async def ask(self, operation: str, **request: Any) -> Any:
        prefix = TARGET_PREFIX if f"{TARGET_PREFIX}.{operation}" in HANDLERS else "Penstock"
        route = HANDLERS[f"{prefix}.{operation}"]
        answer = await route.handler(msgspec.convert(request, route.operation.input), self.call)
        return msgspec.json.decode(encode(answer)) if answer is not None else None

    async def types(self) -> None:
        for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
            await self.ask("CreateCustomActionType", **declared)

    async def pipeline(self, name: str = "line", *stages: dict[str, Any], **more: Any) -> None:
        make = action("Make", "Build", "Custom", "Builder")
        later = stages or (stage("Build", make),)
        await self.ask("CreatePipeline", pipeline=pipeline(name, stage("Source", custom_source()), *later, **more))

    async def poll(self, provider: str = "Origin", jobs_max: int = 1) -> list[dict[str, Any]]:
        category = "Source" if provider == "Origin" else "Build"
        identity = {"category": category, "owner": "Custom", "provider": provider, "version": "1"}
        found: list[dict[str, Any]] = (await self.ask("PollForJobs", actionTypeId=identity, maxBatchSize=jobs_max))[
            "jobs"
        ]
        return found

    async def take(self, provider: str = "Origin") -> str:
        (job,) = await self.poll(provider)
        assert await self.ask("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"]) == {"status": "InProgress"}
        job_id: str = job["id"]
        return job_id

    async def work(self, provider: str = "Origin") -> None:
        await self.ask("PutJobSuccessResult", jobId=await self.take(provider))

    async def statuses(self, name: str = "line") -> list[str]:
        found = (await self.ask("ListPipelineExecutions", pipelineName=name))["pipelineExecutionSummaries"]
        return [each["status"] for each in reversed(found)]

    async def actions(self, name: str = "line") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("ListActionExecutions", pipelineName=name))[
            "actionExecutionDetails"
        ]
        return found

    async def pipeline_id(self, name: str = "line") -> str:
        row = await self.storage.reader.pipeline(ACCOUNT, REGION, name)
        assert row is not None
        return row.id

    async def tick(self) -> float | None:
        """Fire what is due; returns when something is due next."""
        return await self.timers.tick(self.clock.now())

    def count(self, table: str) -> int:
        number: int = self.storage.reading.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return number


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A house whose committer runs until the end of the block."""
    made = House(folder)
    running = asyncio.create_task(made.committer.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await made.storage.close()
