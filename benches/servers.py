"""The servers that are measured: penstock, the bare model, a bare handler on the same ASGI server."""

import asyncio
import configparser
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from benches.client import ACTION_TYPE, Keys, signed

ROOT = Path(__file__).parents[1]
SERVER_CORE, CLIENT_CORE = "0", "1"
# The bare model is a program beside the project, if it is there at all.
BARE_MODEL = Path(os.environ.get("PENSTOCK_BARE_MODEL", ROOT.parent / "shared" / "bench" / "cycle.py"))
BARE_MODEL_KEYS = Keys("AK", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYxx")
_TICKS = os.sysconf("SC_CLK_TCK")


def pinned(core: str, *command: str) -> list[str]:
    """The command on one core, where the machine has two and says how."""
    if os.cpu_count() == 1 or not Path("/usr/bin/taskset").exists():
        return list(command)
    return ["taskset", "-c", core, *command]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Measured:
    """A running server and the keys that open it."""

    def __init__(self, name: str, command: list[str], port: int, keys: Keys) -> None:
        self.name, self.port, self.keys = name, port, keys
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
        self.start_seconds = self._wait()

    def _wait(self) -> float:
        while time.perf_counter() - self.began < 20:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
            except OSError:
                time.sleep(0.005)
                continue
            return time.perf_counter() - self.began
        raise SystemExit(f"{self.name} did not start")

    def load(self, mode: str, connections: int, seconds: float) -> dict[str, float]:
        """Drive it from another core; adds the server's CPU microseconds a call."""
        before = cpu_seconds(self.process.pid)
        arguments = (self.port, mode, connections, seconds, self.keys.access_key_id, self.keys.secret_access_key)
        command = pinned(CLIENT_CORE, sys.executable, "-m", "benches.client", *map(str, arguments))
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: {done.stderr[-800:]}")
        result: dict[str, float] = msgspec.json.decode(done.stdout)
        spent = cpu_seconds(self.process.pid) - before
        result["cpu"] = spent / (result["calls"] * seconds) * 1e6
        result["seconds"] = time.perf_counter() - began
        return result

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def penstock(folder: Path) -> Measured:
    port = free_port()
    command = pinned(SERVER_CORE, sys.executable, "-m", "penstock", "serve", "--port", str(port))
    server = Measured("penstock", [*command, "--data-dir", str(folder), "--executor", "off"], port, Keys("", ""))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "credentials")
    section = parser["default"]
    server.keys = Keys(section["aws_access_key_id"], section["aws_secret_access_key"])
    return server


def bare_model(folder: Path) -> Measured | None:
    if not BARE_MODEL.exists():
        return None
    port = free_port()
    command = pinned(SERVER_CORE, sys.executable, str(BARE_MODEL), "serve", str(port), str(folder / "bare.db"), "full")
    return Measured("bare model", command, port, BARE_MODEL_KEYS)


def bare_handler() -> Measured:
    port = free_port()
    command = pinned(SERVER_CORE, sys.executable, "-m", "benches.bare", str(port))
    return Measured("bare handler", command, port, Keys("AK", "secret"))


class Caller:
    """A few signed calls, one after the other, for setting up."""

    def __init__(self, server: Measured) -> None:
        self._server = server

    async def calls(self, operation: str, requests: list[dict[str, Any]], connections: int = 16) -> None:
        waiting = list(reversed(requests))
        await asyncio.gather(*(self._drain(operation, waiting) for _ in range(connections)))

    async def _drain(self, operation: str, waiting: list[dict[str, Any]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        while waiting:
            writer.write(signed(self._server.keys, self._server.port, operation, waiting.pop()))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b" 200 " not in head[:16]:
                raise SystemExit(f"{operation}: {body[:300]!r}")
        writer.close()


PIPELINES = 1000
STAGES, STAGE_ACTIONS = 5, 4


def declaration(name: str) -> dict[str, Any]:
    """A pipeline of custom actions alone, one after the other: each result offers the next action's job."""

    def action(number: int, stage: int) -> dict[str, Any]:
        kind = {**ACTION_TYPE, "category": "Source"} if stage == 0 else ACTION_TYPE
        return {"name": f"A{number}", "actionTypeId": kind, "runOrder": number + 1}

    stages = [
        {"name": f"S{stage}", "actions": [action(number, stage) for number in range(STAGE_ACTIONS if stage else 1)]}
        for stage in range(STAGES + 1)
    ]
    store = {"type": "S3", "location": "artifacts"}
    return {
        "pipeline": {
            "name": name,
            "roleArn": "arn:aws:iam::123456789012:role/r",
            "artifactStore": store,
            "stages": stages,
        }
    }


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


async def refill(server: Measured) -> None:
    """A new execution of each pipeline, through its source."""
    await Caller(server).calls("StartPipelineExecution", [{"name": f"p{number:04}"} for number in range(PIPELINES)])
    await work_off_sources(server)


async def work_off_sources(server: Measured) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def call(operation: str, request: dict[str, Any]) -> Any:
        writer.write(signed(server.keys, server.port, operation, request))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        return msgspec.json.decode(body) if body else {}

    kind = {**ACTION_TYPE, "category": "Source"}
    while jobs := (await call("PollForJobs", {"actionTypeId": kind, "maxBatchSize": 100}))["jobs"]:
        for job in jobs:
            await call("AcknowledgeJob", {"jobId": job["id"], "nonce": job["nonce"]})
            await call("PutJobSuccessResult", {"jobId": job["id"]})
    writer.close()
