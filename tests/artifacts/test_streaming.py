"""Large bodies in little memory, and clients that go away, seen from inside the server."""

import asyncio
import re
import tracemalloc

import pytest

from artifacts.store import MIB, Database, RealClock, catalogue_of
from penstock.artifacts.files import LocalFiles
from penstock.http.objects import S3Surface
from penstock.ports.identity import Principal
from penstock.ports.storage import StorageLost
from penstock.wire.errors import InternalFailure, ServiceUnavailable, ThrottlingException

PIECE = bytes(64 * 1024)
SIZE = 64 * MIB


class Body:
    def feed(self, wire):
        return wire

    def finish(self):
        return {}


class OpenDoor:
    """Lets everybody in, with any body."""

    async def authenticate_s3(self, request):
        return Principal("arn:aws:iam::1:root", "1", "root", "AKIA"), "us-east-1", Body()

    def allow(self, *asked):
        pass


class Inside:
    """The surface without a network around it."""

    def __init__(self, folder):
        self.database = Database(folder / "store.db")
        self.files = LocalFiles(folder)
        self.catalogue = catalogue_of(self.database.reader, self.database.commit)
        self.surface = S3Surface(OpenDoor(), self.catalogue, self.files, RealClock())

    async def ask(self, method, target, messages=(), taken=None, **headers):
        """Send a request and take its answer, the body going to `taken` piece by piece."""
        path, _, query = target.partition("?")
        waiting = iter([*messages] if isinstance(messages, tuple) else messages)
        sent = []

        async def receive():
            return next(waiting, None) or await asyncio.Event().wait()

        async def send(message):
            sent.append(message if message["type"] == "http.response.start" else None)
            if taken and message["type"] == "http.response.body":
                taken(message.get("body", b""))

        scope = {
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.surface(scope, receive, send)
        return sent[0]["status"] if sent else None

    def file_names(self):
        return list(self.files.folder.glob("*/*"))


@pytest.fixture
def inside(tmp_path):
    surface = Inside(tmp_path)
    yield surface
    surface.database.close()


def body(*pieces):
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    return (*messages, {"type": "http.request", "body": b"", "more_body": False})


def large(size):
    for _ in range(size // len(PIECE)):
        yield {"type": "http.request", "body": PIECE, "more_body": True}
    yield {"type": "http.request"}


def test_a_large_object_goes_both_ways_in_little_memory(inside):
    received = 0

    def take(piece):
        nonlocal received
        received += len(piece)

    async def both_ways():
        await inside.ask("PUT", "/bucket", body())
        assert await inside.ask("PUT", "/bucket/large", large(SIZE)) == 200
        assert await inside.ask("GET", "/bucket/large", body(), take) == 200
        assert await inside.ask("GET", "/bucket/large", body(), take, range=f"bytes={MIB}-{3 * MIB - 1}") == 206

    tracemalloc.start()
    asyncio.run(both_ways())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received == SIZE + 2 * MIB
    assert peak < 4 * MIB


def test_the_parts_of_a_large_object_are_joined_in_little_memory(inside):
    taken = bytearray()

    async def upload():
        await inside.ask("PUT", "/bucket", body())
        await inside.ask("POST", "/bucket/large?uploads", body(), taken.extend)
        upload_id = re.search("<UploadId>(.*)</UploadId>", taken.decode())[1]
        listed = ""
        for number in range(1, 5):
            where = f"/bucket/large?partNumber={number}&uploadId={upload_id}"
            await inside.ask("PUT", where, large(16 * MIB))
            etag = (await inside.catalogue.list_parts("1", upload_id, number - 1, 1))[0].etag
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        assert await inside.ask("POST", f"/bucket/large?uploadId={upload_id}", body(document)) == 200

    tracemalloc.start()
    asyncio.run(upload())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [path.stat().st_size for path in inside.file_names()] == [SIZE]
    assert peak < 4 * MIB


def test_a_client_that_goes_away_leaves_nothing(inside):
    async def half():
        await inside.ask("PUT", "/bucket", body())
        sent = (*body(PIECE * 8, PIECE)[:2], {"type": "http.disconnect"})
        assert await inside.ask("PUT", "/bucket/a", sent) is None
        assert await inside.ask("HEAD", "/bucket/a", body()) == 404

    asyncio.run(half())
    assert inside.file_names() == []


def test_a_download_ends_when_its_client_goes_away(inside):
    taken = []

    async def leave():
        await inside.ask("PUT", "/bucket", body())
        await inside.ask("PUT", "/bucket/large", large(SIZE))
        await inside.ask("GET", "/bucket/large", (*body(), {"type": "http.disconnect"}), taken.append)

    asyncio.run(leave())
    assert sum(map(len, taken)) < SIZE // 4


def test_a_reader_gets_the_newer_bytes_when_the_older_go_away_under_its_hands(inside, monkeypatch):
    taken = bytearray()

    async def overwrite_while_reading():
        await inside.ask("PUT", "/bucket", body())
        await inside.ask("PUT", "/bucket/a", body(b"old"))
        find = inside.catalogue.find_object

        async def slow(*asked):
            row = await find(*asked)
            monkeypatch.undo()
            await inside.ask("PUT", "/bucket/a", body(b"new"))
            return row

        monkeypatch.setattr(inside.catalogue, "find_object", slow)
        assert await inside.ask("GET", "/bucket/a", body(), taken.extend) == 200

    asyncio.run(overwrite_while_reading())
    assert taken == b"new"


@pytest.mark.parametrize(
    ("failure", "status", "kept"),
    [
        (ThrottlingException(), 503, 0),
        (ServiceUnavailable(), 503, 1),
        (StorageLost("disk full"), 503, 1),
        (InternalFailure(), 500, 1),
        (ZeroDivisionError(), 500, 1),
    ],
)
def test_bytes_of_a_write_that_may_have_gone_through_stay(inside, monkeypatch, failure, status, kept):
    async def fail(*asked):
        raise failure

    async def put():
        await inside.ask("PUT", "/bucket", body())
        monkeypatch.setattr(inside.catalogue, "put_object", fail)
        assert await inside.ask("PUT", "/bucket/a", body(b"text")) == status

    asyncio.run(put())
    assert len(inside.file_names()) == kept
