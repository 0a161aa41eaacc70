"""A real server for tests: `penstock serve` in a process of its own, on a free port, with a data directory of its own."""

import configparser
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

LISTENING = "penstock listening on "
START_SECONDS_MAX = 20


def command(data_dir: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "serve", "--data-dir", str(data_dir), *options]


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("PENSTOCK_", "AWS_"))}


def refusal(data_dir: Path, *options: str, prefix: Sequence[str] = ()) -> tuple[int, str]:
    """The exit code and the words of a server that does not start."""
    ended = subprocess.run(
        [*prefix, *command(data_dir, "--port", "0", *options)],
        check=False,
        capture_output=True,
        env=clean_environment(),
        text=True,
        timeout=START_SECONDS_MAX,
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


class Server:
    """Started by `serving`. `kill` is `kill -9`; `start` brings it back on the same data and the same port."""

    def __init__(self, data_dir: Path, *options: str, prefix: Sequence[str] = ()) -> None:
        """`prefix` is a program that runs the server in place of itself, as `prlimit` does."""
        self.data_dir = data_dir
        self._options = options
        self._prefix = tuple(prefix)
        self._port = "0"
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self.start()

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *command(self.data_dir, "--port", self._port, *self._options)],
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(),
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(LISTENING), f"no listening line but {line!r}; {self.log()}"
        self.url = line.removeprefix(LISTENING).strip()
        self._port = self.url.rpartition(":")[2]

    @property
    def database_url(self) -> str:
        """The PostgreSQL that it was given; empty if it has a file."""
        url = dict(pairwise(self._options)).get("--database-url", "")
        return url if url.startswith("postgresql:") else ""

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def wait(self) -> int:
        """Let it end by itself; returns its exit code."""
        return self._wait()

    def _wait(self) -> int:
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    @property
    def root_keys(self) -> dict[str, str]:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.data_dir / "credentials")
        section = parser["default"]
        return {name: section[name] for name in ("aws_access_key_id", "aws_secret_access_key")}

    def client(self, service: str, keys: dict[str, str] | None = None, region: str = "us-east-1", **config: Any) -> Any:
        """A boto3 client; root's unless `keys` says otherwise. `config` goes to botocore's Config."""
        from botocore.config import Config

        return _session().client(
            service, endpoint_url=self.url, region_name=region, config=Config(**config), **(keys or self.root_keys)
        )

    def environment(self) -> dict[str, str]:
        """What `penstock env` exports, for programs that are run against the server."""
        keys = self.root_keys
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.data_dir),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@cache
def _session() -> Any:
    """One for all clients: reading the service models is what makes a client dear."""
    import boto3

    return boto3.session.Session()


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[Server]:
    server = Server(data_dir, *options)
    try:
        yield server
    finally:
        code = server.stop()
        if code not in (0, -signal.SIGKILL):
            print(f"the server ended with {code}, and said: {server.log()}")
