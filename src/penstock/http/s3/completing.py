"""The end of a multipart upload: the parts become one object.

The parts' bytes are joined in a new file before the row is written, so that an object is always one file and every
range of it one read. It is the price of an extra copy, paid once; a client that gave up waiting and asks again is
answered from the object that its first request made.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from itertools import pairwise

from msgspec import Struct

from penstock.http.s3.attributes import encryption_headers
from penstock.http.s3.body import PIECE_BYTES, read_document
from penstock.http.s3.call import Answer, S3Call, new_id, xml_answer
from penstock.http.s3.checksums import Hash, Promise, composite, encoded, given_checksum, new_hash
from penstock.http.s3.conditions import write_condition
from penstock.http.s3.documents import Node, Tree
from penstock.http.s3.errors import S3Error
from penstock.http.s3.listing import quoted
from penstock.http.s3.ranges import PARTS_MAX
from penstock.http.s3.reading import version_headers
from penstock.http.s3.writing import checksum_elements
from penstock.ports.objects import Checksum, ObjectFiles, ObjectRow, PartRow, Refused, UploadRow, Writing
from penstock.wire.errors import ThrottlingException

__all__ = ["complete_upload"]

# 10,000 parts with a checksum each do not fit into the limit of other documents.
DOCUMENT_BYTES_MAX = 4 << 20
# Each with its number, its ETag and all the checksums that there are.
ELEMENTS_MAX = 10 * PARTS_MAX
# "5 MiB to 5 GiB. There is no minimum size limit on the last part": Amazon S3 user guide, multipart upload limits.
PART_BYTES_MIN = 5 << 20


class ListedPart(Struct, frozen=True):
    """A part as the client lists it; `checksums` are by algorithm."""

    number: int
    etag: str
    checksums: dict[str, str]


async def complete_upload(call: S3Call) -> Answer:
    upload_id = call.request.query["uploadId"]
    condition = write_condition(call.request.headers)
    await call.bucket()
    upload = await call.catalogue.find_upload(call.name, upload_id)
    if upload is None:
        return await answer_again(call, upload_id)
    # The checksum headers of this request are those of the object, not of the list that it sends.
    document = await read_document(call, bytes_max=DOCUMENT_BYTES_MAX, elements_max=ELEMENTS_MAX, promise=Promise())
    listed = read_parts(document)
    found = await call.catalogue.list_parts(call.account, upload_id, 0, PARTS_MAX)
    parts = chosen_parts(listed, {part.number: part for part in found})
    check_size(call.request.headers, parts)
    joined = await join(call, parts, full_object_algorithm(call.request.headers, upload))
    row = new_row(call, upload, parts, joined)
    try:
        check_checksum(call.request.headers, row.checksum)
        stored = await call.catalogue.complete_upload(row, parts, condition)
    except (Refused, ThrottlingException, S3Error):
        await call.free([joined.file])
        raise
    await call.free(stored.dropped)
    return await answer_for(call, stored.row)


class Joined(Struct, frozen=True):
    file: str
    checksum: Checksum | None


async def answer_again(call: S3Call, upload_id: str) -> Answer:
    """The answer that was given already, if the object that this upload made is still the current one."""
    row = await call.catalogue.find_object(call.name)
    if row is None or row.upload_id != upload_id:
        raise S3Error("NoSuchUpload", details={"UploadId": upload_id})
    return await answer_for(call, row)


async def answer_for(call: S3Call, row: ObjectRow) -> Answer:
    scheme = "https" if call.circumstances.is_secure else "http"
    tree: list[tuple[str, Tree]] = [
        ("Location", f"{scheme}://{call.request.headers.get('host', '')}/{row.bucket}/{row.key}"),
        ("Bucket", row.bucket),
        ("Key", row.key),
        ("ETag", quoted(row.etag)),
        *checksum_elements(row.checksum),
    ]
    headers = version_headers(await call.bucket(), row.version_id) | encryption_headers(row.headers)
    return xml_answer("CompleteMultipartUploadResult", tree, headers)


def read_parts(document: Node | None) -> list[ListedPart]:
    if document is None or document.name != "CompleteMultipartUpload":
        raise S3Error("MalformedXML")
    parts = [read_part(node) for node in document.named("Part")]
    if not 1 <= len(parts) <= PARTS_MAX:
        raise S3Error("MalformedXML")
    if any(later.number <= earlier.number for earlier, later in pairwise(parts)):
        raise S3Error("InvalidPartOrder")
    return parts


def read_part(node: Node) -> ListedPart:
    number, etag = node.child_text("PartNumber") or "", node.child_text("ETag")
    if not (number.isascii() and number.isdigit()) or etag is None:
        raise S3Error("MalformedXML")
    checksums = {
        child.name.removeprefix("Checksum"): child.text.strip()
        for child in node.children
        if child.name.startswith("Checksum")
    }
    return ListedPart(int(number[:10]), etag.strip('"'), checksums)


def chosen_parts(listed: list[ListedPart], uploaded: Mapping[int, PartRow]) -> list[PartRow]:
    """The uploaded parts that the client lists, if they are there, unchanged and large enough."""
    parts = []
    for one in listed:
        part = uploaded.get(one.number)
        if part is None or part.etag != one.etag or not agrees(one, part):
            raise S3Error("InvalidPart", details={"PartNumber": str(one.number), "ETag": one.etag})
        parts.append(part)
    for part in parts[:-1]:
        if part.size < PART_BYTES_MIN:
            details = {"ProposedSize": str(part.size), "MinSizeAllowed": str(PART_BYTES_MIN)}
            raise S3Error("EntityTooSmall", details=details | {"PartNumber": str(part.number), "ETag": part.etag})
    return parts


def agrees(listed: ListedPart, part: PartRow) -> bool:
    if part.checksum is None:
        return not listed.checksums
    return listed.checksums.get(part.checksum.algorithm, part.checksum.value) == part.checksum.value


def check_size(headers: Mapping[str, str], parts: list[PartRow]) -> None:
    size = str(sum(part.size for part in parts))
    expected = headers.get("x-amz-mp-object-size", size)
    if expected != size:
        message = "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {}"
        raise S3Error("InvalidRequest", message.format(expected, size))


def full_object_algorithm(headers: Mapping[str, str], upload: UploadRow) -> str:
    """The checksum to work out from all of the bytes, if there is to be one."""
    if upload.checksum_algorithm:
        return upload.checksum_algorithm if upload.checksum_kind == "FULL_OBJECT" else ""
    given = given_checksum(headers)
    return given[0] if given else ""


def check_checksum(headers: Mapping[str, str], checksum: Checksum | None) -> None:
    """Raise unless the object has the checksum that the client expects of it, if it says so."""
    given = given_checksum(headers)
    if given is None:
        return
    algorithm, value = given
    if checksum is None or checksum.algorithm != algorithm:
        raise S3Error("InvalidRequest", f"The upload was not created with the checksum algorithm {algorithm}.")
    if value.partition("-")[0] != checksum.value.partition("-")[0]:
        raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


async def join(call: S3Call, parts: list[PartRow], algorithm: str) -> Joined:
    """The bytes of all parts in one new file, one hop to a thread for each."""
    running = new_hash(algorithm) if algorithm else None
    writing = await asyncio.to_thread(call.files.begin)
    try:
        for part in parts:
            await asyncio.to_thread(append, call.files, part, writing, running)
        file = await asyncio.to_thread(writing.keep)
    except FileNotFoundError:
        # Replaced by another upload of the same number after the list was read.
        await asyncio.to_thread(writing.drop)
        raise S3Error("InvalidPart") from None
    except BaseException:
        await asyncio.to_thread(writing.drop)
        raise
    return Joined(file, None if running is None else Checksum(algorithm, encoded(running)))


def append(files: ObjectFiles, part: PartRow, writing: Writing, running: Hash | None) -> None:
    with files.open(part.file) as source:
        while piece := source.read(PIECE_BYTES):
            writing.write(piece)
            if running is not None:
                running.update(piece)


def new_row(call: S3Call, upload: UploadRow, parts: list[PartRow], joined: Joined) -> ObjectRow:
    now = call.clock.now()
    md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
    checksums = [part.checksum for part in parts if part.checksum is not None]
    checksum = joined.checksum
    if upload.checksum_kind == "COMPOSITE":
        checksum = composite(upload.checksum_algorithm, checksums)
    return ObjectRow(
        account=upload.account,
        bucket=upload.bucket,
        key=upload.key,
        version_id=new_id(now),
        last_modified=now,
        size=sum(part.size for part in parts),
        etag=f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}",
        file=joined.file,
        content_type=upload.content_type,
        metadata=upload.metadata,
        headers=upload.headers,
        checksum=checksum,
        part_sizes=tuple(part.size for part in parts),
        upload_id=upload.upload_id,
    )
