"""What PostgreSQL alone has: migrations among servers, query plans, and ends that come from without."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from penstock.ports.storage import Conflict, ListedPipeline, StorageLost, Transaction
from penstock.storage import migrate, queries
from penstock.storage.postgres import writer
from penstock.storage.postgres.adapter import PostgresStorage
from penstock.storage.postgres.adapters import ADAPTERS
from penstock.storage.postgres.texts import escaped, restored
from penstock.storage.rows import encode
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.wire.errors import ServiceUnavailable
from postgres import Cluster
from storage.proxies import CuttingProxy
from storage.samples import ACCOUNT, REGION, add, head, row, version
from storage.samples import Store as Storage
from waiting import eventually


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@contextmanager
def opened(url: str, runner: asyncio.Runner, **more: float) -> Iterator[Storage]:
    store = Storage(PostgresStorage(url, **more), runner)
    yield store
    store.read(store.storage.close())


@contextmanager
def asked(url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """A connection of the test's own."""
    with psycopg.connect(url, autocommit=True, context=ADAPTERS) as connection:
        yield lambda sql, *values: connection.execute(sql, values).fetchall()


def tag(store: Storage, key: str = "k") -> None:
    store.commit(lambda transaction: transaction.set_tags(ACCOUNT, "arn", {key: "v"}))


