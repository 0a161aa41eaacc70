"""The source of a copy: which version it is, whether it may be read, and its bytes in a new file."""

from collections.abc import Mapping
from urllib.parse import unquote

from msgspec import Struct

from penstock.http.s3.body import PIECE_BYTES, StoredBody
from penstock.http.s3.call import S3Call, object_arn
from penstock.http.s3.checksums import Digests, known_algorithm
from penstock.http.s3.conditions import read_conditions
from penstock.http.s3.errors import S3Error
from penstock.http.s3.reading import Found
from penstock.http.s3.request import invalid
from penstock.ports.objects import ObjectFiles, ObjectName, ObjectRow

__all__ = ["CopySource", "check_source", "copy_of", "copy_range", "read_source"]

SOURCE = "x-amz-copy-source"
# "up to 5 GB in size in a single atomic action": Amazon S3 API reference, CopyObject.
COPIED_BYTES_MAX = 5 << 30
TOO_LARGE = f"The specified copy source is larger than the maximum allowable size for a copy source: {COPIED_BYTES_MAX}"


class CopySource(Struct, frozen=True):
    name: ObjectName
    version_id: str | None


def read_source(call: S3Call) -> CopySource:
    """The source that the header names, if the caller may read it."""
    text = call.request.headers[SOURCE]
    path, _, version_id = text.partition("?versionId=")
    try:
        bucket, _, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise S3Error("InvalidURI") from None
    if not bucket or not key:
        raise invalid(SOURCE, text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    call.allow("s3:GetObjectVersion" if version_id else "s3:GetObject", object_arn(bucket, key))
    return CopySource(ObjectName(call.account, bucket, key), version_id or None)


def check_source(headers: Mapping[str, str], found: Found) -> None:
    """Raise unless the source is as the caller wants it and not too large."""
    conditions = read_conditions(headers, f"{SOURCE}-")
    header = conditions.failed(found.row) or conditions.unchanged(found.row)
    if header:
        raise S3Error("PreconditionFailed", details={"Condition": f"{SOURCE}-{header}"})
    if found.row.size > COPIED_BYTES_MAX:
        raise S3Error("InvalidRequest", TOO_LARGE)


def copy_of(files: ObjectFiles, row: ObjectRow, algorithm: str) -> StoredBody:
    """All of the bytes in a new file. Blocks.

    An object of many parts becomes one of a single part: it gets the ETag and the checksum that it would have had if it
    had been put at once, and so do objects that are asked for another checksum.
    """
    wanted = known_algorithm(algorithm) if algorithm else ""
    has = row.checksum
    if not wanted and has is not None:
        wanted = has.algorithm
    is_whole = has is None if not wanted else has is not None and (has.algorithm, has.kind) == (wanted, "FULL_OBJECT")
    if is_whole and "-" not in row.etag:
        return StoredBody(files.duplicate(row.file), row.size, row.etag, has)
    return copy_range(files, row, (0, row.size), wanted)


def copy_range(files: ObjectFiles, row: ObjectRow, span: tuple[int, int], algorithm: str) -> StoredBody:
    """Some of the bytes in a new file. Blocks."""
    start, left = span
    digests = Digests(algorithm)
    with files.open(row.file) as source:
        source.seek(start)
        writing = files.begin()
        try:
            while piece := source.read(min(PIECE_BYTES, left)):
                left -= len(piece)
                digests.update(piece)
                writing.write(piece)
            return StoredBody(writing.keep(), digests.size, digests.etag, digests.checksum)
        except BaseException:
            writing.drop()
            raise
