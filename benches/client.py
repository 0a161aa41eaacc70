"""A load of job workers: each connection polls, acknowledges and reports, signed, one call after the other."""

import asyncio
import hashlib
import hmac
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import httptools
import msgspec
from msgspec import Struct

ACTION_TYPE = {"category": "Build", "owner": "Custom", "provider": "P", "version": "1"}
TARGET = "CodePipeline_20150709"
encode = msgspec.json.Encoder().encode


class Keys(Struct, frozen=True):
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"


@lru_cache(64)
def _signing_key(secret: str, date: str, region: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, "codepipeline", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(8)
def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


def signed(keys: Keys, port: int, operation: str, request: Any) -> bytes:
    """One HTTP request, its bytes ready to send."""
    body = encode(request)
    stamp = _stamp(int(time.time()))
    date = stamp[:8]
    headers = (
        f"content-type:application/x-amz-json-1.1\nhost:127.0.0.1:{port}\n"
        f"x-amz-date:{stamp}\nx-amz-target:{TARGET}.{operation}\n"
    )
    names = "content-type;host;x-amz-date;x-amz-target"
    canonical = f"POST\n/\n\n{headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date}/{keys.region}/codepipeline/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(keys.secret_access_key, date, keys.region)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"POST / HTTP/1.1\r\ncontent-type: application/x-amz-json-1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"x-amz-date: {stamp}\r\nx-amz-target: {TARGET}.{operation}\r\n"
        f"authorization: AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


class Load:
    """What a run has done so far. `stop_at` is on the clock of time.perf_counter."""

    def __init__(self, port: int, keys: Keys, mode: str, seconds: float) -> None:
        self.port, self.keys, self.mode = port, keys, mode
        self.stop_at = time.perf_counter() + seconds
        self.cycles = self.calls = self.empty = 0
        self.latencies: list[float] = []


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._job: dict[str, Any] = {}
        self._body = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._poll()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self, operation: str, request: Any) -> None:
        self._operation = operation
        message = signed(self._load.keys, self._load.port, operation, request)
        self._sent_at = time.perf_counter()
        self._transport.write(message)

    def _poll(self) -> None:
        kind = {**ACTION_TYPE, "provider": "Idle"} if self._load.mode == "empty" else ACTION_TYPE
        self._send("PollForJobs", {"actionTypeId": kind, "maxBatchSize": 1})

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        load = self._load
        load.latencies.append(now - self._sent_at)
        load.calls += 1
        if self._parser.get_status_code() != 200:
            raise SystemExit(f"{self._operation} was answered with {self._body[:300]!r}")
        if now > load.stop_at:
            self._transport.close()
            return
        self._next()

    def _next(self) -> None:
        if self._operation == "PollForJobs":
            jobs = msgspec.json.decode(self._body)["jobs"]
            if not jobs:
                self._load.empty += 1
                self._poll()
                return
            self._job = jobs[0]
            self._send("AcknowledgeJob", {"jobId": self._job["id"], "nonce": self._job["nonce"]})
        elif self._operation == "AcknowledgeJob":
            details = {"summary": "s" * 60, "externalExecutionId": "b-1", "percentComplete": 100}
            variables = {"CommitId": "f" * 40}
            self._send(
                "PutJobSuccessResult",
                {"jobId": self._job["id"], "executionDetails": details, "outputVariables": variables},
            )
        else:
            self._load.cycles += 1
            self._poll()


async def run(port: int, keys: Keys, mode: str, connections: int, seconds: float) -> dict[str, float]:
    """Drive a server; `mode` is `cycle` or `empty`. Gives rates a second and latencies in milliseconds."""
    load = Load(port, keys, mode, seconds)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    ends = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
        ends.append(protocol.ended)
    await asyncio.wait(ends, timeout=seconds + 10)
    elapsed = time.perf_counter() - began
    latencies = sorted(load.latencies)
    return {
        "cycles": load.cycles / elapsed,
        "calls": load.calls / elapsed,
        "empty": load.empty / elapsed,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[int(len(latencies) * 0.99)] * 1e3,
    }


if __name__ == "__main__":
    import sys

    import uvloop

    _port, _mode, _connections, _seconds, _id, _secret = sys.argv[1:]
    _keys = Keys(_id, _secret)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        result = _runner.run(run(int(_port), _keys, _mode, int(_connections), float(_seconds)))
    sys.stdout.write(msgspec.json.encode(result).decode())
