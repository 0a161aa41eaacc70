"""Settings to adapters to engine to operations to app: the one place that knows them all."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar
from uuid import uuid4

from msgspec import Struct

from penstock import __version__
from penstock.artifacts.files import LocalFiles, sweep
from penstock.auth import policy
from penstock.auth.door import make_door
from penstock.auth.seal import Sealer, load_key
from penstock.auth.sessions import Sessions
from penstock.console.page import Console
from penstock.core.action_types import builtin
from penstock.engine.committer import Committer, Written
from penstock.http.api import Api
from penstock.http.asgi import Asgi
from penstock.http.hooks import Hooks
from penstock.http.objects import S3Surface
from penstock.http.pages import LocalPage
from penstock.http.router import Doors, Router
from penstock.http.status import Metrics, StatusPages
from penstock.http.sts import Sts
from penstock.operations.call import ACCESS_KEY_SECRET, Environment
from penstock.operations.polls import Polls
from penstock.ports.git_host import GitHost
from penstock.ports.identity import AccessKey, Door, Principal
from penstock.ports.storage import Reader
from penstock.server.credentials import RootKeys, load_root_keys
from penstock.server.settings import Settings
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.storage.sqlite.objects import SqliteObjects
from penstock.storage.sqlite.transaction import SqliteTransaction
from penstock.storage.sqlite.watches import tell_watchers
from penstock.wakeup.local import LocalWakeup
from penstock.worker import Provider, ProviderSettings

__all__ = ["Installation", "SystemClock", "compose"]

T = TypeVar("T")
log = logging.getLogger("penstock.server")


class SystemClock:
    """The time of the machine, but never earlier than before: set back, it goes on at its own pace until that is made up."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now(self) -> float:
        steady = time.monotonic()
        self._ahead = max(self._ahead, time.time() - steady)
        return steady + self._ahead


