"""Objects' bytes as files in a folder: names of our own, made durable before anybody may name them.

A file is written as `ROOT/objects/ab/<32 hex digits>.part`, synced, renamed to the same without `.part`, and the
folder is synced. What a crash leaves behind is a `.part` file or one that no row names; `sweep` removes both, and ends uploads
that nobody has completed for a week.
"""

import asyncio
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from penstock.ports.objects import ObjectCatalogue, Refused, UploadRow

__all__ = ["LocalFiles", "NewFile", "sweep"]

UNFINISHED = ".part"
SWEEP_AFTER_SECONDS = 3600.0
# S3 keeps unfinished uploads until a rule of the bucket's owner ends them; a week is what its guides propose.
UPLOAD_SECONDS_MAX = 7 * 24 * 3600.0
UPLOADS_AT_ONCE = 100
COPY_BYTES = 1 << 20


class NewFile:
    """A file being written; it has a name only once it is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(path.name + UNFINISHED)
        self._handle = create(self._unfinished)

    def write(self, piece: bytes) -> None:
        self._handle.write(piece)

    def keep(self) -> str:
        """The file's name, once its bytes and its name are on disk."""
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()
        self._unfinished.rename(self._path)
        sync_folder(self._path.parent)
        return self._path.name

    def drop(self) -> None:
        """Forget the bytes; does nothing to a file that was kept."""
        self._handle.close()
        self._unfinished.unlink(missing_ok=True)


class LocalFiles:
    """All objects' bytes below one folder. Methods block: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "objects"
        self.folder.mkdir(parents=True, exist_ok=True)

    def begin(self) -> NewFile:
        return NewFile(self._path(uuid.uuid4().hex))

    def open(self, file: str) -> BinaryIO:
        return self._path(file).open("rb", buffering=0)

    def duplicate(self, file: str) -> str:
        """A second name for the same bytes, durable. It costs no space where the file system has hard links."""
        path = self._path(uuid.uuid4().hex)
        make_folder(path.parent)
        try:
            path.hardlink_to(self._path(file))
        except FileNotFoundError:
            raise
        except OSError:
            return self._copy(file)
        sync_folder(path.parent)
        return path.name

    def has(self, file: str) -> bool:
        return self._path(file).is_file()

    def remove(self, files: Sequence[str]) -> None:
        for file in files:
            self._path(file).unlink(missing_ok=True)

    def _copy(self, file: str) -> str:
        writing = self.begin()
        try:
            with self.open(file) as source:
                while piece := source.read(COPY_BYTES):
                    writing.write(piece)
            return writing.keep()
        except BaseException:
            writing.drop()
            raise

    def _path(self, file: str) -> Path:
        return self.folder / file[:2] / file


async def sweep(
    files: LocalFiles, catalogue: ObjectCatalogue, now: float, older_than_seconds: float = SWEEP_AFTER_SECONDS
) -> int:
    """Remove what no row names and nobody has touched for a while; says how many files went."""
    removed = await abandon(files, catalogue, now - UPLOAD_SECONDS_MAX)
    for folder in await asyncio.to_thread(lambda: sorted(files.folder.iterdir())):
        old = await asyncio.to_thread(untouched_since, folder, now - older_than_seconds)
        named = await catalogue.named_files([file for file in old if not file.endswith(UNFINISHED)])
        orphans = [file for file in old if file not in named]
        await asyncio.to_thread(files.remove, orphans)
        removed += len(orphans)
    return removed


async def abandon(files: LocalFiles, catalogue: ObjectCatalogue, begun_before: float) -> int:
    """Abort the uploads that were begun before that time; says how many files went."""
    removed = 0
    while stale := await catalogue.stale_uploads(begun_before, UPLOADS_AT_ONCE):
        # What is asked for together is committed together.
        parts = [file for found in await asyncio.gather(*(_end(catalogue, each) for each in stale)) for file in found]
        await asyncio.to_thread(files.remove, parts)
        removed += len(parts)
    return removed


async def _end(catalogue: ObjectCatalogue, upload: UploadRow) -> list[str]:
    """Abort an upload, unless somebody was faster; gives the files of its parts."""
    try:
        return await catalogue.abort_upload(upload.name, upload.upload_id)
    except Refused:
        return []


def untouched_since(folder: Path, moment: float) -> list[str]:
    """Names of the folder's files that nothing has happened to since then."""
    with os.scandir(folder) as entries:
        # Not the time of the last write: a second name given to old bytes must count as news.
        return [entry.name for entry in entries if entry.stat(follow_symlinks=False).st_ctime < moment]


def create(path: Path) -> BinaryIO:
    """A new file to write to, readable by the owner alone."""
    make_folder(path.parent)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def make_folder(folder: Path) -> None:
    """The folder, durable: what is synced in it would be lost with it otherwise."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
