"""Objects' files that stay while somebody holds them, though no row names them any more.

Other processes may remove files from the same folder. Whoever holds them has a lock on the folder, which dies with its owner:
while there is one, the others remove nothing, and the sweep finds later what was to go.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from penstock.artifacts.files import LocalFiles

__all__ = ["HoldingFiles"]


class HoldingFiles(LocalFiles):
    """What is to be removed while it is held goes with the last release; if the process ends before, the sweep finds it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._changing = Lock()
        self._holders = 0
        self._removed: list[str] = []
        self._lock: int | None = None

    def hold(self) -> None:
        """From now on, every file that a row names stays. Never blocks for long."""
        with self._changing:
            if self._lock is None:
                self._lock = self._locked()
            self._holders += 1

    def release(self) -> None:
        """End one hold. Blocks."""
        with self._changing:
            self._holders -= 1
            due, self._removed = (self._removed, []) if self._holders == 0 else ([], self._removed)
            if self._holders == 0 and self._lock is not None:
                os.close(self._lock)
                self._lock = None
        self.remove(due)

    def remove(self, files: Sequence[str]) -> None:
        with self._changing:
            if self._holders:
                self._removed += files
                return
            # Rows of these files are gone by now: who begins to hold after this look reads a moment without them.
            if self._is_held_elsewhere():
                return
        super().remove(files)

    def _locked(self) -> int | None:
        """A lock on the folder that several may have. Some network file systems know none; what was lost is told there."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def _is_held_elsewhere(self) -> bool:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False
