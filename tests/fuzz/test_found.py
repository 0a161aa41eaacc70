"""What was found by fuzzing, input by input: it stays mended."""

import asyncio
import gc
import json
import weakref
from pathlib import Path

import pytest

from fuzz.connections import Connections, Served, Transport
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
