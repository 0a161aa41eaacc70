"""PostgreSQL gives and takes rows in the form of a backup, which is that of SQLite: what goes in comes out."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from penstock.ports.backup import BACKUP_BUCKET, DatabaseFault, UnlikeTable
from penstock.ports.server_secrets import BACKUP_NOTES, ROOT_KEYS, SEALING_KEYS
from penstock.storage.form import columns_by_table, form_schema
from penstock.storage.migrate import migrate_sqlite
from penstock.storage.postgres.adapter import PostgresStorage
from penstock.storage.postgres.backup import PostgresFilling, PostgresSnapshot, check_empty
from penstock.storage.sqlite.backup import SqliteSnapshot
from postgres import Cluster

Rows = dict[str, list[Any]]

# What each column may hold where it may not hold everything.
CHOICES = {
    "status": "InProgress",
    "kind": "user",
    "provider": "GitHub",
    "verdict": "Started",
    "versioning": "",
    "checksum_kind": "COMPOSITE",
    "is_latest": 1,
    "is_delete_marker": 0,
}
# Of the four, the first and the third are not their own in any escape of ours.
ODD_TEXTS = ("\x00", "line\r\n\\N\t", "\ufdd0\ufdd1", "'; DROP TABLE tags; --")


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.empty() as address:
        yield address


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with rows in each table of today, and an odd value in each column."""
    path = tmp_path_factory.mktemp("full") / "penstock.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate_sqlite(connection)
        for table in columns_by_table():
            columns = connection.execute(f"SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')").fetchall()
            for number in range(4):
                row = [_value(number, *column) for column in columns]
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return path


def _value(number: int, column: str, kind: str, is_wanted: int) -> Any:
    if not is_wanted and number == 0 and column not in ("number", "id"):
        return None
    if column in CHOICES:
        return CHOICES[column]
    match kind:
        case "INTEGER":
            return 2**53 + number if column != "number" else number + 1
        case "REAL":
            return 1.5e9 + number / 3
        case "BLOB":
            return b"" if column == "token_hash" and number == 0 else bytes([0, 255, number]) * 3
        case _:
            return f"{number}{ODD_TEXTS[number]}"


def rows_of(snapshot: SqliteSnapshot | PostgresSnapshot) -> Rows:
    with closing(snapshot):
        return {
            table: sorted(
                (
                    dict(zip(snapshot.columns(table), row, strict=True))
                    for batch in snapshot.rows(table)
                    for row in batch
                ),
                key=repr,
            )
            for table in snapshot.tables()
        }


def fill(url: str, source: Path) -> None:
    with closing(PostgresFilling(url)) as filling, closing(SqliteSnapshot(source)) as snapshot:
        for table in snapshot.tables():
            filling.fill(table, snapshot.columns(table), snapshot.rows(table))
        filling.commit()


def test_every_value_of_every_table_comes_back_as_it_was(url: str, full: Path) -> None:
    fill(url, full)
    snapshot = PostgresSnapshot(url)
    assert (snapshot.dialect, snapshot.schema, snapshot.in_flight) == ("sqlite", form_schema(), 4)
    found, given = rows_of(snapshot), rows_of(SqliteSnapshot(full))
    for row in given["links"]:
        # Nothing reads it, and PostgreSQL has never had it.
        row["token_hash"] = b""
    assert found == given
    with closing(PostgresSnapshot(url)) as again, closing(SqliteSnapshot(full)) as source:
        assert sorted(again.files()) == sorted(source.files())
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM timers WHERE visible_at = due_at").fetchone() == (4,)


def test_open_executions_that_a_deleted_pipeline_has_left_are_not_in_flight(url: str, full: Path) -> None:
    fill(url, full)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM pipelines WHERE starts_with(id, '3')")
    with closing(PostgresSnapshot(url)) as snapshot:
        assert snapshot.in_flight == 3


def test_texts_in_columns_for_bytes_become_bytes(url: str, tmp_path: Path) -> None:
    """SQLite keeps what it was given, whatever the column is for."""
    path = tmp_path / "penstock.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate_sqlite(connection)
        connection.execute("INSERT INTO pipeline_versions VALUES ('1', 'p', 1, 0, 'ünï')")
    fill(url, path)
    assert rows_of(PostgresSnapshot(url))["pipeline_versions"][0]["document"] == "ünï".encode()


