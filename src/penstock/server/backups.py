"""Backups of a server on one machine: asked for here, written by a process beside it, fetched as objects.

    hold the objects' files ─► a process writes the archive ─► let them go ─► a row in the reserved bucket names it ─► Ready

The process reads one moment of the database. A file that is named there may lose its row meanwhile; it stays since it is held.
What happens on each failure:

- The process fails: the backup is Failed, with its line as the reason. It has left no file.
- The server stops or is killed: the process notices and ends, or its file is named by nothing, and the sweep removes it.
- Nobody deletes the backup: it goes after a day.
"""

import asyncio
import base64
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import msgspec
from msgspec import Struct

from penstock.artifacts.holding import HoldingFiles
from penstock.ports.backup import BACKUP_BUCKET, Backup, BackupInProgress, BackupKeys
from penstock.ports.clock import Clock
from penstock.ports.objects import (
    BucketRow,
    Checksum,
    Deletion,
    KeyRange,
    ObjectCatalogue,
    ObjectName,
    ObjectRow,
    Refused,
)
from penstock.server.archivist import TOLD, Order, Written

__all__ = ["LocalBackups"]

log = logging.getLogger("penstock.backups")

ARCHIVIST = "penstock.server.archivist"
KEPT_SECONDS = 24 * 3600.0
LISTED_MAX = 1000
END_SECONDS = 5.0
NOT_KNOWN = "an internal failure, which the server's log tells of"


class BackupFailed(Exception):
    """Why, for whoever asked for it."""


class _Making(Struct):
    """One backup of this process, while it is made and afterwards."""

    backup: Backup
    task: "asyncio.Task[None]"


