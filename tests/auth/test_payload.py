"""Bodies of S3 uploads: the published examples, a signer of our own, botocore's framing, and what is wrong."""

import base64
import hashlib
import hmac
import io
import random
import zlib

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum

from penstock.auth import payload
from penstock.auth.payload import Seed, body_check
from penstock.auth.signing import signing_key
from penstock.wire.errors import ApiError, InvalidSignatureException

STAMP = b"20130524T000000Z"
SCOPE = b"20130524/us-east-1/s3/aws4_request"
KEY = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
EXAMPLE = b"a" * 66560
SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER = (
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
)


def seed(signature=b"5eed"):
    return Seed(KEY, STAMP, SCOPE, signature)


def hmac_of(*lines):
    return hmac.new(KEY, b"\n".join(lines), hashlib.sha256).hexdigest().encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest().encode()


def frame(chunks, previous=b"5eed", trailers=None):
    """The wire's bytes for these chunks, signed one after the other; trailers, if any, are signed at the end."""
    wire = b""
    for chunk in (*chunks, b""):
        previous = hmac_of(b"AWS4-HMAC-SHA256-PAYLOAD", STAMP, SCOPE, previous, sha256(b""), sha256(chunk))
        wire += b"%x;chunk-signature=%b\r\n" % (len(chunk), previous)
        wire += chunk + b"\r\n" if chunk else b""
    if trailers is None:
        return wire + b"\r\n"
    canonical = b"".join(b"%b:%b\n" % pair for pair in sorted(trailers.items()))
    last = hmac_of(b"AWS4-HMAC-SHA256-TRAILER", STAMP, SCOPE, previous, sha256(canonical))
    lines = [b"%b:%b\r\n" % pair for pair in (*trailers.items(), (b"x-amz-trailer-signature", last))]
    return wire + b"".join(lines) + b"\r\n"


def headers_for(length, *trailers):
    announced = {b"x-amz-trailer": b",".join(trailers)} if trailers else {}
    return {b"x-amz-decoded-content-length": str(length).encode(), **announced}


def run(check, wire, step=65536):
    """What comes out, and the trailers, when the wire's bytes arrive in pieces of that size."""
    found = b"".join(check.feed(wire[start : start + step]) for start in range(0, len(wire), step))
    return found, check.finish()


def signed_check(length, declared=SIGNED, trailers=(), start=b"5eed"):
    return body_check(declared, headers_for(length, *trailers), seed(start))


def test_the_example_that_aws_publishes_passes():
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html"""
    first = b"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    wire = frame([EXAMPLE[:65536], EXAMPLE[65536:]], first)
    for published in (
        b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ):
        assert published in wire
    assert run(signed_check(66560, start=first), wire) == (EXAMPLE, {})


def test_the_example_with_a_trailer_that_aws_publishes_passes():
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html"""
    first = b"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    trailers = {b"x-amz-checksum-crc32c": b"sOO8/Q=="}
    wire = frame([EXAMPLE[:65536], EXAMPLE[65536:]], first, trailers)
    for published in (
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ):
        assert published in wire, published
    check = signed_check(66560, SIGNED_TRAILER, trailers, first)
    assert run(check, wire) == (EXAMPLE, {"x-amz-checksum-crc32c": "sOO8/Q=="})


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1000, 1 << 20])
def test_it_does_not_matter_where_the_network_cuts(step):
    chunks = [b"x" * 300, b"\r\n0;chunk-signature=\r\n", b"y"]
    trailers = {b"x-amz-checksum-crc32": b"AAAAAA==", b"x-amz-checksum-sha1": b"b"}
    body = b"".join(chunks)
    assert run(signed_check(len(body)), frame(chunks), step) == (body, {})
    check = signed_check(len(body), SIGNED_TRAILER, trailers)
    named = {name.decode(): value.decode() for name, value in trailers.items()}
    assert run(check, frame(chunks, trailers=trailers), step) == (body, named)


@pytest.mark.parametrize("size", [0, 1, 4096, 3_000_000])
def test_what_botocore_frames_is_unwrapped(size):
    body = random.Random(size).randbytes(size)
    wrapped = AwsChunkedWrapper(
        io.BytesIO(body), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=1 << 20
    )
    check = body_check(UNSIGNED_TRAILER, headers_for(size, b"x-amz-checksum-crc32"), seed())
    crc32 = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    assert run(check, wrapped.read()) == (body, {"x-amz-checksum-crc32": crc32})


def test_an_empty_body_in_chunks_is_a_body():
    assert run(signed_check(0), frame([])) == (b"", {})


def test_a_blank_line_before_the_signature_of_the_trailer_is_passed_over():
    wire = frame([b"abc"], trailers={b"x-amz-checksum-crc32": b"A"})
    wire = wire.replace(b"\r\nx-amz-trailer-signature", b"\n\r\nx-amz-trailer-signature")
    check = signed_check(3, SIGNED_TRAILER, [b"x-amz-checksum-crc32"])
    assert run(check, wire) == (b"abc", {"x-amz-checksum-crc32": "A"})


def test_without_a_seed_frames_are_unwrapped_and_signatures_ignored():
    wire = frame([b"abc"], b"another seed", {b"x-amz-checksum-crc32": b"A"})
    headers = headers_for(3, b"x-amz-checksum-crc32")
    assert run(body_check(SIGNED_TRAILER, headers, None), wire) == (b"abc", {"x-amz-checksum-crc32": "A"})
    assert run(body_check(SIGNED, headers_for(3), None), frame([b"abc"], b"x")) == (b"abc", {})


