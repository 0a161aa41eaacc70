"""Multipart uploads, part by part and through the transfer tools of boto3."""

import base64
import hashlib
import io
import random
import zlib

import pytest
from boto3.s3.transfer import TransferConfig

MIB = 1 << 20
FIRST, LAST = b"a" * (5 * MIB), b"tail"
WHOLE = FIRST + LAST


def begin(s3, bucket, key="large", **options):
    name = {"Bucket": bucket, "Key": key}
    return name | {"UploadId": s3.create_multipart_upload(**name, **options)["UploadId"]}


def send(s3, upload, *texts, **options):
    """Upload parts and list them as a client does."""
    return [send_one(s3, upload, number, text, **options) for number, text in enumerate(texts, 1)]


def send_one(s3, upload, number, text, **options):
    answer = s3.upload_part(**upload, PartNumber=number, Body=text, **options)
    sums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": answer["ETag"], **sums}


def complete(s3, upload, parts, **options):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **options)


def etag_of(*texts):
    joined = b"".join(hashlib.md5(text).digest() for text in texts)
    return f'"{hashlib.md5(joined).hexdigest()}-{len(texts)}"'


def test_parts_become_one_object(s3, bucket, store):
    files = store.file_names()
    upload = begin(s3, bucket, ContentType="text/plain", Metadata={"a": "b"}, ServerSideEncryption="aws:kms")
    parts = send(s3, upload, FIRST, LAST)
    done = complete(s3, upload, parts)
    assert done["ETag"] == etag_of(FIRST, LAST)
    got = s3.get_object(Bucket=bucket, Key="large")
    assert (got["Body"].read(), got["ETag"]) == (WHOLE, done["ETag"])
    assert (got["ContentType"], got["Metadata"], got["ServerSideEncryption"]) == ("text/plain", {"a": "b"}, "aws:kms")
    assert len(store.file_names() - files) == 1


def test_only_the_listed_parts_count_and_the_last_sent_of_a_number(s3, bucket, store):
    files = store.file_names()
    upload = begin(s3, bucket)
    send_one(s3, upload, 7, b"never listed")
    send_one(s3, upload, 3, b"replaced")
    parts = [send_one(s3, upload, 3, b"kept")]
    complete(s3, upload, parts)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == b"kept"
    assert len(store.file_names() - files) == 1


def test_a_listed_part_must_be_what_was_sent(s3, bucket, refusal):
    upload = begin(s3, bucket)
    first, last = send(s3, upload, FIRST, LAST)
    small = [send_one(s3, upload, 8, b"small"), send_one(s3, upload, 9, b"small")]
    for parts, code in (
        ([first, {"PartNumber": 3, "ETag": last["ETag"]}], "InvalidPart"),
        ([first, last | {"ETag": first["ETag"]}], "InvalidPart"),
        ([first | {"ChecksumCRC32": "AAAAAA=="}, last], "InvalidPart"),
        ([last, first], "InvalidPartOrder"),
        ([first, first], "InvalidPartOrder"),
        (small, "EntityTooSmall"),
        ([], "MalformedXML"),
    ):
        assert refusal(complete, s3=s3, upload=upload, parts=parts) == (code, 400)
    complete(s3, upload, [first, last])


def test_an_upload_is_not_there_until_it_is_complete(s3, bucket, refusal):
    upload = begin(s3, bucket)
    parts = send(s3, upload, LAST)
    assert refusal(s3.head_object, Bucket=bucket, Key="large") == ("404", 404)
    complete(s3, upload, parts)
    assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == len(LAST)
    assert refusal(s3.upload_part, **upload, PartNumber=2, Body=b"late") == ("NoSuchUpload", 404)


def test_completing_again_gives_the_same_answer_while_the_object_is_current(s3, bucket, refusal):
    upload = begin(s3, bucket)
    parts = send(s3, upload, LAST)
    assert complete(s3, upload, parts)["ETag"] == complete(s3, upload, parts)["ETag"]
    s3.put_object(Bucket=bucket, Key="large", Body=b"newer")
    assert refusal(complete, s3=s3, upload=upload, parts=parts) == ("NoSuchUpload", 404)


def test_an_aborted_upload_leaves_nothing(s3, bucket, store, refusal):
    files = store.file_names()
    upload = begin(s3, bucket)
    parts = send(s3, upload, b"1", b"2")
    s3.abort_multipart_upload(**upload)
    assert store.file_names() == files
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert refusal(s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)
    assert refusal(complete, s3=s3, upload=upload, parts=parts) == ("NoSuchUpload", 404)
    assert refusal(s3.list_parts, **upload) == ("NoSuchUpload", 404)


def test_an_unfinished_upload_goes_with_its_bucket(s3, bucket, store):
    files = store.file_names()
    send(s3, begin(s3, bucket), b"1")
    s3.delete_bucket(Bucket=bucket)
    assert store.file_names() == files


def test_parts_are_listed_in_pages(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA1")
    sent = send(s3, upload, b"1", b"22", b"333", ChecksumAlgorithm="SHA1")
    pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2}))
    assert [[part["Size"] for part in page["Parts"]] for page in pages] == [[1, 2], [3]]
    assert [part["ChecksumSHA1"] for page in pages for part in page["Parts"]] == [one["ChecksumSHA1"] for one in sent]
    assert (pages[0]["ChecksumAlgorithm"], pages[0]["ChecksumType"]) == ("SHA1", "COMPOSITE")


