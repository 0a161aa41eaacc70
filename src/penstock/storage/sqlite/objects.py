"""Rows of the embedded object store in SQLite.

Reads go straight to a read-only connection: an indexed read costs less than a hop to another thread. Writes are
functions of a connection, run inside a transaction that somebody else owns and shares among many; each checks
everything first and raises `Refused` before its first statement that writes, so a refusal leaves that transaction as
it was.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from penstock.ports.objects import (
    ALWAYS,
    BUCKET_UPLOADS_MAX,
    KEY_UPLOADS_MAX,
    NULL_VERSION,
    BucketRow,
    Checksum,
    Condition,
    Deleted,
    Deletion,
    KeyRange,
    ObjectName,
    ObjectRow,
    PartRow,
    Refused,
    Stored,
    UploadRow,
    Versioning,
)
from penstock.storage.queries import load

__all__ = ["Commit", "OnPut", "SqliteObjects"]

T = TypeVar("T")
Row = tuple[Any, ...]
OnPut = Callable[[sqlite3.Connection, ObjectRow], None]

SQL = load("objects")
BELOW_ALL_RANKS = -(1 << 62)
encode = msgspec.json.encode
read_texts = msgspec.json.Decoder(dict[str, str]).decode
read_sizes = msgspec.json.Decoder(tuple[int, ...]).decode


class Commit(Protocol):
    """Runs a function inside a transaction; what it gives or raises comes back once that is on disk."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]: ...


