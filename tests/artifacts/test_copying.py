"""Copies of objects and of versions."""

import base64
import hashlib

import pytest

MIB = 1 << 20


@pytest.fixture
def source(s3, bucket):
    s3.put_object(
        Bucket=bucket,
        Key="a/ü ?.zip",
        Body=b"text",
        ContentType="application/zip",
        Metadata={"commit": "abc"},
        CacheControl="no-cache",
    )
    return {"Bucket": bucket, "Key": "a/ü ?.zip"}


def text_of(s3, **name):
    return s3.get_object(**name)["Body"].read()


def test_a_copy_has_the_bytes_and_all_that_was_said_of_them(s3, bucket, source):
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource=source)["CopyObjectResult"]
    head = s3.head_object(Bucket=bucket, Key="b")
    assert copied["ETag"] == head["ETag"] == f'"{hashlib.md5(b"text").hexdigest()}"'
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == (
        "application/zip",
        {"commit": "abc"},
        "no-cache",
    )
    s3.delete_object(**source)
    assert text_of(s3, Bucket=bucket, Key="b") == b"text"


def test_a_copy_may_replace_what_was_said(s3, bucket, source):
    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"other": "1"}, "ContentType": "text/plain"}
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source, **replaced)
    head = s3.head_object(Bucket=bucket, Key="b")
    assert (head["Metadata"], head["ContentType"], head.get("CacheControl")) == ({"other": "1"}, "text/plain", None)


def test_a_copy_has_the_tags_of_its_source_or_those_of_the_request(s3, bucket):
    source = {"Bucket": bucket, "Key": "a"}
    s3.put_object(**source, Body=b"", Tagging="team=build&empty=")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source, MetadataDirective="REPLACE")
    tags = [{"Key": "team", "Value": "build"}, {"Key": "empty", "Value": ""}]
    assert s3.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == tags
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source, TaggingDirective="REPLACE", Tagging="x=y")
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "x", "Value": "y"}]


def test_a_copy_onto_itself_must_change_something(s3, bucket, source, refusal):
    assert refusal(s3.copy_object, **source, CopySource=source) == ("InvalidRequest", 400)
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.head_object(**source)["Metadata"] == {"new": "1"}
    s3.copy_object(**source, CopySource=source, ServerSideEncryption="AES256")
    assert s3.head_object(**source)["ServerSideEncryption"] == "AES256"
    assert text_of(s3, **source) == b"text"


def test_an_older_version_can_be_copied_back(s3, versioned):
    name = {"Bucket": versioned, "Key": "a"}
    first = s3.put_object(**name, Body=b"1")["VersionId"]
    s3.put_object(**name, Body=b"2")
    copied = s3.copy_object(**name, CopySource=name | {"VersionId": first})
    assert copied["CopySourceVersionId"] == first
    assert copied["VersionId"] == s3.head_object(**name)["VersionId"]
    assert text_of(s3, **name) == b"1"


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ({"CopySourceIfMatch": f'"{hashlib.md5(b"text").hexdigest()}"'}, True),
        ({"CopySourceIfMatch": '"other"'}, False),
        ({"CopySourceIfNoneMatch": '"other"'}, True),
        ({"CopySourceIfNoneMatch": "*"}, False),
        ({"CopySourceIfModifiedSince": "2001-01-01"}, True),
        ({"CopySourceIfUnmodifiedSince": "2001-01-01"}, False),
    ],
)
def test_a_copy_may_have_conditions_on_its_source(s3, bucket, source, refusal, condition, is_met):
    copy = {"Bucket": bucket, "Key": "b", "CopySource": source, **condition}
    if is_met:
        s3.copy_object(**copy)
    else:
        assert refusal(s3.copy_object, **copy) == ("PreconditionFailed", 412)


def test_a_source_must_be_there(s3, bucket, source, refusal):
    for missing, code in (
        ({"Bucket": bucket, "Key": "missing"}, "NoSuchKey"),
        ({"Bucket": "missing", "Key": "a"}, "NoSuchBucket"),
        (source | {"VersionId": "missing"}, "NoSuchVersion"),
    ):
        assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource=missing) == (code, 404)
    assert refusal(s3.copy_object, Bucket="missing", Key="b", CopySource=source) == ("NoSuchBucket", 404)
    assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource="nonsense") == ("InvalidArgument", 400)


def test_a_copy_of_parts_is_one_part_with_the_etag_of_its_bytes(s3, bucket):
    name = {"Bucket": bucket, "Key": "large"}
    upload = name | {"UploadId": s3.create_multipart_upload(**name, ChecksumAlgorithm="SHA256")["UploadId"]}
    texts = [b"a" * (5 * MIB), b"b"]
    parts = [
        s3.upload_part(**upload, PartNumber=n + 1, Body=text, ChecksumAlgorithm="SHA256")
        for n, text in enumerate(texts)
    ]
    listed = [{"PartNumber": n + 1, "ETag": part["ETag"]} for n, part in enumerate(parts)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=name)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(b"".join(texts)).hexdigest()}"'
    assert copied["ChecksumType"] == "FULL_OBJECT"
    assert text_of(s3, Bucket=bucket, Key="copy") == b"".join(texts)


def test_a_copy_may_ask_for_a_checksum(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(b"text").digest()