class LocalBackups:
    """`order` is what is the same for each backup but for the time and the artifacts; `keys` reads what opens the secrets."""

    def __init__(
        self,
        order: Order,
        keys: Callable[[], BackupKeys],
        *,
        files: HoldingFiles,
        catalogue: ObjectCatalogue,
        clock: Clock,
    ) -> None:
        self._order = order
        self._keys = keys
        self._files = files
        self._catalogue = catalogue
        self._clock = clock
        self._makings: dict[str, _Making] = {}

    @property
    def _is_making(self) -> bool:
        return any(not making.task.done() for making in self._makings.values())

    async def begin(self, *, with_artifacts: bool, with_keys: bool) -> Backup:
        if self._is_making:
            raise BackupInProgress
        backup_id = str(uuid4())
        backup = Backup(id=backup_id, object_key=f"{backup_id}.tar", status="InProgress")
        order = msgspec.structs.replace(self._order, with_artifacts=with_artifacts, taken_at=self._clock.now())
        task = asyncio.create_task(self._make(backup, order, with_keys=with_keys))
        self._makings[backup_id] = _Making(backup, task)
        return backup

    async def find(self, backup_id: str, wait_seconds: float) -> Backup | None:
        making = self._makings.get(backup_id)
        if making is None:
            return None
        await asyncio.wait([making.task], timeout=wait_seconds)
        return making.backup

    async def delete(self, backup_id: str) -> None:
        making = self._makings.pop(backup_id, None)
        if making is not None:
            making.task.cancel()
            await asyncio.wait([making.task])
        await self._remove([f"{backup_id}.tar"])

    async def has_bytes(self, backup: Backup) -> bool:
        """Whether its archive can be read here, whoever has made it."""
        row = await self._catalogue.find_object(ObjectName(self._order.account, BACKUP_BUCKET, backup.object_key))
        return row is not None and await asyncio.to_thread(self._files.has, row.file)

    async def sweep(self, now: float) -> None:
        """Delete those that nobody came for."""
        found = await self._catalogue.list_objects(KeyRange(self._order.account, BACKUP_BUCKET), LISTED_MAX)
        old = [row.key for row in found if row.last_modified < now - KEPT_SECONDS]
        if old:
            await self._remove(old)
            log.info("backups that nobody deleted are gone now: %d", len(old))
        there = {row.key for row in found} - set(old)
        ended = [each for each, making in self._makings.items() if making.task.done()]
        for backup_id in (each for each in ended if f"{each}.tar" not in there):
            del self._makings[backup_id]

    async def _make(self, backup: Backup, order: Order, *, with_keys: bool) -> None:
        """Everything up to the answer that `find` gives."""
        try:
            ready = await self._made(backup, order, with_keys=with_keys)
        except BackupFailed as problem:
            ready = msgspec.structs.replace(backup, status="Failed", reason=str(problem))
        except Exception:
            log.exception("a backup failed")
            ready = msgspec.structs.replace(backup, status="Failed", reason=NOT_KNOWN)
        if (making := self._makings.get(backup.id)) is not None:
            making.backup = ready

    async def _made(self, backup: Backup, order: Order, *, with_keys: bool) -> Backup:
        # The keys of before and after: one of them may come or go while the rows are read.
        before = await self._read_keys()
        self._files.hold()
        try:
            written = await _archived(order)
        finally:
            await asyncio.shield(asyncio.to_thread(self._files.release))
        after = await self._read_keys()
        await self._name(backup, written)
        return msgspec.structs.replace(
            backup,
            status="Ready",
            manifest=written.manifest,
            size=written.size,
            sha256=written.sha256,
            keys=_both(after, before) if with_keys else None,
        )

    async def _read_keys(self) -> BackupKeys:
        try:
            return await asyncio.to_thread(self._keys)
        except (OSError, ValueError) as problem:
            raise BackupFailed(f"the sealing key or the root credentials cannot be read: {problem}") from None

    async def _name(self, backup: Backup, written: Written) -> None:
        """Make the archive an object that root can fetch."""
        now = self._clock.now()
        row = ObjectRow(
            account=self._order.account,
            bucket=BACKUP_BUCKET,
            key=backup.object_key,
            version_id="",
            last_modified=now,
            size=written.size,
            etag=written.md5,
            file=written.file,
            content_type="application/x-tar",
            checksum=Checksum("SHA256", base64.b64encode(bytes.fromhex(written.sha256)).decode()),
        )
        with suppress(Refused):
            await self._catalogue.create_bucket(BucketRow(self._order.account, self._order.region, BACKUP_BUCKET, now))
        await self._catalogue.put_object(row)

    async def _remove(self, keys: list[str]) -> None:
        """Delete objects, and the bucket with the last of them."""
        account, now = self._order.account, self._clock.now()
        if await self._catalogue.find_bucket(account, BACKUP_BUCKET) is None:
            return
        deletions = [Deletion(key, None, "", now) for key in keys]
        with suppress(Refused):
            deleted = await self._catalogue.delete_objects(account, BACKUP_BUCKET, deletions)
            dropped = [each.dropped for each in deleted if each.dropped]
            await asyncio.to_thread(self._files.remove, dropped)
            if not self._is_making:
                await self._catalogue.delete_bucket(account, BACKUP_BUCKET)


async def _archived(order: Order) -> Written:
    """What the process has written. It ends with this call, however that ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # The server may run in any folder; what lies there is nothing to be imported.
        "-P",
        "-m",
        ARCHIVIST,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate(msgspec.json.encode(order))
    finally:
        await _ended(process)
    said = err.decode(errors="replace").strip()
    if process.returncode == 0:
        return msgspec.json.decode(out, type=Written)
    if process.returncode == TOLD:
        raise BackupFailed(said)
    log.error("the process of a backup ended with %s: %s", process.returncode, said)
    raise BackupFailed(NOT_KNOWN)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Have it end, and clear away what it has begun."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _both(newer: BackupKeys, older: BackupKeys) -> BackupKeys:
    """The keys of both, newest first."""
    lines = list(dict.fromkeys([*(newer.key or "").split(), *(older.key or "").split()]))
    return BackupKeys(newer.credentials, "".join(f"{line}\n" for line in lines) or None)
