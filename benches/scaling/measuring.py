"""Points that are measured on this machine, and the parameters of the model made of some of them."""

import asyncio
import os
import resource
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct

from benches.client import ACTION_TYPE
from benches.databases import Postgres
from benches.held import HOLD, Line
from benches.processes import family_cpu_seconds, flush_milliseconds
from benches.servers import Measured, penstock, prepare, refill

__all__ = ["CORES", "PIPELINES", "Bench", "Point"]

CORES = os.cpu_count() or 1
PIPELINES = 600
CYCLES_A_SECOND_MAX = 2500
NOTIFICATIONS = 8000
HELD = 400
_IDLE = {**ACTION_TYPE, "provider": "Idle"}


class Point(Struct, frozen=True):
    """What a run found. CPU in seconds a call; `others_cores` are what the rest of the machine used meanwhile."""

    servers: int
    connections: int
    cycles: float
    calls: float
    p50_ms: float
    p99_ms: float
    server_cpu: float
    database_cpu: float
    caller_cpu: float
    commits_a_call: float
    looks_a_call: float
    wal_bytes_a_call: float
    others_cores: float


class Bench:
    """A PostgreSQL with its own settings, flushed, and servers on it. To be closed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster = Postgres(folder)
        self.version = self._cluster.version
        self._url = self._cluster.database("penstock")
        self._connection = psycopg.connect(self._url, autocommit=True)
        self._connection.execute(b"SET synchronous_commit = off")
        self._change("track_wal_io_timing", "on")
        self.servers: list[Measured] = []
        self._caller_start = 0.0

    def close(self) -> None:
        self._connection.close()
        for server in self.servers:
            server.stop()
        self._cluster.close()

    def _change(self, setting: str, value: str) -> None:
        self._connection.execute(f"ALTER SYSTEM SET {setting} = {value}".encode())
        self._connection.execute(b"SELECT pg_reload_conf()")

    def start(self) -> Measured:
        server = penstock(self._folder / f"server-{len(self.servers)}", self._url)
        server.pipelines = PIPELINES
        self.servers.append(server)
        return server

    def set_up(self, server: Measured, pipelines: int) -> None:
        asyncio.run(prepare(server, pipelines))
        before = _children_cpu()
        server.load("empty", 1, 0.01)
        self._caller_start = _children_cpu() - before

    def cycles(self, servers: list[Measured], connections: int, seconds: float) -> Point:
        """Jobs through these servers, the connections shared out evenly."""
        first = servers[0]
        if first.jobs_left < CYCLES_A_SECOND_MAX * seconds:
            first.jobs_left = 0.0
            asyncio.run(refill(first))
        left = first.jobs_left
        point = self._run(servers, "cycle", connections, seconds)
        first.jobs_left = left - point.cycles * seconds
        return point

    def polls(self, servers: list[Measured], connections: int, seconds: float) -> Point:
        return self._run(servers, "empty", connections, seconds)

    def _run(self, servers: list[Measured], mode: str, connections: int, seconds: float) -> Point:
        found: list[dict[str, float]] = []

        def drive(server: Measured) -> None:
            found.append(server.load(mode, connections // len(servers), seconds))

        threads = [threading.Thread(target=drive, args=(server,)) for server in servers]
        before = self._told() | self._used(servers)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = self._used(servers) | self._told()
        gone = {name: after[name] - value for name, value in before.items()}
        # Callers use the machine while they start, but not for their calls.
        gone["starting"] = self._caller_start * len(servers)
        return _point(found, gone, len(servers), connections)

    def _used(self, servers: list[Measured]) -> dict[str, float]:
        return {
            "at": time.perf_counter(),
            "busy": _busy_seconds(),
            "server": sum(family_cpu_seconds(server.process.pid) for server in servers),
            "database": self._database_cpu(),
            "caller": _children_cpu(),
            "commits": sum(_metric(server, "penstock_commits_total") for server in servers),
        }

    def _told(self) -> dict[str, float]:
        # Sessions tell what they have done with a delay of up to a second.
        time.sleep(1.1)
        row = self._ask(
            "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, "
            "(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())"
        )
        return {"wal": float(row[0]), "transactions": float(row[1])}

    def _database_cpu(self) -> float:
        return family_cpu_seconds(self._cluster.process.pid)

    def _ask(self, sql: str) -> tuple[Any, ...]:
        row = self._connection.execute(sql.encode()).fetchone()
        assert row is not None
        return row

    def rows(self) -> dict[str, dict[str, int]]:
        """What each table has had written to it, once the statistics have come in."""
        time.sleep(1.5)
        found = self._connection.execute(
            b"SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del, pg_total_relation_size(relid) "
            b"FROM pg_stat_user_tables"
        ).fetchall()
        names = ("inserted", "updated", "updated in place", "deleted", "bytes")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in found}

    def round_trip_seconds(self) -> float:
        took = []
        for _ in range(500):
            began = time.perf_counter()
            self._connection.execute(b"SELECT 1")
            took.append(time.perf_counter() - began)
        return sorted(took)[250]

    def flush_seconds(self) -> float:
        """What the log's flushes have taken on the average until now; of the file system, where PostgreSQL does not tell."""
        try:
            (seconds,) = self._ask("SELECT wal_sync_time / 1000 / greatest(wal_sync, 1) FROM pg_stat_wal")
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
            return flush_milliseconds(self._folder) / 1e3
        return float(seconds)

    def vacuum(self, *, is_left_to_it: bool) -> tuple[int, float]:
        """Dead rows of jobs, and the CPU that taking them away took; from then on it is left to PostgreSQL, or not."""
        time.sleep(1.5)
        self._change("autovacuum", "on" if is_left_to_it else "off")
        (dead,) = self._ask("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'jobs'")
        before = self._database_cpu()
        self._connection.execute(b"VACUUM jobs")
        return int(dead), self._database_cpu() - before

    def images(self, server: Measured, seconds: float) -> float:
        """WAL bytes a cycle where each page is met for the first time since a checkpoint, and goes into the log whole."""
        self._connection.execute(b"CHECKPOINT")
        return 3 * self.cycles([server], 64, seconds).wal_bytes_a_call

    def notifications(self, server: Measured) -> tuple[float, float, float]:
        """CPU of one: the database's without and with a server that listens, and the server's."""
        own, before = family_cpu_seconds(server.process.pid), self._database_cpu()
        for number in range(NOTIFICATIONS):
            self._connection.execute("SELECT pg_notify(%s, %s)", ("penstock", f'["pipeline:{number}"]'))
        time.sleep(1.0)
        heard = self._database_cpu() - before
        own = family_cpu_seconds(server.process.pid) - own
        before = self._database_cpu()
        for number in range(NOTIFICATIONS):
            self._connection.execute("SELECT pg_notify(%s, %s)", ("nobody", f'["pipeline:{number}"]'))
        told = self._database_cpu() - before
        return told / NOTIFICATIONS, (heard - told) / NOTIFICATIONS, own / NOTIFICATIONS

    def held(self, server: Measured, seconds: float) -> tuple[float, float]:
        """CPU a second of one poll that waits, in the server and in the database."""
        return asyncio.run(self._hold(server, seconds))

    async def _hold(self, server: Measured, seconds: float) -> tuple[float, float]:
        lines = [Line(server) for _ in range(HELD)]
        for line in lines:
            await line.__aenter__()
        waiting = [asyncio.ensure_future(line.ask("PollForJobs", {"actionTypeId": _IDLE}, HOLD)) for line in lines]
        await asyncio.sleep(2.0)
        before = family_cpu_seconds(server.process.pid), self._database_cpu()
        await asyncio.sleep(seconds)
        after = family_cpu_seconds(server.process.pid), self._database_cpu()
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for line in lines:
            await line.__aexit__()
        return (after[0] - before[0]) / seconds / HELD, (after[1] - before[1]) / seconds


def _point(found: list[dict[str, float]], gone: dict[str, float], servers: int, connections: int) -> Point:
    made = sum(each["calls_made"] for each in found)
    others = gone["busy"] - gone["server"] - gone["database"] - gone["caller"]
    return Point(
        servers=servers,
        connections=connections,
        cycles=sum(each["cycles"] for each in found),
        calls=sum(each["calls"] for each in found),
        p50_ms=max(each["p50"] for each in found),
        p99_ms=max(each["p99"] for each in found),
        server_cpu=gone["server"] / made,
        database_cpu=gone["database"] / made,
        caller_cpu=max(gone["caller"] - gone["starting"], 0.0) / made,
        commits_a_call=gone["commits"] / made,
        looks_a_call=max(gone["transactions"] - gone["commits"], 0.0) / made,
        wal_bytes_a_call=gone["wal"] / made,
        others_cores=max(others / gone["at"], 0.0),
    )


def _metric(server: Measured, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/_penstock/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def _children_cpu() -> float:
    """Of those that have ended: callers, while measuring."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy_seconds() -> float:
    """User and system time of the whole machine."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[place] for place in (0, 1, 2, 5, 6)) / 100