class SqliteObjects:
    """The catalogue of one SQLite file.

    `on_put` runs in the same transaction after a new current version was written, never for a delete marker.
    """

    def __init__(self, reader: sqlite3.Connection, commit: Commit, on_put: OnPut | None = None) -> None:
        self._reader = reader
        self._commit = commit
        self._on_put = on_put

    async def create_bucket(self, bucket: BucketRow) -> None:
        if not await self._commit(partial(insert_bucket, bucket=bucket)):
            raise Refused("BucketAlreadyOwnedByYou")

    async def find_bucket(self, account: str, name: str) -> BucketRow | None:
        return bucket_of(self._reader, account, name)

    async def list_buckets(self, account: str, start: str, end: str, limit: int) -> list[BucketRow]:
        rows = every(self._reader, "list_buckets", account=account, start=start, end=end, limit=limit)
        return [BucketRow(*row) for row in rows]

    async def set_versioning(self, account: str, name: str, versioning: Versioning) -> None:
        def write(connection: sqlite3.Connection) -> None:
            existing_bucket(connection, account, name)
            run(connection, "set_versioning", account=account, name=name, versioning=versioning)

        await self._commit(write)

    async def delete_bucket(self, account: str, name: str) -> list[str]:
        return await self._commit(partial(drop_bucket, account=account, name=name))

    async def find_object(self, name: ObjectName, version_id: str | None = None) -> ObjectRow | None:
        return version_of(self._reader, name, version_id)

    async def list_objects(self, keys: KeyRange, limit: int) -> list[ObjectRow]:
        rows = every(self._reader, "list_objects", **msgspec.structs.asdict(keys), limit=limit)
        return [object_of(row) for row in rows]

    async def list_versions(self, keys: KeyRange, after: str, limit: int) -> list[ObjectRow]:
        rank = self._rank(ObjectName(keys.account, keys.bucket, keys.start), after) if after else None
        values = msgspec.structs.asdict(keys) | {"limit": limit, "rank": BELOW_ALL_RANKS if rank is None else rank}
        return [object_of(row) for row in every(self._reader, "list_versions", **values)]

    async def put_object(self, row: ObjectRow, condition: Condition = ALWAYS) -> Stored:
        def write(connection: sqlite3.Connection) -> Stored:
            return self._announced(connection, put_version(connection, row, condition))

        return await self._commit(write)

    async def delete_objects(self, account: str, bucket: str, deletions: Sequence[Deletion]) -> list[Deleted]:
        def write(connection: sqlite3.Connection) -> list[Deleted]:
            found = existing_bucket(connection, account, bucket)
            return [delete_object(connection, found, deletion) for deletion in deletions]

        return await self._commit(write)

    async def create_upload(self, upload: UploadRow) -> None:
        def write(connection: sqlite3.Connection) -> None:
            existing_bucket(connection, upload.account, upload.bucket)
            check_room(connection, upload)
            texts = {"metadata": encode(upload.metadata), "headers": encode(upload.headers)}
            run(connection, "create_upload", **(msgspec.structs.asdict(upload) | texts))

        await self._commit(write)

    async def find_upload(self, name: ObjectName, upload_id: str) -> UploadRow | None:
        return upload_of(self._reader, name, upload_id)

    async def list_uploads(self, keys: KeyRange, after: str, limit: int) -> list[UploadRow]:
        values = msgspec.structs.asdict(keys) | {"after": after, "limit": limit}
        return [upload_from(row) for row in every(self._reader, "list_uploads", **values)]

    async def put_part(self, name: ObjectName, part: PartRow) -> list[str]:
        return await self._commit(partial(write_part, name=name, part=part))

    async def list_parts(self, account: str, upload_id: str, after: int, limit: int) -> list[PartRow]:
        values = {"account": account, "upload_id": upload_id, "after": after, "limit": limit}
        return [part_from(row) for row in every(self._reader, "list_parts", **values)]

    async def complete_upload(self, row: ObjectRow, parts: Sequence[PartRow], condition: Condition = ALWAYS) -> Stored:
        def write(connection: sqlite3.Connection) -> Stored:
            files = files_of_upload(connection, row.name, row.upload_id)
            if not files.issuperset(part.file for part in parts):
                raise Refused("InvalidPart")
            stored = put_version(connection, row, condition)
            drop_upload(connection, row.name, row.upload_id)
            self._announced(connection, stored)
            return Stored(stored.row, [*stored.dropped, *files])

        return await self._commit(write)

    async def abort_upload(self, name: ObjectName, upload_id: str) -> list[str]:
        def write(connection: sqlite3.Connection) -> list[str]:
            files = files_of_upload(connection, name, upload_id)
            drop_upload(connection, name, upload_id)
            return list(files)

        return await self._commit(write)

    async def stale_uploads(self, before: float, limit: int) -> list[UploadRow]:
        return [upload_from(row) for row in every(self._reader, "stale_uploads", before=before, limit=limit)]

    async def named_files(self, files: Sequence[str]) -> set[str]:
        return {row[0] for row in every(self._reader, "named_files", files=encode(files).decode())}

    def _rank(self, name: ObjectName, version_id: str) -> int | None:
        row = one(self._reader, "rank_of_version", **msgspec.structs.asdict(name), version_id=version_id)
        return None if row is None else row[0]

    def _announced(self, connection: sqlite3.Connection, stored: Stored) -> Stored:
        if self._on_put is not None:
            self._on_put(connection, stored.row)
        return stored


def insert_bucket(connection: sqlite3.Connection, bucket: BucketRow) -> bool:
    """Whether the name was free."""
    return run(connection, "create_bucket", **msgspec.structs.asdict(bucket)).rowcount == 1


def drop_bucket(connection: sqlite3.Connection, account: str, name: str) -> list[str]:
    """Drop an empty bucket with its unfinished uploads; gives their files."""
    existing_bucket(connection, account, name)
    if every(connection, "bucket_has_objects", account=account, name=name)[0][0]:
        raise Refused("BucketNotEmpty")
    files = [row[0] for row in every(connection, "bucket_part_files", account=account, name=name)]
    for query in ("delete_bucket_parts", "delete_bucket_uploads", "delete_bucket"):
        run(connection, query, account=account, name=name)
    return files


def put_version(connection: sqlite3.Connection, row: ObjectRow, condition: Condition) -> Stored:
    """Make a row the current version, if the bucket is there and the condition holds."""
    bucket = existing_bucket(connection, row.account, row.bucket)
    current = version_of(connection, row.name)
    check_condition(condition, current)
    return add_version(connection, bucket.versioning, row, current)


