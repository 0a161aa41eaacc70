"""Objects' files that stay while somebody holds them, though no row names them any more."""

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

    def hold(self) -> None:
        """From now on, every file that a row names stays. Never blocks for long."""
        with self._changing:
            self._holders += 1

    def release(self) -> None:
        """End one hold. Blocks."""
        with self._changing:
            self._holders -= 1
            due, self._removed = (self._removed, []) if self._holders == 0 else ([], self._removed)
        super().remove(due)

    def remove(self, files: Sequence[str]) -> None:
        with self._changing:
            if self._holders:
                self._removed += files
                return
        super().remove(files)
