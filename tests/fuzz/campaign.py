"""Requests made from a server's own OpenAPI document, a great many of them, sent to it over HTTP.

Whatever is asked, the answer is one that the document lets the operation have: no fault, no hang, no error that is not
declared. What makes the requests, and in which order, hangs on the seed; what the server has told by then hangs on time as
well, so that a second run with the same seed asks much the same, and not all of it.
"""

import asyncio
import json
import re
import time
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from fuzz import heads
from fuzz.conversing import Conversation
from fuzz.deliveries import delivery
from fuzz.heads import Asked
from fuzz.judging import Answer, Judge
from fuzz.making import Maker
from fuzz.messages import Keys, Message, presigned, signed
from fuzz.pool import Pool, Record
from fuzz.shapes import Operation, operations_of
from fuzz.spoiling import spoil
from fuzz.world import World
from operations.faithful import Witness
from operations.scene import Scene
from serving import Server

CONVERSATIONS = 6
BATCH_MAX = 3
ANSWER_SECONDS_MAX = 10.0
# By then, the caches of the server have seen what they are going to see.
WARM_SHARE = 0.25
# What tells findings of one kind apart.
VARIABLE = re.compile(r"[0-9a-f-]{8,}|[0-9]+")
# Longer answers are lists of what the pool knows already.
LEARNED_BYTES_MAX = 20_000
ELSEWHERE = "eu-central-1"

# Without jobs and executions there is little to find.
OFTEN = {"PollForJobs": 6.0, "PollForThirdPartyJobs": 4.0, "StartPipelineExecution": 2.0, "GetPipelineState": 2.0}
WORK = {"AcknowledgeJob": 4.0, "PutJobSuccessResult": 4.0, "PutJobFailureResult": 2.0, "PutApprovalResult": 2.0}
# These take away what the others are about, or set off work in the background.
FOLLOWED_MAX = 3
RARE = {
    "RotateKey": 0.02,
    "CreateBackup": 0.1,
    "DeletePipeline": 0.2,
    "DeleteCustomActionType": 0.2,
    "RevokePartner": 0.2,
}
# What a client that means well asks for next, of what it has just been told.
FOLLOWING = {
    "PollForJobs": ("AcknowledgeJob",),
    "AcknowledgeJob": (
        "PutJobSuccessResult",
        "PutJobSuccessResult",
        "PutJobFailureResult",
        "PutJobLog",
        "GetJobDetails",
    ),
    "PollForThirdPartyJobs": ("GetThirdPartyJobDetails",),
    "GetThirdPartyJobDetails": ("AcknowledgeThirdPartyJob",),
    "AcknowledgeThirdPartyJob": ("PutThirdPartyJobSuccessResult", "PutThirdPartyJobFailureResult"),
    "GetPipelineState": ("PutApprovalResult", "RetryStageExecution", "RollbackStage", "OverrideStageCondition"),
    "StartPipelineExecution": ("GetPipelineState", "GetPipelineExecution"),
}
# Asked for as it should be, to bring back what others have taken away, and to bring work.
KEPT_GOING = ("CreatePipeline", "CreateCustomActionType", "PutWebhook", "LinkPartner")
KEPT_BUSY = ("StartPipelineExecution", "PollForJobs", "PollForThirdPartyJobs", "GetPipelineState")
WEIGHTS = OFTEN | WORK | RARE


@dataclass
class Report:
    """What came of it. Memory is resident: after the warm-up, half-way from there, and in the end."""

    seed: int
    requests: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    memory_mib: list[float] = field(default_factory=list)
    findings: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)

    @property
    def growth_mib(self) -> float:
        return self.memory_mib[-1] - self.memory_mib[0]

    def note(self, what: str, about: bytes = b"") -> None:
        """Count it with those of its like, of which the first is kept."""
        kind = VARIABLE.sub("#", what[:200])
        count, first, first_about = self.findings.get(kind, (0, what, about))
        self.findings[kind] = count + 1, first, first_about

    def __str__(self) -> str:
        shown = ", ".join(f"{count} with {status}" for status, count in sorted(self.statuses.items()))
        memory = ", ".join(f"{each:.1f}" for each in self.memory_mib)
        return (
            f"seed {self.seed}: {self.requests} requests in {self.seconds:.1f} s, {self.requests / self.seconds:.0f} a second, "
            f"the slowest {self.slowest_seconds:.2f} s; answered {shown}; {len(self.succeeded)} operations succeeded; "
            f"resident MiB {memory}; {len(self.findings)} findings"
        )


