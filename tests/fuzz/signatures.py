"""Signatures: what is not what somebody signed is never taken for it, and whatever is sent, only ApiErrors come of it.

The oracle knows what was signed: the seeds, with a secret that no input can find out. An input that is taken must mean what
one of the seeds means: the same method, path, query, signed headers and body, however they are written.
"""

import calendar
import hashlib
import posixpath
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from artifacts.raw import REGION, framed, unframed
from fuzz.messages import Keys, Message, presigned, signed
from fuzz.scripts import pieces, read_script, script
from penstock.auth import sigv4
from penstock.auth.payload import Seed, body_check, declared_hash
from penstock.auth.signing import signing_key
from penstock.auth.sigv4 import Claim, Rules
from penstock.ports.identity import AccessKey, Principal, SignedRequest
from penstock.wire.errors import ApiError

STAMP = "20260830T123600Z"
NOW = float(calendar.timegm(time.strptime(STAMP, "%Y%m%dT%H%M%SZ")))
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
API = Keys(KEY_ID, SECRET, REGION)
STS = replace(API, service="sts")
S3 = replace(API, service="s3")
RULES = {"codepipeline": sigv4.API, "sts": sigv4.STS, "s3": sigv4.S3}
CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHECKSUM = "x-amz-checksum-crc32:AAAAAA=="
PIECES = [b"x" * 40, b"\r\n0;chunk-signature=\r\n", b"y"]
PAYLOAD = b"".join(PIECES)
HOST = (b"host", b"127.0.0.1:4570")
TARGET = (b"x-amz-target", b"CodePipeline_20150709.GetPipeline")


class Signed(NamedTuple):
    """A request that was signed, and what comes out of its body once it is unwrapped."""

    message: Message
    keys: Keys
    payload: bytes


def api_requests() -> list[Signed]:
    """As clients ask the API and STS."""
    json = (b"content-type", b"application/x-amz-json-1.1")
    form = (b"content-type", b"application/x-www-form-urlencoded")
    body = b'{"name":"line"}'
    asked = Message(headers=[HOST, json, TARGET], body=body)
    query = Message("GET", query=b"Action=GetPipeline&name=a%20b", headers=[HOST])
    sts = Message(headers=[HOST, form], body=b"Action=GetCallerIdentity&Version=2011-06-15")
    session = replace(API, token="a/session+token=")
    headers = [HOST, json, TARGET, (b"x-amz-meta", b"a  b"), (b"x-amz-meta", b"c")]
    return [
        Signed(signed(asked, API, STAMP), API, body),
        Signed(signed(asked, session, STAMP), session, body),
        Signed(signed(replace(asked, headers=headers), API, STAMP), API, body),
        Signed(signed(query, API, STAMP), API, b""),
        Signed(presigned(query, API, STAMP), API, b""),
        Signed(presigned(query, session, STAMP, 3600), session, b""),
        Signed(signed(sts, STS, STAMP), STS, sts.body),
    ]


def s3_requests() -> list[Signed]:
    """As clients ask the store, with each promise of a body."""
    whole = Message("PUT", b"/bucket/a%20b/%C3%A9", headers=[HOST], body=PAYLOAD)
    hashed = whole.adding((b"x-amz-content-sha256", hashlib.sha256(PAYLOAD).hexdigest().encode()))
    unsigned = whole.adding((b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))
    read = Message("GET", b"/bucket/key", b"versionId=abc&response-content-type=a%2Fb", [HOST])
    return [
        Signed(signed(hashed, S3, STAMP), S3, PAYLOAD),
        Signed(signed(unsigned, S3, STAMP), S3, PAYLOAD),
        Signed(presigned(read, S3, STAMP, 600), S3, b""),
        *(in_signed_chunks(trailers) for trailers in ("", CHECKSUM)),
        in_unsigned_chunks(),
    ]


def in_signed_chunks(trailers: str) -> Signed:
    kind = CHUNKS + ("-TRAILER" if trailers else "")
    message = signed(_chunked(kind, trailers), S3, STAMP)
    authorization = (message.header(b"authorization") or b"").decode()
    key = AccessKey(KEY_ID, SECRET, Principal("arn", "1", "root", KEY_ID))
    body = framed(key, {"X-Amz-Date": STAMP, "Authorization": authorization}, PIECES, trailers)  # type: ignore[no-untyped-call]
    return Signed(replace(message, body=body), S3, PAYLOAD)


def in_unsigned_chunks() -> Signed:
    message = signed(_chunked(UNSIGNED_CHUNKS, CHECKSUM), S3, STAMP)
    body = unframed(PIECES, CHECKSUM)  # type: ignore[no-untyped-call]
    return Signed(replace(message, body=body), S3, PAYLOAD)


def _chunked(kind: str, trailers: str) -> Message:
    headers = [HOST, (b"x-amz-content-sha256", kind.encode()), (b"x-amz-decoded-content-length", b"%d" % len(PAYLOAD))]
    named = [(b"x-amz-trailer", trailers.partition(":")[0].encode())] if trailers else []
    return Message("PUT", b"/bucket/key", headers=headers + named)


