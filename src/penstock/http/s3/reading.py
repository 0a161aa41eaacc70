"""Reading objects: get and head, with ranges, conditions and versions."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from msgspec import Struct

from penstock.http.s3.attributes import object_headers, overriding_headers, read_tags
from penstock.http.s3.call import Answer, FileSpan, S3Call, bucket_arn, xml_answer
from penstock.http.s3.checksums import checksum_headers
from penstock.http.s3.conditions import http_date, read_conditions
from penstock.http.s3.documents import Tree
from penstock.http.s3.errors import S3Error
from penstock.http.s3.ranges import asked_range
from penstock.ports.objects import NULL_VERSION, BucketRow, ObjectName, ObjectRow

__all__ = ["Found", "find", "get_object", "get_tags", "head_object", "version_headers", "with_bytes"]

T = TypeVar("T")
TRIES_MAX = 3
# Objects come from anybody's builds. A browser that is led to one must not take it for a page of this server.
AS_A_FILE = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff"}


class Found(Struct, frozen=True):
    """A version that can be read, and the bucket that holds it."""

    bucket: BucketRow
    row: ObjectRow


async def get_object(call: S3Call) -> Answer:
    return await with_bytes(call, call.name, call.request.version_id, partial(opened, call))


async def head_object(call: S3Call) -> Answer:
    return described(call, await find(call, call.name, call.request.version_id))[0]


async def get_tags(call: S3Call) -> Answer:
    """The tags that came with the object."""
    found = await find(call, call.name, call.request.version_id)
    tags: list[tuple[str, Tree]] = [
        ("Tag", [("Key", name), ("Value", value)]) for name, value in read_tags(found.row.headers)
    ]
    return xml_answer("Tagging", [("TagSet", tags)], version_headers(found.bucket, found.row.version_id))


async def find(call: S3Call, name: ObjectName, version_id: str | None) -> Found:
    """The version, if it is there and no delete marker."""
    bucket = await call.catalogue.find_bucket(name.account, name.bucket)
    if bucket is None:
        raise S3Error("NoSuchBucket", details={"BucketName": name.bucket})
    row = await call.catalogue.find_object(name, version_id)
    if row is None and version_id is not None:
        raise S3Error("NoSuchVersion", details={"Key": name.key, "VersionId": version_id})
    if row is not None and not row.is_delete_marker:
        return Found(bucket, row)
    marker = {} if row is None else {"x-amz-delete-marker": "true", "x-amz-version-id": row.version_id}
    if row is not None and version_id is not None:
        marker |= {"allow": "DELETE", "last-modified": http_date(row.last_modified)}
        raise S3Error("MethodNotAllowed", details={"Method": call.request.method}, headers=marker)
    if not call.is_allowed("s3:ListBucket", bucket_arn(name.bucket)):
        # Who may not list the bucket is not told either which keys it lacks.
        raise S3Error("AccessDenied")
    raise S3Error("NoSuchKey", details={"Key": name.key}, headers=marker)


async def with_bytes(call: S3Call, name: ObjectName, version_id: str | None, use: Callable[[Found], T]) -> T:
    """Run `use`, which blocks and opens the version's file, in a thread.

    An overwrite may take the file away between the two; then the newer version is read instead.
    """
    for _ in range(TRIES_MAX - 1):
        found = await find(call, name, version_id)
        try:
            return await asyncio.to_thread(use, found)
        except FileNotFoundError:
            continue
    return await asyncio.to_thread(use, await find(call, name, version_id))


def opened(call: S3Call, found: Found) -> Answer:
    answer, start, length = described(call, found)
    if answer.status == 304:
        return answer
    return Answer(answer.status, answer.headers | AS_A_FILE, FileSpan(call.files.open(found.row.file), start, length))


def described(call: S3Call, found: Found) -> tuple[Answer, int, int]:
    """Status and headers for a version, and which of its bytes: all, a part, or none as the caller has them."""
    request, row = call.request, found.row
    conditions = read_conditions(request.headers)
    if failed := conditions.failed(row):
        raise S3Error("PreconditionFailed", details={"Condition": failed})
    headers = object_headers(row) | version_headers(found.bucket, row.version_id)
    if conditions.unchanged(row):
        return Answer(304, headers), 0, 0
    part = asked_range(request, row)
    start, length = part or (0, row.size)
    headers |= overriding_headers(request.query) | {"accept-ranges": "bytes", "content-length": str(length)}
    if part is not None:
        return Answer(206, headers | part_headers(call, row, start, length)), start, length
    # Not beside a part: a client would take the whole object's checksum for that of the part.
    if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= checksum_headers(row.checksum)
    return Answer(200, headers), start, length


def part_headers(call: S3Call, row: ObjectRow, start: int, length: int) -> dict[str, str]:
    headers = {"content-range": f"bytes {start}-{start + length - 1}/{row.size}"} if length else {}
    if "partNumber" in call.request.query and row.part_sizes:
        headers["x-amz-mp-parts-count"] = str(len(row.part_sizes))
    return headers


def version_headers(bucket: BucketRow, version_id: str) -> dict[str, str]:
    """The version's id, which a bucket has no word for until versioning was first enabled."""
    return {} if bucket.versioning == "" and version_id == NULL_VERSION else {"x-amz-version-id": version_id}
