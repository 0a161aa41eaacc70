"""What was found by fuzzing, input by input: it stays mended."""

import json
from pathlib import Path

import pytest

from fuzz.inside import Inside
from fuzz.messages import Message
from penstock.core.webhooks import why_ignored
from penstock.http.openapi import document
from penstock.wire import types as wire

HOST = (b"host", b"127.0.0.1:4570")


def test_a_checksum_of_a_body_that_is_no_ascii_is_refused_as_one(tmp_path: Path) -> None:
    inside = Inside(tmp_path / "data")
    assert inside.ask(Message("PUT", b"/bucket", headers=[HOST]), [b""]).status == 200
    for header in (b"content-md5", b"x-amz-checksum-crc32"):
        answer = inside.ask(
            Message("PUT", b"/bucket/key", headers=[HOST, (header, b"nd6biUBpNSvoBNnR\xe2S3Q==")]), [b"x"]
        )
        assert answer.status == 400
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
