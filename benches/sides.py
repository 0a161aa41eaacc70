"""Who takes part in a run: penstock on each database, the yardsticks, and such peers as can be had here."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benches.databases import Missing, Postgres, Redis
from benches.peers import aws
from benches.processes import Failed
from benches.results import DBOS, DRAMATIQ, HANDLER, MINISTACK, MODEL, MOTO, POSTGRES, PROCRASTINATE, SQLITE, Row
from benches.servers import ROOT, Measured, bare_handler, bare_model, penstock, prepare, refill

PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
POSTGRES_PIPELINES = 300
CALL_CONNECTIONS = 32
# With as many as the others it does half of what it does with these.
MOTO_CONNECTIONS = 8
_FIGURES = ("p50", "p99", "empty")

Measure = Callable[[float], Row]


class Sides:
    """Started one after the other; `left_out` says of each that is not there why. To be closed."""

    def __init__(self, folder: Path, connections: int, is_penstock_alone: bool) -> None:
        self.left_out: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self.jobs: dict[str, Measure] = {}
        self._folder, self._connections, self._is_alone = folder, connections, is_penstock_alone
        self._models = 0
        self._closing = ExitStack()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._closing.close()

    def _start(self) -> None:
        self.sqlite = self._kept(penstock(self._folder / "sqlite"))
        asyncio.run(prepare(self.sqlite))
        self.jobs[SQLITE] = lambda seconds: self.worked(self.sqlite, self._connections, seconds)
        self.jobs[MODEL] = lambda seconds: self.modelled(self._connections, seconds)
        self._aws: dict[str, Measured] = {}
        starts = [(POSTGRES, self._start_postgres)]
        if not self._is_alone:
            starts += [(DRAMATIQ, self._start_dramatiq), (MOTO, self._start_moto), (MINISTACK, self._start_ministack)]
        for name, start in starts:
            try:
                start()
            except (Missing, Failed) as problem:
                self.left_out[name] = str(problem)
        if POSTGRES in self.left_out and not self._is_alone:
            self.left_out |= dict.fromkeys((PROCRASTINATE, DBOS), f"it needs what {POSTGRES} needs")

    def _kept(self, server: Measured) -> Measured:
        self._closing.callback(server.stop)
        return server

    def _start_postgres(self) -> None:
        cluster = Postgres(self._folder)
        self._closing.callback(cluster.close)
        self.versions["PostgreSQL"] = cluster.version
        pid = cluster.process.pid
        server = self._kept(penstock(self._folder / "postgres", cluster.database("penstock"), (pid,)))
        asyncio.run(prepare(server, POSTGRES_PIPELINES))
        self.jobs[POSTGRES] = lambda seconds: self.worked(server, self._connections, seconds)
        if not self._is_alone:
            for name in (PROCRASTINATE, DBOS):
                self._add_queue(name, name.lower(), cluster.database(name.lower()), pid)

    def _start_dramatiq(self) -> None:
        server = Redis(self._folder)
        self._closing.callback(server.close)
        self.versions["Redis"] = server.version
        self._add_queue(DRAMATIQ, DRAMATIQ, f"redis://127.0.0.1:{server.port}/0", server.process.pid)

    def _add_queue(self, name: str, package: str, url: str, pid: int) -> None:
        try:
            self._ask_version(name, package)
        except Missing as problem:
            self.left_out[name] = str(problem)
            return
        command = [str(PEERS_PYTHON), "-m", f"benches.peers.{package}_jobs", url, str(pid)]

        def measure(seconds: float) -> Row:
            done = subprocess.run(
                [*command, str(seconds)],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                timeout=60 + 5 * seconds,
            )
            if done.returncode != 0:
                raise Failed(f"{name}: {done.stderr[-800:]}")
            row: Row = json.loads(done.stdout.splitlines()[-1])
            return row

        self.jobs[name] = measure

    def _ask_version(self, name: str, package: str) -> None:
        """Raises Missing if the venv of the peers does not have it."""
        if not PEERS_PYTHON.exists():
            raise Missing("there is no .venv-bench; `make bench` sets it up")
        question = f"import importlib.metadata as m; print(m.version({package!r}))"
        asked = subprocess.run([PEERS_PYTHON, "-c", question], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            raise Missing("it is not in .venv-bench: installing it failed")
        self.versions[name] = asked.stdout.strip()

    def _start_moto(self) -> None:
        self._ask_version(MOTO, MOTO)
        self._add_aws(MOTO, aws.moto(PEERS_PYTHON.parent), MOTO_CONNECTIONS)

    def _start_ministack(self) -> None:
        self._ask_version(MINISTACK, MINISTACK)
        self._add_aws(MINISTACK, aws.ministack(PEERS_PYTHON.parent, self._folder), self._connections)

    def _add_aws(self, name: str, server: Measured, connections: int) -> None:
        self._aws[name] = self._kept(server)
        self.jobs[name] = lambda seconds: _as_jobs(server.load("messages", connections, seconds))

    @property
    def readers(self) -> Iterator[tuple[str, Measured]]:
        """Those that know pipelines."""
        yield SQLITE, self.sqlite
        if MOTO in self._aws:
            yield MOTO, self._aws[MOTO]

    def worked(self, server: Measured, connections: int, seconds: float) -> Row:
        """Jobs through penstock, of which there are enough beforehand."""
        asyncio.run(refill(server))
        return _as_jobs(server.load("cycle", connections, seconds))

    def modelled(self, connections: int, seconds: float) -> Row:
        """Jobs through the bare model; a new one each time, for it keeps all that it ever had."""
        self._models += 1
        folder = self._folder / f"bare-{self._models}"
        folder.mkdir()
        model = bare_model(folder)
        try:
            return _as_jobs(model.load("cycle", connections, seconds))
        finally:
            model.stop()

    def polled(self, seconds: float) -> Iterator[tuple[str, Row]]:
        """Polls that find nothing, and what answers without looking."""
        yield SQLITE, _as_calls(self.sqlite.load("empty", CALL_CONNECTIONS, seconds))
        handler = bare_handler()
        try:
            yield HANDLER, _as_calls(handler.load("empty", CALL_CONNECTIONS, seconds))
        finally:
            handler.stop()

    def read(self, script: str, seconds: float) -> Iterator[tuple[str, Row]]:
        for name, server in self.readers:
            yield name, _as_calls(server.load(script, CALL_CONNECTIONS, seconds))


def _as_jobs(found: Row) -> Row:
    figures = {name: found[name] for name in _FIGURES}
    return {"jobs": found["cycles"], **figures, "cpu_call": found["cpu"], "cpu_job": found["cpu_job"]}


def _as_calls(found: Row) -> Row:
    return {"calls": found["calls"], "p50": found["p50"], "p99": found["p99"], "cpu_call": found["cpu"]}