def check_condition(condition: Condition, current: ObjectRow | None) -> None:
    there = current if current is not None and not current.is_delete_marker else None
    if condition.absent and there is not None:
        raise Refused("PreconditionFailed")
    if condition.etag is not None and there is None:
        raise Refused("NoSuchKey")
    if condition.etag is not None and there is not None and condition.etag not in ("*", there.etag):
        raise Refused("PreconditionFailed")


def add_version(
    connection: sqlite3.Connection, versioning: Versioning, row: ObjectRow, current: ObjectRow | None
) -> Stored:
    """Put a row in front of `current`; where versions are not kept it takes the place of the one called null."""
    version_id = row.version_id if versioning == "Enabled" else NULL_VERSION
    rank = (0 if current is None else current.rank) - 1
    row = msgspec.structs.replace(row, version_id=version_id, rank=rank, is_latest=True)
    dropped: list[str] = []
    if current is not None:
        if version_id == NULL_VERSION:
            dropped = [file for file, _, _ in remove_version(connection, row.name, NULL_VERSION) if file]
        run(connection, "supersede_version", **msgspec.structs.asdict(row.name), rank=current.rank)
    run(connection, "insert_object", **columns_of(row))
    return Stored(row, dropped)


def delete_object(connection: sqlite3.Connection, bucket: BucketRow, deletion: Deletion) -> Deleted:
    """Delete a version, or hide the current one behind a marker where versions are kept."""
    name = ObjectName(bucket.account, bucket.name, deletion.key)
    current = version_of(connection, name, deletion.version_id)
    if not etag_holds(deletion, current):
        return Deleted(deletion.key, refused="PreconditionFailed")
    if deletion.version_id is not None:
        return delete_version(connection, name, deletion.version_id)
    if bucket.versioning == "":
        return msgspec.structs.replace(delete_version(connection, name, NULL_VERSION), version_id="")
    marker = ObjectRow(
        account=name.account,
        bucket=name.bucket,
        key=name.key,
        version_id=deletion.marker_id,
        last_modified=deletion.at,
        is_delete_marker=True,
    )
    stored = add_version(connection, bucket.versioning, marker, current)
    return Deleted(name.key, stored.row.version_id, is_delete_marker=True, dropped="".join(stored.dropped))


def etag_holds(deletion: Deletion, current: ObjectRow | None) -> bool:
    if deletion.etag is None:
        return True
    there = current is not None and not current.is_delete_marker
    return there and current is not None and deletion.etag in ("*", current.etag)


def delete_version(connection: sqlite3.Connection, name: ObjectName, version_id: str) -> Deleted:
    """Drop one version for good; if it was the current one, the next older takes its place."""
    rows = remove_version(connection, name, version_id)
    if not rows:
        return Deleted(name.key, version_id)
    file, is_latest, is_delete_marker = rows[0]
    if is_latest:
        run(connection, "promote_version", **msgspec.structs.asdict(name))
    return Deleted(name.key, version_id, is_delete_marker=bool(is_delete_marker), dropped=file)


def remove_version(connection: sqlite3.Connection, name: ObjectName, version_id: str) -> list[Row]:
    return every(connection, "delete_version", **msgspec.structs.asdict(name), version_id=version_id)


def check_room(connection: sqlite3.Connection, upload: UploadRow) -> None:
    """Refuse an upload where as many are under way as there may be."""
    place = {"account": upload.account, "bucket": upload.bucket}
    if one(connection, "is_full_of_uploads", **place, allowed=BUCKET_UPLOADS_MAX - 1) or one(
        connection, "is_key_full_of_uploads", **place, key=upload.key, allowed=KEY_UPLOADS_MAX - 1
    ):
        raise Refused("TooManyUploads")


def write_part(connection: sqlite3.Connection, name: ObjectName, part: PartRow) -> list[str]:
    if upload_of(connection, name, part.upload_id) is None:
        raise Refused("NoSuchUpload")
    place = {"account": name.account, "upload_id": part.upload_id, "number": part.number}
    replaced = every(connection, "find_part_file", **place)
    values = {"size": part.size, "etag": part.etag, "file": part.file, "last_modified": part.last_modified}
    run(connection, "put_part", **place, **values, **checksum_columns(part.checksum))
    return [row[0] for row in replaced]


