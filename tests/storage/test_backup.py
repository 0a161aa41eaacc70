"""A snapshot is one moment, told in rows that any database can take; a filled file is the same database again."""

import asyncio
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock.ports.backup import BACKUP_BUCKET, UnlikeTable
from penstock.server.archive import Member, read_table, write_table
from penstock.storage.migrate import migrate_sqlite, newest_schema
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.storage.sqlite.backup import SqliteFilling, SqliteSnapshot

# A tag has a text in each column; a part has numbers; a server's secret, a key.
ODD_TEXTS = ("", "\x00", "line\nline\r\n", "\ufeff", "üñï\U0001f6b0", "'; DROP TABLE tags; --")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteStorage]:
    opened = SqliteStorage(tmp_path / "penstock.db")
    yield opened
    asyncio.run(opened.close())


def rows_of(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def copied(source: Path, target: Path) -> SqliteFilling:
    """A new file with all that the other one has, by way of the archive's form of rows."""
    with closing(SqliteSnapshot(source)) as snapshot:
        filling = SqliteFilling(target, snapshot.schema)
        for table in snapshot.tables():
            packed = io.BytesIO()
            count = write_table(packed, snapshot.columns(table), snapshot.rows(table))
            size = packed.tell()
            packed.seek(0)
            columns, batches = read_table(Member(table, size, packed))
            assert filling.fill(table, columns, batches) == count
    filling.finish()
    return filling


def test_every_value_comes_back_as_it_was(storage: SqliteStorage, tmp_path: Path) -> None:
    for number, text in enumerate(ODD_TEXTS):
        storage.connection.execute("INSERT INTO tags VALUES ('1', ?, ?, ?)", (f"arn{number}", f"key{text}", text))
    blobs = (b"", b"\x00\xff", bytes(range(256)) * 300)
    for number, blob in enumerate(blobs):
        values = ("1", "p", number, 1.5e9 + number / 3, blob)
        storage.connection.execute("INSERT INTO pipeline_versions VALUES (?, ?, ?, ?, ?)", values)
    storage.connection.execute("INSERT INTO sealing_keys VALUES ('a', 0.1, NULL), ('b', 1e300, 2.0)")
    large = "INSERT INTO job_logs (account, run_id, number, at, text) VALUES ('1', 'run', ?, 0, 'x')"
    storage.connection.executemany(large, [(2**53 + number,) for number in range(500)])
    copied(tmp_path / "penstock.db", tmp_path / "copy.db").close()
    assert rows_of(tmp_path / "copy.db") == rows_of(tmp_path / "penstock.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_snapshot_is_of_one_moment_and_holds_nobody_up(storage: SqliteStorage, tmp_path: Path) -> None:
    insert = "INSERT INTO tags VALUES ('1', 'arn', ?, '')"
    storage.connection.executemany(insert, [(f"{number:04}",) for number in range(1000)])
    with closing(SqliteSnapshot(tmp_path / "penstock.db")) as snapshot:
        batches = snapshot.rows("tags")
        found = list(next(batches))
        storage.connection.execute("DELETE FROM tags")
        storage.connection.execute(insert, ("later",))
        storage.connection.execute("INSERT INTO sealing_keys VALUES ('later', 0.0, NULL)")
        found += [row for batch in batches for row in batch]
        assert [row[2] for row in found] == [f"{number:04}" for number in range(1000)]
        # Nor is a table that is read later of a later moment.
        assert [row for batch in snapshot.rows("sealing_keys") for row in batch] == []
    assert storage.connection.execute("SELECT count(*) FROM tags").fetchone() == (1,)


def test_backups_themselves_are_left_out(storage: SqliteStorage, tmp_path: Path) -> None:
    for bucket, file in ((BACKUP_BUCKET, "0" * 32), ("other", "1" * 32)):
        storage.connection.execute("INSERT INTO buckets VALUES ('1', ?, 'r', 0, '')", (bucket,))
        storage.connection.execute(
            "INSERT INTO objects VALUES ('1', ?, 'k', 0, 'null', 1, 0, 0, 1, 'e', ?, 't', '{}', '{}', '', '', '', '[]', '')",
            (bucket, file),
        )
    with closing(SqliteSnapshot(tmp_path / "penstock.db")) as snapshot:
        assert list(snapshot.files()) == ["1" * 32]
        for table, column in (("buckets", 1), ("objects", 1)):
            assert [row[column] for batch in snapshot.rows(table) for row in batch] == ["other"]


def test_open_executions_that_a_deleted_pipeline_has_left_are_not_in_flight(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    storage.connection.execute(
        "INSERT INTO pipelines (account, region, name, id, version, revision, created_at, updated_at, head)"
        " VALUES ('1', 'r', 'line', 'there', 1, 1, 0, 0, '{}')"
    )
    insert = "INSERT INTO executions VALUES ('1', ?, 1, 'e', 'InProgress', '{}')"
    storage.connection.executemany(insert, [("there",), ("gone",)])
    with closing(SqliteSnapshot(tmp_path / "penstock.db")) as snapshot:
        assert snapshot.in_flight == 1


@pytest.mark.parametrize("schema", range(1, newest_schema() + 1))
def test_rows_of_every_earlier_schema_become_rows_of_today(schema: int, tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    with closing(old):
        migrate_sqlite(old, up_to=schema)
        assert old.execute("SELECT max(number) FROM migrations").fetchone() == (schema,)
        values = (
            "'AKIAOLD', '1', 'somebody', 'arn:of', 'sealed', '[]', 7.0",
            "'AKIAOLD', '1', 'somebody', 'sealed', 7.0",
        )
        old.execute(f"INSERT INTO keys VALUES ({values[schema >= 8]})")
        old.execute("INSERT INTO tags VALUES ('1', 'arn', 'key', 'value')")
        old.execute(
            "INSERT INTO pipelines (account, region, name, id, version, revision, created_at, updated_at, head)"
            " VALUES ('1', 'r', 'line', 'p', 2, 3, 7.0, 8.0, x'7b7d')"
        )
        old.execute("INSERT INTO pipeline_versions VALUES ('1', 'p', 2, 7.0, x'7b7d')")
    filling = copied(tmp_path / "old.db", tmp_path / "new.db")
    filling.close()
    found = rows_of(tmp_path / "new.db")
    assert {number for number, _ in found["migrations"]} == set(range(1, newest_schema() + 1))
    assert found["keys"] == [("AKIAOLD", "1", "somebody", "sealed", 7.0)]
    assert found["tags"] == [("1", "arn", "key", "value")]
    listed = (2, b'{"declaration":{"pipelineType":null,"executionMode":null}}') if schema < 18 else (0, None)
    (line,) = found["pipelines"]
    assert line == ("1", "r", "line", "p", 2, 3, 7.0, 8.0, b"{}", *listed)
    assert found["pipeline_versions"] == [("1", "p", 2, 7.0, b"{}")]
    assert [row[3] for row in found["principals"]] == (["arn:of"] if schema < 8 else [])


@pytest.mark.parametrize(
    ("table", "columns", "row"),
    [
        ("nobodys", ["a"], ["x"]),
        ("tags", ["account", "arn", "key"], ["1", "arn", "key"]),
        ("tags", ["account", "arn", "key", "value"], ["1", "arn", "key"]),
        ("tags", ["account", "arn", "key", "value"], ["1", "arn", "key", None]),
        ("tags", ["account", "arn", "key", "value"], ["1", "arn", "key", {}]),
    ],
)
def test_rows_that_do_not_fit_are_refused(table: str, columns: list[str], row: list[Any], tmp_path: Path) -> None:
    filling = SqliteFilling(tmp_path / "new.db", newest_schema())
    with pytest.raises(UnlikeTable, match=table):
        filling.fill(table, columns, [[row]])
    filling.close()
