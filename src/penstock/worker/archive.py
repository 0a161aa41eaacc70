"""Folders into archives and back.

An archive comes from somebody else's build, so nothing in it is believed. An entry's name must stay inside the
folder; an entry is a file, a folder or a link, never a device. Files are written while the folder holds no link at
all, so no write can go through one. Links come last and are judged when all of them are there, since one may change
where another leads. What breaks a rule breaks the whole archive.
"""

import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct

from penstock.worker.results import JobError

# UG: limits. 7 GB for the object of an S3 source, 100,000 files in it; what it unpacks to is our bound
EXTRACTED_BYTES_MAX = 20 * 1024**3
ENTRIES_MAX = 100_000
PIECE_BYTES = 1024 * 1024

# What the readers raise for what they cannot read, an unknown compression and a password among them
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError)

# The earliest time a zip can say: the same files make the same archive, whenever they were built.
PACKED_AT = (1980, 1, 1, 0, 0, 0)


class Entry(Struct, frozen=True):
    """One thing to be written: a folder, a file with its content, a second name, or a link."""

    name: str
    is_folder: bool = False
    is_executable: bool = False
    content: IO[bytes] | None = None
    same_as: str | None = None
    link: str | None = None


def unpack(archive: Path, folder: Path, bytes_max: int = EXTRACTED_BYTES_MAX) -> None:
    """Extract a zip, tar or tar.gz, told apart by content, into a folder that is new or empty.

    Raises JobError, naming the entry, if the archive is damaged, too large, or reaches outside of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _write(_entries(archive), folder.resolve(), bytes_max)
    except DAMAGE as error:
        raise JobError(f"The archive cannot be read: {error}") from error
    except (OSError, UnicodeError, ValueError) as error:
        raise JobError(f"The archive cannot be extracted: {error}") from error


def pack(folder: Path, archive: Path, names: Iterable[str] | None = None) -> list[str]:
    """Zip the folder, or the given names in it; the same content gives the same bytes.

    Answers with the names that were left out: links that lead outside of the folder, and what is neither file nor link.
    """
    if folder.is_symlink():
        raise JobError("The folder to be packed was replaced by a link.")
    root = folder.resolve()
    chosen = names_in(root, with_folders=True) if names is None else sorted(set(names))
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            return [name for name in chosen if not _packed(root, name, packed)]
    except (OSError, UnicodeError, zipfile.LargeZipFile) as error:
        raise JobError(f"The output cannot be packed: {error}") from error


def names_in(folder: Path, *, with_folders: bool = False) -> list[str]:
    """The names of all files and links below the folder, sorted; of empty folders too, with a slash, if asked for."""
    names: list[str] = []
    for path, folders, files in os.walk(folder):
        below = os.path.relpath(path, folder)
        inside = "" if below == os.curdir else f"{below}/"
        links = [name for name in folders if Path(path, name).is_symlink()]
        names += [inside + name for name in files + links]
        if with_folders and inside and not folders and not files:
            names.append(inside)
    return sorted(names)


def matching(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """The names that the patterns choose: `*` within a folder, `**` across folders, a folder for all that is in it.

    Raises JobError for a pattern that leaves the folder or chooses nothing.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        plain = pattern.removeprefix("./").rstrip("/")
        if plain.startswith("/") or ".." in plain.split("/"):
            raise JobError(f"The files pattern '{pattern}' leaves the folder.", "ConfigurationError")
        expression = re.compile(_expression(plain))
        found = [name for name in names if expression.fullmatch(name)]
        if not found:
            raise JobError(f"No file matches '{pattern}'.")
        chosen.update(found)
    return sorted(chosen)


def _expression(pattern: str) -> str:
    if pattern in ("", "."):
        return ".*"
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "(?s:" + "".join(parts.get(piece, re.escape(piece)) for piece in pieces) + "(?:/.*)?)"