def files_of_upload(connection: sqlite3.Connection, name: ObjectName, upload_id: str) -> set[str]:
    """The files of all parts that were uploaded so far."""
    if upload_of(connection, name, upload_id) is None:
        raise Refused("NoSuchUpload")
    return {row[0] for row in every(connection, "part_files", account=name.account, upload_id=upload_id)}


def drop_upload(connection: sqlite3.Connection, name: ObjectName, upload_id: str) -> None:
    run(connection, "delete_parts", account=name.account, upload_id=upload_id)
    run(connection, "delete_upload", **msgspec.structs.asdict(name), upload_id=upload_id)


def existing_bucket(connection: sqlite3.Connection, account: str, name: str) -> BucketRow:
    bucket = bucket_of(connection, account, name)
    if bucket is None:
        raise Refused("NoSuchBucket")
    return bucket


def bucket_of(connection: sqlite3.Connection, account: str, name: str) -> BucketRow | None:
    row = one(connection, "find_bucket", account=account, name=name)
    return None if row is None else BucketRow(*row)


def version_of(connection: sqlite3.Connection, name: ObjectName, version_id: str | None = None) -> ObjectRow | None:
    """That version, or the current one."""
    values = msgspec.structs.asdict(name)
    if version_id is None:
        row = one(connection, "find_current", **values)
    else:
        row = one(connection, "find_version", **values, version_id=version_id)
    return None if row is None else object_of(row)


def upload_of(connection: sqlite3.Connection, name: ObjectName, upload_id: str) -> UploadRow | None:
    row = one(connection, "find_upload", **msgspec.structs.asdict(name), upload_id=upload_id)
    return None if row is None else upload_from(row)


def object_of(row: Row) -> ObjectRow:
    return ObjectRow(
        account=row[0],
        bucket=row[1],
        key=row[2],
        version_id=row[3],
        last_modified=row[4],
        size=row[5],
        etag=row[6],
        file=row[7],
        content_type=row[8],
        metadata=read_texts(row[9]),
        headers=read_texts(row[10]),
        checksum=checksum_of(row[11:14]),
        part_sizes=read_sizes(row[14]),
        upload_id=row[15],
        is_latest=bool(row[16]),
        is_delete_marker=bool(row[17]),
        rank=row[18],
    )


def columns_of(row: ObjectRow) -> dict[str, Any]:
    texts = {
        "metadata": encode(row.metadata),
        "headers": encode(row.headers),
        "part_sizes": encode(row.part_sizes),
    }
    return msgspec.structs.asdict(row) | texts | checksum_columns(row.checksum)


def upload_from(row: Row) -> UploadRow:
    return UploadRow(
        account=row[0],
        bucket=row[1],
        key=row[2],
        upload_id=row[3],
        initiated_at=row[4],
        content_type=row[5],
        metadata=read_texts(row[6]),
        headers=read_texts(row[7]),
        checksum_algorithm=row[8],
        checksum_kind=row[9],
    )


def part_from(row: Row) -> PartRow:
    return PartRow(
        upload_id=row[0],
        number=row[1],
        size=row[2],
        etag=row[3],
        file=row[4],
        last_modified=row[5],
        checksum=checksum_of(row[6:9]),
    )


def checksum_of(columns: Row) -> Checksum | None:
    algorithm, value, kind = columns
    return Checksum(algorithm, value, kind) if algorithm else None


def checksum_columns(checksum: Checksum | None) -> dict[str, str]:
    if checksum is None:
        return {"checksum_algorithm": "", "checksum_value": "", "checksum_kind": ""}
    return {
        "checksum_algorithm": checksum.algorithm,
        "checksum_value": checksum.value,
        "checksum_kind": checksum.kind,
    }


def run(connection: sqlite3.Connection, query: str, **values: Any) -> sqlite3.Cursor:
    return connection.execute(SQL[query], values)


def one(connection: sqlite3.Connection, query: str, **values: Any) -> Row | None:
    # All rows are taken, or the open statement would hold a reader to its old snapshot.
    return next(iter(every(connection, query, **values)), None)


def every(connection: sqlite3.Connection, query: str, **values: Any) -> list[Row]:
    return connection.execute(SQL[query], values).fetchall()
