"""Listings of a bucket: objects (two forms), versions, uploads under way."""

import base64
import binascii
from collections.abc import Callable
from urllib.parse import quote

from penstock.http.s3.call import Answer, S3Call, xml_answer
from penstock.http.s3.documents import Tree, timestamp
from penstock.http.s3.errors import S3Error
from penstock.http.s3.pages import Cursor, Page, Span, after_marker, collect
from penstock.http.s3.request import S3Request, invalid
from penstock.ports.objects import KeyRange, ObjectRow, UploadRow

__all__ = [
    "decode_token",
    "encode_token",
    "list_objects",
    "list_objects_v2",
    "list_uploads",
    "list_versions",
    "owner",
    "quoted",
]

ENTRIES_MAX = 1000
Elements = list[tuple[str, Tree]]
Encode = Callable[[str], str]


async def list_objects(call: S3Call) -> Answer:
    """The first form: a listing goes on behind a marker."""
    span, encode = asked(call.request, "max-keys")
    marker = call.request.query.get("marker", "")
    await call.bucket()
    page = await current_objects(call, span, after_marker(marker, span))
    tree: Elements = [("Name", call.request.bucket), ("Marker", encode(marker)), *frame(span, encode)]
    if page.next is not None and span.delimiter:
        tree.append(("NextMarker", encode(page.last.key)))
    shown: Elements = [("Contents", contents(row, encode, owner(call))) for row in page.rows]
    return xml_answer("ListBucketResult", [*tree, truncated(page), *shown, *prefixes(page, encode)])


async def list_objects_v2(call: S3Call) -> Answer:
    """The second form: a listing goes on with a token."""
    span, encode = asked(call.request, "max-keys")
    query = call.request.query
    await call.bucket()
    token, start_after = query.get("continuation-token"), query.get("start-after", "")
    behind = after_marker(start_after, span)
    start = behind if token is None else Cursor(max(decode_token(token), span.prefix))
    page = await current_objects(call, span, start)
    tree: Elements = [("Name", call.request.bucket), *frame(span, encode)]
    tree += [("StartAfter", encode(start_after))] if start_after else []
    tree += [("ContinuationToken", token)] if token is not None else []
    tree.append(("KeyCount", str(page.size)))
    if page.next is not None:
        tree.append(("NextContinuationToken", encode_token(page.next.key)))
    shown_owner = owner(call) if query.get("fetch-owner") == "true" else None
    shown: Elements = [("Contents", contents(row, encode, shown_owner)) for row in page.rows]
    return xml_answer("ListBucketResult", [*tree, truncated(page), *shown, *prefixes(page, encode)])


async def list_versions(call: S3Call) -> Answer:
    span, encode = asked(call.request, "max-keys")
    query = call.request.query
    await call.bucket()
    key, version_id = query.get("key-marker", ""), query.get("version-id-marker", "")
    if version_id and not key:
        message = "A version-id marker cannot be specified without a key marker."
        raise invalid("version-id-marker", version_id, message)

    async def fetch(cursor: Cursor, limit: int) -> list[ObjectRow]:
        return await call.catalogue.list_versions(keys_from(call, span, cursor), cursor.mark, limit)

    start = Cursor(key, version_id) if version_id else after_marker(key, span)
    page = await collect(fetch, lambda row: row.version_id, span, start)
    tree: Elements = [("Name", call.request.bucket), ("KeyMarker", encode(key)), ("VersionIdMarker", version_id)]
    if page.next is not None:
        tree.append(("NextKeyMarker", encode(page.last.key)))
        tree += [("NextVersionIdMarker", page.last.mark)] if page.last.mark else []
    tree += [*frame(span, encode), truncated(page)]
    shown = [version(row, encode, owner(call)) for row in page.rows]
    return xml_answer("ListVersionsResult", [*tree, *shown, *prefixes(page, encode)])


