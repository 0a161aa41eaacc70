"""PostgreSQL and Redis for a bench, each in a folder of its own. PostgreSQL is durable: its own settings, on disk, flushed."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.processes import free_port

START_SECONDS_MAX = 30
# PostgreSQL refuses to run as root; any other user will do.
OTHER_USERS = ("postgres", "nobody")


class Missing(Exception):
    """What cannot be run here, and why."""


def ended(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask it to end, and see that it does."""
    process.send_signal(how)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def told_version(*command: str | Path) -> str:
    """The number in what a program says of itself."""
    said = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+(\.\d+)?", said)
    return found.group() if found else said.strip()


class Postgres:
    """Raises Missing where there can be none."""

    def __init__(self, under: Path) -> None:
        self._programs, self._who = programs(), other_user()
        self.version = told_version(self._programs / "postgres", "--version")
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=under))
        if self._who:
            os.chown(self.folder, self._who["user"], self._who["group"])
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _start(self) -> None:
        self._run("initdb", "-D", "data", "--auth=trust", "--username=penstock", "--encoding=UTF8", "--locale=C.UTF-8")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", self.folder, "-c", "listen_addresses="],
                cwd=self.folder,
                stderr=log,
                **self._who,
            )
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self._run("psql", "-c", "SELECT 1", "postgres")
            except Missing:
                if self.process.poll() is not None or time.monotonic() > give_up_at:
                    raise Missing(f"postgres does not start: {(self.folder / 'log').read_text()[-300:]}") from None
                time.sleep(0.05)
            else:
                return

    def _run(self, program: str, *options: str) -> None:
        where = ("-h", str(self.folder), "-U", "penstock") if program == "psql" else ()
        done = subprocess.run(
            [self._programs / program, *where, *options],
            capture_output=True,
            check=False,
            cwd=self.folder,
            text=True,
            **self._who,
        )
        if done.returncode != 0:
            raise Missing(f"{program} fails: {done.stderr.strip()[-300:]}")

    def database(self, name: str) -> str:
        """The address of a new database."""
        self._run("psql", "-c", f"CREATE DATABASE {name}", "postgres")
        return f"postgresql://penstock@/{name}?host={self.folder}"

    def close(self) -> None:
        ended(self.process, signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


def programs() -> Path:
    """The folder that holds PostgreSQL's programs."""
    on_path = shutil.which("initdb")
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(installed, key=lambda folder: int(folder.parent.name), reverse=True)
    for folder in ([Path(on_path).resolve().parent] if on_path else []) + newest_first:
        if all((folder / program).exists() for program in ("initdb", "postgres", "psql")):
            return folder
    raise Missing("there are no programs initdb, postgres and psql (Debian: postgresql)")


def other_user() -> dict[str, Any]:
    """Whom to run it as, as `subprocess` takes it."""
    if os.getuid() != 0:
        return {}
    for name in OTHER_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise Missing(f"postgres does not run as root, and there is no other user ({', '.join(OTHER_USERS)})")


class Redis:
    """In memory alone, as the queues on it are mostly run. Raises Missing where there can be none."""

    def __init__(self, under: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise Missing("there is no program redis-server (Debian: redis-server)")
        self.version = told_version(program, "--version")
        self.port = free_port()
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen([program, *options, "--dir", under], stdout=subprocess.DEVNULL)

    def close(self) -> None:
        ended(self.process)
