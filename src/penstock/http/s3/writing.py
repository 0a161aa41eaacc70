"""Writing objects: put and copy."""

from penstock.http.s3.attributes import Attributes, encryption_headers, new_attributes, tags_of
from penstock.http.s3.body import StoredBody, receive_file
from penstock.http.s3.call import Answer, S3Call, new_id, xml_answer
from penstock.http.s3.checksums import checksum_headers
from penstock.http.s3.conditions import write_condition
from penstock.http.s3.copying import check_source, copy_of, read_source
from penstock.http.s3.documents import Tree, timestamp
from penstock.http.s3.errors import S3Error
from penstock.http.s3.listing import quoted
from penstock.http.s3.reading import Found, version_headers, with_bytes
from penstock.http.s3.request import S3Request, invalid
from penstock.ports.objects import Checksum, ObjectRow, Refused, Stored
from penstock.wire.errors import ThrottlingException

__all__ = ["checksum_elements", "copy_object", "put_object", "written_headers"]

TO_ITSELF = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)


async def put_object(call: S3Call) -> Answer:
    attributes = new_attributes(call.request.headers)
    # Read here for what it may be refused for, before the body is taken in.
    write_condition(call.request.headers)
    await call.bucket()
    body = await receive_file(call)
    stored = await store(call, attributes, body)
    return Answer(200, await written_headers(call, stored.row) | checksum_headers(stored.row.checksum))


async def copy_object(call: S3Call) -> Answer:
    headers = call.request.headers
    # Read here for what they may be refused for, before any bytes are copied.
    new_attributes(headers)
    write_condition(headers)
    source = read_source(call)
    await call.bucket()

    def copied(found: Found) -> tuple[Found, Attributes, StoredBody]:
        check_source(headers, found)
        if source.name == call.name and source.version_id is None:
            check_change(call.request)
        attributes = copied_attributes(call.request, found.row)
        return found, attributes, copy_of(call.files, found.row, headers.get("x-amz-checksum-algorithm", ""))

    found, attributes, body = await with_bytes(call, source.name, source.version_id, copied)
    stored = await store(call, attributes, body)
    of_source = version_headers(found.bucket, found.row.version_id).get("x-amz-version-id")
    answered = await written_headers(call, stored.row)
    answered |= {"x-amz-copy-source-version-id": of_source} if of_source else {}
    about: list[tuple[str, Tree]] = [
        ("LastModified", timestamp(stored.row.last_modified)),
        ("ETag", quoted(stored.row.etag)),
        *checksum_elements(stored.row.checksum),
    ]
    return xml_answer("CopyObjectResult", about, answered)


async def store(call: S3Call, attributes: Attributes, body: StoredBody) -> Stored:
    """Give the bytes their name. Bytes of a refused write are freed, and so are those of a version that it replaced."""
    now = call.clock.now()
    row = ObjectRow(
        account=call.account,
        bucket=call.request.bucket,
        key=call.request.key,
        version_id=new_id(now),
        last_modified=now,
        size=body.size,
        etag=body.etag,
        file=body.file,
        content_type=attributes.content_type,
        metadata=attributes.metadata,
        headers=attributes.headers,
        checksum=body.checksum,
    )
    try:
        stored = await call.catalogue.put_object(row, write_condition(call.request.headers))
    except (Refused, ThrottlingException):
        # Only these say that there is no row: after any other failure it may be there all the same.
        await call.free([body.file])
        raise
    await call.free(stored.dropped)
    return stored


async def written_headers(call: S3Call, row: ObjectRow) -> dict[str, str]:
    """What a writer is told of the new version."""
    shown = version_headers(await call.bucket(), row.version_id)
    return {"etag": quoted(row.etag)} | shown | encryption_headers(row.headers)


def replaces(request: S3Request, what: str) -> bool:
    """Whether a copy's metadata or tags are to be those of the request and not those of the source."""
    name = f"x-amz-{what}-directive"
    directive = request.headers.get(name, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise invalid(name, directive, f"Unknown {what} directive.")
    return directive == "REPLACE"


def check_change(request: S3Request) -> None:
    """Refuse a copy of a version onto itself that would change nothing."""
    changes = encryption_headers(request.headers) or "x-amz-storage-class" in request.headers
    if not (changes or replaces(request, "metadata") or replaces(request, "tagging")):
        raise S3Error("InvalidRequest", TO_ITSELF)


def copied_attributes(request: S3Request, row: ObjectRow) -> Attributes:
    """Those of the source or of the request, as the request has it; the encryption is always the request's."""
    asked = new_attributes(request.headers)
    own = asked if replaces(request, "metadata") else Attributes(row.content_type, row.metadata, row.headers)
    apart = encryption_headers(own.headers) | tags_of(own.headers)
    kept = {name: text for name, text in own.headers.items() if name not in apart}
    tags = tags_of(request.headers if replaces(request, "tagging") else row.headers)
    return Attributes(own.content_type, own.metadata, kept | tags | encryption_headers(request.headers))


def checksum_elements(checksum: Checksum | None) -> list[tuple[str, Tree]]:
    if checksum is None:
        return []
    return [(f"Checksum{checksum.algorithm}", checksum.value), ("ChecksumType", checksum.kind)]
