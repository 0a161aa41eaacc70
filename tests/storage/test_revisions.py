"""What source actions were told of last, and attempts that are found by their ids."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from penstock.ports.storage import SourceRevision
from penstock.storage.migrate import migrate_sqlite
from storage.conftest import Reopening
from storage.samples import ACCOUNT, add, execution, row, run_row, step_of

LINE = row()


def told(store: Reopening, pipeline_id: str, *revisions: SourceRevision) -> None:
    for each in revisions:
        store.commit(lambda transaction, each=each: transaction.keep_source_revision(ACCOUNT, pipeline_id, each))


def last(store: Reopening, pipeline_id: str, stage: str = "Source", action: str = "Pull") -> SourceRevision | None:
    return store.commit(lambda transaction: transaction.source_revision(ACCOUNT, pipeline_id, stage, action))


def test_the_last_revision_of_each_action_is_kept(store: Reopening) -> None:
    first, second = (SourceRevision("Source", "Pull", change, f"execution-{change}", 1.0) for change in "ab")
    other = SourceRevision("Source", "Push", "c", "execution-c", 2.0)
    told(store, "p", first, second, other)
    store.reopen()
    assert last(store, "p") == second
    assert last(store, "p", action="Push") == other
    assert last(store, "q") is None
    assert last(store, "p", stage="Other") is None


def test_those_of_a_deleted_pipeline_are_gone(store: Reopening) -> None:
    add(store, LINE)
    told(store, LINE.id, SourceRevision("Source", "Pull", "a", "execution-1", 1.0))
    store.commit(lambda transaction: transaction.delete_pipeline(LINE, 1.0))
    assert last(store, LINE.id) is None


def test_an_attempt_tells_whose_it_is(store: Reopening) -> None:
    add(store, LINE)
    changes = step_of(LINE, 1, execution(1))
    changes.runs = [run_row(LINE, 1, number) for number in (1, 2)]
    store.commit(lambda transaction: transaction.write(changes))
    for run_id in ("run-1-1", "run-1-2"):
        assert store.read(store.reader.pipeline_of_run(ACCOUNT, run_id)) == LINE
    assert store.read(store.reader.pipeline_of_run(ACCOUNT, "run-1-3")) is None
    assert store.read(store.reader.pipeline_of_run("999999999999", "run-1-1")) is None
    store.commit(lambda transaction: transaction.delete_pipeline(LINE, 1.0))
    assert store.read(store.reader.pipeline_of_run(ACCOUNT, "run-1-1")) is None


def test_attempts_that_were_there_before_are_found_too(tmp_path: Path) -> None:
    """A database that an earlier release has written, brought up to date."""
    database = sqlite3.connect(tmp_path / "penstock.db", isolation_level=None)
    database.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    folder = files("penstock.storage").joinpath("sql", "migrations", "sqlite")
    for name in ("0001_pre_backbone.sql", "0002_pre_objects.sql"):
        database.executescript(folder.joinpath(name).read_text())
        database.execute("INSERT INTO migrations VALUES (?, ?)", (int(name[:4]), name))
    database.execute(
        "INSERT INTO action_executions VALUES ('a', 'p', 1, 1, 'e', 1, 'S', 'A', 'Succeeded', '{}', ?)",
        (b'{"id":"run-1","summary":"\\u0000"}',),
    )
    migrate_sqlite(database)
    assert database.execute("SELECT number, id FROM action_executions").fetchall() == [(1, "run-1")]
    database.close()
