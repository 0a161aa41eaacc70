"""Where a restore builds: under names that nobody looks for, behind a mark, until everything is there.

The mark is a folder in the data directory with a list of what is being made. Whoever works there has a lock on it, which dies
with its owner; a server does not start beside it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.server.settings import Settings

__all__ = ["Ground", "NotEmpty", "Place", "begin", "check_finished", "key_file_of", "marked"]

MARK = "restoring"
LIST = "list.json"
# What a folder that is a disk of its own has from the beginning.
ALWAYS_THERE = {"lost+found"}


class NotEmpty(Exception):
    """There is something already, or somebody at work; the text says what and where."""


class Place(Struct, frozen=True):
    """Something that is made as `draft` and becomes `final` by a new name.

    Without one it only passes: it goes from there into a database.
    """

    final: Path | None
    draft: Path


class Ground(Struct, frozen=True):
    """Everything that a restore may make. Without a place for it, a part is somewhere else and stays as it is.

    `kept` names what may be in the data directory already.
    """

    data_dir: Path
    database: Place
    credentials: Place
    key: Place | None
    objects: Place | None
    kept: frozenset[str]

    @property
    def mark(self) -> Path:
        return self.data_dir / MARK

    @property
    def places(self) -> list[Place]:
        """In the order in which they get their names: who sees the database sees the rest."""
        return [place for place in (self.objects, self.key, self.credentials, self.database) if place is not None]

    @classmethod
    def of(cls, settings: Settings, *, with_artifacts: bool, has_key: bool) -> "Ground":
        """The places that the settings name. A key that is there already has none."""
        data_dir, artifacts = settings.data_dir.absolute(), settings.artifacts.absolute()
        key, passing = key_file_of(settings), data_dir / MARK
        return cls(
            data_dir=data_dir,
            database=_renamed(settings.database.absolute())
            if not settings.is_shared
            else Place(None, passing / "rows.db"),
            # Read by a function that knows its name, so it has that from the beginning.
            credentials=Place(data_dir / "credentials", data_dir / MARK / "credentials"),
            key=None if has_key else _renamed(key) if key is not None else Place(None, passing / "key"),
            objects=_renamed(artifacts / "objects") if with_artifacts else None,
            # A key that was put there before, and artifacts that were copied apart.
            kept=frozenset(path.name for path in (key, artifacts) if path is not None and path.parent == data_dir)
            | ALWAYS_THERE
            | {MARK},
        )

    def give_names(self) -> None:
        """All of it is on disk, and then it is where servers look for it."""
        # One call for all of the files: one for each takes minutes where there are many.
        os.sync()
        for place in self.places:
            if place.final is not None and place.draft.exists():
                place.draft.rename(place.final)
                _sync_folder(place.final.parent)

    def clear_passing(self) -> None:
        """Remove what has gone into a database."""
        for place in self.places:
            if place.final is None:
                place.draft.unlink(missing_ok=True)


def key_file_of(settings: Settings) -> Path | None:
    """Where the key lies, unless it is kept in the database."""
    if settings.is_shared and settings.key_file is None:
        return None
    return (settings.key_file or settings.data_dir / "key").absolute()


def _renamed(path: Path) -> Place:
    return Place(path, path.with_name(f"{path.name}.{MARK}"))


def check_finished(data_dir: Path) -> None:
    """Raises ValueError, with a sentence, if a restore into this folder is not at its end."""
    if (data_dir / MARK).exists():
        raise ValueError(
            f"a restore into {data_dir} is at work or was broken off: wait for it, or run 'penstock restore' again, "
            "or remove the folder"
        )


@contextmanager
def marked(data_dir: Path) -> Iterator[None]:
    """Within, nobody else works there, and what one that was killed has left is gone.

    What is raised within leaves everything as it was; a kill leaves the mark. Raises NotEmpty.
    """
    is_new = not data_dir.exists()
    mark = data_dir / MARK
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.mkdir(exist_ok=True, mode=0o700)
    with _locked(mark):
        _clear(mark)
        try:
            yield
        except BaseException:
            _clear(mark)
            with suppress(OSError):
                mark.rmdir()
                if is_new:
                    data_dir.rmdir()
            raise
        (mark / LIST).unlink()
        mark.rmdir()
        _sync_folder(data_dir)


@contextmanager
def _locked(mark: Path) -> Iterator[None]:
    descriptor = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotEmpty(f"another restore is at work on {mark.parent}") from None
        yield
    finally:
        os.close(descriptor)


def begin(ground: Ground) -> None:
    """Note what is going to be made, on marked ground. Raises NotEmpty if something of it is there."""
    _check_empty(ground)
    _write_list(ground)


def _check_empty(ground: Ground) -> None:
    there = sorted({path.name for path in ground.data_dir.iterdir()} - ground.kept)
    if there:
        raise NotEmpty(
            f"the data directory {ground.data_dir} is not empty ({', '.join(there[:3])}): it takes an empty one"
        )
    for place in ground.places:
        if place.final is None:
            continue
        if place.final.is_file() or (place.final.is_dir() and any(place.final.iterdir())):
            raise NotEmpty(f"{place.final} is there already: a backup is never mixed with anything")


def _write_list(ground: Ground) -> None:
    paths = [path for place in ground.places for path in (place.draft, place.final) if path is not None]
    if ground.objects is not None and not ground.objects.draft.parent.exists():
        paths.append(ground.objects.draft.parent)
    with (ground.mark / LIST).open("wb") as file:
        file.write(msgspec.json.encode([str(path) for path in paths]))
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(ground.mark)
    _sync_folder(ground.data_dir)


def _clear(mark: Path) -> None:
    """Remove what the list names, which was not there when the list was written. Without a list, nothing was made."""
    try:
        paths = msgspec.json.decode((mark / LIST).read_bytes(), type=list[str])
    except (FileNotFoundError, msgspec.MsgspecError):
        paths = []
    for path in map(Path, paths):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    (mark / LIST).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
