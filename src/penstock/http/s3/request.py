"""What a request is about: bucket, key, query and headers, from the raw bytes of the request line."""

import re
from urllib.parse import parse_qsl, unquote_to_bytes

from msgspec import Struct

from penstock.http.s3.errors import S3Error
from penstock.ports.identity import SignedRequest

__all__ = ["KEY_BYTES_MAX", "S3Request", "read_request"]

KEY_BYTES_MAX = 1024
VERSION_ID = re.compile(r"[\x21-\x7e]{1,1024}\Z")
HOST_SUFFIX = ".localhost"


class S3Request(Struct, frozen=True):
    """Header names are lower case; header values keep their bytes, as Latin-1. Of what came twice, the last counts."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    resource: str

    @property
    def version_id(self) -> str | None:
        version_id = self.query.get("versionId")
        if version_id == "":
            raise invalid("versionId", version_id, "Version id cannot be the empty string")
        # Ids come back in headers, so what could end one is no id.
        if version_id is not None and not VERSION_ID.match(version_id):
            raise invalid("versionId", version_id, "Invalid version id specified")
        return version_id

    def number(self, name: str, default: int, highest: int) -> int:
        """A count from the query, at most `highest`."""
        text = self.query.get(name) or str(default)
        if not (text.isascii() and text.isdigit()):
            raise invalid(name, text, f"Provided {name} not an integer or within integer range")
        return min(int(text[:10]), highest)


def invalid(name: str, value: str, message: str) -> S3Error:
    return S3Error("InvalidArgument", message, {"ArgumentName": name, "ArgumentValue": value})


def read_request(signed: SignedRequest) -> S3Request:
    """Path style, or host style below localhost."""
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in signed.headers}
    bucket, key = split_path(signed.raw_path, bucket_of_host(named.get("host", "")))
    if len(key) > KEY_BYTES_MAX:
        raise S3Error("KeyTooLongError", details={"Size": str(len(key)), "MaxSizeAllowed": str(KEY_BYTES_MAX)})
    try:
        return S3Request(
            method=signed.method,
            bucket=bucket.decode(),
            key=key.decode(),
            query=dict(parse_qsl(signed.query_string.decode("latin-1"), keep_blank_values=True, errors="strict")),
            headers=named,
            resource=signed.raw_path.decode("latin-1"),
        )
    except UnicodeDecodeError:
        raise S3Error("InvalidURI") from None


def split_path(raw_path: bytes, bucket_of_host: str) -> tuple[bytes, bytes]:
    """Bucket and key; a slash that is written `%2F` belongs to the key."""
    path = raw_path.removeprefix(b"/")
    if bucket_of_host:
        return bucket_of_host.encode("latin-1"), unquote_to_bytes(path)
    bucket, _, key = path.partition(b"/")
    return unquote_to_bytes(bucket), unquote_to_bytes(key)


def bucket_of_host(host: str) -> str:
    """`bucket.localhost` and `bucket.s3.localhost`, with or without a port, name the bucket; other hosts name none."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.lower()
    if not name.endswith(HOST_SUFFIX):
        return ""
    bucket = name.removesuffix(HOST_SUFFIX)
    return "" if bucket == "s3" else bucket.removesuffix(".s3")
