"""Where a server's own jobs have their files: a folder for each server, which nobody else clears while it lives."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Workplace", "folder_of"]

LOCK = "lock"


def folder_of(data_dir: Path, server_id: str) -> Path:
    return data_dir / "work" / server_id


class Workplace:
    """The folder of a server, made with its beginning and gone with its end.

    A lock in it, which dies with the server, says that it is in use. What servers that are gone have left is cleared: their
    jobs begin anew, in empty folders.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder.parent / LOCK):
            for other in folder.parent.iterdir():
                if not _is_in_use(other):
                    shutil.rmtree(other, ignore_errors=True)
            folder.mkdir(mode=0o700)
            self._lock = _open(folder / LOCK)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _is_in_use(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """So that nobody takes a folder for left behind that is just being made."""
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
