"""Backups: one moment of everything, taken while the server serves, and what a new server is filled with.

Rows come and go in a form that no database has for itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from penstock.core.model import Pipeline

__all__ = [
    "BACKUP_BUCKET",
    "Backup",
    "BackupElsewhere",
    "BackupInProgress",
    "BackupKeys",
    "Backups",
    "DatabaseFault",
    "Filling",
    "Manifest",
    "Row",
    "Snapshot",
    "UnlikeTable",
]

# No request can make a bucket of this name, and the S3 surface opens it to root alone.
BACKUP_BUCKET = "penstock_backups"

Row = Sequence[Any]  # text, bytes, whole and floating numbers, and None


class UnlikeTable(Exception):
    """Rows do not fit the table that they are for; the text says why."""


class DatabaseFault(Exception):
    """A database cannot be read or filled; the text says why."""


class BackupInProgress(Exception):
    """One backup at a time."""


class BackupElsewhere(Exception):
    """Its bytes are where this server cannot reach them; the text names the machine that has them."""


class Manifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a backup holds.

    `schema` is the number of the newest migration, `rows` counts those of each table. `objects` and `object_bytes` are of the
    files that are in it; `missing` names files that there should have been.
    """

    format: int
    penstock: str
    dialect: str
    schema: int
    taken_at: float
    account: str
    region: str
    rows: dict[str, int]
    in_flight: int
    has_artifacts: bool
    objects: int = 0
    object_bytes: int = 0
    missing: tuple[str, ...] = ()


class BackupKeys(Struct, frozen=True):
    """What opens the secrets in a backup, as text of files. A key that the server was given from outside is not there."""

    credentials: str
    key: str | None = None

    def __repr__(self) -> str:
        return "BackupKeys(****)"


class Backup(Struct, frozen=True, kw_only=True):
    """A backup that is being made or that lies ready to be fetched: an object of that key in the reserved bucket.

    `manifest`, `size`, `sha256` (in hexadecimal) and `keys` come once it is ready, `reason` if it failed.
    """

    id: str
    object_key: str
    status: Literal["InProgress", "Ready", "Failed"]
    reason: str | None = None
    manifest: Manifest | None = None
    size: int = 0
    sha256: str = ""
    keys: BackupKeys | None = None


class Backups(Protocol):
    """The backups of this server and of those that share its database. Those that nobody fetches or deletes go by themselves
    after a day."""

    async def begin(self, *, with_artifacts: bool, with_keys: bool) -> Backup:
        """Begin to make one, of a moment from now on. Raises BackupInProgress."""

    async def find(self, backup_id: str, wait_seconds: float) -> Backup | None:
        """How it stands, once it is no longer in progress or the time is over. Raises BackupElsewhere."""

    async def delete(self, backup_id: str) -> None:
        """Stop making it, or delete its object; one that is not there is fine."""

    async def sweep(self, now: float) -> None:
        """Delete those that nobody came for."""


class Snapshot(Protocol):
    """What was committed at one moment. All methods block."""

    @property
    def dialect(self) -> str: ...

    @property
    def schema(self) -> int: ...

    @property
    def in_flight(self) -> int:
        """How many executions are open."""

    def tables(self) -> list[str]: ...

    def columns(self, table: str) -> list[str]: ...

    def rows(self, table: str) -> Iterator[list[Row]]:
        """In batches. Backups themselves are left out."""

    def files(self) -> Iterator[str]:
        """The names of all files of the object store, each once."""

    def close(self) -> None: ...


class Filling(Protocol):
    """A new database of a given schema that is filled with rows, and is nobody's until it is finished. All methods block."""

    @property
    def dialect(self) -> str: ...

    def fill(self, table: str, columns: Sequence[str], batches: Iterable[list[Row]]) -> int:
        """Add rows; returns how many. Raises UnlikeTable."""

    def finish(self) -> None:
        """Bring it to today's schema. What was filled in can be read from then on."""

    def files(self) -> Iterator[str]:
        """As of a snapshot."""

    def sealing_keys(self) -> list[str]:
        """The ids of the keys that are needed to open what is sealed."""

    def open_pipelines(self) -> Iterator[Pipeline]:
        """Those with open executions."""

    def close(self) -> None:
        """Leave it on disk."""
