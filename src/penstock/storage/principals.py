"""Principals and their keys: the part of a transaction that writes them, and reads of what was committed."""

from typing import Any

import msgspec

from penstock.ports.principals import KeyRow, PrincipalRow
from penstock.storage.statements import Read, Statements

__all__ = ["PrincipalReading", "PrincipalWriting"]

_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode


def _principal(row: Any) -> PrincipalRow:
    return PrincipalRow(*(*row[:5], _decode_texts(row[5]), _decode_texts(row[6]), row[7]))


class PrincipalReading:
    def __init__(self, read: Read) -> None:
        self._read = read

    async def principal(self, account: str, name: str) -> PrincipalRow | None:
        return next(map(_principal, await self._read("principal", account=account, name=name)), None)

    async def principal_of_id(self, principal_id: str) -> PrincipalRow | None:
        return next(map(_principal, await self._read("principal_of_id", id=principal_id)), None)

    async def principals(self, account: str, after: str, rows_max: int) -> list[PrincipalRow]:
        found = await self._read("principals", account=account, after=after, rows_max=rows_max)
        return [_principal(row) for row in found]

    async def access_key(self, access_key_id: str) -> KeyRow | None:
        for row in await self._read("access_key", access_key_id=access_key_id):
            return KeyRow(*row)
        return None

    async def keys_of(self, row: PrincipalRow) -> list[KeyRow]:
        found = await self._read("keys_of_principal", account=row.account, name=row.name)
        return [KeyRow(*each) for each in found]


class PrincipalWriting:
    """Valid within one transaction."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements.run
        self._hold = statements.hold

    def principal(self, account: str, name: str) -> PrincipalRow | None:
        row = self._hold("principal", account=account, name=name).fetchone()
        return _principal(row) if row is not None else None

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
