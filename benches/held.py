"""How soon the next action's job is in a worker's hands, and what idle workers cost."""

import asyncio
import time
from typing import Any

import msgspec

from benches.client import ACTION_TYPE, signed
from benches.processes import cpu_seconds
from benches.servers import Measured

HOLD = (("x-penstock-wait-seconds", "20"),)
WORKERS = 32


class Line:
    """A connection that asks one thing after the other."""

    def __init__(self, server: Measured) -> None:
        self._server = server

    async def __aenter__(self) -> "Line":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, operation: str, request: Any, headers: tuple[tuple[str, str], ...] = ()) -> Any:
        message = signed(self._server.keys, self._server.port, operation, request)
        head, _, body = message.partition(b"\r\n\r\n")
        extra = "".join(f"\r\n{name}: {value}" for name, value in headers).encode()
        self._writer.write(head + extra + b"\r\n\r\n" + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        size = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await self._reader.readexactly(size)
        return msgspec.json.decode(content) if content else {}


class _Shift:
    """Workers that hold polls, and one pace for all of their results."""

    def __init__(self, server: Measured, cycles_a_second: float, seconds: float) -> None:
        self._server = server
        self._pause = 1.0 / cycles_a_second
        self._next = time.perf_counter()
        self._ends = self._next + seconds
        self._told: dict[str, float] = {}
        self.latencies: list[float] = []

    async def work(self) -> None:
        async with Line(self._server) as line:
            while time.perf_counter() < self._ends:
                jobs = (await line.ask("PollForJobs", {"actionTypeId": ACTION_TYPE}, HOLD))["jobs"]
                for job in jobs:
                    await self._carry_out(line, job)

    async def _carry_out(self, line: Line, job: dict[str, Any]) -> None:
        pipeline = job["data"]["pipelineContext"]["pipelineName"]
        told = self._told.pop(pipeline, None)
        if told is not None:
            self.latencies.append((time.perf_counter() - told) * 1e3)
        await line.ask("AcknowledgeJob", {"jobId": job["id"], "nonce": job["nonce"]})
        self._next = max(self._next + self._pause, time.perf_counter() - self._pause)
        await asyncio.sleep(self._next - time.perf_counter())
        self._told[pipeline] = time.perf_counter()
        await line.ask("PutJobSuccessResult", {"jobId": job["id"]})


async def follow_up_latencies(server: Measured, cycles_a_second: float, seconds: float) -> list[float]:
    """From sending the result of one action to having the next action's job, milliseconds, sorted.

    There must be no more than a handful of pipelines at work, or the next job waits for a free worker.
    """
    shift = _Shift(server, cycles_a_second, seconds)
    await asyncio.wait([asyncio.ensure_future(shift.work()) for _ in range(WORKERS)], timeout=seconds + 1)
    return sorted(shift.latencies)


async def idle_cost(server: Measured, polls_a_second: float, connections: int, seconds: float) -> tuple[float, float]:
    """The polls that were answered a second, and the server's share of a core while they were."""
    kind = {**ACTION_TYPE, "provider": "Idle"}
    began = time.perf_counter()
    polls = 0

    async def poll(offset: float) -> None:
        nonlocal polls
        async with Line(server) as line:
            due = began + offset
            while due < began + seconds:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await line.ask("PollForJobs", {"actionTypeId": kind})
                polls += 1
                due += connections / polls_a_second

    before = cpu_seconds(server.process.pid)
    await asyncio.gather(*(poll(number / polls_a_second) for number in range(connections)))
    elapsed = time.perf_counter() - began
    return polls / elapsed, (cpu_seconds(server.process.pid) - before) / elapsed