class Signatures:
    """`taken` counts the inputs that were taken, all of which meant what a seed means."""

    words: Sequence[bytes] = (
        *(b"AWS4-HMAC-SHA256", b"Credential=", b"SignedHeaders=", b"Signature=", b"aws4_request", b"X-Amz-Signature="),
        *(
            b"X-Amz-Expires=604800",
            b"X-Amz-Date=",
            b"x-amz-date: ",
            b"date: Sun, 30 Aug 2026 12:36:00 GMT",
            b"authorization: ",
        ),
        *(
            b"x-amz-content-sha256: ",
            b"UNSIGNED-PAYLOAD",
            CHUNKS.encode(),
            UNSIGNED_CHUNKS.encode(),
            b"x-amz-trailer: ",
        ),
        *(
            b"chunk-signature=",
            b"x-amz-trailer-signature:",
            b"0;chunk-signature=",
            b"\r\n",
            b"host;",
            b"x-amz-security-token: ",
        ),
    )

    def __init__(self) -> None:
        self._signed = [*api_requests(), *s3_requests()]
        self.seeds = [script(each.message, cut) for each in self._signed for cut in (0, 7)]
        self._meant = {repr(meaning(_received(each.message), RULES[each.keys.service])) for each in self._signed}
        self._payloads = {signature_of(each.message): each.payload for each in self._signed}
        self.taken = 0

    def check(self, text: bytes) -> None:
        message = read_script(text)
        if message is None:
            return
        request = SignedRequest(message.method, message.path, message.query, message.headers, message.body)
        sigv4.claimed_region(request)
        for rules in RULES.values():
            claim = _true_claim(request, rules)
            if claim is not None:
                self._check_taken(message, rules, claim)
        self._check_body(message, text, message.header(b"x-amz-content-sha256"))

    def _check_taken(self, message: Message, rules: Rules, claim: Claim) -> None:
        self.taken += 1
        assert repr(meaning(message, rules)) in self._meant, f"taken as signed for {rules.service}: {message}"
        covered = set(signed_names(message))
        assert b"host" in covered
        left = [name for name, _ in message.headers if name.startswith(b"x-amz-") and name not in covered]
        assert not left, f"taken though {left} are not signed"
        assert claim.signature in self._payloads, "the signature is none of those that were made"

    def _check_body(self, message: Message, text: bytes, declared: bytes | None) -> None:
        """The body against the signature that the request names, true or not: chunks are chained to that."""
        headers = sigv4.joined_headers(message.headers)
        signature = signature_of(message)
        seed = Seed(signing_key(SECRET, STAMP[:8], REGION, "s3"), STAMP.encode(), S3.scope(STAMP).encode(), signature)
        try:
            kind = declared_hash({b"x-amz-content-sha256": declared or b""})
            check = body_check(kind, headers, seed)
            payload = b"".join(check.feed(piece) for piece in pieces(text, message.body))
            check.finish()
        except ApiError:
            return
        if kind.startswith(CHUNKS):
            assert payload == self._payloads.get(signature), f"chunks taken as signed: {message}"
        elif kind == UNSIGNED_CHUNKS:
            assert len(payload) == int(headers[b"x-amz-decoded-content-length"])
        elif kind != "UNSIGNED-PAYLOAD":
            assert hashlib.sha256(payload).hexdigest() == kind

    def close(self) -> None:
        """Every seed as it is must have been right, or nothing was shown."""
        for each in self._signed:
            before = self.taken
            self.check(script(each.message))
            assert self.taken == before + 1, f"not taken, though it was signed: {each.message}"


def _true_claim(request: SignedRequest, rules: Rules) -> Claim | None:
    """The claim, if it is true and names the key whose secret this is."""
    try:
        claim = sigv4.read_claim(request, rules, NOW)
        sigv4.verify(claim, SECRET)
    except ApiError:
        return None
    return claim if claim.terms.access_key_id == KEY_ID else None


def _received(message: Message) -> Message:
    found = read_script(script(message))
    assert found is not None
    return found


def _query(message: Message) -> Mapping[bytes, bytes]:
    pairs = parse_qsl(message.query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return {name.encode("latin-1"): value.encode("latin-1") for name, value in pairs}


def _authorization(message: Message) -> bytes:
    """Empty if there is none; that of several headers is their sum."""
    return b",".join(value for name, value in message.headers if name == b"authorization")


def signed_names(message: Message) -> list[bytes]:
    """The headers that the request says are signed; what it says last counts."""
    authorization = _authorization(message)
    if not authorization:
        return _query(message).get(b"X-Amz-SignedHeaders", b"").split(b";")
    parameters = authorization.partition(b" ")[2].replace(b" Signature=", b",Signature=").split(b",")
    listed = [each.strip().partition(b"=")[2] for each in parameters if each.strip().startswith(b"SignedHeaders=")]
    return listed[-1].split(b";") if listed else []


def signature_of(message: Message) -> bytes:
    authorization = _authorization(message)
    if not authorization:
        return _query(message).get(b"X-Amz-Signature", b"")
    return authorization.rpartition(b"Signature=")[2].partition(b",")[0].strip()


def meaning(message: Message, rules: Rules) -> Any:
    """All that a signature covers for that service, what may be written in several ways made one."""
    query = parse_qsl(message.query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    covered = {
        name: b",".join(b" ".join(value.split()) for key, value in message.headers if key == name)
        for name in signed_names(message)
    }
    asked = sorted(pair for pair in query if pair[0] != "X-Amz-Signature")
    path, body = b"/" + posixpath.normpath(message.path).lstrip(b"/"), message.body
    if rules.is_s3:
        path, body = unquote_to_bytes(message.path), b""
    return rules.service, message.method, path, asked, sorted(covered.items()), body
