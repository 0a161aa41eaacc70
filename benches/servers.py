"""The servers that are measured: penstock, the bare model, a bare handler on the ASGI server that most would take."""

import asyncio
import configparser
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from benches.client import ACTION_TYPE, Keys, signed
from benches.processes import (
    CLIENT_CORE,
    SERVER_CORE,
    Failed,
    cpu_seconds,
    family_cpu_seconds,
    free_port,
    pinned,
    resident_mib,
)

__all__ = [
    "Caller",
    "Measured",
    "bare_handler",
    "bare_model",
    "cpu_seconds",
    "penstock",
    "prepare",
    "refill",
    "resident_mib",
]

ROOT = Path(__file__).parents[1]
# Another bare model than ours: a command with {port} and {file}, which answers the same calls under the same keys.
BARE_MODEL = os.environ.get("PENSTOCK_BARE_MODEL", f"{sys.executable} -m benches.model {{port}} {{file}}")
BARE_MODEL_KEYS = Keys("AK", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYxx")
PIPELINES = 1000
STAGES, STAGE_ACTIONS = 5, 4
JOBS_AN_EXECUTION = STAGES * STAGE_ACTIONS


class Measured:
    """A running server and the keys that open it. `behind` are servers that work for it and are counted in."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        keys: Keys,
        *,
        behind: tuple[int, ...] = (),
        environment: dict[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        self.name, self.port, self.keys, self._behind = name, port, keys, behind
        self.pipelines, self.jobs_left = 0, 0.0
        self.began = time.perf_counter()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=self._said, cwd=folder, env=environment
        )
        self.start_seconds = self._wait()

    def _wait(self) -> float:
        while time.perf_counter() - self.began < 20:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.005)
                continue
            return time.perf_counter() - self.began
        self.process.kill()
        self._said.seek(0)
        raise Failed(f"{self.name} did not start: {self._said.read()[-500:].decode(errors='replace')}")

    def cpu_seconds(self) -> float:
        """Of all its processes since they began, and of those behind it."""
        return sum(family_cpu_seconds(pid) for pid in (self.process.pid, *self._behind))

    def load(self, mode: str, connections: int, seconds: float) -> dict[str, float]:
        """Drive it from another core; adds the server's CPU microseconds a call, and a cycle."""
        before = self.cpu_seconds()
        arguments = (self.port, mode, connections, seconds, self.keys.access_key_id, self.keys.secret_access_key)
        command = pinned(CLIENT_CORE, sys.executable, "-m", "benches.client", *map(str, arguments))
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode != 0:
            raise Failed(f"{self.name}: {done.stderr[-800:]}")
        result: dict[str, float] = msgspec.json.decode(done.stdout)
        calls = result["calls_made"]
        result["cpu"] = (self.cpu_seconds() - before) / calls * 1e6
        result["cpu_job"] = result["cpu"] * result["calls"] / result["cycles"] if result["cycles"] else 0.0
        result["seconds"] = time.perf_counter() - began
        self.jobs_left -= result["cycles"] * calls / result["calls"]
        return result

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._said.close()


def penstock(folder: Path, database_url: str = "", behind: tuple[int, ...] = ()) -> Measured:
    """On SQLite in its folder and on a core of its own; or on that PostgreSQL, and then on whichever core is free."""
    port = free_port()
    command = [sys.executable, "-m", "penstock", "serve", "--port", str(port), "--data-dir", str(folder)]
    command += ["--executor", "off"]
    if database_url:
        command += ["--database-url", database_url]
    else:
        command = pinned(SERVER_CORE, *command)
    server = Measured("penstock", command, port, Keys("", ""), behind=behind)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "credentials")
    section = parser["default"]
    server.keys = Keys(section["aws_access_key_id"], section["aws_secret_access_key"])
    return server


def bare_model(folder: Path) -> Measured:
    port = free_port()
    command = shlex.split(BARE_MODEL.format(port=port, file=shlex.quote(str(folder / "bare.db"))))
    model = Measured("bare model", pinned(SERVER_CORE, *command), port, BARE_MODEL_KEYS)
    # It writes its first jobs before it has any to give.
    time.sleep(0.3)
    return model


