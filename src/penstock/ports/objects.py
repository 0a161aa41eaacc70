"""The embedded object store: what is known of buckets and objects (rows), and where their bytes lie (files).

Bytes come first and names second: a file is safe on disk before the row that names it is committed, and goes away only
after the row that named it has gone. So a crash leaves at most files that no row names, and those can be swept.
"""

from collections.abc import Sequence
from typing import BinaryIO, Literal, Protocol

from msgspec import Struct

__all__ = [
    "AFTER_ALL_KEYS",
    "ALWAYS",
    "BUCKET_UPLOADS_MAX",
    "KEY_UPLOADS_MAX",
    "NULL_VERSION",
    "BucketRow",
    "Checksum",
    "ChecksumKind",
    "Condition",
    "Deleted",
    "Deletion",
    "KeyRange",
    "ObjectCatalogue",
    "ObjectFiles",
    "ObjectName",
    "ObjectRow",
    "PartRow",
    "Refused",
    "Stored",
    "UploadRow",
    "Versioning",
    "Writing",
]

Versioning = Literal["", "Enabled", "Suspended"]
ChecksumKind = Literal["FULL_OBJECT", "COMPOSITE"]

NULL_VERSION = "null"
# Multipart uploads under way. S3 has no such bounds; here nothing else would keep a job from beginning more and more of them
BUCKET_UPLOADS_MAX = 10_000
KEY_UPLOADS_MAX = 100
# Keys have at most 1,024 bytes of UTF-8, so each of them sorts before this.
AFTER_ALL_KEYS = "\U0010ffff" * 257


