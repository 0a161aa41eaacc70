"""The plans of SQLite: every statement finds its rows by an index, or is named here with the reason why it need not.

There are no statistics, so a plan depends on nothing but the statement and the tables.
"""

import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files

import pytest

from penstock.storage import queries
from penstock.storage.migrate import migrate_sqlite

# Columns that many rows have in common. An index that is told of nothing else goes through all of them.
SHARED = {"account", "region", "bucket", "owner", "status", "type_key", "query_key"}
OF_BACKUPS = "asked for by a backup alone, which reads everything"
OF_BUCKETS = "asked for when a bucket is deleted, which has no objects then"
# What may go through more rows than it gives, or sort them.
WHY = {
    "backups.tables": OF_BACKUPS,
    "backups.columns": OF_BACKUPS,
    "backups.in_flight": OF_BACKUPS,
    "backups.files": OF_BACKUPS,
    "backups.open_pipelines": OF_BACKUPS,
    "backups.needed_sealing_keys": "there are a few keys",
    "sealed.sealing_keys": "there are a few keys",
    "history.deleted_pipelines": "takes the first ones of its key",
    "registry.custom_type_count": "counts those that an account has now, fifty at the most, in an index of no others",
    "objects.bucket_part_files": OF_BUCKETS,
    "objects.delete_bucket_parts": OF_BUCKETS,
    "objects.delete_bucket_uploads": OF_BUCKETS,
    "objects.bucket_has_objects": "stops at the first object",
    "pipelines.regions": "takes the least that is left, once a region",
    "pipelines.pipeline_count": "a region has a thousand pipelines, counted when one is made",
    "pipelines.delete_timers": "what an account waits for just now, when a pipeline is deleted; an index would cost every wait",
    "webhooks.webhook_count": "a region has three hundred webhooks, counted when one is made",
}
# Two walks in one order, each a row ahead.
MERGING = {"MERGE (UNION ALL)", "LEFT", "RIGHT"}
# What may sort, but nothing else.
SORTS = {"webhooks.watched": "the pipelines of one repository"}


def statements() -> dict[str, str]:
    folders = [files("penstock.storage").joinpath("sql", folder) for folder in ("common", "sqlite")]
    names = sorted({file.name.removesuffix(".sql") for folder in folders for file in folder.iterdir()})
    return {f"{name}.{query}": sql for name in names for query, sql in queries.load(name).items()}


STATEMENTS = statements()


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    yield connection
    connection.close()


def plan(database: sqlite3.Connection, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":([a-z_]+[0-9]*)", sql))
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def faults(database: sqlite3.Connection, sql: str) -> list[str]:
    """The steps that go through more rows than the statement needs."""
    # The first rows of an index, and no more of it.
    is_first = "LIMIT" in sql and "WHERE" not in sql
    return [step for step in plan(database, sql) if _is_fault(step, is_first=is_first, is_limited="LIMIT" in sql)]


def _is_fault(step: str, *, is_first: bool, is_limited: bool) -> bool:
    if "TEMP B-TREE" in step:
        return True
    if step.startswith("SCAN"):
        is_table = not step.endswith("CONSTANT ROW") and "VIRTUAL TABLE" not in step
        return is_table and not (is_first and "INDEX" in step)
    told = re.search(r"\(([^()]*=[^()]*)\)$|\((\(.*)\)$", step)
    if not step.startswith("SEARCH") or told is None:
        return False
    columns = set(re.findall(r"[a-z_]+", told[1] or told[2]))
    # A type key alone names one type.
    return columns <= SHARED and not is_limited and columns != {"type_key"}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_finds_its_rows_by_an_index_or_has_a_reason(database: sqlite3.Connection, name: str) -> None:
    found = faults(database, STATEMENTS[name])
    if name in SORTS:
        found = [step for step in found if "TEMP B-TREE" not in step]
    assert not found or name in WHY, found


@pytest.mark.parametrize("name", [*WHY, *SORTS])
def test_a_reason_is_still_needed(database: sqlite3.Connection, name: str) -> None:
    assert faults(database, STATEMENTS[name])


@pytest.mark.parametrize(
    ("query", "searches"),
    [
        ("custom_type_count", ["INDEX action_types_of_account (account=? AND region=?)"]),
        ("partner_types", ["INDEX action_types_of_provider (provider=? AND version=?)"]),
        (
            "action_types",
            [
                "INDEX action_types_of_account (account=? AND region=? AND type_key>?)",
                "PRIMARY KEY (type_key>?)",
            ],
        ),
    ],
)
def test_of_all_action_types_those_alone_are_walked_that_are_given(
    database: sqlite3.Connection, query: str, searches: list[str]
) -> None:
    found = [step for step in plan(database, STATEMENTS[f"registry.{query}"]) if step not in MERGING]
    assert found == [f"SEARCH action_types USING {each}" for each in searches]
