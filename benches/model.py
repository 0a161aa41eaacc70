"""The bare model: the three signed calls of a job's life over HTTP, each answered once its rows are on disk. No engine.

No pipelines, no rules, no limits, no permissions: what is left is what any server of this protocol in Python pays.
`python -m benches.model PORT FILE`; it knows one pair of keys.
"""

import asyncio
import hashlib
import hmac
import queue
import sqlite3
import sys
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import count
from typing import Any

import httptools
import msgspec
import uvloop
from msgspec import Struct

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYxx"
WAITING_JOBS = 2000
BATCH_MAX = 500
# As long as the rows of a small real job are.
JOB, EVENT = '{"job":"' + "j" * 290 + '"}', '{"event":"' + "e" * 150 + '"}'

SETTINGS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-65536")
TABLES = (
    "CREATE TABLE jobs (number INTEGER PRIMARY KEY, id TEXT, type TEXT, state TEXT, nonce TEXT, document TEXT)",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, job INTEGER, document TEXT)",
)
ADD_JOB = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)"
ADD_EVENT = "INSERT INTO events (job, document) VALUES (?, ?)"
CHANGE_JOB = "UPDATE jobs SET state = ?, nonce = ? WHERE number = ?"

Statement = tuple[str, tuple[Any, ...]]
Reply = Callable[..., None]


class ActionType(Struct, frozen=True):
    category: str
    owner: str
    provider: str
    version: str


class Poll(Struct, rename="camel"):
    action_type_id: ActionType
    max_batch_size: int = 1


class Acknowledgement(Struct, rename="camel"):
    job_id: str
    nonce: str


class Details(Struct, rename="camel"):
    summary: str = ""
    external_execution_id: str = ""
    percent_complete: int = 0


class Success(Struct, rename="camel"):
    job_id: str
    execution_details: Details | None = None
    output_variables: dict[str, str] = {}


class Job(Struct):
    number: int
    id: str
    type: ActionType
    state: str = "Queued"
    nonce: int = 0


encode = msgspec.json.Encoder().encode


@lru_cache(64)
def _signing_key(date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + SECRET.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def is_signed(headers: dict[bytes, bytes], body: bytes) -> bool:
    parts = headers[b"authorization"].decode().split(", ")
    credential, names, signature = (part.partition("=")[2] for part in parts)
    _, _, scope = credential.partition("/")
    date, region, service, _ = scope.split("/")
    lines = "".join([f"{name}:{headers[name.encode()].decode()}\n" for name in names.split(";")])
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers[b'x-amz-date'].decode()}\n{scope}\n{digest}"
    found = hmac.digest(_signing_key(date, region, service), text.encode(), "sha256").hex()
    return hmac.compare_digest(found, signature)