def insist(store: Storage, seconds: float = 10.0) -> None:
    """As those do who come again, until it is no use any more."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        with pytest.raises(ServiceUnavailable):
            tag(store)


def tags(store: Storage) -> dict[str, str]:
    found: dict[str, str] = store.read(store.reader.tags(ACCOUNT, "arn"))
    return found


def schema(url: str) -> list[tuple[Any, ...]]:
    """What the tables are like, however they came to be so."""
    with asked(url) as ask:
        columns = ask(
            "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        )
        indexes = ask("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        checks = ask(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace"
        )
        settings = ask("SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return sorted([*columns, *indexes, *checks, *settings], key=str)


class TestMigrations:
    def known(self, monkeypatch: pytest.MonkeyPatch, more: dict[int, tuple[str, str]] | None = None) -> None:
        every = {**migrate._migrations("postgres"), **(more or {})}
        monkeypatch.setattr(migrate, "_migrations", lambda dialect: every)

    def applied(self, url: str) -> list[int]:
        with asked(url) as ask:
            return [number for (number,) in ask("SELECT number FROM migrations ORDER BY number")]

    def test_a_database_migrated_step_by_step_is_like_a_fresh_one(
        self, cluster: Cluster, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        every = migrate._migrations("postgres")
        with cluster.empty() as grown, cluster.empty() as fresh:
            with opened(fresh, runner):
                pass
            for last in sorted(every):
                some = {number: each for number, each in every.items() if number <= last}
                monkeypatch.setattr(migrate, "_migrations", lambda dialect, some=some: some)
                with opened(grown, runner):
                    pass
            assert schema(grown) == schema(fresh)

    def test_numbers_have_no_gaps_and_every_file_is_taken(self) -> None:
        every = migrate._migrations("postgres")
        assert sorted(every) == list(range(1, len(every) + 1))
        folder = Path(migrate.__file__).parent / "sql" / "migrations" / "postgres"
        assert {name for name, _ in every.values()} == {path.name for path in folder.iterdir()}

    def test_both_dialects_have_the_same_tables_and_columns(self, url: str, tmp_path: Path) -> None:
        storage = SqliteStorage(tmp_path / "penstock.db")
        found = storage.connection.execute(
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        ).fetchall()
        asyncio.run(storage.close())
        with asked(url) as ask:
            ours = set(
                ask("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
            )
        # Numbers are for clustering, the old place of a token is read by nobody; the rest is for many servers.
        assert set(found) - ours == {("jobs", "number"), ("links", "token_hash")}
        more = {("pipelines", "versions_rewritten"), ("timers", "visible_at")}
        marks = {("committed", column) for column in ("server", "number", "at")}
        leaders = {("leaders", column) for column in ("duty", "server", "until")}
        assert ours - set(found) - more == marks | leaders

    def test_pipelines_that_were_there_before_are_listed_with_what_their_newest_versions_declare(
        self, cluster: Cluster, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        every = migrate._migrations("postgres")
        held, line, odd, plain = (
            row(name, number) for name, number in (("held", 1), ("line", 2), ("odd", 1), ("plain", 1))
        )
        with cluster.empty() as url:
            monkeypatch.setattr(migrate, "_migrations", lambda dialect: {n: every[n] for n in range(1, 12)})
            with opened(url, runner) as store, asked(url) as ask:
                for each, declared in (
                    (held, version(1, pipeline_type="V1")),
                    (line, version(1, pipeline_type="V1")),
                    (line, version(2, pipeline_type="V2", execution_mode="QUEUED")),
                    (odd, version(1, "nul\x00", pipeline_type="V2", execution_mode="PARALLEL")),
                    (plain, version(1)),
                ):
                    if declared.number == 1:
                        store.commit(lambda t, each=each: t.add_pipeline(replace(each, version=0), head(each)))
                    store.commit(lambda t, each=each, declared=declared: t.add_version(each, declared, 1.0))
                ask("UPDATE pipelines SET listed_version = 0, listed = NULL RETURNING 1")
            monkeypatch.undo()
            with psycopg.connect(url) as other:
                # A server of the release before is at work on it: nobody waits.
                other.execute("SELECT 1 FROM pipelines WHERE name = 'held' FOR UPDATE")
                with opened(url, runner) as store, asked(url) as ask:
                    found = store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))
                    told = ask("SELECT name, listed_version FROM pipelines ORDER BY name")
        assert found == [
            ListedPipeline(held, "V1", None),
            ListedPipeline(line, "V2", "QUEUED"),
            ListedPipeline(odd, "V2", "PARALLEL"),
            ListedPipeline(plain, None, None),
        ]
        assert told == [("held", 0), ("line", 2), ("odd", 0), ("plain", 1)]

    def test_a_version_that_a_server_of_the_release_before_has_made_is_listed(
        self, url: str, runner: asyncio.Runner
    ) -> None:
        with opened(url, runner) as store, asked(url) as ask:
            store.commit(lambda transaction: transaction.add_pipeline(row(), head(row())))
            store.commit(lambda transaction: transaction.add_version(row(), version(pipeline_type="V1"), 1.0))
            document = encode(version(2, pipeline_type="V2", execution_mode="QUEUED"))
            ask("INSERT INTO pipeline_versions VALUES (%s, %s, 2, 1, %b) RETURNING 1", ACCOUNT, row().id, document)
            ask("UPDATE pipelines SET version = 2 RETURNING 1")
            (found,) = store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))
            assert found == ListedPipeline(row(version=2), "V2", "QUEUED")
            third = version(3, pipeline_type="V2", execution_mode="SUPERSEDED")
            store.commit(lambda transaction: transaction.add_version(row(), third, 1.0))
            (found,) = store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))
            assert (found.row.version, found.execution_mode) == (3, "SUPERSEDED")

    def test_one_that_fails_leaves_nothing_of_itself(
        self, url: str, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = schema(url)
        self.known(
            monkeypatch, {99: ("0099_pre_broken.sql", "CREATE TABLE half (a TEXT); CREATE TABLE half (a TEXT);")}
        )
        with pytest.raises(psycopg.errors.DuplicateTable):
            PostgresStorage(url)
        assert schema(url) == before
        assert 99 not in self.applied(url)
        monkeypatch.undo()
        with opened(url, runner) as store:
            tag(store)

    def test_servers_that_start_together_on_an_empty_database_all_come_up(self, cluster: Cluster) -> None:
        with cluster.empty() as url, ThreadPoolExecutor(5) as threads:
            storages = list(threads.map(PostgresStorage, [url] * 5))
            for storage in storages:
                asyncio.run(storage.close())
            assert self.applied(url) == sorted(migrate._migrations("postgres"))

    def test_what_a_later_release_took_away_is_missed_and_what_it_added_is_not(
        self, cluster: Cluster, runner: asyncio.Runner
    ) -> None:
        with cluster.empty() as url:
            with opened(url, runner), asked(url) as ask:
                ask("INSERT INTO migrations VALUES (9998, '9998_pre_future.sql') RETURNING 1")
            with opened(url, runner) as store:
                tag(store)
            with asked(url) as ask:
                ask("INSERT INTO migrations VALUES (9999, '9999_post_future.sql') RETURNING 1")
            with pytest.raises(migrate.SchemaTooNew, match="9999"):
                PostgresStorage(url)

    def test_what_takes_away_waits_until_the_last_server_before_it_has_gone(
        self, cluster: Cluster, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with cluster.empty() as url:
            with opened(url, runner) as old:
                more = {
                    98: ("0098_pre_more.sql", "CREATE TABLE more (a TEXT)"),
                    99: ("0099_post_less.sql", "DROP TABLE job_logs"),
                }
                self.known(monkeypatch, more)
                with opened(url, runner) as new, opened(url, runner):
                    assert self.applied(url)[-1] == 98
                    old.commit(lambda transaction: transaction.append_log(ACCOUNT, "run", "text", 1.0))
                    tag(new)
                    assert tags(old) == {"k": "v"}
            with asked(url) as ask:
                # The database notices a moment later that a connection has ended.
                eventually(lambda: ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)])
            with opened(url, runner):
                assert self.applied(url)[-1] == 99

    def test_a_server_whose_schema_went_away_while_it_was_disconnected_ends(
        self, cluster: Cluster, runner: asyncio.Runner
    ) -> None:
        with cluster.empty() as url, opened(url, runner) as store, asked(url) as ask:
            ask("INSERT INTO migrations VALUES (9999, '9999_post_future.sql') RETURNING 1")
            ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
            )
            with pytest.raises(StorageLost, match="9999"):
                tag(store)


class TestConnections:
    def test_commits_are_flushed_and_reading_connections_cannot_write(self, url: str, runner: asyncio.Runner) -> None:
        with opened(url, runner) as store:
            shown = store.commit(lambda transaction: transaction._session.run("SHOW synchronous_commit", {}).fetchone())
            assert shown == ("on",)
            assert store.read(store.storage.pool.rows("SHOW transaction_read_only", {})) == [("on",)]

    @pytest.mark.parametrize("address", ["postgresql://user:secret@host/x?y=z", "postgresql://host/?secret=x"])
    def test_an_address_that_is_none_is_refused_without_repeating_it(self, address: str) -> None:
        with pytest.raises(ValueError, match="--database-url takes") as refused:
            PostgresStorage(address)
        assert "secret" not in str(refused.value)
        assert refused.value.__cause__ is None

    def test_a_commit_of_nothing_sends_nothing(self, url: str, runner: asyncio.Runner) -> None:
        def nothing(transaction: Transaction) -> str:
            with transaction.part():
                return "nothing"

        with opened(url, runner) as store, asked(url) as ask:
            assert store.commit(nothing) == "nothing"
            store.commit(lambda transaction: transaction.tags(ACCOUNT, "arn"))
            assert ask("SELECT number FROM committed") == [(0,)]
            tag(store)
            assert ask("SELECT number FROM committed") == [(3,)]
            ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
            )
            opened_before = store.storage._opened
            assert store.commit(nothing) == "nothing"
            assert store.storage._opened is opened_before

    def test_a_server_that_leaves_leaves_nothing_behind(self, url: str, runner: asyncio.Runner) -> None:
        with opened(url, runner) as store:
            tag(store)
        with asked(url) as ask:
            assert ask("SELECT * FROM committed") == []


class TestTexts:
    @pytest.mark.parametrize("text", ["a\x00b", "\ufdd0", "\ufdd0\ufdd1", "\ufdd0\ufdd2\x00", "é\U0001f600", ""])
    def test_every_text_comes_back_as_it_went_in(self, url: str, runner: asyncio.Runner, text: str) -> None:
        assert restored(escaped(text)) == text
        with opened(url, runner) as store:
            store.commit(lambda transaction: transaction.set_tags(ACCOUNT, text, {text: text, "plain": "p"}))
            assert store.read(store.reader.tags(ACCOUNT, text)) == {text: text, "plain": "p"}
            assert store.commit(lambda transaction: transaction.tags(ACCOUNT, text)) == {text: text, "plain": "p"}
            assert store.commit(lambda transaction: transaction.jobs([text])) == {}

    def test_parameters_are_told_from_all_that_looks_like_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sql = "SELECT ':a', x::text, :b -- it's :c\nFROM t WHERE y LIKE '%:d%' AND z = :b_2"
        expected = "SELECT ':a', x::text, %(b)s -- it's :c\nFROM t WHERE y LIKE '%%:d%%' AND z = %(b_2)s"
        assert queries._with_percents(sql) == expected


class TestLosing:
    def test_a_connection_that_ends_before_the_commit_costs_nothing_but_time(
        self, url: str, runner: asyncio.Runner
    ) -> None:
        tries = []

        def work(transaction: Any) -> None:
            transaction.set_tags(ACCOUNT, "arn", {"k": str(len(tries))})
            tries.append(1)
            if len(tries) == 1:
                with asked(url) as ask:
                    ask("SELECT pg_terminate_backend(%s::int)", transaction._session._connection.info.backend_pid)
            try:
                transaction.tags(ACCOUNT, "arn")
            except Exception:
                pytest.fail("work must not take the end of a connection for a fault of its own")

        with opened(url, runner) as store:
            add(store, row())
            store.commit(work)
            assert (len(tries), tags(store)) == (2, {"k": "1"})
            assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) == row()

    @pytest.mark.parametrize("arrives", [True, False], ids=["and took effect", "and did not"])
    def test_a_connection_that_ends_within_the_commit_is_asked_about(
        self, cluster: Cluster, url: str, runner: asyncio.Runner, arrives: bool
    ) -> None:
        runs = []

        def work(transaction: Transaction) -> None:
            runs.append(1)
            transaction.append_log(ACCOUNT, "run", "text", 1.0)

        with CuttingProxy(cluster.folder) as proxy, opened(proxy.url(url), runner) as store:
            proxy.cut_at(b"COMMIT", lets_through=arrives)
            store.commit(work)
            assert proxy.cuts == 1
            assert len(runs) == (1 if arrives else 2)
            assert len(store.read(store.reader.log(ACCOUNT, "run", 0, 9))) == 1
            tag(store)

    def test_a_restart_of_the_database_is_survived(self, cluster: Cluster, url: str, runner: asyncio.Runner) -> None:
        with opened(url, runner, patience_seconds=0.3) as store:
            add(store, row())
            assert tags(store) == {}
            cluster.stop()
            try:
                for attempt in (tag, tags, tag):
                    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
                        attempt(store)
            finally:
                cluster.start()
            tag(store)
            assert tags(store) == {"k": "v"}
            assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) == row()

    def test_a_database_that_stays_away_is_lost(self, cluster: Cluster, url: str, runner: asyncio.Runner) -> None:
        with opened(url, runner, patience_seconds=0.1, lost_after_seconds=0.3) as store:
            cluster.stop()
            try:
                with pytest.raises(ServiceUnavailable):
                    tag(store)
                with pytest.raises(StorageLost, match="away for"):
                    insist(store)
            finally:
                cluster.start()

    def test_a_database_that_is_not_there_at_the_start_is_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(ServiceUnavailable, match="No such file"):
            PostgresStorage(f"postgresql://penstock@/nothing?host={tmp_path}")


class TestFaults:
    def test_a_fault_of_a_statement_is_the_works_own_and_undoes_it(self, url: str, runner: asyncio.Runner) -> None:
        def work(transaction: Any) -> None:
            transaction.set_tags(ACCOUNT, "arn", {"k": "v"})
            transaction._session.run("SELECT 1 / 0", {})

        with opened(url, runner) as store:
            with pytest.raises(psycopg.errors.DivisionByZero):
                store.commit(work)
            assert tags(store) == {}
            tag(store)
            assert tags(store) == {"k": "v"}

    def test_what_is_there_already_and_stays_there_is_a_fault_after_some_tries(
        self, url: str, runner: asyncio.Runner
    ) -> None:
        tries = []

        def work(transaction: Transaction) -> None:
            tries.append(1)
            transaction.add_pipeline(row(), _head())

        with opened(url, runner) as store:
            add(store, row())
            with pytest.raises(psycopg.errors.UniqueViolation):
                store.commit(work)
            assert len(tries) > 1

    def test_who_is_always_in_the_way_is_a_conflict(self, url: str, runner: asyncio.Runner) -> None:
        tries = []

        def work(transaction: Any) -> None:
            tries.append(1)
            transaction._session.run("SET LOCAL lock_timeout = '10ms'", {})
            transaction.load(ACCOUNT, row().id)

        with opened(url, runner) as store, psycopg.connect(url) as other:
            add(store, row())
            other.execute("SELECT 1 FROM pipelines FOR UPDATE")
            with pytest.raises(Conflict):
                store.commit(work)
            assert len(tries) > 1
            other.rollback()
            store.commit(lambda transaction: transaction.load(ACCOUNT, row().id))


def _head() -> Any:
    from storage.samples import head

    return head(row())


def test_every_server_is_known_by_the_newest_migration_that_it_knows(url: str, runner: asyncio.Runner) -> None:
    with opened(url, runner), asked(url) as ask:
        held = ask(
            "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s", writer.LOCKS
        )
        assert (migrate.newest_schema("postgres"),) in held
