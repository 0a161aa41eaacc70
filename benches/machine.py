"""What a run was made on."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

from benches.processes import flush_milliseconds

# Where files outlive a boot, hence mostly on a disk; /tmp is memory on many systems.
ON_DISK = Path("/var/tmp")
IN_MEMORY = ("tmpfs", "ramfs")


def described(folder: Path) -> dict[str, Any]:
    """`folder` is where the databases will be."""
    return {
        "cores": os.cpu_count(),
        "processor": _said("/proc/cpuinfo", r"model name\s*: (.*)"),
        "memory_gib": round(int(_said("/proc/meminfo", r"MemTotal:\s+(\d+)") or 0) / 2**20, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file_system": file_system(folder),
        "flush_ms": round(flush_milliseconds(folder), 3),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _said(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found.group(1).strip() if found else ""


def file_system(folder: Path) -> str:
    """The kind of the one that the folder is on."""
    kinds = {line.split()[1]: line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()}
    return next(kinds[str(each)] for each in [folder.resolve(), *folder.resolve().parents] if str(each) in kinds)


def versions() -> dict[str, str]:
    packages = ("penstock", "httptools", "uvloop", "msgspec", "psycopg", "uvicorn")
    return {"Python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def warnings(described: dict[str, Any]) -> list[str]:
    """What makes the figures worth less."""
    found = []
    if described["load_before"] > 0.3 * described["cores"]:
        found.append(
            f"Others use this machine (load {described['load_before']}): trust the ratios more than the rates."
        )
    if described["file_system"] in IN_MEMORY:
        found.append("The files of this run lie in memory: nothing of it is durable.")
    return found
