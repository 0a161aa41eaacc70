"""What is kept of principals beside root, and of their keys."""

from typing import Literal, Protocol

from msgspec import Struct

__all__ = ["KeyRow", "PrincipalReads", "PrincipalRow", "PrincipalWrites"]


class PrincipalRow(Struct, frozen=True):
    """Somebody who may call. `id` is never given again, though the name may be once its principal is gone.

    `policies` are IAM policy documents as JSON text. `trust` says who may assume a role: accounts and ARNs of principals.
    """

    account: str
    name: str
    id: str
    arn: str
    kind: Literal["user", "role"]
    policies: tuple[str, ...]
    trust: tuple[str, ...]
    created_at: float


class KeyRow(Struct, frozen=True):
    """A key pair of the principal of that account and name, its secret sealed."""

    access_key_id: str
    account: str
    name: str
    secret: str
    created_at: float


class PrincipalReads(Protocol):
    """What was committed. Lists are in key order, at most `rows_max` rows."""

    async def principal(self, account: str, name: str) -> PrincipalRow | None: ...

    async def principal_of_id(self, principal_id: str) -> PrincipalRow | None: ...

    async def principals(self, account: str, after: str, rows_max: int) -> list[PrincipalRow]:
        """By name, those behind `after`."""

    async def access_key(self, access_key_id: str) -> KeyRow | None: ...

    async def keys_of(self, row: PrincipalRow) -> list[KeyRow]: ...


class PrincipalWrites(Protocol):
    """Part of a transaction. Reads see what it has written."""

    def principal(self, account: str, name: str) -> PrincipalRow | None: ...

    def add_principal(self, row: PrincipalRow) -> None: ...

    def update_principal(self, row: PrincipalRow) -> None:
        """Its policies and its trust; the rest of a principal never changes."""

    def delete_principal(self, row: PrincipalRow) -> None:
        """With its keys."""

    def add_key(self, row: KeyRow) -> None: ...
