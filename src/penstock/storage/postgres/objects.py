"""Rows of the embedded object store in PostgreSQL."""

from penstock.storage import queries
from penstock.storage.catalogue import Catalogue, Commit, OnPut
from penstock.storage.postgres.pool import Pool

__all__ = ["PostgresObjects"]


class PostgresObjects(Catalogue):
    """`commit` runs a function of a transaction's `connection`; `on_put` runs in the transaction that wrote a new version."""

    def __init__(self, pool: Pool, commit: Commit, on_put: OnPut | None = None) -> None:
        super().__init__(pool.reads(queries.load("objects", "postgres")), commit, on_put)
