"""What a handler is given and what it gives back."""

import asyncio
import base64
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, BinaryIO

from msgspec import Struct

from penstock.http.s3.documents import Tree, render
from penstock.http.s3.errors import S3Error
from penstock.http.s3.request import S3Request
from penstock.operations.call import Circumstances
from penstock.ports.backup import BACKUP_BUCKET
from penstock.ports.clock import Clock
from penstock.ports.identity import BodyCheck, Door, Principal
from penstock.ports.objects import BucketRow, ObjectCatalogue, ObjectFiles, ObjectName
from penstock.wire.errors import AccessDeniedException

__all__ = ["Answer", "FileSpan", "Receive", "S3Call", "bucket_arn", "new_id", "object_arn", "xml_answer"]

logger = logging.getLogger(__name__)

# Service authorization reference, Condition keys for Amazon S3.
QUERY_CONDITIONS = {
    "prefix": "s3:prefix",
    "delimiter": "s3:delimiter",
    "max-keys": "s3:max-keys",
    "versionId": "s3:VersionId",
}
HEADER_CONDITIONS = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)

Receive = Callable[[], Awaitable[dict[str, Any]]]


class FileSpan(Struct, frozen=True):
    """Bytes of an open file. Whoever sends it closes it."""

    handle: BinaryIO
    start: int
    length: int


class Answer(Struct, frozen=True):
    """A response; its length is that of the body unless the headers say one."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes | FileSpan = b""


class S3Call(Struct, frozen=True):
    """One request whose signature was right, with all that is needed to answer it."""

    request: S3Request
    principal: Principal
    region: str
    circumstances: Circumstances
    receive: Receive
    body_check: BodyCheck
    door: Door
    catalogue: ObjectCatalogue
    files: ObjectFiles
    clock: Clock

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def name(self) -> ObjectName:
        return ObjectName(self.account, self.request.bucket, self.request.key)

    def allow(self, action: str, resource: str) -> None:
        """Return if the caller may, else raise. The backups are root's alone, whatever the policies say."""
        if self.principal.kind != "root" and resource.partition("/")[0] == bucket_arn(BACKUP_BUCKET):
            raise AccessDeniedException(
                f"User: {self.principal.arn} is not authorized to perform: {action} on resource: {resource}: "
                "only the server's root may"
            )
        context = self.circumstances.conditions(self.region) | conditions(self.request)
        self.door.allow(self.principal, action, resource, context)

    def is_allowed(self, action: str, resource: str) -> bool:
        try:
            self.allow(action, resource)
        except AccessDeniedException:
            return False
        return True

    async def bucket(self) -> BucketRow:
        """The bucket that the request names."""
        found = await self.catalogue.find_bucket(self.account, self.request.bucket)
        if found is None:
            raise S3Error("NoSuchBucket", details={"BucketName": self.request.bucket})
        return found

    async def free(self, files: Sequence[str]) -> None:
        """Remove files that no row names any more. What cannot be removed now is left to the sweep."""
        try:
            if files:
                await asyncio.to_thread(self.files.remove, files)
        except OSError:
            logger.warning("files of the object store could not be removed", exc_info=True)


def xml_answer(root: str, content: Tree, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, {"content-type": "application/xml"} | (headers or {}), render(root, content))


def conditions(request: S3Request) -> dict[str, str]:
    """What policies may ask of a request, by the names of their condition keys."""
    found = {key: request.query[name] for name, key in QUERY_CONDITIONS.items() if name in request.query}
    return found | {f"s3:{name}": request.headers[name] for name in HEADER_CONDITIONS if name in request.headers}


def new_id(now: float) -> str:
    """A random id, safe in a URL, that sorts behind those of earlier moments."""
    moment = int(now * 1000).to_bytes(6, "big")
    return base64.b32hexencode(moment + secrets.token_bytes(14)).decode().lower()


def bucket_arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"