def test_uploads_are_listed_in_pages_and_rolled_up(s3, bucket):
    ids = [begin(s3, bucket, key)["UploadId"] for key in ("a", "a", "b/1", "b/2", "c")]
    for size in range(1, 6):
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        assert [upload["UploadId"] for page in pages for upload in page.get("Uploads", [])] == ids
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [upload["Key"] for upload in rolled["Uploads"]] == ["a", "a", "c"]
    assert rolled["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]] == [
        "b/1",
        "b/2",
    ]
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a")["Uploads"]] == [
        "b/1",
        "b/2",
        "c",
    ]


def test_parts_can_be_copied_from_objects(s3, bucket, refusal):
    s3.put_object(Bucket=bucket, Key="source", Body=WHOLE)
    upload = begin(s3, bucket)
    source = {"Bucket": bucket, "Key": "source"}
    spans = [f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB}-{len(WHOLE) - 1}"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=span)[
                "CopyPartResult"
            ]["ETag"],
        }
        for number, span in enumerate(spans, 1)
    ]
    outside = {"PartNumber": 3, "CopySource": source, "CopySourceRange": f"bytes=0-{len(WHOLE)}"}
    assert refusal(s3.upload_part_copy, **upload, **outside) == ("InvalidArgument", 400)
    assert complete(s3, upload, parts)["ETag"] == etag_of(FIRST, LAST)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == WHOLE


@pytest.mark.parametrize("number", [0, 10001])
def test_part_numbers_go_from_1_to_10000(s3, bucket, refusal, number):
    upload = begin(s3, bucket)
    assert refusal(s3.upload_part, **upload, PartNumber=number, Body=b"") == ("InvalidArgument", 400)


def test_a_part_of_an_object_can_be_read_by_its_number(s3, bucket, refusal):
    upload = begin(s3, bucket)
    complete(s3, upload, send(s3, upload, FIRST, LAST))
    name = {"Bucket": bucket, "Key": "large"}
    got = s3.get_object(**name, PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"]) == (LAST, 2)
    assert s3.head_object(**name, PartNumber=1)["ContentLength"] == len(FIRST)
    assert refusal(s3.get_object, **name, PartNumber=3) == ("InvalidPartNumber", 416)
    s3.put_object(Bucket=bucket, Key="small", Body=b"text")
    assert s3.get_object(Bucket=bucket, Key="small", PartNumber=1)["Body"].read() == b"text"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_is_that_of_the_parts_checksums(s3, bucket, algorithm):
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm)
    parts = send(s3, upload, FIRST, LAST, ChecksumAlgorithm=algorithm)
    done = complete(s3, upload, parts)
    name = f"Checksum{algorithm}"
    assert (done[name][-2:], done["ChecksumType"]) == ("-2", "COMPOSITE")
    if algorithm in ("SHA1", "SHA256"):
        digests = b"".join(base64.b64decode(part[name]) for part in parts)
        expected = hashlib.new(algorithm, digests).digest()
        assert base64.b64decode(done[name].partition("-")[0]) == expected
    head = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (done[name], "COMPOSITE")
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == WHOLE


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_full_object_checksum_is_that_of_all_bytes(s3, bucket, refusal, algorithm):
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    parts = send(s3, upload, FIRST, LAST, ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="at once", Body=WHOLE, ChecksumAlgorithm=algorithm)
    wrong = {"s3": s3, "upload": upload, "parts": parts, name: parts[0][name]}
    assert refusal(complete, **wrong) == ("BadDigest", 400)
    done = complete(s3, upload, parts, **{name: put[name]})
    assert (done[name], done["ChecksumType"]) == (put[name], "FULL_OBJECT")
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == WHOLE


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_a_kind_of_checksum_that_an_algorithm_does_not_have_is_refused(s3, bucket, refusal, algorithm, kind):
    asked = {"Bucket": bucket, "Key": "a", "ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    assert refusal(s3.create_multipart_upload, **asked) == ("InvalidRequest", 400)


def test_a_part_has_the_checksum_that_its_upload_was_begun_with(s3, bucket, refusal):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    other = {"PartNumber": 1, "Body": b"x", "ChecksumAlgorithm": "CRC32"}
    assert refusal(s3.upload_part, **upload, **other) == ("InvalidRequest", 400)


def test_the_expected_size_must_be_right(s3, bucket, refusal):
    upload = begin(s3, bucket)
    parts = send(s3, upload, LAST)
    wrong = {"s3": s3, "upload": upload, "parts": parts, "MpuObjectSize": 99}
    assert refusal(complete, **wrong) == ("InvalidRequest", 400)
    complete(s3, upload, parts, MpuObjectSize=len(LAST))


def test_a_complete_upload_may_have_conditions(s3, versioned, refusal):
    s3.put_object(Bucket=versioned, Key="large", Body=b"there")
    upload = begin(s3, versioned)
    parts = send(s3, upload, LAST)
    refused = {"s3": s3, "upload": upload, "parts": parts, "IfNoneMatch": "*"}
    assert refusal(complete, **refused) == ("PreconditionFailed", 412)
    done = complete(s3, upload, parts)
    assert done["VersionId"] == s3.head_object(Bucket=versioned, Key="large")["VersionId"]


@pytest.mark.parametrize("tls", [False, True])
def test_the_transfer_tools_move_a_large_file_both_ways(store, key, bucket, tls, tmp_path):
    s3 = store.client(key, tls=tls)
    whole = random.Random(1).randbytes(20 * MIB)
    (tmp_path / "sent").write_bytes(whole)
    s3.upload_file(str(tmp_path / "sent"), bucket, "large")
    head = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["ETag"][-3:]) == (len(whole), '-3"')
    s3.download_file(bucket, "large", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == whole
    copy = TransferConfig(multipart_threshold=8 * MIB)
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy", Config=copy)
    taken = io.BytesIO()
    s3.download_fileobj(bucket, "copy", taken)
    assert zlib.crc32(taken.getvalue()) == zlib.crc32(whole)
