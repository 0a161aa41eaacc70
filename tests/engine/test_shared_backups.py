"""Servers on one database answer for each other's backups: as they stand, when their maker is gone, and when one is deleted."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.house import ACCOUNT, REGION, house
from engine.test_backups import Yard
from penstock.artifacts.holding import HoldingFiles
from penstock.auth.seal import KEY_BYTES, Sealer
from penstock.ports.backup import Backup, BackupElsewhere, BackupKeys
from penstock.ports.objects import BucketRow
from penstock.ports.server_secrets import BACKUP_NOTES
from penstock.server import shared_backups
from penstock.server.archivist import Order
from penstock.server.backups import KEPT_SECONDS, LocalBackups
from penstock.server.shared_backups import GONE_AFTER_SECONDS, SharedBackups
from penstock.storage.postgres.server_secrets import ServerSecrets
from postgres import Cluster

VAULT = Sealer(bytes(KEY_BYTES))


class Two:
    """A server that makes backups, and another one beside it that shares its database."""

    def __init__(self, yard: Yard, folder: Path, url: str) -> None:
        self.yard = yard
        self.notes = ServerSecrets(url)
        self.one = self._server(yard.backups)
        self.two = self._server(self._local(folder))
        self.apart = self._server(self._local(folder / "apart"))

    def _local(self, folder: Path) -> LocalBackups:
        database, artifacts = str(folder / "penstock.db"), str(folder / "artifacts")
        order = Order(
            database=database, artifacts=artifacts, with_artifacts=True, account=ACCOUNT, region=REGION, taken_at=0.0
        )
        files = HoldingFiles(folder / "artifacts")
        yard = self.yard
        return LocalBackups(
            order, lambda: BackupKeys("credentials"), files=files, catalogue=yard.catalogue, clock=yard.house.clock
        )

    def _server(self, own: LocalBackups) -> SharedBackups:
        return SharedBackups(own, self.notes, vault=VAULT, clock=self.yard.house.clock)

    def names(self) -> list[str]:
        return self.notes.names(BACKUP_NOTES)


async def ready(server: SharedBackups, begun: Backup) -> Backup | None:
    """As the other one tells of it in the end; the clock stands still, so it never loses patience."""
    async with asyncio.timeout(20):
        return await server.find(begun.id, 20)


def within(folder: Path, cluster: Cluster, check: Callable[[Two], Coroutine[Any, Any, None]]) -> None:
    async def inside_a_house(url: str) -> None:
        async with house(folder) as inside:
            yard = Yard(inside, folder)
            await yard.catalogue.create_bucket(BucketRow(ACCOUNT, REGION, "bucket", 0.0))
            await check(Two(yard, folder, url))

    with cluster.database() as url:
        asyncio.run(inside_a_house(url))


def test_another_server_tells_the_same_but_not_where_it_cannot_reach_the_bytes(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def check(servers: Two) -> None:
        begun = await servers.one.begin(with_artifacts=True, with_keys=True)
        told = await ready(servers.two, begun)
        assert told is not None
        assert (told.status, told.keys) == ("Ready", BackupKeys("credentials", "newest\n"))
        assert told == await servers.one.find(begun.id, 0)
        with pytest.raises(BackupElsewhere):
            await servers.apart.find(begun.id, 0)
        # A note is as secret as the keys in it.
        assert "newest" not in str(servers.notes.find(servers.names()[0]))

    within(tmp_path, cluster, check)


def test_one_whose_maker_is_gone_has_failed(cluster: Cluster, tmp_path: Path) -> None:
    async def check(servers: Two) -> None:
        begun = await servers.one.begin(with_artifacts=True, with_keys=True)
        for task in servers.one._tending:
            task.cancel()
        servers.yard.house.clock.move(GONE_AFTER_SECONDS + 1)
        told = await servers.two.find(begun.id, 0)
        assert told is not None
        assert (told.status, told.reason) == ("Failed", shared_backups.GONE)

    within(tmp_path, cluster, check)


def test_one_that_is_deleted_elsewhere_is_broken_off(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(servers: Two) -> None:
        begun = await servers.one.begin(with_artifacts=True, with_keys=True)
        await servers.two.delete(begun.id)
        async with asyncio.timeout(10):
            await asyncio.gather(*servers.one._tending)
        assert await servers.one.find(begun.id, 0) is None
        assert await servers.two.find(begun.id, 0) is None
        assert (servers.yard.left(), servers.names()) == ([], [])
        assert servers.yard.files._holders == 0

    monkeypatch.setattr(shared_backups, "BEAT_SECONDS", 0.05)
    within(tmp_path, cluster, check)


def test_what_another_folder_holds_goes_with_its_note(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(servers: Two) -> None:
        begun = await servers.one.begin(with_artifacts=True, with_keys=True)
        assert await ready(servers.two, begun) is not None
        await servers.apart.delete(begun.id)
        async with asyncio.timeout(10):
            await asyncio.gather(*servers.one._tending)
        assert (servers.yard.left(), servers.names()) == ([], [])

    monkeypatch.setattr(shared_backups, "CALM_BEAT_SECONDS", 0.05)
    within(tmp_path, cluster, check)


def test_notes_that_nobody_deletes_go_after_a_day(cluster: Cluster, tmp_path: Path) -> None:
    async def check(servers: Two) -> None:
        begun = await servers.one.begin(with_artifacts=True, with_keys=True)
        assert await ready(servers.two, begun) is not None
        await servers.two.sweep(servers.yard.house.clock.now())
        assert len(servers.names()) == 1
        servers.yard.house.clock.move(KEPT_SECONDS + 1)
        await servers.two.sweep(servers.yard.house.clock.now())
        assert (servers.yard.left(), servers.names()) == ([], [])

    within(tmp_path, cluster, check)


def test_files_that_another_process_holds_stay(tmp_path: Path) -> None:
    one, two = HoldingFiles(tmp_path), HoldingFiles(tmp_path)
    made = []
    for _ in range(2):
        writing = two.begin()
        made.append(writing.keep())
    one.hold()
    two.remove(made[:1])
    assert two.has(made[0])
    one.release()
    two.remove(made[1:])
    assert not two.has(made[1])
