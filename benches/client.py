"""A load of callers: on each connection, signed, one call after the other, by one of the scripts in SCRIPTS."""

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Generator
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


class Service(Struct, frozen=True):
    """Which of AWS's interfaces a call is in."""

    name: str
    target: str
    version: str


CODEPIPELINE = Service("codepipeline", TARGET, "1.1")
SQS = Service("sqs", "AmazonSQS", "1.0")


@lru_cache(64)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(8)
def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


def signed(keys: Keys, port: int, operation: str, request: Any, service: Service = CODEPIPELINE) -> bytes:
    """One HTTP request, its bytes ready to send."""
    body = encode(request)
    stamp = _stamp(int(time.time()))
    date = stamp[:8]
    kind = f"application/x-amz-json-{service.version}"
    target = f"{service.target}.{operation}"
    headers = f"content-type:{kind}\nhost:127.0.0.1:{port}\nx-amz-date:{stamp}\nx-amz-target:{target}\n"
    names = "content-type;host;x-amz-date;x-amz-target"
    canonical = f"POST\n/\n\n{headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date}/{keys.region}/{service.name}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(keys.secret_access_key, date, keys.region, service.name)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"POST / HTTP/1.1\r\ncontent-type: {kind}\r\nhost: 127.0.0.1:{port}\r\n"
        f"x-amz-date: {stamp}\r\nx-amz-target: {target}\r\n"
        f"authorization: AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


class Load:
    """What a run has done so far. `stop_at` is on the clock of time.perf_counter."""

    def __init__(self, port: int, keys: Keys, seconds: float) -> None:
        self.port, self.keys = port, keys
        self.stop_at = time.perf_counter() + seconds
        self.cycles = self.calls = self.empty = 0
        self.latencies: list[float] = []


# Yields an operation, its request and its interface, and is sent the body of the answer.
Script = Generator[tuple[str, Any, Service], bytes, None]


def work(load: Load) -> Script:
    """A worker: polls, acknowledges, reports."""
    details = {"summary": "s" * 60, "externalExecutionId": "b-1", "percentComplete": 100}
    told = {"executionDetails": details, "outputVariables": {"CommitId": "f" * 40}}
    while True:
        found = yield "PollForJobs", {"actionTypeId": ACTION_TYPE, "maxBatchSize": 1}, CODEPIPELINE
        jobs = msgspec.json.decode(found)["jobs"]
        if not jobs:
            load.empty += 1
            continue
        job = jobs[0]
        yield "AcknowledgeJob", {"jobId": job["id"], "nonce": job["nonce"]}, CODEPIPELINE
        yield "PutJobSuccessResult", {"jobId": job["id"], **told}, CODEPIPELINE
        load.cycles += 1


def always(operation: str, request: Any) -> Callable[[Load], Script]:
    def script(load: Load) -> Script:
        while True:
            yield operation, request, CODEPIPELINE

    return script


def pass_messages(load: Load) -> Script:
    """A queue's cycle: sends a message, receives one, deletes it. The queue is new with this process."""
    made = yield "CreateQueue", {"QueueName": f"q{os.getpid()}"}, SQS
    queue = {"QueueUrl": msgspec.json.decode(made)["QueueUrl"]}
    while True:
        yield "SendMessage", {**queue, "MessageBody": "m" * 250}, SQS
        received = yield "ReceiveMessage", {**queue, "MaxNumberOfMessages": 1}, SQS
        for message in msgspec.json.decode(received).get("Messages", ()):
            yield "DeleteMessage", {**queue, "ReceiptHandle": message["ReceiptHandle"]}, SQS
            load.cycles += 1


SCRIPTS: dict[str, Callable[[Load], Script]] = {
    "cycle": work,
    "empty": always("PollForJobs", {"actionTypeId": {**ACTION_TYPE, "provider": "Idle"}, "maxBatchSize": 1}),
    "get": always("GetPipeline", {"name": "p0003"}),
    "list": always("ListPipelines", {"maxResults": 100}),
    "messages": pass_messages,
}


class _Connection(asyncio.Protocol):
    """Connects anew for the next call where the server has closed after an answer."""

    def __init__(self, load: Load, script: Script) -> None:
        self._load, self._script = load, script
        self._operation, self._request, self._service = next(script)
        self._is_waiting = False
        self.ended = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._load.port)

    def connection_made(self, transport: Any) -> None:
        self._transport: Any = transport
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_waiting and not self.ended.done():
            self.ended.set_exception(exc or ConnectionError(f"{self._operation} was not answered"))

    def _send(self) -> None:
        message = signed(self._load.keys, self._load.port, self._operation, self._request, self._service)
        self._sent_at, self._is_waiting = time.perf_counter(), True
        self._transport.write(message)

    def on_message_complete(self) -> None:
        now, self._is_waiting = time.perf_counter(), False
        load = self._load
        load.latencies.append(now - self._sent_at)
        load.calls += 1
        if self._parser.get_status_code() != 200:
            raise SystemExit(f"{self._operation} was answered with {self._body[:300]!r}")
        if now > load.stop_at:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._operation, self._request, self._service = self._script.send(self._body)
        if self._parser.should_keep_alive():
            self._send()
        else:
            self._transport.close()
            self._connecting = asyncio.ensure_future(self.connect())


async def run(port: int, keys: Keys, mode: str, connections: int, seconds: float) -> dict[str, float]:
    """Drive a server by the script named `mode`. Gives rates a second and latencies in milliseconds."""
    load = Load(port, keys, seconds)
    began = time.perf_counter()
    callers = [_Connection(load, SCRIPTS[mode](load)) for _ in range(connections)]
    for caller in callers:
        await caller.connect()
    ended, _ = await asyncio.wait([caller.ended for caller in callers], timeout=seconds + 10)
    for each in ended:
        each.result()
    elapsed = time.perf_counter() - began
    latencies = sorted(load.latencies)
    return {
        "cycles": load.cycles / elapsed,
        "calls": load.calls / elapsed,
        "empty": load.empty / elapsed,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[int(len(latencies) * 0.99)] * 1e3,
        "calls_made": load.calls,
    }


if __name__ == "__main__":
    import sys

    import uvloop

    _port, _mode, _connections, _seconds, _id, _secret = sys.argv[1:]
    _keys = Keys(_id, _secret)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        result = _runner.run(run(int(_port), _keys, _mode, int(_connections), float(_seconds)))
    sys.stdout.write(msgspec.json.encode(result).decode())
