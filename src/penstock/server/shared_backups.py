"""Backups of servers that share a database: each makes its own, and any of them answers for all.

Of each there is a note among the installation's secrets, sealed, since it holds keys once the backup is ready. Whoever makes a
backup renews its note every few seconds. So the others see how it stands, and a note that nobody renews is of a server that is
gone. Who finds its own note gone has been told to delete the backup.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Protocol

import msgspec
from msgspec import Struct

from penstock.ports.backup import Backup, BackupElsewhere
from penstock.ports.clock import Clock
from penstock.ports.secrets import Vault
from penstock.ports.server_secrets import BACKUP_NOTES
from penstock.server.backups import KEPT_SECONDS, LocalBackups

__all__ = ["Notes", "SharedBackups"]

log = logging.getLogger("penstock.backups")

# What a note is sealed for.
PURPOSE = b"backup-note"
BEAT_SECONDS = 2.0
# Ready ones are only looked after, for somebody may delete them elsewhere.
CALM_BEAT_SECONDS = 15.0
GONE_AFTER_SECONDS = 20.0
LOOK_SECONDS = 0.2
GONE = "the server that was making it is gone; begin another one"


class Notes(Protocol):
    """Secret texts that all servers on one database see. All methods block."""

    def agree(self, name: str, secret: str) -> str: ...

    def change(self, name: str, before: str, after: str) -> bool: ...

    def find(self, name: str) -> str | None: ...

    def names(self, front: str) -> list[str]: ...

    def forget(self, name: str) -> None: ...


class _Note(Struct, frozen=True):
    """`at` is when it was written, by the database's clock; `machine` is where the bytes are."""

    backup: Backup
    machine: str
    begun_at: float
    at: float


class SharedBackups:
    """`own` makes this server's."""

    def __init__(self, own: LocalBackups, notes: Notes, *, vault: Vault, clock: Clock) -> None:
        self._own = own
        self._notes = notes
        self._vault = vault
        self._clock = clock
        self._tending: set[asyncio.Task[None]] = set()

    async def begin(self, *, with_artifacts: bool, with_keys: bool) -> Backup:
        begun = await self._own.begin(with_artifacts=with_artifacts, with_keys=with_keys)
        now = self._clock.now()
        note = _Note(begun, socket.gethostname(), now, now)
        try:
            written = await asyncio.to_thread(self._notes.agree, _name(begun.id), self._sealed(note))
        except BaseException:
            await self._own.delete(begun.id)
            raise
        task = asyncio.create_task(self._tend(note, written))
        self._tending.add(task)
        task.add_done_callback(self._tending.discard)
        return begun

    async def find(self, backup_id: str, wait_seconds: float) -> Backup | None:
        own = await self._own.find(backup_id, wait_seconds)
        if own is not None:
            return own
        give_up_at = self._clock.now() + wait_seconds
        while True:
            note = await self._note(backup_id)
            if note is None:
                return None
            if note.backup.status != "InProgress" or self._clock.now() >= give_up_at:
                return await self._here(note)
            await asyncio.sleep(LOOK_SECONDS)

    async def _here(self, note: _Note) -> Backup:
        """How it stands, unless its bytes are out of reach. Raises BackupElsewhere."""
        backup = note.backup
        if backup.status == "Ready" and not await self._own.has_bytes(backup):
            raise BackupElsewhere(note.machine)
        return backup

    async def delete(self, backup_id: str) -> None:
        note = await self._note(backup_id)
        is_own = await self._own.find(backup_id, 0) is not None
        # What another machine keeps is for that one to remove; it sees that the note is gone.
        if is_own or (note is not None and await self._own.has_bytes(note.backup)):
            await self._own.delete(backup_id)
        await asyncio.to_thread(self._notes.forget, _name(backup_id))

    async def sweep(self, now: float) -> None:
        await self._own.sweep(now)
        for name in await asyncio.to_thread(self._notes.names, BACKUP_NOTES):
            note = await self._note(name.removeprefix(BACKUP_NOTES))
            if note is None or note.begun_at < now - KEPT_SECONDS:
                await asyncio.to_thread(self._notes.forget, name)

    async def _note(self, backup_id: str) -> _Note | None:
        """None as well for one under a key that is no more: then it is older than any backup."""
        text = await asyncio.to_thread(self._notes.find, _name(backup_id))
        if text is None:
            return None
        with suppress(ValueError):
            note = msgspec.json.decode(self._vault.open(text, PURPOSE), type=_Note)
            if note.backup.status == "InProgress" and note.at < self._clock.now() - GONE_AFTER_SECONDS:
                gone = msgspec.structs.replace(note.backup, status="Failed", reason=GONE)
                return msgspec.structs.replace(note, backup=gone)
            return note
        return None

    async def _tend(self, note: _Note, written: str) -> None:
        """Keep the note true for as long as it is there, and delete the backup with it."""
        while (backup := await self._after_a_beat(note.backup)) is not None:
            note = msgspec.structs.replace(note, backup=backup, at=self._clock.now())
            text = self._sealed(note)
            try:
                left = await asyncio.to_thread(self._renewed, _name(backup.id), written, text)
            except Exception as problem:
                log.info("the note on a backup cannot be renewed at present: %s", problem)
                continue
            if left is None:
                await self._own.delete(backup.id)
                return
            written = left

    def _renewed(self, name: str, before: str, after: str) -> str | None:
        """The note that is there now, if there is one."""
        if self._notes.change(name, before, after):
            return after
        # One that was written while the connection was lost is not the one that it should have been.
        return self._notes.find(name)

    async def _after_a_beat(self, before: Backup) -> Backup | None:
        """How it stands in a while, or as soon as it is made; None if it was deleted here."""
        if before.status == "InProgress":
            return await self._own.find(before.id, BEAT_SECONDS)
        await asyncio.sleep(CALM_BEAT_SECONDS)
        return await self._own.find(before.id, 0)

    def _sealed(self, note: _Note) -> str:
        return self._vault.seal(msgspec.json.encode(note).decode(), PURPOSE)


def _name(backup_id: str) -> str:
    return BACKUP_NOTES + backup_id