async def list_uploads(call: S3Call) -> Answer:
    span, encode = asked(call.request, "max-uploads")
    query = call.request.query
    await call.bucket()
    key, upload_id = query.get("key-marker", ""), query.get("upload-id-marker", "")

    async def fetch(cursor: Cursor, limit: int) -> list[UploadRow]:
        return await call.catalogue.list_uploads(keys_from(call, span, cursor), cursor.mark, limit)

    start = Cursor(key, upload_id) if key and upload_id else after_marker(key, span)
    page = await collect(fetch, lambda row: row.upload_id, span, start)
    tree: Elements = [("Bucket", call.request.bucket), ("KeyMarker", encode(key)), ("UploadIdMarker", upload_id)]
    if page.next is not None:
        tree.append(("NextKeyMarker", encode(page.last.key)))
        tree.append(("NextUploadIdMarker", page.last.mark))
    tree += [*frame(span, encode, "MaxUploads"), truncated(page)]
    shown: Elements = [("Upload", upload(row, encode, owner(call))) for row in page.rows]
    return xml_answer("ListMultipartUploadsResult", [*tree, *shown, *prefixes(page, encode)])


def asked(request: S3Request, count_name: str) -> tuple[Span, Encode]:
    """What the query asks for, and how keys are to be written in the answer."""
    query = request.query
    count = request.number(count_name, ENTRIES_MAX, ENTRIES_MAX)
    span = Span(query.get("prefix", ""), query.get("delimiter", ""), count)
    encoding = query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise invalid("encoding-type", encoding, "Invalid Encoding Method specified in Request")
    return span, (url_encoded if encoding else as_it_is)


def url_encoded(text: str) -> str:
    return quote(text, safe="/-_.~*()!'")


def as_it_is(text: str) -> str:
    return text


async def current_objects(call: S3Call, span: Span, start: Cursor) -> Page[ObjectRow]:
    async def fetch(cursor: Cursor, limit: int) -> list[ObjectRow]:
        return await call.catalogue.list_objects(keys_from(call, span, cursor), limit)

    return await collect(fetch, lambda _row: "", span, start)


def keys_from(call: S3Call, span: Span, cursor: Cursor) -> KeyRange:
    return KeyRange(call.account, call.request.bucket, cursor.key, span.end)


def frame(span: Span, encode: Encode, count_name: str = "MaxKeys") -> Elements:
    """What all listings say about themselves."""
    tree: Elements = [("Prefix", encode(span.prefix)), (count_name, str(span.entries_max))]
    tree += [("Delimiter", encode(span.delimiter))] if span.delimiter else []
    tree += [("EncodingType", "url")] if encode is url_encoded else []
    return tree


def truncated(page: Page[ObjectRow] | Page[UploadRow]) -> tuple[str, Tree]:
    return "IsTruncated", "false" if page.next is None else "true"


def prefixes(page: Page[ObjectRow] | Page[UploadRow], encode: Encode) -> Elements:
    return [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in page.prefixes]


def contents(row: ObjectRow, encode: Encode, shown_owner: Elements | None) -> Elements:
    tree: Elements = [
        ("Key", encode(row.key)),
        ("LastModified", timestamp(row.last_modified)),
        ("ETag", quoted(row.etag)),
    ]
    if row.checksum is not None:
        tree += [("ChecksumAlgorithm", row.checksum.algorithm), ("ChecksumType", row.checksum.kind)]
    tree += [("Size", str(row.size)), ("StorageClass", "STANDARD")]
    return tree if shown_owner is None else [*tree, ("Owner", shown_owner)]


def version(row: ObjectRow, encode: Encode, shown_owner: Elements) -> tuple[str, Tree]:
    identity: Elements = [("VersionId", row.version_id), ("IsLatest", "true" if row.is_latest else "false")]
    if not row.is_delete_marker:
        return "Version", [*contents(row, encode, shown_owner), *identity]
    about: Elements = [("Key", encode(row.key)), ("LastModified", timestamp(row.last_modified))]
    return "DeleteMarker", [*about, ("Owner", shown_owner), *identity]


def upload(row: UploadRow, encode: Encode, shown_owner: Elements) -> Elements:
    tree: Elements = [
        ("Key", encode(row.key)),
        ("UploadId", row.upload_id),
        ("Initiator", shown_owner),
        ("Owner", shown_owner),
        ("StorageClass", "STANDARD"),
        ("Initiated", timestamp(row.initiated_at)),
    ]
    if row.checksum_algorithm:
        tree += [("ChecksumAlgorithm", row.checksum_algorithm), ("ChecksumType", row.checksum_kind)]
    return tree


def owner(call: S3Call) -> Elements:
    return [("ID", call.account), ("DisplayName", call.account)]


def quoted(etag: str) -> str:
    return f'"{etag}"'


def encode_token(key: str) -> str:
    """An opaque token for the key where a listing goes on."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, {"ArgumentName": "continuation-token"}) from None
