"""The command line as it is used: a process, its exit code, and what it prints."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PENSTOCK = Path(sys.executable).with_name("penstock")


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """What was complained of, which must be one line and no trace."""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.strip()


def penstock(*arguments: object, environment: dict[str, str] | None = None, stdin: str = "") -> Ended:
    """Run a command to its end, with this environment and no other."""
    done = subprocess.run(
        [PENSTOCK, *map(str, arguments)],
        env=plain() if environment is None else environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def plain(**more: str) -> dict[str, str]:
    """The environment of somebody who has set nothing up."""
    path = f"{PENSTOCK.parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", **more}
