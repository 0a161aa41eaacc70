"""A real PostgreSQL for tests: one cluster a test process, in a folder of its own, and a fresh database for each who asks.

It speaks over a socket in that folder alone, and flushes nothing: what is lost with the machine is lost with its tests.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from benches.databases import Missing, other_user, programs

from penstock.storage.postgres.adapter import PostgresStorage

__all__ = ["Cluster", "cluster"]

START_SECONDS_MAX = 30
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "deadlock_timeout": "100ms",
}


class Cluster:
    """A server process with databases. After `kill` or `stop`, `start` brings it back."""

    def __init__(self) -> None:
        self._programs, self._who = programs(), other_user()
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self._who:
            os.chown(self.folder, self._who["user"], self._who["group"])
        self._numbers = count(1)
        self._idle: list[str] = []
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def _set_up(self) -> None:
        options = ("--no-sync", "--auth=trust", "--username=penstock", "--encoding=UTF8", "--locale=C.UTF-8")
        try:
            self._run("initdb", *options, *_ORDER)
        except Missing:
            # An older one, or one without ICU: then a listing in the wrong order does not show here.
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self._run("initdb", *options)
        self.start()
        self._template = self._create("template1")
        asyncio.run(PostgresStorage(self.url(self._template)).close())

    def _run(self, program: str, *options: str) -> None:
        """Run it to its end. Raises Missing with what it says."""
        ended = subprocess.run(
            [self._programs / program, "-D", self.folder / "data", *options],
            capture_output=True,
            check=False,
            cwd=self.folder,
            text=True,
            **self._who,
        )
        if ended.returncode != 0:
            raise Missing(f"{program} fails: {ended.stderr.strip()[-300:]}")

    def start(self) -> None:
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                cwd=self.folder,
                stderr=log,
                **self._who,
            )
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self._administer("SELECT 1")
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > give_up_at:
                    raise Missing(f"postgres does not start: {(self.folder / 'log').read_text()[-300:]}") from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Have it die as with its machine; what it was asked to flush is there when it comes back."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in order, whoever is connected."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://penstock@/{database}?host={self.folder}"

    def _administer(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.encode())

    def _create(self, template: str) -> str:
        name = f"test{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    @contextlib.contextmanager
    def empty(self, *, has_tables: bool = False) -> Iterator[str]:
        """The address of a database that nobody has ever used, and nobody will use again."""
        name = self._create(self._template if has_tables else "template1")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of a database with all tables and no rows. It is emptied and used again: that costs a tenth."""
        name = self._idle.pop() if self._idle else self._create(self._template)
        yield self.url(name)
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            # Whoever was left behind must not come back to life in the next test.
            connection.execute(_DISCONNECT)
            connection.execute(_EMPTY)
        self._idle.append(name)


_DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = """
DO $$ DECLARE it text; BEGIN
    FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' LOOP
        EXECUTE format('DELETE FROM %I', it);
    END LOOP;
END $$
"""

# Another order of letters than that of their bytes, so that a listing that relies on the database's own shows.
_ORDER = ("--locale-provider=icu", "--icu-locale=en")


@cache
def _started() -> Cluster | Missing:
    try:
        return Cluster()
    except Missing as problem:
        return problem


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of this test process; tests that need it are skipped where there can be none."""
    started = _started()
    if isinstance(started, Missing):
        pytest.skip(f"PostgreSQL cannot be run here: {started}")
    yield started
    started.close()
