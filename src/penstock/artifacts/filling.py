"""A new folder of objects' files, filled under names that are known already."""

from pathlib import Path
from typing import Protocol

from penstock.artifacts.files import COPY_BYTES, LocalFiles, create

__all__ = ["FillingFiles"]


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class FillingFiles(LocalFiles):
    """Of use to a store once it has the name of that store's folder. What it is given is not yet safe on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, file: str, source: Source) -> None:
        """Raises FileExistsError if there is a file of that name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with create(self._path(file)) as target:
            while piece := source.read(COPY_BYTES):
                target.write(piece)
