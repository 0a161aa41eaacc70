"""Links and the tokens of their clients: the part of a transaction that writes them, and reads of what was committed."""

from collections.abc import Callable, Iterable
from typing import Any

from penstock.ports.partners import ClientToken, Link
from penstock.storage.statements import Read, Statements

__all__ = ["PartnerReading", "PartnerWriting"]


def _link(row: tuple[str, str, str, str, float], tokens: Iterable[Any]) -> Link:
    return Link(*row, tokens=tuple(ClientToken(*each) for each in tokens))


class PartnerReading:
    def __init__(self, read: Read) -> None:
        self._read = read

    async def link(self, account: str, provider: str, version: str) -> Link | None:
        return await self._one("link", account=account, provider=provider, version=version)

    async def links(self, account: str, after: tuple[str, str], rows_max: int) -> list[Link]:
        provider, version = after
        rows = await self._read(
            "links", account=account, after_provider=provider, after_version=version, rows_max=rows_max
        )
        return [_link(row, await self._tokens(row[3])) for row in rows]

    async def client(self, client_id: str) -> Link | None:
        return await self._one("client", client_id=client_id)

    async def _one(self, query: str, **values: str) -> Link | None:
        for row in await self._read(query, **values):
            return _link(row, await self._tokens(row[3]))
        return None

    async def _tokens(self, client_id: str) -> list[Any]:
        return await self._read("tokens", client_id=client_id)


class PartnerWriting:
    """Valid within one transaction. `forget_links` is told of every new link."""

    def __init__(self, statements: Statements, forget_links: Callable[[], None] = lambda: None) -> None:
        self._run = statements.run
        self._hold = statements.hold
        self._forget_links = forget_links

    def link(self, account: str, provider: str, version: str) -> Link | None:
        row = self._hold("link", account=account, provider=provider, version=version).fetchone()
        if row is None:
            return None
        return _link(row, self._run("tokens", client_id=row[3]))

    def put_link(self, row: Link) -> None:
        place = {"account": row.account, "provider": row.provider, "version": row.version}
        made = self._run("insert_link", **place, client_id=row.client_id, created_at=row.created_at)
        if made.rowcount:
            self._forget_links()
        kept = self.link(**place)
        assert kept is not None
        self._run("delete_tokens", client_id=kept.client_id)
        for number, token in enumerate(row.tokens, 1):
            self._run(
                "insert_token",
                client_id=kept.client_id,
                number=number,
                token_hash=token.hash,
                created_at=token.created_at,
                valid_until=token.valid_until,
            )
