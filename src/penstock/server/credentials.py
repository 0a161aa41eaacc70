"""The root credentials, and the address of a running server: what a data directory tells the command line."""

import base64
import configparser
import fcntl
import os
import secrets
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.ports.secrets import ACCESS_KEY_SECRET, Vault

__all__ = [
    "Address",
    "LeftAddress",
    "RootKeys",
    "load_root_keys",
    "opened_root_keys",
    "read_address",
    "read_root_keys",
    "sealed_root_keys",
]

_PROFILE = "default"
# Whoever looks for a server has the lock for an instant.
LOCK_SECONDS_MAX = 0.5


class RootKeys(Struct, frozen=True):
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"RootKeys({self.access_key_id!r}, ****)"


class Address(Struct, frozen=True):
    """Where a server listens, and the region for those who name none."""

    url: str
    region: str
    pid: int


def load_root_keys(data_dir: Path, given: RootKeys | None) -> RootKeys:
    """The keys given, or those in the data directory, made at the first start with mode 0600."""
    path = data_dir / "credentials"
    if given is None and path.exists():
        return read_root_keys(data_dir)
    keys = given or RootKeys(
        "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode(), base64.b64encode(secrets.token_bytes(30)).decode()
    )
    text = f"[{_PROFILE}]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    _write_private(path, text)
    return keys


def read_root_keys(data_dir: Path) -> RootKeys:
    """Raises ValueError, with a sentence, if the file is missing or is none."""
    path = data_dir / "credentials"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        section = parser[_PROFILE]
        return RootKeys(section["aws_access_key_id"], section["aws_secret_access_key"])
    except (OSError, configparser.Error, KeyError) as problem:
        raise ValueError(f"the root credentials {path} cannot be read: {problem}") from None


def sealed_root_keys(vault: Vault, keys: RootKeys) -> str:
    """The keys as servers that share a database keep them there."""
    return vault.seal(msgspec.json.encode(keys).decode(), ACCESS_KEY_SECRET)


def opened_root_keys(vault: Vault, sealed: str) -> RootKeys:
    """ValueError if they were sealed by another key."""
    return msgspec.json.decode(vault.open(sealed, ACCESS_KEY_SECRET), type=RootKeys)


class LeftAddress:
    """An address left for the command line, good for as long as its server lives.

    A lock beside it says so: it dies with the server, while a process number may live on in another process. While it is
    held, no other server uses the data directory.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir, self._file = data_dir, data_dir / "server.json"
        self._lock: int | None = None

    def claim(self) -> None:
        """Take the data directory. Raises ValueError, with a sentence, if a server that runs has it."""
        lock = os.open(self._data_dir / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(lock)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        self.forget()

    def _wait_for(self, lock: int) -> None:
        give_up_at = time.monotonic() + LOCK_SECONDS_MAX
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise ValueError(f"another penstock server uses the data directory {self._data_dir}") from None
                time.sleep(0.01)
            else:
                return

    def leave(self, address: Address) -> None:
        _write_private(self._file, msgspec.json.encode(address).decode())

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others have the data directory."""
        if self._lock is not None:
            self.forget()
            os.close(self._lock)


def read_address(data_dir: Path) -> Address:
    """Where the server of this data directory listens. Raises ValueError, with a sentence, if none runs."""
    try:
        address = msgspec.json.decode((data_dir / "server.json").read_bytes(), type=Address)
        is_alive = _is_locked(data_dir / "server.lock")
    except (OSError, msgspec.MsgspecError):
        is_alive = False
    if not is_alive:
        raise ValueError(
            f"no penstock server runs on the data directory {data_dir}: start one with 'penstock serve', "
            "or name one with --endpoint-url"
        )
    return address


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write_private(path: Path, text: str) -> None:
    """A whole file or none, for its owner's eyes alone, and on disk when this returns."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