class Book(threading.Thread):
    """The file. What waits when a transaction begins goes into it; `then` is called on the loop once it is on disk."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path, self._loop = path, asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[tuple[Statement, ...], Callable[[], None]]] = queue.SimpleQueue()

    def write(self, statements: tuple[Statement, ...], then: Callable[[], None]) -> None:
        self._waiting.put((statements, then))

    def run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for sql in (*SETTINGS, *TABLES):
            connection.execute(sql)
        while True:
            batch = [self._waiting.get()]
            while len(batch) < BATCH_MAX and not self._waiting.empty():
                batch.append(self._waiting.get())
            connection.execute("BEGIN IMMEDIATE")
            for statements, _ in batch:
                for sql, values in statements:
                    connection.execute(sql, values)
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_tell, [then for _, then in batch])


def _tell(waiting: list[Callable[[], None]]) -> None:
    for then in waiting:
        then()


class Model:
    """Each job that succeeds puts another one on offer, as the next action of a pipeline would."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1)
        self._offered: defaultdict[ActionType, deque[Job]] = defaultdict(deque)
        for _ in range(WAITING_JOBS):
            job, added = self._made(ActionType("Build", "Custom", "P", "1"))
            book.write((added,), partial(self._offered[job.type].append, job))

    def _made(self, kind: ActionType) -> tuple[Job, Statement]:
        job = Job(next(self._numbers), str(uuid.uuid4()), kind)
        self._jobs[job.id] = job
        return job, (ADD_JOB, (job.number, job.id, kind.provider, job.state, "0", JOB))

    def poll(self, request: Poll, reply: Reply) -> None:
        offered = self._offered.get(request.action_type_id)
        if not offered:
            reply(b'{"jobs":[]}')
            return
        taken = [offered.popleft() for _ in range(min(len(offered), request.max_batch_size))]
        for job in taken:
            job.state, job.nonce = "Dispatched", job.nonce + 1
        body = encode({"jobs": [_as_answer(job) for job in taken]})
        self._book.write(tuple(_changed(job) for job in taken), lambda: reply(body))

    def acknowledge(self, request: Acknowledgement, reply: Reply) -> None:
        job = self._jobs.get(request.job_id)
        if job is None or request.nonce != str(job.nonce):
            reply(b'{"__type":"InvalidNonceException"}', 400)
            return
        job.state = "InProgress"
        self._book.write((_changed(job), (ADD_EVENT, (job.number, EVENT))), lambda: reply(b'{"status":"InProgress"}'))

    def succeed(self, request: Success, reply: Reply) -> None:
        job = self._jobs.get(request.job_id)
        if job is None or job.state != "InProgress":
            reply(b'{"__type":"InvalidJobStateException"}', 400)
            return
        job.state = "Succeeded"
        following, added = self._made(job.type)
        event = (ADD_EVENT, (job.number, EVENT))

        def written() -> None:
            del self._jobs[job.id]
            self._offered[following.type].append(following)
            reply(b"")

        self._book.write((_changed(job), event, added, event), written)


def _changed(job: Job) -> Statement:
    return CHANGE_JOB, (job.state, str(job.nonce), job.number)


def _as_answer(job: Job) -> dict[str, Any]:
    configuration = {"configuration": {"ProjectName": "p" * 60}}
    context = {"pipelineName": "p", "stage": {"name": "S"}, "action": {"name": "A"}}
    given = {"actionTypeId": job.type, "actionConfiguration": configuration, "pipelineContext": context}
    given |= {"inputArtifacts": [], "outputArtifacts": []}
    return {"id": job.id, "nonce": str(job.nonce), "accountId": "123456789012", "data": given}


READERS: dict[bytes, tuple[msgspec.json.Decoder[Any], Callable[[Model, Any, Reply], None]]] = {
    b"PollForJobs": (msgspec.json.Decoder(Poll), Model.poll),
    b"AcknowledgeJob": (msgspec.json.Decoder(Acknowledgement), Model.acknowledge),
    b"PutJobSuccessResult": (msgspec.json.Decoder(Success), Model.succeed),
}


HEAD = (
    b"HTTP/1.1 %d OK\r\ncontent-type: application/x-amz-json-1.1\r\nx-amzn-requestid: %b\r\ncontent-length: %d\r\n\r\n"
)


class Connection(asyncio.Protocol):
    def __init__(self, model: Model) -> None:
        self._model = model

    def connection_made(self, transport: Any) -> None:
        self._transport, self._parser = transport, httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body, self._headers = b"", dict[bytes, bytes]()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not is_signed(self._headers, self._body):
            self.reply(b'{"__type":"InvalidSignatureException"}', 400)
            return
        decoder, answer = READERS[self._headers[b"x-amz-target"].rpartition(b".")[2]]
        try:
            request = decoder.decode(self._body)
        except msgspec.ValidationError:
            self.reply(b'{"__type":"ValidationException"}', 400)
            return
        answer(self._model, request, self.reply)

    def reply(self, body: bytes, status: int = 200) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(HEAD % (status, uuid.uuid4().hex.encode(), len(body)) + body)


async def serve(port: int, path: str) -> None:
    book = Book(path)
    model = Model(book)
    book.start()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(model), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