def test_an_unsigned_body_passes_as_it_is():
    assert run(body_check("UNSIGNED-PAYLOAD", {}, seed()), b"anything") == (b"anything", {})


def test_a_body_must_have_the_hash_that_was_signed():
    declared = sha256(b"hello").decode()
    assert run(body_check(declared, {}, seed()), b"hello", step=2) == (b"hello", {})
    with pytest.raises(payload.XAmzContentSHA256Mismatch) as refused:
        run(body_check(declared, {}, seed()), b"hellO")
    assert refused.value.message == ("The provided 'x-amz-content-sha256' header does not match what was computed.")


def test_no_single_changed_byte_of_a_signed_upload_passes():
    source = random.Random(66560)
    trailers = {b"x-amz-checksum-crc32": b"AAAAAA=="}
    wire = frame([b"x" * 40, b"y" * 23], trailers=trailers)
    for _ in range(4000):
        index, byte = source.randrange(len(wire)), source.randrange(256)
        mutant = wire[:index] + bytes((byte,)) + wire[index + 1 :]
        # The case of a size or of a trailer's name says nothing, nor do blanks at the ends of a trailer's line.
        if mutant.lower() == wire.lower() or (chr(byte).isspace() and wire[index] in b"\r\n"):
            continue
        with pytest.raises(ApiError):
            run(signed_check(63, SIGNED_TRAILER, trailers), mutant)


def test_every_truncation_is_incomplete():
    trailers = {b"x-amz-checksum-crc32": b"AAAAAA=="}
    wire = frame([b"x" * 40], trailers=trailers)
    for length in range(len(wire)):
        with pytest.raises(payload.IncompleteBody):
            run(signed_check(40, SIGNED_TRAILER, trailers), wire[:length])


def unsigned_check(length, *trailers):
    return body_check(UNSIGNED_TRAILER, headers_for(length, *trailers), seed())


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"5\r\nabc\r\n0\r\n\r\n", InvalidSignatureException),
        (b"3;chunk-signature=00\r\nabc\r\n0;chunk-signature=00\r\n\r\n", InvalidSignatureException),
        (b"3;other=00\r\nabc\r\n", InvalidSignatureException),
    ],
)
def test_a_chunk_without_its_own_signature_is_refused(wire, error):
    with pytest.raises(error):
        run(signed_check(5), wire)


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"g\r\n", payload.InvalidChunkSizeError),
        (b"\r\n", payload.InvalidChunkSizeError),
        (b"-3\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b"+3\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b"0x3\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b"3_0\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b" 3\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b"3\nabc\r\n", payload.InvalidChunkSizeError),
        (b"0000000000003\r\nabc\r\n", payload.InvalidChunkSizeError),
        (b"3" + b" " * 5000, payload.InvalidChunkSizeError),
        (b"3\r\nabcd\r\n0\r\n\r\n", payload.InvalidChunkSizeError),
        (b"2\r\nab\r\n0\r\n\r\n", payload.IncompleteBody),
        (b"4\r\nabcd\r\n0\r\n\r\n", payload.IncompleteBody),
        (b"fffffffffff\r\n", payload.IncompleteBody),
        (b"3\r\nabc\r\n0\r\n\r\nmore\r\n", payload.IncompleteBody),
        (b"3\r\nabc\r\n0\r\n\r\nm", payload.IncompleteBody),
        (b"3\r\nabc\r\n0\r\n", payload.IncompleteBody),
        (b"3\r\nabc\r\n0\r\nx-amz-meta: a\r\n\r\n", payload.MalformedTrailerError),
        (b"3\r\nabc\r\n0\r\nno colon\r\n\r\n", payload.MalformedTrailerError),
        (b"3\r\nabc\r\n0\r\na:" + b"b" * 9000, payload.MalformedTrailerError),
        (b"3\r\nabc\r\n0\r\n" + b"".join(b"a%d:b\r\n" % n for n in range(2000)), payload.MalformedTrailerError),
    ],
)
def test_broken_frames_are_refused(wire, error):
    with pytest.raises(error):
        run(unsigned_check(3), wire)


def test_exactly_the_announced_trailers_must_come():
    for sent in (b"", b"x-b: 1\r\n", b"x-a: 1\r\nx-b: 1\r\n", b"x-a: 1\r\nX-A: 2\r\n"):
        with pytest.raises(payload.MalformedTrailerError):
            run(unsigned_check(0, b"x-a"), b"0\r\n" + sent + b"\r\n")
    assert run(unsigned_check(0, b"X-A"), b"0\r\nX-A: 1 \r\n\r\n") == (b"", {"x-a": "1"})


@pytest.mark.parametrize("length", [None, b"", b"-1", b"1e3", b"9" * 16])
def test_chunks_without_a_decoded_length_are_refused(length):
    headers = {} if length is None else {b"x-amz-decoded-content-length": length}
    with pytest.raises(payload.MissingContentLength) as refused:
        body_check(SIGNED, headers, seed())
    assert refused.value.status == 411


def test_the_signing_key_does_not_show():
    assert KEY.hex() not in repr(seed())
    assert repr(KEY) not in repr(seed())
