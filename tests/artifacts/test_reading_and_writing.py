"""Objects: what is put is what is got, in whole and in part, on conditions."""

import datetime as dt
import hashlib

import pytest

TEXT = b"0123456789"
KEYS = [
    "a",
    "a/b",
    "a/",
    "/leading",
    "double//slash",
    "../up/./and/..",
    "space and+plus",
    "percent%20sign%2F",
    "query?and#hash",
    "ünï-coded-猫-\U0001f600",
    "quote'\"<&>;=",
    "back\\slash",
    "nul\x00 tab\t line\n return\r",
    "x" * 1024,
    "é" * 512,
]


def text_of(answer):
    return answer["Body"].read()


def test_what_is_put_is_what_is_got(s3, bucket):
    etag = f'"{hashlib.md5(TEXT).hexdigest()}"'
    assert s3.put_object(Bucket=bucket, Key="a", Body=TEXT)["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (text_of(got), got["ETag"], got["ContentLength"]) == (TEXT, etag, 10)
    assert got["ContentType"] == "binary/octet-stream"
    assert "VersionId" not in got
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    assert text_of(s3.get_object(Bucket=bucket, Key="a")) == b""


def test_any_text_is_a_key_and_never_a_file_name(s3, bucket, store):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in KEYS:
        assert text_of(s3.get_object(Bucket=bucket, Key=key)) == key.encode()
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(KEYS, key=str.encode)
    assert all(len(name) == 32 for name in store.file_names())


def test_a_key_is_at_most_1024_bytes_long(s3, bucket, refusal):
    assert refusal(s3.put_object, Bucket=bucket, Key="é" * 513, Body=b"") == ("KeyTooLongError", 400)


def test_what_is_not_there_is_not_found(s3, bucket, refusal):
    assert refusal(s3.get_object, Bucket=bucket, Key="a") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="a") == ("404", 404)


def test_an_object_keeps_what_was_said_of_it(s3, bucket):
    said = {
        "ContentType": "application/zip",
        "CacheControl": "no-cache",
        "ContentDisposition": 'attachment; filename="a.zip"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"commit": "abc", "Mixed-Case": "Value"},
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "arn:aws:kms:us-east-1:1:key/k",
        "BucketKeyEnabled": True,
    }
    answer = s3.put_object(Bucket=bucket, Key="a", Body=TEXT, **said)
    head = s3.head_object(Bucket=bucket, Key="a")
    expected = said | {"Metadata": {"commit": "abc", "mixed-case": "Value"}}
    assert {name: head[name] for name in said} == expected
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", said["SSEKMSKeyId"])


def test_acl_and_storage_class_are_tolerated_and_tags_are_kept(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT, ACL="private", Tagging="a=b%20c", StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=bucket, Key="a")["TagCount"] == 1
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "a", "Value": "b c"}]
    s3.put_object(Bucket=bucket, Key="b", Body=TEXT)
    assert s3.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"ObjectLockLegalHoldStatus": "ON"},
        {"WriteOffsetBytes": 10},
    ],
)
def test_what_cannot_be_kept_is_refused(store, key, bucket, refusal, asked):
    s3 = store.client(key, tls=True)
    assert refusal(s3.put_object, Bucket=bucket, Key="a", Body=TEXT, **asked) == ("NotImplemented", 501)


def test_metadata_has_a_limit(s3, bucket, refusal):
    large = {"Bucket": bucket, "Key": "a", "Body": b"", "Metadata": {"a": "b" * 2048}}
    assert refusal(s3.put_object, **large) == ("MetadataTooLarge", 400)


