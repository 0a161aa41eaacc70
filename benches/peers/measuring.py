"""What the programs of this folder share: they run in a venv of their own, drive a queue, and print one line of JSON."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benches.processes import family_cpu_seconds


def _own_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Tally:
    """Jobs done, in which time, and the CPU seconds of this process and of the server behind it."""

    def __init__(self, server_pid: int) -> None:
        self._server_pid = server_pid
        self.jobs = 0
        self.seconds = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        own, server = _own_cpu_seconds(), family_cpu_seconds(self._server_pid)
        began = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - began
        self.cpu_seconds = _own_cpu_seconds() - own + family_cpu_seconds(self._server_pid) - server

    def say(self) -> None:
        answer = {"jobs": self.jobs / self.seconds, "cpu_job": self.cpu_seconds / max(self.jobs, 1) * 1e6}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
