"""Where sealing keys come from: a file that only its owner may read, or the environment.

The file has the base64 text of one key a line, the newest first. It is changed as a whole: a server that is killed meanwhile
finds either the old one or the new one.
"""

import base64
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from penstock.auth.seal import KEY_BYTES, KeyStore, Sealer

__all__ = ["KeyFile", "open_sealer", "text_of"]

PRIVATE = 0o600


def open_sealer(kept: Path | KeyStore, environment_value: str | None) -> Sealer:
    """The sealer of this installation: its keys are those of the environment if there are any, else those in the
    file or the store.

    A key file is made if it is missing. ValueError, with a sentence for the operator, if what is there is no key, or is a file
    that others may read.
    """
    if environment_value:
        return Sealer(*_decode(environment_value.split(","), "PENSTOCK_KEY"))
    store = KeyFile(kept) if isinstance(kept, Path) else kept
    return Sealer(*store.load(), store=store)


class KeyFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[bytes]:
        """The keys, newest first. Servers that start at the same time on a file that is missing get the same key."""
        if not self._path.exists():
            self._create()
        return self._read()

    def add(self, key: bytes) -> None:
        """Put a key in front of those that are there."""
        self._replace([key, *self._read()])

    def drop(self, key: bytes) -> None:
        self._replace([kept for kept in self._read() if kept != key])

    def _read(self) -> list[bytes]:
        with self._path.open("rb") as file:
            self._check_mode(os.fstat(file.fileno()).st_mode)
            text = file.read().decode("ascii", errors="replace")
        return _decode(text.split(), f"The key file {self._path}")

    def _check_mode(self, mode: int) -> None:
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(
                f"The key file {self._path} is open to others than its owner (its mode is {stat.S_IMODE(mode):04o}): "
                f"close it with 'chmod 600 {self._path}'."
            )

    def _create(self) -> None:
        """Leave a whole key file under the path: ours, or that of whoever was first."""
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            _write(draft, [os.urandom(KEY_BYTES)], os.O_EXCL)
            # A link, unlike a rename, never replaces the key of a server that was faster.
            os.link(draft, self._path)
            _sync_folder(self._path.parent)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)

    def _replace(self, keys: list[bytes]) -> None:
        # What the path leads to is replaced, not a link that leads there.
        target = self._path.resolve()
        draft = target.with_name(f"{target.name}.new")
        _write(draft, keys, os.O_TRUNC)
        draft.replace(target)
        _sync_folder(target.parent)


def _write(path: Path, keys: Iterable[bytes], how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | how, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        # Neither the umask nor a file that was left there decides who may read it.
        os.fchmod(file.fileno(), PRIVATE)
        file.write(text_of(keys).encode())
        file.flush()
        os.fsync(file.fileno())


def text_of(keys: Iterable[bytes]) -> str:
    """What a key file holds."""
    return "".join(base64.b64encode(key).decode() + "\n" for key in keys)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decode(texts: list[str], origin: str) -> list[bytes]:
    keys = [_decoded(text.strip()) for text in texts]
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ValueError(
            f"{origin} does not hold a key: it must be the base64 text of {KEY_BYTES} random bytes "
            f"(44 characters, as `openssl rand -base64 {KEY_BYTES}` prints them), or several, the newest first."
        )
    return keys


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
