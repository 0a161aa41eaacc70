"""Named statements: of the open transaction, and reads of what was committed."""

from collections.abc import Mapping
from typing import Any

import psycopg

from penstock.storage.postgres.session import Row, Session

__all__ = ["Rows"]


class Rows:
    """The queries of one file, run in the transaction that is open on a session. `penstock.storage.statements` says how."""

    def __init__(self, session: Session, queries: Mapping[str, str]) -> None:
        self._session = session
        self._queries = queries

    def run(self, query: str, /, **values: Any) -> "psycopg.Cursor[Row]":
        return self._session.run(self._queries[query], values)

    def hold(self, query: str, /, **values: Any) -> "psycopg.Cursor[Row]":
        return self._session.run(f"{self._queries[query]} FOR UPDATE", values)

    def share(self, query: str, /, **values: Any) -> "psycopg.Cursor[Row]":
        return self._session.run(f"{self._queries[query]} FOR KEY SHARE", values)

    def lock(self, what: str) -> None:
        self._session.lock(what)
