"""Processes that are measured: on which core they run, what they have used, where they listen.

It is read in the venv of the peers too, hence nothing beyond the standard library.
"""

import os
import shutil
import socket
import time
from pathlib import Path

SERVER_CORE, CLIENT_CORE = "0", "1"
_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program did not do what it was started for; the text says so to a person."""


def pinned(core: str, *command: str) -> list[str]:
    """The command on one core, where the machine has two and says how."""
    if os.cpu_count() == 1 or not shutil.which("taskset"):
        return list(command)
    return ["taskset", "-c", core, *command]


def _fields(pid: int) -> list[str]:
    """From the state on; the name before it may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_seconds(pid: int) -> float:
    """User and system time of one process."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def family_cpu_seconds(pid: int) -> float:
    """The same of a process and of all below it, those included that have ended and were waited for."""
    parents: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _fields(int(entry.name))
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.name))
        used[int(entry.name)] = sum(map(int, fields[11:15]))
    total, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        total += used.get(each, 0)
        waiting += parents.get(each, [])
    return total / _TICKS


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def flush_milliseconds(folder: Path) -> float:
    """What writing 4 KiB to the end of a file and having it on disk takes: the median of 50."""
    took = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    (folder / "flushed").unlink()
    return sorted(took)[25] * 1e3
