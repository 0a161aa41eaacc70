"""Links and the tokens of their clients: the part of a transaction that writes them, and reads of what was committed."""

import sqlite3
from collections.abc import Callable
from typing import Any

from penstock.ports.partners import ClientToken, Link
from penstock.storage import queries

__all__ = ["SqlitePartnerReads", "SqlitePartnerWrites"]

SQL = queries.load("partners")


class _Rows:
    """Rows of one connection to the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _run(self, query: str, **parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(SQL[query], parameters)

    def _found(self, query: str, **parameters: Any) -> list[Link]:
        rows: list[tuple[str, str, str, str, float]] = self._run(query, **parameters).fetchall()
        return [Link(*row, tokens=self._tokens(row[3])) for row in rows]

    def _one(self, query: str, **parameters: Any) -> Link | None:
        return next(iter(self._found(query, **parameters)), None)

    def _tokens(self, client_id: str) -> tuple[ClientToken, ...]:
        return tuple(ClientToken(*row) for row in self._run("tokens", client_id=client_id))


class SqlitePartnerReads(_Rows):
    async def link(self, account: str, provider: str, version: str) -> Link | None:
        return self._one("link", account=account, provider=provider, version=version)

    async def links(self, account: str, after: tuple[str, str], rows_max: int) -> list[Link]:
        provider, version = after
        return self._found("links", account=account, after_provider=provider, after_version=version, rows_max=rows_max)

    async def client(self, client_id: str) -> Link | None:
        return self._one("client", client_id=client_id)


class SqlitePartnerWrites(_Rows):
    """Valid within one transaction. `forget_links` is told of every new link: pipelines are kept with those they use."""

    def __init__(self, connection: sqlite3.Connection, forget_links: Callable[[], None]) -> None:
        super().__init__(connection)
        self._forget_links = forget_links

    def link(self, account: str, provider: str, version: str) -> Link | None:
        return self._one("link", account=account, provider=provider, version=version)

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
