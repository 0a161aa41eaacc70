"""What SQLite alone has: migrations, query plans, the lock of the file, and how it tells that it was lost."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.ports.principals import KeyRow, PrincipalRow
from penstock.ports.storage import ListedPipeline, StorageLost
from penstock.storage import migrate, queries
from penstock.storage.rows import encode
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.storage.sqlite.connection import DatabaseInUse
from storage.samples import ACCOUNT, REGION, head, row, version


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "penstock.db"


@pytest.fixture
def storage(database: Path) -> Iterator[SqliteStorage]:
    opened = SqliteStorage(database)
    yield opened
    asyncio.run(opened.close())


def schema(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables are like, however they came to be so."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: connection.execute(f"PRAGMA table_xinfo({table})").fetchall() for table in tables}
    indexes = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
    found["indexes"] = sorted(indexes, key=str)
    return found


class TestMigrations:
    def fresh(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate.migrate_sqlite(connection)
        return connection

    def test_a_database_migrated_step_by_step_is_like_a_fresh_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        every = migrate._migrations("sqlite")
        grown = sqlite3.connect(":memory:", isolation_level=None)
        for last in sorted(every):
            known = {number: each for number, each in every.items() if number <= last}
            monkeypatch.setattr(migrate, "_migrations", lambda dialect, known=known: known)
            migrate.migrate_sqlite(grown)
        assert schema(grown) == schema(self.fresh())

    def test_migrating_again_changes_nothing(self) -> None:
        connection = self.fresh()
        before, applied = schema(connection), connection.execute("SELECT * FROM migrations").fetchall()
        migrate.migrate_sqlite(connection)
        assert schema(connection) == before
        assert connection.execute("SELECT * FROM migrations").fetchall() == applied

    def test_numbers_have_no_gaps_and_every_file_is_taken(self) -> None:
        every = migrate._migrations("sqlite")
        assert sorted(every) == list(range(1, len(every) + 1))
        folder = Path(migrate.__file__).parent / "sql" / "migrations" / "sqlite"
        assert {name for name, _ in every.values()} == {path.name for path in folder.iterdir()}

    def test_one_that_fails_leaves_nothing_of_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = self.fresh()
        before = schema(connection)
        broken = {99: ("0099_pre_broken.sql", "CREATE TABLE half (a TEXT);\nCREATE TABLE half (b TEXT);\n")}
        every = {**migrate._migrations("sqlite"), **broken}
        monkeypatch.setattr(migrate, "_migrations", lambda dialect: every)
        with pytest.raises(sqlite3.OperationalError):
            migrate.migrate_sqlite(connection)
        assert schema(connection) == before
        assert not connection.in_transaction

    def test_principals_that_were_kept_with_their_keys_keep_both(
        self, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        every = migrate._migrations("sqlite")
        before = {number: each for number, each in every.items() if each[0] < "0008_pre_principals.sql"}
        with monkeypatch.context() as patched, sqlite3.connect(database, isolation_level=None) as connection:
            patched.setattr(migrate, "_migrations", lambda dialect: before)
            migrate.migrate_sqlite(connection)
            ann = ("AKIAONE", "111122223333", "ann", "arn:aws:iam::111122223333:user/ann", "sealed", b'["{}"]', 7.0)
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)", ann)
        connection.close()
        storage = SqliteStorage(database)
        principals = storage.reader.principals
        key = asyncio.run(principals.access_key("AKIAONE"))
        found = asyncio.run(principals.principal("111122223333", "ann"))
        asyncio.run(storage.close())
        assert key == KeyRow("AKIAONE", "111122223333", "ann", "sealed", 7.0)
        assert found == PrincipalRow("111122223333", "ann", "AIDAONE", ann[3], "user", ("{}",), (), 7.0)

    @pytest.mark.parametrize("table", ["pipelines", "pipeline_versions", "executions", "action_executions", "jobs"])
    def test_long_rows_are_not_clustered_by_their_key(self, table: str) -> None:
        # A table that is has no such column.
        self.fresh().execute(f"SELECT rowid FROM {table}")

    def test_pipelines_and_versions_that_were_clustered_by_their_key_are_all_kept(self, database: Path) -> None:
        line, other = row(), row("other")
        with sqlite3.connect(database, isolation_level=None) as connection:
            migrate.migrate_sqlite(connection, up_to=14)
            for each in (line, other):
                key = (each.account, each.id, 1, each.created_at, encode(version()))
                connection.execute("INSERT INTO pipeline_versions VALUES (?, ?, ?, ?, ?)", key)
                values = (each.account, each.region, each.name, each.id, 1, 5, each.created_at, each.updated_at)
                connection.execute(
                    "INSERT INTO pipelines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, encode(head(each)))
                )
        connection.close()
        storage = SqliteStorage(database)
        found = [asyncio.run(storage.reader.standing(ACCOUNT, REGION, each.name)) for each in (line, other)]
        loaded = asyncio.run(storage.commit(lambda transaction: transaction.load(ACCOUNT, line.id)))
        asyncio.run(storage.close())
        assert found == [(each, head(each), version()) for each in (line, other)]
        assert loaded is not None
        assert loaded.revision == 5

    def test_pipelines_that_were_there_before_are_listed_with_what_their_newest_versions_declare(
        self, database: Path
    ) -> None:
        line, plain = row("line", 2), row("plain")
        documents = [
            (line, version(1, pipeline_type="V1")),
            (line, version(2, "nul\x00", pipeline_type="V2", execution_mode="QUEUED")),
            (plain, version(1)),
        ]
        with sqlite3.connect(database, isolation_level=None) as connection:
            migrate.migrate_sqlite(connection, up_to=17)
            for each in (line, plain):
                values = (each.account, each.region, each.name, each.id, each.version, 5, 1.0, 1.0, encode(head(each)))
                connection.execute("INSERT INTO pipelines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            for each, declared in documents:
                key = (each.account, each.id, declared.number, 1.0, encode(declared))
                connection.execute("INSERT INTO pipeline_versions VALUES (?, ?, ?, ?, ?)", key)
        connection.close()
        storage = SqliteStorage(database)
        found = asyncio.run(storage.reader.pipelines(ACCOUNT, REGION, "", 9))
        told = storage.connection.execute("SELECT name, listed_version FROM pipelines ORDER BY name").fetchall()
        asyncio.run(storage.close())
        assert found == [ListedPipeline(line, "V2", "QUEUED"), ListedPipeline(plain, None, None)]
        assert told == [("line", 2), ("plain", 1)]

    def test_a_database_of_a_later_release_is_refused_and_left_as_it_is(self, database: Path) -> None:
        asyncio.run(SqliteStorage(database).close())
        with sqlite3.connect(database) as connection:
            connection.execute("INSERT INTO migrations (number, name) VALUES (9999, '9999_pre_future.sql')")
        with pytest.raises(migrate.SchemaTooNew, match="9999"):
            SqliteStorage(database)
        with sqlite3.connect(database) as connection:
            assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (9999,)
            connection.execute("DELETE FROM migrations WHERE number = 9999")
        asyncio.run(SqliteStorage(database).close())


# A query on the way of every poll, acknowledgement, result and timer must find its rows by an index.
LARGE = ("jobs", "executions", "timers", "action_executions", "pipelines")
HOT = {
    "aggregates": "*",
    "jobs": "*",
    "pipelines": (
        "pipeline",
        "standing",
        "pipelines",
        "head",
        "execution",
        "executions",
        "runs",
        "runs_of_execution",
        "request_token",
        "keep_request_token",
        "tell_watchers",
        "due_timers",
        "next_due_at",
    ),
    "partners": ("link", "client", "tokens"),
    "principals": ("principal", "principal_of_id", "access_key"),
    "registry": ("action_type", "tags", "append_log", "log"),
}
# The last number is read once, at the start, from the end of the table's own tree.
ONCE = {"last_number"}


def hot_queries() -> list[tuple[str, str]]:
    found = []
    for file, names in HOT.items():
        known = queries.load(file)
        found += [(name, sql) for name, sql in known.items() if (names == "*" or name in names) and name not in ONCE]
    return found


@pytest.mark.parametrize(("name", "sql"), hot_queries(), ids=[name for name, _ in hot_queries()])
def test_a_hot_query_scans_no_large_table(storage: SqliteStorage, name: str, sql: str) -> None:
    class Anything(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            return 1

    parameters = Anything()
    plan = [row[3] for row in storage.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    scans = [line for line in plan if line.startswith("SCAN") and line.split()[1] in LARGE]
    # An ordered walk that stops at its limit is no scan of the table.
    assert not [line for line in scans if "USING" not in line or "LIMIT" not in sql]
    assert not [line for line in plan if "USE TEMP B-TREE" in line]


def test_the_hot_queries_are_all_there() -> None:
    for file, names in HOT.items():
        assert names == "*" or set(names) <= set(queries.load(file))


def test_a_commit_is_flushed_and_the_log_is_written_ahead(storage: SqliteStorage) -> None:
    assert storage.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert storage.connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_file_is_its_owners_alone(storage: SqliteStorage, database: Path) -> None:
    storage.connection.execute("CREATE TABLE something (a TEXT)")
    for path in database.parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_the_reading_connection_cannot_write(storage: SqliteStorage) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        storage.reading.execute("CREATE TABLE something (a TEXT)")


class TestTheLock:
    def test_a_second_one_is_refused_and_told_who_has_it(self, storage: SqliteStorage, database: Path) -> None:
        with pytest.raises(DatabaseInUse, match=str(os.getpid())):
            SqliteStorage(database)

    def test_closing_lets_the_next_one_in(self, database: Path) -> None:
        for _ in range(2):
            asyncio.run(SqliteStorage(database).close())

    def test_closing_folds_the_log_into_the_file(self, database: Path) -> None:
        opened = SqliteStorage(database)
        asyncio.run(opened.commit(lambda transaction: transaction.set_tags("1", "arn", {"key": "value"})))
        log = database.with_name(database.name + "-wal")
        assert log.stat().st_size > 0
        asyncio.run(opened.close())
        assert not log.exists()

    def test_a_file_that_is_no_database_lets_the_lock_go(self, database: Path) -> None:
        database.write_bytes(b"this is no database, and never was one" * 100)
        for _ in range(2):
            with pytest.raises(sqlite3.DatabaseError, match="not a database"):
                SqliteStorage(database)


class TestLosing:
    def commit(self, storage: SqliteStorage) -> None:
        asyncio.run(storage.commit(lambda transaction: transaction.set_tags("a", "arn", {"k": "v"})))

    def test_a_file_that_was_taken_away_is_lost(self, storage: SqliteStorage, database: Path) -> None:
        self.commit(storage)
        database.unlink()
        with pytest.raises(StorageLost, match=r"penstock\.db"):
            self.commit(storage)

    def test_a_file_that_was_replaced_is_lost(self, storage: SqliteStorage, database: Path) -> None:
        self.commit(storage)
        database.with_name("other").write_bytes(database.read_bytes())
        database.with_name("other").replace(database)
        with pytest.raises(StorageLost, match="replaced"):
            self.commit(storage)

    def test_a_log_that_was_taken_away_is_lost(self, storage: SqliteStorage, database: Path) -> None:
        """Commits go to the log: without its name nobody finds them again."""
        self.commit(storage)
        database.with_name(database.name + "-wal").unlink()
        with pytest.raises(StorageLost):
            self.commit(storage)
