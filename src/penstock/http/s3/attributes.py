"""What an object carries beside its bytes: type, metadata, and headers that are given back as they came."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from msgspec import Struct

from penstock.http.s3.conditions import http_date
from penstock.http.s3.errors import S3Error
from penstock.http.s3.request import invalid
from penstock.ports.objects import ObjectRow

__all__ = [
    "Attributes",
    "encryption_headers",
    "new_attributes",
    "object_headers",
    "overriding_headers",
    "read_tags",
    "tags_of",
]

USUAL_CONTENT_TYPE = "binary/octet-stream"
METADATA = "x-amz-meta-"
TAGS = "x-amz-tagging"
# Amazon S3 user guide, Working with object metadata.
METADATA_BYTES_MAX = 2048
# The same page: "the PUT request header is limited to 8 KB in size".
HEADERS_BYTES_MAX = 8192
# Amazon S3 user guide, Categorizing your objects using tags.
TAGS_MAX = 10
TAG_KEY_LENGTH_MAX = 128
TAG_VALUE_LENGTH_MAX = 256

ECHOED = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
)
ENCRYPTION = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-context",
)
# Who asks for these and is not refused would believe to have what is not there.
NOT_KEPT = (
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-write-offset-bytes",
)
OVERRIDES = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


class Attributes(Struct, frozen=True):
    content_type: str
    metadata: dict[str, str]
    headers: dict[str, str]


def new_attributes(headers: Mapping[str, str]) -> Attributes:
    """What the headers of an upload say of the object to be."""
    for name in NOT_KEPT:
        if name in headers:
            raise S3Error("NotImplemented", details={"Header": name})
    metadata = {name.removeprefix(METADATA): text for name, text in headers.items() if name.startswith(METADATA)}
    if sum(len(name) + len(text) for name, text in metadata.items()) > METADATA_BYTES_MAX:
        raise S3Error("MetadataTooLarge", details={"MaxSizeAllowed": str(METADATA_BYTES_MAX)})
    kept = {name: headers[name] for name in ECHOED if headers.get(name)}
    encoding = without_chunks(kept.pop("content-encoding", ""))
    if encoding:
        kept["content-encoding"] = encoding
    content_type = headers.get("content-type") or USUAL_CONTENT_TYPE
    kept |= tags_of(headers) | encryption_headers(headers)
    if len(content_type) + sum(len(name) + len(text) for name, text in kept.items()) > HEADERS_BYTES_MAX:
        raise S3Error("RequestHeaderSectionTooLarge", details={"MaxSizeAllowed": str(HEADERS_BYTES_MAX)})
    return Attributes(content_type, metadata, kept)


def tags_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The tags of an object, in the form in which they are sent and kept, if S3 takes them."""
    tags = read_tags(headers)
    if len(tags) > TAGS_MAX:
        raise S3Error("BadRequest", f"Object tags cannot be greater than {TAGS_MAX}")
    if len(dict(tags)) < len(tags):
        raise invalid(TAGS, headers[TAGS], "Cannot provide multiple Tags with the same key")
    for key, value in tags:
        if not 1 <= len(key) <= TAG_KEY_LENGTH_MAX:
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", {"TagKey": key})
        if len(value) > TAG_VALUE_LENGTH_MAX:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", {"TagKey": key})
    return {TAGS: headers[TAGS]} if headers.get(TAGS) else {}


def read_tags(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tags by name and value."""
    return parse_qsl(headers.get(TAGS, ""), keep_blank_values=True)


def encryption_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The encryption that a sender asks for, which is taken note of and no more."""
    return {name: headers[name] for name in ENCRYPTION if name in headers}


def without_chunks(encoding: str) -> str:
    """The encodings without `aws-chunked`, which is one of the transfer and not of the object."""
    return ",".join(one.strip() for one in encoding.split(",") if one.strip() not in ("", "aws-chunked"))


def object_headers(row: ObjectRow) -> dict[str, str]:
    """The headers of an answer about a version."""
    headers = {"content-type": row.content_type, "etag": f'"{row.etag}"', "last-modified": http_date(row.last_modified)}
    headers |= {name: text for name, text in row.headers.items() if name != TAGS}
    tags = read_tags(row.headers)
    headers |= {"x-amz-tagging-count": str(len(tags))} if tags else {}
    return headers | {METADATA + name: text for name, text in row.metadata.items()}


def overriding_headers(query: Mapping[str, str]) -> dict[str, str]:
    """Headers that the reader asks for instead of the object's own."""
    headers = {header: query[name] for name, header in OVERRIDES.items() if query.get(name)}
    for name, text in headers.items():
        if any(character < " " or character == "\x7f" for character in text):
            raise invalid(f"response-{name}", text, "Header value cannot contain control characters.")
    return {name: text.encode().decode("latin-1") for name, text in headers.items()}
