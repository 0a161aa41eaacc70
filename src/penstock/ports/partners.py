"""What is kept of accounts' links to partners, and of the tokens that open them."""

from typing import Protocol

from msgspec import Struct

__all__ = ["ClientToken", "Link", "PartnerReads", "PartnerWrites"]


class ClientToken(Struct, frozen=True):
    """A token of a client, kept as a keyed hash. It is good until it is taken away, or until `valid_until`."""

    hash: bytes
    created_at: float
    valid_until: float | None = None


class Link(Struct, frozen=True):
    """An account's link to a partner's action types. Tokens are oldest first; those whose time is over are among them."""

    account: str
    provider: str
    version: str
    client_id: str
    created_at: float
    tokens: tuple[ClientToken, ...] = ()


class PartnerReads(Protocol):
    """What was committed. Lists are in key order, at most `rows_max` rows."""

    async def link(self, account: str, provider: str, version: str) -> Link | None: ...

    async def links(self, account: str, after: tuple[str, str], rows_max: int) -> list[Link]:
        """By provider and version, those behind `after`."""

    async def client(self, client_id: str) -> Link | None: ...


class PartnerWrites(Protocol):
    """Part of a transaction. Reads see what it has written."""

    def link(self, account: str, provider: str, version: str) -> Link | None: ...

    def put_link(self, row: Link) -> None:
        """Make it, or give it these tokens in the place of those it had. A link keeps its client id and its date."""
