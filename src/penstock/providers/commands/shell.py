"""Commands as one shell script, and what the script says afterwards.

The script leaves two files in a folder of its own: which command it is at, and the values of the output variables. They
come from a stranger's commands, so they are read as that: no link is followed, and size is bounded.
"""

import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from penstock.providers.commands.sandbox import PATH
from penstock.worker import JobError

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The service takes 122,880 bytes of variables in all; more is read so that it can say that this was too much.
REPORT_BYTES_MAX = 1024 * 1024

SCRIPT = "script"
CURRENT = "current"
VARIABLES = "variables"


class Report(Struct, frozen=True):
    """The command that was begun last, counted from 1, 0 if none was; and the variables that the shell left."""

    current: int
    variables: dict[str, str]


def shell() -> str:
    """The shell that commands are written for: bash, or where there is none, sh."""
    return shutil.which("bash", path=PATH) or "/bin/sh"


def check_names(names: Iterable[str], what: str) -> None:
    """Raise JobError for a name that no shell takes."""
    for name in names:
        if not VARIABLE_NAME.fullmatch(name):
            raise JobError(f"The {what} '{name}' cannot be the name of a shell variable.", "ConfigurationError")


def script(commands: Sequence[str], environment: Mapping[str, str], variables: Sequence[str], control: Path) -> str:
    """A script that runs the commands in order, in one shell, up to the first that fails.

    Each is a line of its own to the shell, so what one sets, exports or changes to, the next one finds. The environment
    is given here rather than to the shell's process, which is started outside of the sandbox.
    """
    lines = [_ending(variables, control)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    for number, command in enumerate(commands, start=1):
        lines.append(f"printf %s {number} >| {_quoted(control, CURRENT)}")
        lines.append(f"printf '%s\\n' {shlex.quote('$ ' + command)}")
        lines.append(f"eval {shlex.quote(command)}")
        # No `||` after the eval: in its reach a `set -e` among the commands would be without effect.
        lines.append("case $? in 0) ;; *) exit ;; esac")
    return "\n".join([*lines, ""])


def read_report(control: int) -> Report:
    """What a script has left, given the folder as it was opened before the script began."""
    current = _read(control, CURRENT)
    pieces = _read(control, VARIABLES).split("\0")
    return Report(
        current=int(current) if current.isdecimal() else 0,
        variables=dict(zip(pieces[0:-1:2], pieces[1::2], strict=False)),
    )


def _ending(variables: Sequence[str], control: Path) -> str:
    """What the script does last, however it ends. Tracing is off by then: it would print the variables."""
    saved = [f'  [ -z "${{{name}+x}}" ] || printf \'%s\\0%s\\0\' {name} "${name}"' for name in variables]
    return "\n".join(
        [
            "penstock_end() {",
            "  penstock_status=$?",
            "  { set +x; set +v; set +e; set +u; } 2>/dev/null",
            "  {",
            "  :",
            *saved,
            f"  }} >| {_quoted(control, VARIABLES)}",
            '  exit "$penstock_status"',
            "}",
            "trap penstock_end EXIT",
        ]
    )


def _quoted(control: Path, name: str) -> str:
    return shlex.quote(str(control / name))


def _read(control: int, name: str) -> str:
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=control)
    except OSError:
        return ""
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return ""
        return file.read(REPORT_BYTES_MAX).decode(errors="replace")