def test_a_snapshot_is_of_one_moment_and_holds_nobody_up(cluster: Cluster) -> None:
    with cluster.database() as url, psycopg.connect(url, autocommit=True) as other:
        insert = "INSERT INTO tags SELECT '1', 'arn', 'key' || number, '' FROM generate_series(1, 1000) AS number"
        other.execute(insert)
        with closing(PostgresSnapshot(url)) as snapshot:
            batches = snapshot.rows("tags")
            found = len(next(batches))
            other.execute("DELETE FROM tags")
            other.execute("INSERT INTO sealing_keys VALUES ('later', 0, NULL)")
            assert found + sum(map(len, batches)) == 1000
            # Nor is a table that is read later of a later moment.
            assert list(snapshot.rows("sealing_keys")) == []


def test_backups_and_keys_are_left_out(cluster: Cluster) -> None:
    with cluster.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in (SEALING_KEYS, ROOT_KEYS, f"{BACKUP_NOTES}1", "fingerprint key"):
                connection.execute("INSERT INTO server_secrets VALUES (%s, 'secret')", (name,))
            for bucket in (BACKUP_BUCKET, "other"):
                connection.execute("INSERT INTO buckets VALUES ('1', %s, 'r', 0, '')", (bucket,))
        found = rows_of(PostgresSnapshot(url))
    assert [row["name"] for row in found["server_secrets"]] == ["fingerprint key"]
    assert [row["name"] for row in found["buckets"]] == ["other"]


def test_a_database_of_a_later_release_is_left_to_its_servers(cluster: Cluster) -> None:
    """What that one has more would be missing in the backup."""
    with cluster.empty(has_tables=True) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("INSERT INTO migrations VALUES (9000, '9000_pre_later.sql')")
        with pytest.raises(DatabaseFault, match=r"migration 9000_pre_later\.sql of a later release"):
            PostgresSnapshot(url)


class TestFilling:
    def test_nobody_sees_any_of_it_before_its_end(self, url: str, full: Path) -> None:
        with closing(PostgresFilling(url)) as filling, closing(SqliteSnapshot(full)) as snapshot:
            filling.fill("tags", snapshot.columns("tags"), snapshot.rows("tags"))
            check_empty(url)
        check_empty(url)

    def test_what_holds_anything_is_refused(self, cluster: Cluster, url: str) -> None:
        with cluster.empty(has_tables=True) as taken:
            for refused in (check_empty, PostgresFilling):
                with pytest.raises(
                    DatabaseFault, match=r"the database is not empty \(action_executions, action_types, "
                ):
                    refused(taken)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE VIEW mine AS SELECT 1")
        with pytest.raises(DatabaseFault, match=r"the database is not empty \(mine\): it takes an empty one"):
            check_empty(url)

    def test_one_that_is_away_is_told_without_its_password(self, cluster: Cluster) -> None:
        away = f"postgresql://penstock:hidden@/none?host={cluster.folder}"
        with pytest.raises(
            DatabaseFault, match=r'the database cannot be reached: .*database "none" does not exist'
        ) as told:
            check_empty(away)
        assert "hidden" not in str(told.value)

    @pytest.mark.parametrize(
        ("table", "columns", "row"),
        [
            ("nobodys", ["a"], ["x"]),
            ("tags", ["account", "arn", "key", "more"], ["1", "arn", "key", "x"]),
            ("tags", ["account", "arn", "key", "value"], ["1", "arn", "key", None]),
            ("sealing_keys", ["id", "since", "unused_since"], ["1", "yesterday", None]),
        ],
    )
    def test_rows_that_do_not_fit_are_refused(self, url: str, table: str, columns: list[str], row: list[Any]) -> None:
        with closing(PostgresFilling(url)) as filling, pytest.raises(UnlikeTable, match=table):
            filling.fill(table, columns, [[row]])
        check_empty(url)

    def test_a_server_takes_it_for_its_own(self, url: str, full: Path) -> None:
        fill(url, full)
        storage = PostgresStorage(url)
        asyncio.run(storage.close())
        assert len(rows_of(PostgresSnapshot(url))["pipelines"]) == 4
