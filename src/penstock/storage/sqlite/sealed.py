"""Sealed texts at rest: going through them in slices, and putting others in their place."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from penstock.ports.sealed import Place, RowKey, SealedRow, SealingKeyRow, Slice
from penstock.ports.secrets import SEALED_MARK
from penstock.storage import queries

__all__ = ["SqliteSealedReads", "SqliteSealedWrites"]

SQL = queries.load("sealed")
_MARK = SEALED_MARK.encode()

# What comes before every key of a place.
_BEFORE_ALL: dict[Place, RowKey] = {
    "fingerprint_key": ("",),
    "access_keys": ("",),
    "webhook_tokens": ("", "", ""),
    "webhook_secrets": ("", "", ""),
    "connection_tokens": ("", ""),
    "connection_secrets": ("", ""),
    "pipeline_versions": ("", "", 0),
    "jobs": (0,),
    "action_inputs": ("", "", 0, 0),
}


class SqliteSealedReads:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _all(self, query: str, **parameters: Any) -> list[Any]:
        return self._connection.execute(SQL[query], parameters).fetchall()

    async def slice(self, place: Place, after: RowKey | None, rows_max: int) -> Slice:
        start = _named(after if after is not None else _BEFORE_ALL[place])
        found = self._all(f"slice_{place}", **start, rows_max=rows_max)
        rows = tuple(SealedRow(row[:-1], row[-1]) for row in found if row[-1] is not None and _MARK in row[-1])
        return Slice(rows, found[-1][:-1] if len(found) == rows_max else None)

    async def fingerprint_key(self) -> str | None:
        return next((sealed for (sealed,) in self._all("fingerprint_key")), None)

    async def sealing_keys(self) -> list[SealingKeyRow]:
        return [SealingKeyRow(*row) for row in self._all("sealing_keys")]


class SqliteSealedWrites:
    """Valid within one transaction. `forget_version` and `forget_work` are told of documents that are kept decoded."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        forget_version: Callable[[str, str, int], None],
        forget_work: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._forget_version = forget_version
        self._forget_work = forget_work

    def _run(self, query: str, **parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(SQL[query], parameters)

    def replace(self, place: Place, row: SealedRow, value: bytes) -> bool:
        written = self._run(f"replace_{place}", **_named(row.key), before=row.value, after=value)
        if written.rowcount != 1:
            return False
        if place == "pipeline_versions":
            self._forget_version(*row.key)  # type: ignore[arg-type]  # the key of that place
        elif place == "jobs":
            self._forget_work(self._run("job_id", number=row.key[0]).fetchone()[0])
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
