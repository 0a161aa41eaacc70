"""Multipart uploads: begin, take parts (sent or copied), list them, complete, abort."""

from penstock.http.s3.attributes import encryption_headers, new_attributes
from penstock.http.s3.body import StoredBody, receive_file
from penstock.http.s3.call import Answer, S3Call, new_id, xml_answer
from penstock.http.s3.checksums import checksum_headers, known_algorithm, usual_kind
from penstock.http.s3.copying import check_source, copy_range, read_source
from penstock.http.s3.documents import Tree, timestamp
from penstock.http.s3.errors import S3Error
from penstock.http.s3.listing import owner, quoted
from penstock.http.s3.ranges import PARTS_MAX, copied_range
from penstock.http.s3.reading import Found, version_headers, with_bytes
from penstock.http.s3.request import invalid
from penstock.http.s3.writing import checksum_elements
from penstock.ports.objects import ChecksumKind, PartRow, Refused, UploadRow
from penstock.wire.errors import ThrottlingException

__all__ = ["abort_upload", "copy_part", "create_upload", "list_parts", "put_part", "upload_of"]

LISTED_PARTS_MAX = 1000
NUMBER_RANGE = "Part number must be an integer between 1 and 10000, inclusive"


async def create_upload(call: S3Call) -> Answer:
    headers = call.request.headers
    attributes = new_attributes(headers)
    algorithm = headers.get("x-amz-checksum-algorithm", "")
    algorithm = known_algorithm(algorithm) if algorithm else ""
    now = call.clock.now()
    upload = UploadRow(
        account=call.account,
        bucket=call.request.bucket,
        key=call.request.key,
        upload_id=new_id(now),
        initiated_at=now,
        content_type=attributes.content_type,
        metadata=attributes.metadata,
        headers=attributes.headers,
        checksum_algorithm=algorithm,
        checksum_kind=wanted_kind(algorithm, headers.get("x-amz-checksum-type", "")),
    )
    await call.bucket()
    await call.catalogue.create_upload(upload)
    tree: list[tuple[str, Tree]] = [("Bucket", upload.bucket), ("Key", upload.key), ("UploadId", upload.upload_id)]
    answered = encryption_headers(upload.headers)
    if algorithm:
        answered |= {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": upload.checksum_kind}
    return xml_answer("InitiateMultipartUploadResult", tree, answered)


def wanted_kind(algorithm: str, asked: str) -> ChecksumKind:
    """The kind of checksum that was asked for, if S3 has it for the algorithm."""
    if asked and not algorithm:
        message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        raise S3Error("InvalidRequest", message)
    if asked == "COMPOSITE" and algorithm != "CRC64NVME":
        return "COMPOSITE"
    if asked == "FULL_OBJECT" and algorithm.startswith("CRC"):
        return "FULL_OBJECT"
    if asked:
        message = f"The {asked} checksum type cannot be used with the {algorithm} checksum algorithm."
        raise S3Error("InvalidRequest", message)
    return usual_kind(algorithm)


async def put_part(call: S3Call) -> Answer:
    number = part_number(call)
    upload = await upload_of(call)
    body = await receive_file(call, upload.checksum_algorithm)
    if body.checksum is not None and upload.checksum_algorithm not in ("", body.checksum.algorithm):
        await call.free([body.file])
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.checksum_algorithm.lower()}, "
            f"actual checksum Type: {body.checksum.algorithm.lower()}",
        )
    part = await keep_part(call, upload, number, body)
    headers = checksum_headers(part.checksum)
    headers.pop("x-amz-checksum-type", None)
    return Answer(200, {"etag": quoted(part.etag)} | headers | encryption_headers(upload.headers))


async def copy_part(call: S3Call) -> Answer:
    number = part_number(call)
    source = read_source(call)
    upload = await upload_of(call)
    headers = call.request.headers

    def copied(found: Found) -> tuple[Found, StoredBody]:
        check_source(headers, found)
        text = headers.get("x-amz-copy-source-range")
        span = (0, found.row.size) if text is None else copied_range(text, found.row.size)
        return found, copy_range(call.files, found.row, span, upload.checksum_algorithm)

    found, body = await with_bytes(call, source.name, source.version_id, copied)
    part = await keep_part(call, upload, number, body)
    of_source = version_headers(found.bucket, found.row.version_id).get("x-amz-version-id")
    answered = {"x-amz-copy-source-version-id": of_source} if of_source else {}
    tree: list[tuple[str, Tree]] = [
        ("LastModified", timestamp(part.last_modified)),
        ("ETag", quoted(part.etag)),
        *checksum_elements(part.checksum)[:1],
    ]
    return xml_answer("CopyPartResult", tree, answered | encryption_headers(upload.headers))


async def keep_part(call: S3Call, upload: UploadRow, number: int, body: StoredBody) -> PartRow:
    """Give the part's bytes their place, freeing those that were there before."""
    part = PartRow(
        upload_id=upload.upload_id,
        number=number,
        size=body.size,
        etag=body.etag,
        file=body.file,
        last_modified=call.clock.now(),
        checksum=body.checksum,
    )
    try:
        replaced = await call.catalogue.put_part(call.name, part)
    except (Refused, ThrottlingException):
        await call.free([body.file])
        raise
    await call.free(replaced)
    return part


async def list_parts(call: S3Call) -> Answer:
    upload = await upload_of(call)
    limit = call.request.number("max-parts", LISTED_PARTS_MAX, LISTED_PARTS_MAX)
    after = call.request.number("part-number-marker", 0, PARTS_MAX)
    found = await call.catalogue.list_parts(call.account, upload.upload_id, after, limit + 1)
    shown = found[:limit]
    tree: list[tuple[str, Tree]] = [
        ("Bucket", upload.bucket),
        ("Key", upload.key),
        ("UploadId", upload.upload_id),
        ("Initiator", owner(call)),
        ("Owner", owner(call)),
        ("StorageClass", "STANDARD"),
        ("PartNumberMarker", str(after)),
        ("NextPartNumberMarker", str(shown[-1].number if shown else 0)),
        ("MaxParts", str(limit)),
        ("IsTruncated", "true" if shown and len(found) > limit else "false"),
    ]
    if upload.checksum_algorithm:
        tree += [("ChecksumAlgorithm", upload.checksum_algorithm), ("ChecksumType", upload.checksum_kind)]
    return xml_answer("ListPartsResult", [*tree, *(("Part", describe(part)) for part in shown)])


def describe(part: PartRow) -> Tree:
    return [
        ("PartNumber", str(part.number)),
        ("LastModified", timestamp(part.last_modified)),
        ("ETag", quoted(part.etag)),
        ("Size", str(part.size)),
        *checksum_elements(part.checksum)[:1],
    ]


async def abort_upload(call: S3Call) -> Answer:
    await call.bucket()
    await call.free(await call.catalogue.abort_upload(call.name, call.request.query["uploadId"]))
    return Answer(204)


async def upload_of(call: S3Call) -> UploadRow:
    await call.bucket()
    upload = await call.catalogue.find_upload(call.name, call.request.query["uploadId"])
    if upload is None:
        raise S3Error("NoSuchUpload", details={"UploadId": call.request.query["uploadId"]})
    return upload


def part_number(call: S3Call) -> int:
    number = call.request.number("partNumber", 0, PARTS_MAX + 1)
    if not 1 <= number <= PARTS_MAX:
        raise invalid("partNumber", call.request.query.get("partNumber", ""), NUMBER_RANGE)
    return number
