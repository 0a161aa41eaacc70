"""What was found by fuzzing, input by input: it stays mended."""

import asyncio
import gc
import json
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from fuzz.connections import Connections, Served, Transport
from fuzz.doors import OBJECTS, named_files
from fuzz.inside import Inside
from fuzz.messages import Message
from penstock.core.webhooks import why_ignored
from penstock.http.connection import Connection
from penstock.http.listener import Listener
from penstock.http.openapi import document
from penstock.wire import types as wire

HOST = (b"host", b"127.0.0.1:4570")


def test_a_checksum_of_a_body_that_is_no_ascii_is_refused_as_one(tmp_path: Path) -> None:
    inside = Inside(tmp_path / "data")
    inside.ask(Message("PUT", b"/bucket", headers=[HOST]), [b""])
    for header in (b"content-md5", b"x-amz-checksum-crc32"):
        answer = inside.ask(
            Message("PUT", b"/bucket/key", headers=[HOST, (header, b"nd6biUBpNSvoBNnR\xe2S3Q==")]), [b"x"]
        )
        assert answer is not None
        assert (answer.status, b"InternalError" in answer.body) == (400, False)
    inside.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((f"x-amz-{what}-directive", "nothing") for what in ("metadata", "tagging")),
        *(("x-amz-tagging", tags) for tags in ("a=b&a=c", "&".join(f"k{n}=v" for n in range(11)))),
        ("x-amz-meta-a", "b" * 3000),
        ("x-amz-checksum-algorithm", "ROT13"),
        ("x-amz-copy-source-if-match", "other"),
        ("if-none-match", "*"),
    ],
)
def test_a_copy_that_is_refused_leaves_no_file(tmp_path: Path, name: str, text: str) -> None:
    """What was wrong with its tags or directives was seen when the bytes were copied already, and so they stayed."""
    inside = Inside(tmp_path / "data")
    for path in (b"/bucket", b"/bucket/key"):
        assert answered(inside, Message("PUT", path, headers=[HOST])) == 200
    directives = {f"x-amz-{what}-directive": "REPLACE" for what in ("metadata", "tagging")}
    asked = {"x-amz-copy-source": "/bucket/key", **directives, name: text}
    headers = [HOST, *((each.encode(), value.encode()) for each, value in asked.items())]
    status = answered(inside, Message("PUT", b"/bucket/key", headers=headers))
    inside.close()
    assert 400 <= status < 500
    assert {path.name for path in tmp_path.glob(OBJECTS)} == named_files(tmp_path / "data" / "penstock.db")


@pytest.mark.parametrize(
    "message",
    [
        Message("POST", b"/bucket", b"delete", [HOST], b"<Del\0\0\0\x1aect><Key>a/b</Key>/bucket<(Delete>"),
        Message("POST", b"/bucket/big", b"uploadId=n*one", [HOST]),
        Message("POST", b"/bucket/big", b"uploadId=UPLOAD", [HOST], b"<CompleteMultipartUpload><Part>\0"),
    ],
)
def test_a_document_that_is_refused_leaves_all_files_as_they_were(tmp_path: Path, message: Message) -> None:
    inside = Inside(tmp_path / "data")
    for path in (b"/bucket", b"/bucket/key"):
        assert answered(inside, Message("PUT", path, headers=[HOST])) == 200
    begun = inside.ask(Message("POST", b"/bucket/big", b"uploads", [HOST]), [b""])
    assert begun is not None
    upload = begun.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0]
    part = Message("PUT", b"/bucket/big", b"partNumber=1&uploadId=" + upload, [HOST], b"hello")
    assert answered(inside, part) == 200
    before = {path.name for path in tmp_path.glob(OBJECTS)}
    query = message.query.replace(b"UPLOAD", upload)
    assert 400 <= answered(inside, replace(message, query=query)) < 500
    inside.close()
    assert len(before) == 2
    assert before == {path.name for path in tmp_path.glob(OBJECTS)} == named_files(tmp_path / "data" / "penstock.db")


def answered(inside: Inside, message: Message) -> int:
    answer = inside.ask(message, [message.body])
    assert answer is not None
    return answer.status


@pytest.mark.parametrize("payload", ["{", "[1", json.dumps({"ref": "refs/heads/main"}), "plain"])
def test_a_webhooks_payload_that_is_a_text_is_not_read_a_second_time(payload: str) -> None:
    rule = wire.WebhookFilterRule(json_path="$.ref", match_equals="refs/heads/main")
    assert why_ignored([rule], payload, {}) == "$.ref finds nothing in the payload"


def test_the_document_lets_a_poll_hand_out_the_ids_of_partners_jobs() -> None:
    schemas = document("1")["components"]["schemas"]
    asked = schemas["GetThirdPartyJobDetailsInput"]["properties"]["jobId"]
    told = schemas["ThirdPartyJob"]["properties"]["jobId"]
    assert "pattern" not in told
    assert (told["minLength"], told["maxLength"]) == (asked["minLength"], asked["maxLength"])


def test_an_answer_that_comes_too_late_is_not_written() -> None:
    """The rest of a request is no HTTP, and is refused, before the application has said what it thinks of its beginning."""
    connections = Connections()
    connections.check(b"PUT /early HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nno size\r\n")
    connections.close()


@pytest.mark.parametrize("more", [20_000, 10])
def test_nothing_is_left_of_a_connection_that_is_gone(more: int) -> None:
    """A head in many lines takes a MiB or so, and the collector comes by but seldom."""

    async def connect() -> "weakref.ref[Connection]":
        served = Served()
        connection = Connection(Listener(served.app, served))
        transport = Transport(asyncio.get_running_loop(), connection)
        connection.connection_made(transport)
        transport.feed(b"PUT /size HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n" + more * b"a: b\r\n" + b"\r\nhalf")
        await asyncio.sleep(0)
        transport.close()
        for _ in range(5):
            await asyncio.sleep(0)
        return weakref.ref(connection)

    gc.disable()
    try:
        assert asyncio.run(connect())() is None
    finally:
        gc.enable()
