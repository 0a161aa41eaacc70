"""Making backups from within: what is held, what is left out, what goes by itself, and what is said when it fails."""

import asyncio
import tarfile
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from declarations import action, stage
from engine.house import ACCOUNT, REGION, House, house
from penstock.artifacts.holding import HoldingFiles
from penstock.engine.committer import Written
from penstock.ports.backup import BACKUP_BUCKET, Backup, BackupInProgress, BackupKeys
from penstock.ports.objects import BucketRow, Deletion, ObjectName, ObjectRow
from penstock.server import archivist, backups
from penstock.server.archivist import NoRoom, Order
from penstock.server.backups import KEPT_SECONDS, NOT_KNOWN, LocalBackups
from penstock.storage.sqlite.backup import SqliteFilling, SqliteSnapshot
from penstock.wire.errors import ConflictException

HOUR = 3600.0


class Yard:
    """A house with an object store and its backups."""

    def __init__(self, inside: House, folder: Path, **order: Any) -> None:
        self.house = inside
        self.files = HoldingFiles(folder / "artifacts")
        self.keys = ["newest"]
        self.catalogue = self.house.storage.catalogue(self._commit)
        given = {"database": str(folder / "penstock.db"), "artifacts": str(folder / "artifacts"), **order}
        self.backups = LocalBackups(
            Order(with_artifacts=True, account=ACCOUNT, region=REGION, taken_at=0.0, **given),
            lambda: BackupKeys("credentials", "".join(f"{key}\n" for key in self.keys)),
            files=self.files,
            catalogue=self.catalogue,
            clock=self.house.clock,
        )

    def _commit(self, work: Any) -> Any:
        write = self.house.committer.write(lambda transaction: Written(work(transaction.statements)))
        return asyncio.ensure_future(write)

    async def put(self, key: str, text: bytes) -> str:
        """The file of a new object."""
        writing = self.files.begin()
        writing.write(text)
        file = writing.keep()
        row = ObjectRow(account=ACCOUNT, bucket="bucket", key=key, version_id="", last_modified=0.0, file=file)
        await self.catalogue.put_object(row)
        return file

    async def made(self, **more: Any) -> Backup:
        begun = await self.backups.begin(**{"with_artifacts": True, "with_keys": True, **more})
        found = await self.backups.find(begun.id, 20)
        assert found is not None
        return found

    async def archive(self, backup: Backup) -> Path:
        row = await self.catalogue.find_object(ObjectName(ACCOUNT, BACKUP_BUCKET, backup.object_key))
        assert row is not None
        return self.files.folder / row.file[:2] / row.file

    async def is_underway(self) -> None:
        """Return once files are held, which is before anything of them is read."""
        while not self.files._holders:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0)

    def left(self) -> list[str]:
        return [path.name for path in self.files.folder.rglob("*") if path.is_file()]


