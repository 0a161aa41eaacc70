"""A new version of a watched object sets off its sources in the commit that makes it visible."""

import sqlite3

from penstock.ports.objects import ObjectRow
from penstock.storage import queries

__all__ = ["tell_watchers"]

SQL = queries.load("pipelines")


def tell_watchers(connection: sqlite3.Connection, row: ObjectRow) -> None:
    """One timer, due at once, for each pipeline that watches the object. Several changes before it fires are one."""
    name = row.name
    connection.execute(
        SQL["tell_watchers"],
        {"account": name.account, "bucket": name.bucket, "object_key": name.key, "now": row.last_modified},
    )
