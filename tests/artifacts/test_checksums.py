"""Checksums of uploads, in headers and in trailers, right and wrong; and bodies that come in chunks."""

import base64
import hashlib
import zlib
from urllib.request import Request, urlopen

import pytest

from artifacts.raw import ask, framed, send, sign, unframed

TEXT = b"some text that is hashed" * 10_000
OTHER = b"some other text"
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
PIECES = [TEXT[:100_000], TEXT[100_000:]]


def encoded(digest):
    return base64.b64encode(digest).decode()


def crc32(text):
    return encoded(zlib.crc32(text).to_bytes(4, "big"))


def md5(text):
    return encoded(hashlib.md5(text).digest())


@pytest.fixture(scope="module")
def tls(store, key):
    return store.client(key, tls=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_in_the_trailer_is_checked_kept_and_returned(tls, bucket, algorithm):
    put = tls.put_object(Bucket=bucket, Key="a", Body=TEXT, ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    assert put[name]
    got = tls.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got[name], got["ChecksumType"]) == (TEXT, put[name], "FULL_OBJECT")
    assert "ContentEncoding" not in got


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_in_a_header_is_checked_kept_and_returned(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="a", Body=TEXT, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert f"Checksum{algorithm}" not in s3.head_object(Bucket=bucket, Key="a")


def test_the_known_sums_are_the_right_ones(s3, bucket):
    for algorithm, value in (
        ("CRC32", crc32(TEXT)),
        ("SHA1", encoded(hashlib.sha1(TEXT).digest())),
        ("SHA256", encoded(hashlib.sha256(TEXT).digest())),
    ):
        put = s3.put_object(Bucket=bucket, Key="a", Body=TEXT, **{f"Checksum{algorithm}": value})
        assert put[f"Checksum{algorithm}"] == value


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"Content-MD5": md5(TEXT)}, None),
        ({"Content-MD5": md5(OTHER)}, "BadDigest"),
        ({"Content-MD5": "nonsense"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": crc32(TEXT)}, None),
        ({"x-amz-checksum-crc32": crc32(OTHER)}, "BadDigest"),
        ({"x-amz-checksum-crc32": "nonsense!"}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": md5(TEXT)}, "InvalidRequest"),
        ({"x-amz-checksum-crc99": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": crc32(TEXT), "x-amz-checksum-sha1": "AAAA"}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
    ],
)
def test_what_is_said_of_a_body_must_be_true(store, key, s3, bucket, said, code):
    files = store.file_names()
    answer = ask(store, key, "PUT", f"/{bucket}/a", said, TEXT)
    assert (answer.status, answer.code) == ((200, None) if code is None else (400, code))
    assert ("Contents" in s3.list_objects_v2(Bucket=bucket)) == (code is None)
    assert (store.file_names() != files) == (code is None)


def put_in_chunks(store, key, bucket, kind, trailers="", announced="", damage=lambda body: body):
    said = {"Content-Encoding": "aws-chunked,gzip", "x-amz-decoded-content-length": str(len(TEXT))}
    said |= {"x-amz-trailer": announced} if announced else {}
    headers = sign(store, key, "PUT", f"/{bucket}/a", said, payload_hash=kind)
    body = unframed(PIECES, trailers) if "UNSIGNED" in kind else framed(key, headers, PIECES, trailers)
    return send(store, "PUT", f"/{bucket}/a", headers, damage(body))


UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SUM = f"x-amz-checksum-crc32:{crc32(TEXT)}"
WRONG_SUM = f"x-amz-checksum-crc32:{crc32(OTHER)}"
NAME = "x-amz-checksum-crc32"


@pytest.mark.parametrize(
    ("kind", "trailers", "announced"),
    [(SIGNED, "", ""), (f"{SIGNED}-TRAILER", SUM, NAME), (UNSIGNED, SUM, NAME), (UNSIGNED, "", "")],
)
def test_chunks_are_put_together(store, key, s3, bucket, kind, trailers, announced):
    assert put_in_chunks(store, key, bucket, kind, trailers, announced).status == 200
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["ContentEncoding"]) == (TEXT, "gzip")


@pytest.mark.parametrize(
    ("kind", "trailers", "announced", "code"),
    [
        (UNSIGNED, WRONG_SUM, NAME, "BadDigest"),
        (f"{SIGNED}-TRAILER", WRONG_SUM, NAME, "BadDigest"),
        (UNSIGNED, "", NAME, "MalformedTrailerError"),
        (UNSIGNED, "x-amz-checksum-crc32:AAA", NAME, "InvalidRequest"),
    ],
)
def test_a_wrong_trailer_is_refused_and_nothing_is_kept(store, key, s3, bucket, kind, trailers, announced, code):
    files = store.file_names()
    assert put_in_chunks(store, key, bucket, kind, trailers, announced).code == code
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert store.file_names() == files


def test_a_changed_chunk_is_refused_and_nothing_is_kept(store, key, s3, bucket):
    files = store.file_names()
    answer = put_in_chunks(store, key, bucket, SIGNED, damage=lambda body: body.replace(b"hashed", b"hushed", 1))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert store.file_names() == files


def test_a_body_that_is_not_the_signed_one_is_refused(store, key, s3, bucket):
    signed = hashlib.sha256(TEXT).hexdigest()
    answer = ask(store, key, "PUT", f"/{bucket}/a", body=OTHER, payload_hash=signed)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_presigned_upload_and_download_need_no_header(store, key, bucket):
    s3 = store.client(key, signature_version="s3v4")
    where = {"Bucket": bucket, "Key": "a b"}
    put = s3.generate_presigned_url("put_object", Params=where)
    urlopen(Request(put, data=TEXT, method="PUT")).close()
    with urlopen(s3.generate_presigned_url("get_object", Params=where)) as got:
        assert got.read() == TEXT
