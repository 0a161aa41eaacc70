"""What one server does by itself: how soon it answers, what it holds while idle, how soon a job is in a worker's hands."""

import asyncio
import statistics
import time
from pathlib import Path

from benches.client import ACTION_TYPE
from benches.held import Line, follow_up_latencies, idle_cost
from benches.processes import Failed
from benches.results import Row
from benches.servers import Caller, Measured, penstock, prepare, resident_mib

HELD_PIPELINES, HELD_JOBS_A_SECOND = 16, 100.0
IDLE_POLLS_A_SECOND, IDLE_CONNECTIONS = 2000.0, 200


def starts(folder: Path, rounds: int) -> Row:
    """On a folder that is new: until a signed call is answered; then, after a second, its memory."""
    seconds, mib = [], []
    for number in range(rounds):
        server = penstock(folder / f"start-{number}")
        try:
            asyncio.run(Caller(server).calls("ListPipelines", [{}], 1))
            seconds.append(time.perf_counter() - server.began)
            time.sleep(1.0)
            mib.append(resident_mib(server.process.pid))
        finally:
            server.stop()
    return {"start_seconds": statistics.median(seconds), "idle_mib": statistics.median(mib)}


async def first_jobs(server: Measured, times: int) -> Row:
    """From the call that starts an execution to its first job in a worker's hands. No source may be at work before."""
    kind = {**ACTION_TYPE, "category": "Source"}
    found = []
    async with Line(server) as line:
        for number in range(times):
            began = time.perf_counter()
            await line.ask("StartPipelineExecution", {"name": f"p{number:04}"})
            while not (await line.ask("PollForJobs", {"actionTypeId": kind}))["jobs"]:
                pass
            found.append((time.perf_counter() - began) * 1e3)
    found.sort()
    return {"first_job_p50": found[times // 2], "first_job_p99": found[int(times * 0.99)]}


def held_polls(folder: Path, seconds: float) -> Row:
    """On a server of its own, with fewer pipelines than there are workers, so that none waits for a free one."""
    server = penstock(folder / "held")
    try:
        asyncio.run(prepare(server, pipelines=HELD_PIPELINES))
        found = asyncio.run(follow_up_latencies(server, HELD_JOBS_A_SECOND, seconds))
        if not found:
            raise Failed("no job came to a worker that held its poll")
        polls, cores = asyncio.run(idle_cost(server, IDLE_POLLS_A_SECOND, IDLE_CONNECTIONS, seconds))
    finally:
        server.stop()
    held = {"held_p50": found[len(found) // 2], "held_p99": found[int(len(found) * 0.99)]}
    return {**held, "idle_polls": polls, "idle_cores": cores}
