"""The database that the settings name, opened, and what comes with it."""

import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec import Struct

from penstock.auth.seal import KeyStore
from penstock.ports.objects import ObjectCatalogue
from penstock.ports.storage import Storage
from penstock.ports.wakeup import Wakeup
from penstock.server.settings import Settings, SettingsError
from penstock.server.shared_backups import Notes
from penstock.storage.catalogue import Commit
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.wakeup.local import LocalWakeup

__all__ = ["Database", "DatabaseStorage", "ServerWakeup", "Shared", "check_driver", "open_database"]

T = TypeVar("T")
TURN_SECONDS = 0.0002


class DatabaseStorage(Storage, Protocol):
    """A storage that has the rows of an object store as well."""

    def catalogue(self, commit: Commit) -> ObjectCatalogue: ...


class ServerWakeup(Wakeup, Protocol):
    def close(self) -> None:
        """Let all go who wait, now and from now on."""


class Shared(Struct):
    """What servers have in common that share a database: keys, how they agree on a secret text, and notes on backups."""

    keys: KeyStore
    agree: Callable[[str, str], str]
    notes: Notes


class Database(Struct):
    """`shared` is None where a server has it for itself. Its clock is `clock_ahead_seconds` ahead of the machine's."""

    storage: DatabaseStorage
    wakeup: ServerWakeup
    shared: Shared | None = None
    clock_ahead_seconds: float = 0.0


def open_database(settings: Settings, server_id: str) -> Database:
    """Raises DatabaseInUse, SchemaTooNew, ServiceUnavailable, SettingsError or ValueError."""
    if settings.is_shared:
        return _postgres(settings.database_url, server_id)
    return Database(SqliteStorage(settings.database, server_id=server_id), LocalWakeup())


def check_driver() -> None:
    """Raises SettingsError if what speaks to PostgreSQL is not installed."""
    try:
        import psycopg_pool  # noqa: F401 - whoever has this one has the other
    except ImportError:
        raise SettingsError("--database-url postgresql://… needs more: pip install 'penstock[postgres]'") from None


def _postgres(url: str, server_id: str) -> Database:
    check_driver()
    # What speaks to PostgreSQL takes a while to load, and most servers have a file.
    from penstock.storage.postgres.adapter import PostgresStorage
    from penstock.storage.postgres.server_secrets import PostgresKeys, ServerSecrets
    from penstock.wakeup.postgres import PostgresWakeup

    # Transactions run on a thread that mostly waits for the network: when an answer is there, it must not wait for its turn
    # as well, which takes 5 ms unless told otherwise.
    sys.setswitchinterval(TURN_SECONDS)
    storage, secrets = PostgresStorage(url, server_id=server_id), ServerSecrets(url)
    shared = Shared(PostgresKeys(secrets), secrets.agree, secrets)
    return Database(storage, PostgresWakeup(url), shared, storage.clock_ahead_seconds)
