"""System calls of a program, written down by strace."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def traced(folder: Path, calls: str, *options: str) -> tuple[list[str], Path]:
    """The prefix that writes such calls of a server down, and where; skips where nobody may trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    able = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, check=False)
    if able.returncode != 0:
        pytest.skip(f"strace cannot trace here: {able.stderr.decode().strip()}")
    log = folder / "calls"
    return ["strace", "-D", *options, "-e", f"trace={calls}", "-o", str(log)], log