class UuidIds:
    def new(self) -> str:
        # As uuid.uuid4, at half the cost: a step makes several.
        text = os.urandom(16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


class StoredKeys:
    """Long-lived keys from the database, their secrets opened."""

    def __init__(self, reader: Reader, sealer: Sealer) -> None:
        self._reader = reader
        self._sealer = sealer

    async def find(self, access_key_id: str) -> AccessKey | None:
        row = await self._reader.access_key(access_key_id)
        if row is None:
            return None
        principal = Principal(row.arn, row.account, "user", row.access_key_id, row.policies)
        return AccessKey(row.access_key_id, self._sealer.open(row.secret, ACCESS_KEY_SECRET), principal)


class Installation(Struct):
    """A composed server, before anything runs."""

    settings: Settings
    storage: SqliteStorage
    committer: Committer
    wakeup: LocalWakeup
    clock: SystemClock
    environment: Environment
    app: Asgi
    providers: list[Provider]
    sweep: Callable[[float], "asyncio.Future[int]"]
    is_serving: bool = True


def compose(settings: Settings, executor: str, url: str) -> Installation:
    """Open everything. `executor` is where commands run, `url` where the server is. Raises DatabaseInUse, SchemaTooNew or
    ValueError."""
    git_host, root_url = _git_host(), _address("PENSTOCK_PUBLIC_URL") or url
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    sealer = Sealer(load_key(settings.key_file or settings.data_dir / "key", _key_in_environment()))
    given = (
        RootKeys(settings.root_access_key_id, settings.root_secret_access_key) if settings.root_access_key_id else None
    )
    storage = SqliteStorage(settings.database)
    root = load_root_keys(settings.data_dir, given)
    clock, wakeup, sessions = SystemClock(), LocalWakeup(), Sessions(sealer)
    door = make_door(
        settings.auth,
        keys=StoredKeys(storage.reader, sealer),
        sessions=sessions,
        clock=clock,
        roots=[_root_key(settings.account_id, root)],
        region=settings.region,
    )
    providers = _providers(settings, executor)
    served = frozenset(
        f"{kind.owner}/{kind.category}/{kind.provider}/{kind.version}"
        for provider in providers
        for kind in provider.action_types
    )
    committer = Committer(storage, wakeup, clock, UuidIds(), served)
    catalogue = SqliteObjects(storage.reading, _object_commits(committer), tell_watchers)
    environment = Environment(
        reader=storage.reader,
        committer=committer,
        wakeup=wakeup,
        clock=clock,
        ids=UuidIds(),
        vault=sealer,
        credentials=sessions,
        door=door,
        check_policy=policy.check,
        action_types=builtin(),
        ack_timeout_seconds=settings.ack_timeout,
        continuation_delay_seconds=settings.continuation_delay,
        server_id=str(uuid4()),
        polls=Polls(clock.now()),
        root_url=root_url,
        git_host=git_host,
    )
    files = LocalFiles(settings.artifacts)
    installation = Installation(
        settings=settings,
        storage=storage,
        committer=committer,
        wakeup=wakeup,
        clock=clock,
        environment=environment,
        app=_unbuilt,
        providers=providers,
        sweep=lambda now: asyncio.ensure_future(sweep(files, catalogue, now)),
    )
    installation.app = _doors(installation, door, S3Surface(door, catalogue, files, clock))
    return installation


async def _unbuilt(*_: object) -> None:
    raise AssertionError("the doors are hung before anybody comes")


def _key_in_environment() -> str | None:
    return os.environ.get("PENSTOCK_KEY")


def _git_host() -> GitHost | None:
    root = _address("PENSTOCK_GITHUB_API_URL")
    if not root:
        return None
    # What speaks HTTP to others takes a while to load, and most servers have nobody to speak to.
    from penstock.delivery.github import GitHub

    return GitHub(root)


def _address(variable: str) -> str:
    """An address that the environment names; empty if it names none."""
    address = os.environ.get(variable, "").rstrip("/")
    if address and not address.startswith(("http://", "https://")):
        raise ValueError(f"{variable} takes an address that begins with http:// or https://, not {address}")
    return address


def _root_key(account: str, root: RootKeys) -> AccessKey:
    principal = Principal(f"arn:aws:iam::{account}:root", account, "root", root.access_key_id)
    return AccessKey(root.access_key_id, root.secret_access_key, principal)


def _providers(settings: Settings, executor: str) -> list[Provider]:
    """The workers that come with the server, and those of packages that are installed beside it."""
    hidden = (settings.data_dir.resolve(), settings.database.resolve().parent, settings.artifacts.resolve())
    offered = ProviderSettings(executor=executor, work_dir=settings.data_dir / "work", hidden_dirs=hidden)  # type: ignore[arg-type]
    found = (_provider(entry, offered) for entry in entry_points(group="penstock.providers"))
    return [provider for provider in found if provider is not None]


def _provider(entry: EntryPoint, offered: ProviderSettings) -> Provider | None:
    """One provider; one that cannot be loaded is left out, and its actions fail and say that nobody serves them."""
    try:
        provider: Provider = entry.load()(offered)
    except Exception as problem:
        log.error("the provider %s (%s) cannot be loaded and is left out: %r", entry.name, entry.value, problem)
        return None
    return provider


def _object_commits(
    committer: Committer,
) -> "Callable[[Callable[[sqlite3.Connection], T]], asyncio.Future[T]]":
    """Writes of the object store, in the same batches as everything else."""

    def commit(work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        def write(transaction: object) -> Written[T]:
            assert isinstance(transaction, SqliteTransaction)
            return Written(work(transaction.connection), topics=("timers",))

        return asyncio.ensure_future(committer.write(write))

    return commit


def _doors(installation: Installation, door: Door, objects: Asgi) -> Router:
    metrics = Metrics()
    committer = installation.committer
    status = StatusPages(
        __version__,
        metrics,
        lambda: installation.is_serving and not committer.failed.done(),
        lambda: (committer.commits, committer.committed),
    )
    page = Console(installation.environment, installation.settings.account_id)
    doors = Doors(
        api=Api(installation.environment, metrics),
        sts=Sts(door),
        objects=objects,
        console=LocalPage(page.page, is_loopback=installation.settings.is_loopback),
        hooks=Hooks(installation.environment),
        pages={"/_penstock/health": status.health, "/_penstock/metrics": status.metrics},
    )
    return Router(doors)