def _packed(root: Path, name: str, packed: zipfile.ZipFile) -> bool:
    path = root / name
    mode = path.lstat().st_mode
    entry = zipfile.ZipInfo(name, PACKED_AT)
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    if stat.S_ISLNK(mode):
        target = os.readlink(path)  # noqa: PTH115 (a Path would tidy the text up)
        if not _stays_inside(path, target, root):
            return False
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, os.fsencode(target))
    elif stat.S_ISDIR(mode):
        entry.external_attr = (stat.S_IFDIR | 0o755) << 16
        packed.writestr(entry, b"")
    elif stat.S_ISREG(mode):
        entry.external_attr = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
        # Whoever swaps the file for a link now gets an error, not somebody else's file into the archive.
        source = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        with source, packed.open(entry, "w", force_zip64=path.lstat().st_size >= 2**31) as copy:
            shutil.copyfileobj(source, copy, PIECE_BYTES)
    else:
        return False
    return True


def _stays_inside(link: Path, target: str, root: Path) -> bool:
    """Whether following the link, through whatever others it meets, ends inside the root."""
    if target.startswith("/"):
        return False
    end = os.path.realpath(link)
    return end == str(root) or end.startswith(f"{root}{os.sep}")


def _entries(archive: Path) -> Iterator[Entry]:
    with archive.open("rb") as opened:
        head = opened.read(4)
    if head in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip_entries(archive)
    if tarfile.is_tarfile(archive):
        return _tar_entries(archive)
    if zipfile.is_zipfile(archive):
        return _zip_entries(archive)
    raise JobError("The artifact is neither a zip nor a tar nor a tar.gz archive.")


def _zip_entries(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                yield Entry(member.filename, is_folder=True)
            elif stat.S_ISLNK(mode):
                if member.file_size > os.pathconf("/", "PC_PATH_MAX"):
                    raise JobError(f"The archive's link '{member.filename}' is too long.")
                yield Entry(member.filename, link=os.fsdecode(packed.read(member)))
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with packed.open(member) as content:
                    yield Entry(member.filename, is_executable=bool(mode & 0o100), content=content)
            else:
                raise JobError(f"The archive's entry '{member.filename}' is neither file, folder nor link.")


def _tar_entries(archive: Path) -> Iterator[Entry]:
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isdir():
                yield Entry(member.name, is_folder=True)
            elif member.issym():
                yield Entry(member.name, link=member.linkname)
            elif member.islnk():
                yield Entry(member.name, same_as=member.linkname)
            elif member.isreg():
                content = packed.extractfile(member)
                yield Entry(member.name, is_executable=bool(member.mode & 0o100), content=content)
            else:
                raise JobError(f"The archive's entry '{member.name}' is neither file, folder nor link.")


def _write(entries: Iterator[Entry], root: Path, bytes_max: int) -> None:
    links: list[tuple[Path, Entry]] = []
    bytes_left = bytes_max
    for count, entry in enumerate(entries):
        if count >= ENTRIES_MAX:
            raise JobError(f"The archive has more than {ENTRIES_MAX} entries.")
        path = root / _safe(entry.name)
        if entry.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            links.append((path, entry))
        elif entry.same_as is not None:
            path.hardlink_to(root / _safe(entry.same_as))
        else:
            bytes_left -= _write_file(entry, path, bytes_left)
    _write_links(links, root)


def _write_file(entry: Entry, path: Path, bytes_max: int) -> int:
    """Write one file and answer with its size. What the archive says about that size is not asked."""
    assert entry.content is not None
    written = 0
    with path.open("wb") as file:
        while piece := entry.content.read(PIECE_BYTES):
            written += len(piece)
            if written > bytes_max:
                raise JobError(f"The archive unpacks to more than is allowed, at '{entry.name}'.")
            file.write(piece)
    path.chmod(0o755 if entry.is_executable else 0o644)
    return written


def _write_links(links: list[tuple[Path, Entry]], root: Path) -> None:
    for path, entry in links:
        assert entry.link is not None
        path.symlink_to(entry.link)
    strays = [entry for path, entry in links if not _stays_inside(path, entry.link or "/", root)]
    if strays:
        for path, _ in links:
            path.unlink()
        raise JobError(f"The archive's link '{strays[0].name}' leads outside of its folder: {strays[0].link}")


def _safe(name: str) -> str:
    # Backslashes and drives mean nothing here, but would to whoever gets the content of this folder elsewhere.
    parts = re.split(r"[/\\]", name)
    if parts[0] == "" or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:[/\\]", name):
        raise JobError(f"The archive's entry '{name}' leads outside of its folder.")
    return name
