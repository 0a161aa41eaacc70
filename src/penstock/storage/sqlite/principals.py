"""Principals and their keys: the part of a transaction that writes them, and reads of what was committed."""

import sqlite3
from typing import Any

import msgspec

from penstock.ports.principals import KeyRow, PrincipalRow
from penstock.storage import queries

__all__ = ["SqlitePrincipalReads", "SqlitePrincipalWrites"]

SQL = queries.load("principals")

_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode


def _principal(row: Any) -> PrincipalRow:
    return PrincipalRow(*(*row[:5], _decode_texts(row[5]), _decode_texts(row[6]), row[7]))


class _Rows:
    """Rows of one connection to the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _run(self, query: str, **parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(SQL[query], parameters)

    def _one(self, query: str, **parameters: Any) -> PrincipalRow | None:
        row = self._run(query, **parameters).fetchone()
        return _principal(row) if row is not None else None


class SqlitePrincipalReads(_Rows):
    async def principal(self, account: str, name: str) -> PrincipalRow | None:
        return self._one("principal", account=account, name=name)

    async def principal_of_id(self, principal_id: str) -> PrincipalRow | None:
        return self._one("principal_of_id", id=principal_id)

    async def principals(self, account: str, after: str, rows_max: int) -> list[PrincipalRow]:
        return [_principal(row) for row in self._run("principals", account=account, after=after, rows_max=rows_max)]

    async def access_key(self, access_key_id: str) -> KeyRow | None:
        row = self._run("access_key", access_key_id=access_key_id).fetchone()
        return KeyRow(*row) if row is not None else None

    async def keys_of(self, row: PrincipalRow) -> list[KeyRow]:
        return [KeyRow(*found) for found in self._run("keys_of_principal", account=row.account, name=row.name)]


class SqlitePrincipalWrites(_Rows):
    """Valid within one transaction."""

    def principal(self, account: str, name: str) -> PrincipalRow | None:
        return self._one("principal", account=account, name=name)

    def add_principal(self, row: PrincipalRow) -> None:
        columns = msgspec.structs.asdict(row)
        self._run("insert_principal", **{**columns, "policies": _encode(row.policies), "trust": _encode(row.trust)})

    def update_principal(self, row: PrincipalRow) -> None:
        self._run("update_principal", id=row.id, policies=_encode(row.policies), trust=_encode(row.trust))

    def delete_principal(self, row: PrincipalRow) -> None:
        self._run("delete_keys", account=row.account, name=row.name)
        self._run("delete_principal", account=row.account, name=row.name)

    def add_key(self, row: KeyRow) -> None:
        self._run("insert_key", **msgspec.structs.asdict(row))