class Refused(Exception):
    """The catalogue says no, and nothing was written. `code` is the error code that S3 has for it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class ObjectName(Struct, frozen=True):
    """A key in a bucket of an account. Two accounts may use one name and never meet."""

    account: str
    bucket: str
    key: str


class KeyRange(Struct, frozen=True):
    """The keys of a bucket from `start` on and before `end`, in the order of their UTF-8 bytes."""

    account: str
    bucket: str
    start: str = ""
    end: str = AFTER_ALL_KEYS


class Checksum(Struct, frozen=True):
    """A checksum as S3 names it: the algorithm in capitals, the value in base64 (with `-N` if it is of N parts)."""

    algorithm: str
    value: str
    kind: ChecksumKind = "FULL_OBJECT"


class Condition(Struct, frozen=True):
    """What must hold of the current version for a write to go through: its ETag, or that there is none."""

    etag: str | None = None
    absent: bool = False


ALWAYS = Condition()


class BucketRow(Struct, frozen=True):
    account: str
    region: str
    name: str
    created_at: float
    versioning: Versioning = ""


class ObjectRow(Struct, frozen=True, kw_only=True):
    """One version of an object, or a delete marker.

    `rank` orders the versions of a key, the newest being the lowest. `headers` are those that a reader gets back as
    they came. `part_sizes` and `upload_id` are of the multipart upload that made the version, if one did. `file` is
    empty for a delete marker.
    """

    account: str
    bucket: str
    key: str
    version_id: str
    last_modified: float
    size: int = 0
    etag: str = ""
    file: str = ""
    content_type: str = "binary/octet-stream"
    metadata: dict[str, str] = {}
    headers: dict[str, str] = {}
    checksum: Checksum | None = None
    part_sizes: tuple[int, ...] = ()
    upload_id: str = ""
    is_latest: bool = True
    is_delete_marker: bool = False
    rank: int = 0

    @property
    def name(self) -> ObjectName:
        return ObjectName(self.account, self.bucket, self.key)


class UploadRow(Struct, frozen=True, kw_only=True):
    """A multipart upload under way, with what its object will get. Ids of later uploads sort behind."""

    account: str
    bucket: str
    key: str
    upload_id: str
    initiated_at: float
    content_type: str = "binary/octet-stream"
    metadata: dict[str, str] = {}
    headers: dict[str, str] = {}
    checksum_algorithm: str = ""
    checksum_kind: ChecksumKind = "FULL_OBJECT"

    @property
    def name(self) -> ObjectName:
        return ObjectName(self.account, self.bucket, self.key)


class PartRow(Struct, frozen=True, kw_only=True):
    """One uploaded part; its ETag is the MD5 of its bytes in hexadecimal."""

    upload_id: str
    number: int
    size: int
    etag: str
    file: str
    last_modified: float
    checksum: Checksum | None = None


class Stored(Struct, frozen=True):
    """The row as it was written, and the files that no row names any more."""

    row: ObjectRow
    dropped: list[str]


class Deletion(Struct, frozen=True):
    """What to delete. Without a `version_id` a versioned bucket gets a delete marker, named `marker_id` if it is
    Enabled; with an `etag`, the current version must have it (`*`: there must be one)."""

    key: str
    version_id: str | None
    marker_id: str
    at: float
    etag: str | None = None


class Deleted(Struct, frozen=True):
    """What a deletion did: `version_id` went, or came as a delete marker; `refused` is an error code."""

    key: str
    version_id: str = ""
    is_delete_marker: bool = False
    dropped: str = ""
    refused: str = ""


class ObjectCatalogue(Protocol):
    """The rows. What is written is on disk when the call returns; a refusal (`Refused`) wrote nothing.

    Methods that return file names hand them over to be removed: no row names them any more.
    """

    async def create_bucket(self, bucket: BucketRow) -> None:
        """Add a bucket. Refused: BucketAlreadyOwnedByYou."""

    async def find_bucket(self, account: str, name: str) -> BucketRow | None: ...

    async def list_buckets(self, account: str, start: str, end: str, limit: int) -> list[BucketRow]:
        """The account's buckets by name, from `start` on and before `end`."""

    async def set_versioning(self, account: str, name: str, versioning: Versioning) -> None:
        """Refused: NoSuchBucket."""

    async def delete_bucket(self, account: str, name: str) -> list[str]:
        """Drop an empty bucket and its unfinished uploads. Refused: NoSuchBucket, BucketNotEmpty."""

    async def find_object(self, name: ObjectName, version_id: str | None = None) -> ObjectRow | None:
        """That version, or the current one; it may be a delete marker."""

    async def list_objects(self, keys: KeyRange, limit: int) -> list[ObjectRow]:
        """Current versions by key, delete markers left out."""

    async def list_versions(self, keys: KeyRange, after: str, limit: int) -> list[ObjectRow]:
        """All versions by key, the newest first; of the key `keys.start` only those older than `after`, if given."""

    async def put_object(self, row: ObjectRow, condition: Condition = ALWAYS) -> Stored:
        """Make a row the current version; its id becomes `null` unless versioning is Enabled.

        Refused: NoSuchBucket, NoSuchKey (an ETag is asked of nothing), PreconditionFailed.
        """

    async def delete_objects(self, account: str, bucket: str, deletions: Sequence[Deletion]) -> list[Deleted]:
        """Delete all of them at once. What is not there counts as deleted. Refused: NoSuchBucket."""

    async def create_upload(self, upload: UploadRow) -> None:
        """Refused: NoSuchBucket, TooManyUploads (under way in the bucket, or for the key)."""

    async def find_upload(self, name: ObjectName, upload_id: str) -> UploadRow | None: ...

    async def list_uploads(self, keys: KeyRange, after: str, limit: int) -> list[UploadRow]:
        """Uploads by key and id; of the key `keys.start` only those behind the id `after`, if given."""

    async def put_part(self, name: ObjectName, part: PartRow) -> list[str]:
        """Add a part or replace the one of that number. Refused: NoSuchUpload."""

    async def list_parts(self, account: str, upload_id: str, after: int, limit: int) -> list[PartRow]:
        """Parts by number, behind the number `after`."""

    async def complete_upload(self, row: ObjectRow, parts: Sequence[PartRow], condition: Condition = ALWAYS) -> Stored:
        """As put_object, for the object made of `parts`; the upload and all of its parts go away.

        Refused besides: NoSuchUpload, InvalidPart (one of them was replaced in the meantime).
        """

    async def abort_upload(self, name: ObjectName, upload_id: str) -> list[str]:
        """Refused: NoSuchUpload."""

    async def stale_uploads(self, before: float, limit: int) -> list[UploadRow]:
        """Uploads that were begun before that time, of all accounts, the oldest first."""

    async def named_files(self, files: Sequence[str]) -> set[str]:
        """Those of the files that a row names."""


class Writing(Protocol):
    """A new file, not visible yet. All methods block: call them in a thread."""

    def write(self, piece: bytes) -> None: ...

    def keep(self) -> str:
        """Make it durable; gives its name."""

    def drop(self) -> None:
        """Close and forget it, unless it was kept."""


class ObjectFiles(Protocol):
    """The bytes, under names of its own. Files never change once kept. All methods block: call them in a thread."""

    def begin(self) -> Writing: ...

    def open(self, file: str) -> BinaryIO:
        """For reading; raises FileNotFoundError. What is open stays readable when the file is removed."""

    def duplicate(self, file: str) -> str:
        """The same bytes under a new name, durable; raises FileNotFoundError."""

    def remove(self, files: Sequence[str]) -> None:
        """Free the bytes; what is gone already is fine."""
