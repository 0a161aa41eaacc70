"""Which files this process touches, seen from the interpreter's own audit events."""

import os
import sys
from pathlib import Path
from typing import Any

import penstock

# By name, and how many of the arguments are paths.
CHANGES = {
    "os.chmod": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "shutil.rmtree": 1,
}
LOOKS = {"os.listdir": 1, "os.scandir": 1, "sqlite3.connect": 1}
PATHS = {"open": 1, **CHANGES, **LOOKS}
# What the interpreter and the libraries read by themselves.
READABLE = (sys.prefix, sys.base_prefix, "/proc/", "/dev/urandom", "/usr/share/zoneinfo", "/etc/localtime")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """From its start to its end, notes what lies outside of a folder and is touched all the same, and whether anything in the
    folder has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve())
        self._readable = (*READABLE, str(Path(penstock.__file__).parent))
        self.astray: list[str] = []
        self.has_changed = False

    def __enter__(self) -> "Watch":
        _install()
        _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _active.remove(self)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        for path in arguments[: PATHS[event]]:
            if isinstance(path, str | bytes | os.PathLike) and not self._is_fine(event, os.fsdecode(path), arguments):
                self.astray.append(f"{event} {path!r}")

    def _is_fine(self, event: str, path: str, arguments: tuple[Any, ...]) -> bool:
        full = os.path.normpath(os.path.join(os.getcwd(), path))  # noqa: PTH109, PTH118 - no events of its own
        is_change = event in CHANGES or (event == "open" and bool(arguments[2] & WRITING))
        if full == self._folder or full.startswith(self._folder + os.sep):
            self.has_changed |= is_change
            return True
        return not is_change and full.startswith(self._readable)


_active: list[Watch] = []
_is_installed: list[bool] = []


def _install() -> None:
    """Once: a hook cannot be taken away again, so it does nothing as long as nobody watches."""
    if not _is_installed:
        _is_installed.append(True)
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and event in PATHS:
        for watch in _active:
            watch.see(event, arguments)
