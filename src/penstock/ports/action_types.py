"""Action types that somebody has made: an account for itself, or a partner for others."""

from typing import Protocol

from msgspec import Struct

__all__ = ["ActionTypeReads", "ActionTypeRow", "ActionTypeWrites"]


class ActionTypeRow(Struct, frozen=True):
    """A custom or partner action type. `document` is the JSON of its wire.ActionType or wire.ActionTypeDeclaration."""

    type_key: str
    account: str
    region: str
    owner: str
    category: str
    provider: str
    version: str
    document: bytes
    created_at: float
    deleted_at: float | None = None


class ActionTypeReads(Protocol):
    async def action_type(self, type_key: str) -> ActionTypeRow | None: ...

    def kept_action_type(self, type_key: str) -> ActionTypeRow | None:
        """What `action_type` would give, where it need not look; None says nothing."""

    async def action_types(self, account: str, region: str, after: str, rows_max: int) -> list[ActionTypeRow]:
        """The account's custom types and every partner type, deleted ones left out."""


class ActionTypeWrites(Protocol):
    def action_type(self, type_key: str) -> ActionTypeRow | None: ...

    def custom_type_count(self, account: str, region: str) -> int: ...

    def put_action_type(self, row: ActionTypeRow) -> None: ...

    def partner_types(self, provider: str, version: str) -> list[ActionTypeRow]:
        """Those of a partner under one version, one a category."""