@pytest.mark.parametrize(
    ("asked", "text", "span"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", TEXT, "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_answered_with_that_part(s3, bucket, asked, text, span):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    got = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (text_of(got), got["ContentRange"], got["ContentLength"]) == (text, span, len(text))
    head = s3.head_object(Bucket=bucket, Key="a", Range=asked)
    assert (head["ContentRange"], head["ContentLength"]) == (span, len(text))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_is_refused(s3, bucket, refusal, asked):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    assert refusal(s3.get_object, Bucket=bucket, Key="a", Range=asked) == ("InvalidRange", 416)
    assert refusal(s3.head_object, Bucket=bucket, Key="a", Range=asked) == ("416", 416)


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=5-2", "bytes=-", "lines=0-1", "bytes=a-b"])
def test_a_range_that_makes_no_sense_is_ignored(s3, bucket, asked):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    got = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert (got["ResponseMetadata"]["HTTPStatusCode"], text_of(got)) == (200, TEXT)


HOUR = dt.timedelta(hours=1)
NOW = dt.datetime.now(dt.UTC)
ETAG = f'"{hashlib.md5(TEXT).hexdigest()}"'


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"IfMatch": ETAG}, None),
        ({"IfMatch": f'"other", {ETAG}'}, None),
        ({"IfMatch": "*"}, None),
        ({"IfMatch": '"other"'}, "PreconditionFailed"),
        ({"IfUnmodifiedSince": NOW - HOUR}, "PreconditionFailed"),
        ({"IfUnmodifiedSince": NOW + HOUR}, None),
        ({"IfMatch": ETAG, "IfUnmodifiedSince": NOW - HOUR}, None),
        ({"IfNoneMatch": ETAG}, "304"),
        ({"IfNoneMatch": '"other"'}, None),
        ({"IfModifiedSince": NOW + HOUR}, "304"),
        ({"IfModifiedSince": NOW - HOUR}, None),
        ({"IfNoneMatch": '"other"', "IfModifiedSince": NOW + HOUR}, None),
    ],
)
def test_a_read_may_have_conditions(s3, bucket, refusal, conditions, code):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    if code is None:
        assert text_of(s3.get_object(Bucket=bucket, Key="a", **conditions)) == TEXT
        return
    status = 304 if code == "304" else 412
    assert refusal(s3.get_object, Bucket=bucket, Key="a", **conditions) == (code, status)
    assert refusal(s3.head_object, Bucket=bucket, Key="a", **conditions) == (str(status), status)


def test_a_write_may_ask_that_nothing_is_there(s3, bucket, refusal):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT, IfNoneMatch="*")
    again = {"Bucket": bucket, "Key": "a", "Body": b"other"}
    assert refusal(s3.put_object, **again, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refusal(s3.put_object, **again, IfNoneMatch=ETAG) == ("NotImplemented", 501)
    assert text_of(s3.get_object(Bucket=bucket, Key="a")) == TEXT


def test_a_write_may_ask_for_what_it_replaces(s3, bucket, refusal):
    put = {"Bucket": bucket, "Key": "a", "Body": TEXT}
    assert refusal(s3.put_object, **put, IfMatch=ETAG) == ("NoSuchKey", 404)
    s3.put_object(**put)
    assert refusal(s3.put_object, **put, IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.put_object(**(put | {"Body": b"new"}), IfMatch=ETAG)
    assert text_of(s3.get_object(Bucket=bucket, Key="a")) == b"new"


def test_refused_and_overwritten_bytes_are_freed(s3, bucket, store, refusal):
    before = store.file_names()
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    first = store.file_names() - before
    refusal(s3.put_object, Bucket=bucket, Key="a", Body=TEXT, IfNoneMatch="*")
    assert store.file_names() - before == first
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    second = store.file_names() - before
    assert (len(first), len(second), first & second) == (1, 1, set())
    s3.delete_object(Bucket=bucket, Key="a")
    assert store.file_names() == before


def test_a_reader_may_ask_for_other_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT, ContentType="text/plain")
    asked = {"ResponseContentType": "text/html", "ResponseContentDisposition": "inline; filename=é.txt"}
    got = s3.get_object(Bucket=bucket, Key="a", **asked)
    assert got["ContentType"] == "text/html"
    assert got["ContentDisposition"].encode("latin-1").decode() == asked["ResponseContentDisposition"]


def test_a_header_that_a_reader_asks_for_cannot_end_the_headers(s3, bucket, refusal):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    smuggled = {"ResponseContentType": "text/html\r\nset-cookie: a=b"}
    assert refusal(s3.get_object, Bucket=bucket, Key="a", **smuggled) == ("InvalidArgument", 400)


def test_a_new_current_version_is_announced_in_its_transaction(s3, bucket, store):
    s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    s3.delete_object(Bucket=bucket, Key="a")
    assert [row.key for row in store.announced if row.bucket == bucket] == ["a", "b"]
    assert all(row.is_latest for row in store.announced)