def within(folder: Path, check: Callable[[Yard], Coroutine[Any, Any, None]], **order: Any) -> None:
    async def inside_a_house() -> None:
        async with house(folder) as inside:
            made = Yard(inside, folder, **order)
            await made.catalogue.create_bucket(BucketRow(ACCOUNT, REGION, "bucket", 0.0))
            await check(made)

    asyncio.run(inside_a_house())


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_held_files_go_with_the_last_release(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        file = await yard.put("key", b"text")
        yard.files.hold()
        yard.files.hold()
        yard.files.remove([file])
        yard.files.release()
        assert yard.files.open(file).read() == b"text"
        yard.files.release()
        assert file not in yard.left()
        yard.files.remove([await yard.put("other", b"x")])
        assert yard.left() == []

    within(tmp_path, check)


def test_files_are_held_while_a_backup_is_made_and_no_longer(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        file = await yard.put("key", b"text")
        begun = await yard.backups.begin(with_artifacts=True, with_keys=True)
        await yard.is_underway()
        (deleted,) = await yard.catalogue.delete_objects(ACCOUNT, "bucket", [Deletion("key", None, "", 0.0)])
        yard.files.remove([deleted.dropped])
        assert file in yard.left()
        ready = await yard.backups.find(begun.id, 20)
        assert ready is not None
        assert (ready.status, ready.manifest.missing) == ("Ready", ())  # type: ignore[union-attr]
        assert file not in yard.left()

    within(tmp_path, check)


def test_a_second_one_is_refused_until_the_first_is_made(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        first = await yard.backups.begin(with_artifacts=True, with_keys=True)
        with pytest.raises(BackupInProgress):
            await yard.backups.begin(with_artifacts=True, with_keys=True)
        environment = msgspec.structs.replace(yard.house.call.environment, backups=yard.backups)
        yard.house.call = msgspec.structs.replace(yard.house.call, environment=environment)
        with pytest.raises(ConflictException, match="Another backup is being made: wait for its end, or delete it"):
            await yard.house.ask("CreateBackup")
        await yard.backups.find(first.id, 20)
        assert (await yard.made()).status == "Ready"

    within(tmp_path, check)


def test_a_backup_holds_no_earlier_one_and_deleting_them_leaves_nothing(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        file = await yard.put("key", b"text")
        first, second = await yard.made(), await yard.made()
        found = names(await yard.archive(second))
        assert [name for name in found if name.startswith("objects/")] == [f"objects/{file}"]
        for backup in (first, second):
            await yard.backups.delete(backup.id)
            assert await yard.backups.find(backup.id, 0) is None
        await yard.backups.delete(second.id)
        assert yard.left() == [file]
        assert await yard.catalogue.find_bucket(ACCOUNT, BACKUP_BUCKET) is None

    within(tmp_path, check)


def test_one_that_is_deleted_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        begun = await yard.backups.begin(with_artifacts=True, with_keys=True)
        await yard.is_underway()
        await yard.backups.delete(begun.id)
        assert await yard.backups.find(begun.id, 0) is None
        assert yard.left() == []
        assert yard.files._holders == 0

    within(tmp_path, check)


def test_one_that_nobody_deletes_goes_after_a_day(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        old = await yard.made()
        yard.house.clock.move(KEPT_SECONDS - HOUR)
        new = await yard.made()
        await yard.backups.sweep(yard.house.clock.now())
        assert len(yard.left()) == 2
        yard.house.clock.move(2 * HOUR)
        await yard.backups.sweep(yard.house.clock.now())
        assert [path.name for path in [await yard.archive(new)]] == yard.left()
        assert await yard.backups.find(old.id, 0) is None
        yard.house.clock.move(KEPT_SECONDS)
        await yard.backups.sweep(yard.house.clock.now())
        assert yard.left() == []

    within(tmp_path, check)


def test_a_file_that_is_lost_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    async def check(yard: Yard) -> None:
        lost, kept = await yard.put("lost", b"x"), await yard.put("kept", b"text")
        yard.files.remove([lost])
        ready = await yard.made()
        assert ready.manifest is not None
        assert ready.manifest.missing == (lost,)
        assert (ready.manifest.objects, ready.manifest.object_bytes) == (1, 4)
        assert f"objects/{kept}" in names(await yard.archive(ready))

    within(tmp_path, check)


def test_keys_of_before_and_after_are_both_there(tmp_path: Path) -> None:
    """One that comes while the rows are read has sealed some of them; one that goes had."""

    async def check(yard: Yard) -> None:
        yard.keys = ["middle", "oldest"]
        begun = await yard.backups.begin(with_artifacts=True, with_keys=True)
        await yard.is_underway()
        yard.keys = ["newest", "middle"]
        ready = await yard.backups.find(begun.id, 20)
        assert ready is not None
        assert ready.keys == BackupKeys("credentials", "newest\nmiddle\noldest\n")
        assert "newest" not in repr(ready)
        assert (await yard.made(with_keys=False)).keys is None

    within(tmp_path, check)


class TestFailures:
    def test_a_database_that_cannot_be_read_is_told_and_leaves_nothing(self, tmp_path: Path) -> None:
        async def check(yard: Yard) -> None:
            failed = await yard.made()
            assert (failed.status, failed.keys) == ("Failed", None)
            assert failed.reason == f"the database {missing} cannot be read: unable to open database file"
            assert yard.left() == []
            assert yard.files._holders == 0

        missing = str(tmp_path / "nowhere" / "penstock.db")
        within(tmp_path, check, database=missing)

    def test_a_process_that_breaks_down_is_told_of_without_its_trace(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def check(yard: Yard) -> None:
            failed = await yard.made()
            assert (failed.status, failed.reason) == ("Failed", NOT_KNOWN)

        monkeypatch.setattr(backups, "ARCHIVIST", "penstock.nobody")
        within(tmp_path, check)
        assert "No module named penstock.nobody" in caplog.text

    def test_a_folder_that_is_gone_is_told(self, tmp_path: Path) -> None:
        async def check(yard: Yard) -> None:
            failed = await yard.made()
            assert failed.status == "Failed"
            assert failed.reason == "/proc/penstock: no such file or directory"

        within(tmp_path, check, artifacts="/proc/penstock")

    def test_keys_that_cannot_be_read_are_told(self, tmp_path: Path) -> None:
        async def check(yard: Yard) -> None:
            yard.backups._keys = lambda: BackupKeys((tmp_path / "none").read_text())
            failed = await yard.made()
            assert failed.status == "Failed"
            assert failed.reason is not None
            assert "the sealing key or the root credentials cannot be read" in failed.reason

        within(tmp_path, check)

    def test_what_would_fill_the_disk_is_refused_before_it_begins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def check(yard: Yard) -> None:
            await yard.put("key", bytes(5 << 20))
            # No disk has that much: what is left to the server is always too little.
            monkeypatch.setattr(archivist, "RESERVED_BYTES", 1 << 60)
            with pytest.raises(NoRoom, match="there is no room for it where the artifacts are: it takes 0 MiB beside"):
                await asyncio.to_thread(archivist.write_archive, yard.backups._order)
            assert len(yard.left()) == 1

        within(tmp_path, check)


def test_timers_of_a_restored_database_fire(tmp_path: Path) -> None:
    async def before(inside: House) -> None:
        await inside.types()
        ask = action("Ask", "Approval", "AWS", "Manual", timeoutInMinutes=5)
        await inside.pipeline("line", stage("Gate", ask))
        await inside.work()

    async def after(inside: House) -> None:
        assert await inside.statuses() == ["InProgress"]
        inside.clock.move(299)
        await inside.tick()
        assert await inside.statuses() == ["InProgress"]
        inside.clock.move(1)
        await inside.tick()
        assert await inside.statuses() == ["Failed"]

    async def both() -> None:
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        async with house(tmp_path / "old") as inside:
            await before(inside)
        with closing(SqliteSnapshot(tmp_path / "old" / "penstock.db")) as snapshot:
            filling = SqliteFilling(tmp_path / "new" / "penstock.db", snapshot.schema)
            for table in snapshot.tables():
                filling.fill(table, snapshot.columns(table), snapshot.rows(table))
        filling.finish()
        filling.close()
        async with house(tmp_path / "new") as inside:
            await after(inside)

    asyncio.run(both())