def bare_handler() -> Measured:
    port = free_port()
    command = pinned(SERVER_CORE, sys.executable, "-m", "benches.bare", str(port))
    return Measured("bare handler", command, port, Keys("AK", "secret"))


class Caller:
    """A few signed calls, for setting up."""

    def __init__(self, server: Measured) -> None:
        self._server = server

    async def calls(
        self, operation: str, requests: list[dict[str, Any]], connections: int = 16, *, is_kept: bool = True
    ) -> list[Any]:
        """The answers, in the order in which they came. `is_kept` says whether a connection stays after an answer."""
        waiting = list(reversed(requests))
        answers: list[Any] = []
        while waiting:
            await asyncio.gather(
                *(self._drain(operation, waiting, answers, len(requests) if is_kept else 1) for _ in range(connections))
            )
        return answers

    async def _drain(self, operation: str, waiting: list[dict[str, Any]], answers: list[Any], calls_max: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        for _ in range(calls_max):
            if not waiting:
                break
            writer.write(signed(self._server.keys, self._server.port, operation, waiting.pop()))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b" 200 " not in head[:16]:
                raise Failed(f"{operation}: {body[:300]!r}")
            answers.append(msgspec.json.decode(body) if body else {})
        writer.close()


def declaration(name: str, role: str = "arn:aws:iam::123456789012:role/r") -> dict[str, Any]:
    """A pipeline of custom actions alone, one after the other: each result offers the next action's job."""

    def action(number: int, stage: int) -> dict[str, Any]:
        kind = {**ACTION_TYPE, "category": "Source"} if stage == 0 else ACTION_TYPE
        return {"name": f"A{number}", "actionTypeId": kind, "runOrder": number + 1}

    stages = [
        {"name": f"S{stage}", "actions": [action(number, stage) for number in range(STAGE_ACTIONS if stage else 1)]}
        for stage in range(STAGES + 1)
    ]
    store = {"type": "S3", "location": "artifacts"}
    return {"pipeline": {"name": name, "roleArn": role, "artifactStore": store, "stages": stages}}


async def prepare(server: Measured, pipelines: int = PIPELINES) -> None:
    """Custom action types and pipelines; the sources of the first executions are worked off."""
    counts = {"inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5}}
    counts["outputArtifactDetails"] = counts["inputArtifactDetails"]
    caller = Caller(server)
    types = [{"category": "Build", "provider": "P"}, {"category": "Source", "provider": "P"}]
    types.append({"category": "Build", "provider": "Idle"})
    await caller.calls("CreateCustomActionType", [{**kind, "version": "1", **counts} for kind in types], 1)
    await caller.calls("CreatePipeline", [declaration(f"p{number:04}") for number in range(pipelines)])
    await work_off_sources(server)
    server.pipelines, server.jobs_left = pipelines, JOBS_AN_EXECUTION * pipelines


async def refill(server: Measured) -> None:
    """A new execution of each pipeline, through its source; unless half of the jobs of the last one are left."""
    if server.jobs_left > JOBS_AN_EXECUTION * server.pipelines / 2:
        return
    names = [{"name": f"p{number:04}"} for number in range(server.pipelines)]
    await Caller(server).calls("StartPipelineExecution", names)
    await work_off_sources(server)
    server.jobs_left = max(server.jobs_left, 0.0) + JOBS_AN_EXECUTION * server.pipelines


async def work_off_sources(server: Measured) -> None:
    caller, kind = Caller(server), {**ACTION_TYPE, "category": "Source"}
    while jobs := (await caller.calls("PollForJobs", [{"actionTypeId": kind, "maxBatchSize": 100}], 1))[0]["jobs"]:
        await caller.calls("AcknowledgeJob", [{"jobId": job["id"], "nonce": job["nonce"]} for job in jobs])
        await caller.calls("PutJobSuccessResult", [{"jobId": job["id"]} for job in jobs])
