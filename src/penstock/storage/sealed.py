"""Sealed texts at rest: going through them in slices, and putting others in their place."""

from collections.abc import Callable

import msgspec

from penstock.ports.sealed import Place, RowKey, SealedRow, SealingKeyRow, Slice
from penstock.ports.secrets import SEALED_MARK
from penstock.storage.statements import Read, Statements

__all__ = ["BEFORE_ALL", "SealedReading", "SealedWriting"]

_MARK = SEALED_MARK.encode()

# What comes before every key of a place.
BEFORE_ALL: dict[Place, RowKey] = {
    "fingerprint_key": ("",),
    "root_keys": ("",),
    "access_keys": ("",),
    "webhook_tokens": ("", "", ""),
    "webhook_secrets": ("", "", ""),
    "connection_tokens": ("", ""),
    "connection_secrets": ("", ""),
    "pipeline_versions": ("", "", 0),
    "jobs": (0,),
    "action_inputs": ("", "", 0, 0),
}


class SealedReading:
    def __init__(self, read: Read, before_all: dict[Place, RowKey] = BEFORE_ALL) -> None:
        self._read = read
        self._before_all = before_all

    async def slice(self, place: Place, after: RowKey | None, rows_max: int) -> Slice:
        start = _named(after if after is not None else self._before_all[place])
        found = await self._read(f"slice_{place}", **start, rows_max=rows_max)
        rows = tuple(SealedRow(row[:-1], row[-1]) for row in found if row[-1] is not None and _MARK in row[-1])
        return Slice(rows, found[-1][:-1] if len(found) == rows_max else None)

    async def fingerprint_key(self) -> str | None:
        return next((sealed for (sealed,) in await self._read("fingerprint_key")), None)

    async def sealing_keys(self) -> list[SealingKeyRow]:
        return [SealingKeyRow(*row) for row in await self._read("sealing_keys")]


class SealedWriting:
    """Valid within one transaction. `replaced` is told of the row of each document that was put in another's place."""

    def __init__(self, statements: Statements, replaced: Callable[[Place, RowKey], None]) -> None:
        self._run = statements.run
        self._replaced = replaced

    def replace(self, place: Place, row: SealedRow, value: bytes) -> bool:
        written = self._run(f"replace_{place}", **_named(row.key), before=row.value, after=value)
        if written.rowcount != 1:
            return False
        self._replaced(place, row.key)
        return True

    def put_fingerprint_key(self, sealed: str) -> None:
        self._run("put_fingerprint_key", sealed=sealed)

    def put_sealing_key(self, row: SealingKeyRow) -> None:
        self._run("put_sealing_key", **msgspec.structs.asdict(row))

    def delete_sealing_key(self, key_id: str) -> None:
        self._run("delete_sealing_key", id=key_id)


def _named(key: RowKey) -> dict[str, str | int]:
    """The columns of a key as the statements name them."""
    return {f"key{position}": column for position, column in enumerate(key, 1)}