class Campaign:
    """Prepares a server, then makes and judges `count` requests to it."""

    def __init__(self, server: Server, seed: int, count: int) -> None:
        self.report = Report(seed)
        self._server, self._count, self._source = server, count, Random(seed)
        self._host = server.url.partition("//")[2].encode()
        with urllib.request.urlopen(f"{server.url}/_penstock/openapi.json") as answer:
            document = json.load(answer)
        self.operations = operations_of(document)
        self._by_name = {operation.name: operation for operation in self.operations}
        self._next: deque[tuple[str, Record]] = deque(maxlen=100)
        self._weights = [WEIGHTS.get(operation.name, 1.0) for operation in self.operations]
        self._judge = Judge(document)
        self._pool = Pool(name for operation in self.operations for name in operation.request.members)
        world = World(Scene(server, Witness()), self._pool)
        self._maker = Maker(self._source, self._pool, world.examples)
        self._signers, self._secret = world.signers, world.secret
        self._good_requests = [
            (self._by_name[name], request) for name in (*KEPT_GOING, *KEPT_BUSY) for request in world.examples[name]
        ]
        warm = int(count * WARM_SHARE)
        self._weighed_at = {warm, warm + (count - warm) // 2, count}

    async def drive(self) -> None:
        began = time.perf_counter()
        asked = islice(self._batches(), self._count)
        await asyncio.gather(*(self._converse(asked) for _ in range(CONVERSATIONS)))
        self.report.seconds = time.perf_counter() - began

    async def _converse(self, batches: Iterator[list[Asked]]) -> None:
        conversation = Conversation(int(self._server.url.rpartition(":")[2]), ANSWER_SECONDS_MAX, self._hear)
        for batch in batches:
            await conversation.ask(batch)
            if self.report.requests >= self._count:
                break
        conversation.close()

    def _hear(self, asked: Asked, answer: Answer | None) -> None:
        report = self.report
        report.requests += 1
        for complaint in self._judge.complaints(asked, answer):
            report.note(f"{asked.operation.name}: {complaint}", asked.wire)
        if answer is not None:
            report.statuses[answer.status] += 1
            report.slowest_seconds = max(report.slowest_seconds, answer.seconds)
            if answer.status == 200 and not asked.is_odd:
                self._learn(asked, answer)
        if report.requests in self._weighed_at:
            report.memory_mib.append(resident_mib(self._server.process.pid))

    def _learn(self, asked: Asked, answer: Answer) -> None:
        self.report.succeeded[asked.operation.name] += 1
        if 2 < len(answer.body) < LEARNED_BYTES_MAX:
            learned = self._pool.learn(asked.operation.name, asked.value, json.loads(answer.body))
            following = FOLLOWING.get(asked.operation.name)
            if following:
                self._next += [(self._source.choice(following), record) for record in learned[-FOLLOWED_MAX:]]

    def _batches(self) -> Iterator[list[Asked]]:
        """Requests that go out together; what may end its connection goes last."""
        while True:
            batch = [self._asked()]
            while len(batch) < BATCH_MAX and not batch[-1].ends and self._source.random() < 0.3:
                batch.append(self._asked())
            yield batch

    def _asked(self) -> Asked:
        chance = self._source.random()
        if chance < 0.08:
            return self._good()
        if chance < 0.1:
            return delivery(self._host, self._pool, self._secret, self._source)
        operation, value = self._made(is_next=chance < 0.6)
        if operation.by_query is not None and self._source.random() < 0.3:
            message = heads.query_form(operation, value, self._host, self._source)
            return self._sent(Asked(operation, value, operation.by_query), message)
        message = heads.json_form(operation, value, self._host, self._source)
        return self._sent(Asked(operation, value, operation.by_json), message)

    def _made(self, *, is_next: bool) -> tuple[Operation, Any]:
        """What to ask: something about what was told last, or anything. Much of it is wrong."""
        source = self._source
        if is_next and self._next:
            name, about = self._next.popleft()
            operation, spoils = self._by_name[name], source.choices((0, 1), (80, 20))[0]
            value: Any = self._maker.request(operation, about)
        else:
            operation = source.choices(self.operations, self._weights)[0]
            spoils = source.choices((0, 1, 2, 3), (45, 41, 10, 4))[0]
            value = self._maker.request(operation)
        for _ in range(spoils):
            value = spoil(value, operation.request, source)
        return operation, value

    def _good(self) -> Asked:
        """A request with nothing wrong in it, by root."""
        operation, request = self._source.choice(self._good_requests)
        message = heads.plain_form(operation, json.dumps(request).encode(), self._host)
        return Asked(operation, request, operation.by_json, signed(message, self._signers[0], stamp_now()).wire())

    def _sent(self, asked: Asked, message: Message) -> Asked:
        """The request on the wire, signed by somebody; now and then, its head is odd."""
        source = self._source
        asked.is_odd = source.random() < 0.06
        if asked.is_odd and source.random() < 0.7:
            message = self._signed(heads.spoil_head(message, source))
        elif asked.is_odd:
            message = heads.spoil_head(self._signed(message), source)
        else:
            message = self._signed(message)
            asked.is_forged = source.random() < 0.03
            message = heads.forge(message, source) if asked.is_forged else message
        asked.is_head = message.method == "HEAD"
        asked.wire = heads.in_chunks(message, source) if source.random() < 0.03 else message.wire()
        asked.ends = source.random() < 0.02
        if asked.ends:
            asked.wire = heads.break_wire(asked.wire, source)
        return asked

    def _signed(self, message: Message) -> Message:
        keys: Keys = self._signers[0] if self._source.random() < 0.6 else self._source.choice(self._signers)
        if self._source.random() < 0.03:
            keys = replace(keys, region=ELSEWHERE)
        stamp = stamp_now()
        if message.header(heads.TARGET) is None and self._source.random() < 0.25:
            return presigned(message, keys, stamp)
        return signed(message, keys, stamp)


def stamp_now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def resident_mib(pid: int) -> float:
    """What a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("the process has no memory: it is gone")
