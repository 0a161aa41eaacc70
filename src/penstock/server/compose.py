"""Settings to adapters to engine to operations to app: the one place that knows them all."""

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from msgspec import Struct

from penstock import __version__
from penstock.artifacts.files import sweep
from penstock.artifacts.holding import HoldingFiles
from penstock.auth import policy
from penstock.auth.door import make_door
from penstock.auth.key_file import open_sealer, text_of
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.console.page import Console
from penstock.core.action_types import builtin
from penstock.engine.committer import Committer, Written
from penstock.http.api import Api
from penstock.http.asgi import Asgi
from penstock.http.cors import Cors
from penstock.http.hooks import Hooks
from penstock.http.objects import S3Surface
from penstock.http.openapi import PATH as OPENAPI
from penstock.http.openapi import OpenApi
from penstock.http.pages import LocalPage
from penstock.http.query_form import QueryForm
from penstock.http.router import Doors, Router
from penstock.http.status import Metrics, StatusPages
from penstock.http.sts import Sts
from penstock.http.throttle import Throttle
from penstock.operations.call import ACCESS_KEY_SECRET, Environment
from penstock.operations.polls import Polls
from penstock.ports.backup import BackupKeys, Backups
from penstock.ports.git_host import GitHost
from penstock.ports.identity import AccessKey, Door, Principal
from penstock.ports.objects import ObjectCatalogue
from penstock.ports.principals import PrincipalRow
from penstock.ports.server_secrets import ROOT_KEYS
from penstock.ports.storage import Reader
from penstock.server.archivist import Order
from penstock.server.backups import LocalBackups
from penstock.server.clock import SystemClock, UuidIds
from penstock.server.credentials import RootKeys, load_root_keys, opened_root_keys, sealed_root_keys
from penstock.server.database import Database, DatabaseStorage, ServerWakeup, open_database
from penstock.server.ground import check_finished
from penstock.server.outer import Outer, open_outer
from penstock.server.settings import Settings
from penstock.server.shared_backups import SharedBackups
from penstock.server.workplace import folder_of
from penstock.storage.catalogue import Commit
from penstock.storage.statements import Statements
from penstock.storage.writing import Writing
from penstock.worker import Provider, ProviderSettings

__all__ = ["Installation", "compose"]

T = TypeVar("T")
log = logging.getLogger("penstock.server")


class StoredKeys:
    """Long-lived keys and their principals from the database, secrets opened."""

    def __init__(self, reader: Reader, sealer: Sealer) -> None:
        self._reader = reader
        self._sealer = sealer

    async def find(self, access_key_id: str) -> AccessKey | None:
        row = await self._reader.principals.access_key(access_key_id)
        holder = await self._reader.principals.principal(row.account, row.name) if row is not None else None
        if row is None or holder is None:
            return None
        secret = self._sealer.open(row.secret, ACCESS_KEY_SECRET)
        return AccessKey(access_key_id, secret, _stored_principal(holder, access_key_id))

    async def principal(self, principal_id: str) -> Principal | None:
        row = await self._reader.principals.principal_of_id(principal_id)
        return _stored_principal(row) if row is not None else None


def _stored_principal(row: PrincipalRow, access_key_id: str = "") -> Principal:
    return Principal(row.arn, row.account, row.kind, access_key_id, row.policies, id=row.id, name=row.name)


class Installation(Struct):
    """A composed server, before anything runs."""

    settings: Settings
    storage: DatabaseStorage
    committer: Committer
    wakeup: ServerWakeup
    clock: SystemClock
    environment: Environment
    app: Asgi
    api: Api
    providers: list[Provider]
    throttle: Throttle
    sweep: Callable[[float], "asyncio.Future[int]"]
    outer: Outer | None = None
    is_serving: bool = True


def compose(settings: Settings, executor: str, url: str) -> Installation:
    """Open everything. `executor` is where commands run, `url` where the server is. Raises what `open_database` raises."""
    check_finished(settings.data_dir)
    git_host, root_url = _git_host(), _address("PENSTOCK_PUBLIC_URL") or url
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    server_id = str(uuid4())
    database = open_database(settings, server_id)
    storage, wakeup = database.storage, database.wakeup
    sealer = _sealer(settings, database)
    root = _root_keys(settings, database, sealer)
    clock, sessions = SystemClock(database.clock_ahead_seconds), Sessions(sealer)
    door = _door(settings, StoredKeys(storage.reader, sealer), sessions, root=root, clock=clock)
    providers = _providers(settings, executor, folder_of(settings.data_dir, server_id))
    outer = open_outer(settings.outer_store, clock)
    committer = Committer(storage, wakeup, clock, UuidIds(), _served(providers))
    catalogue = storage.catalogue(_object_commits(committer))
    files, metrics = HoldingFiles(settings.artifacts), Metrics()
    backups = _backups(settings, database, sealer, files=files, catalogue=catalogue, clock=clock)
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
        server_id=server_id,
        polls=Polls(clock.now()),
        root_url=root_url,
        git_host=git_host,
        backups=backups,
        outer=outer.roles if outer is not None else None,
    )
    throttle = Throttle(settings.requests_per_second)
    installation = Installation(
        settings=settings,
        storage=storage,
        committer=committer,
        wakeup=wakeup,
        clock=clock,
        environment=environment,
        app=_unbuilt,
        api=Api(environment, metrics, throttle),
        providers=providers,
        throttle=throttle,
        sweep=lambda now: asyncio.ensure_future(_sweep(files, catalogue, backups, now)),
        outer=outer,
    )
    elsewhere = outer.sentence if outer is not None else ""
    surface = S3Surface(door, catalogue, files, clock, throttle=throttle, elsewhere=elsewhere)
    installation.app = _doors(installation, metrics, surface)
    return installation


def _door(settings: Settings, keys: StoredKeys, sessions: Sessions, *, root: RootKeys, clock: SystemClock) -> Door:
    return make_door(
        settings.auth,
        keys=keys,
        sessions=sessions,
        clock=clock,
        roots=[_root_key(settings.account_id, root)],
        region=settings.region,
    )


def _served(providers: list[Provider]) -> frozenset[str]:
    """The type keys of what these work on."""
    kinds = (kind for provider in providers for kind in provider.action_types)
    return frozenset(f"{kind.owner}/{kind.category}/{kind.provider}/{kind.version}" for kind in kinds)


async def _sweep(files: HoldingFiles, catalogue: ObjectCatalogue, backups: Backups, now: float) -> int:
    await backups.sweep(now)
    return await sweep(files, catalogue, now)


def _backups(
    settings: Settings,
    database: Database,
    sealer: Sealer,
    *,
    files: HoldingFiles,
    catalogue: ObjectCatalogue,
    clock: SystemClock,
) -> Backups:
    order = Order(
        database=settings.database_url if settings.is_shared else str(settings.database.absolute()),
        artifacts=str(settings.artifacts.absolute()),
        with_artifacts=True,
        account=settings.account_id,
        region=settings.region,
        taken_at=0.0,
    )
    keys = partial(_backup_keys, settings, database)
    own = LocalBackups(order, keys, files=files, catalogue=catalogue, clock=clock)
    if database.shared is None:
        return own
    return SharedBackups(own, database.shared.notes, vault=sealer, clock=clock)


def _backup_keys(settings: Settings, database: Database) -> BackupKeys:
    """What opens the secrets, as it lies in files; a key from the environment lies in none."""
    credentials = (settings.data_dir / "credentials").read_text(encoding="utf-8")
    if _key_in_environment():
        return BackupKeys(credentials)
    if database.shared is not None and settings.key_file is None:
        return BackupKeys(credentials, text_of(database.shared.keys.load()))
    path = settings.key_file or settings.data_dir / "key"
    return BackupKeys(credentials, path.read_text(encoding="ascii"))


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


def _sealer(settings: Settings, database: Database) -> Sealer:
    in_environment = _key_in_environment()
    if database.shared is not None and settings.key_file is None:
        return open_sealer(database.shared.keys, in_environment)
    return open_sealer(settings.key_file or settings.data_dir / "key", in_environment)


def _root_keys(settings: Settings, database: Database, sealer: Sealer) -> RootKeys:
    """Those given, else those of all servers on this database, else those in the data directory; they are left there."""
    key_id, secret = settings.root_access_key_id, settings.root_secret_access_key
    if key_id:
        return load_root_keys(settings.data_dir, RootKeys(key_id, secret))
    found = load_root_keys(settings.data_dir, None)
    if database.shared is None:
        return found
    agreed = opened_root_keys(sealer, database.shared.agree(ROOT_KEYS, sealed_root_keys(sealer, found)))
    return load_root_keys(settings.data_dir, agreed)


def _root_key(account: str, root: RootKeys) -> AccessKey:
    principal = Principal(f"arn:aws:iam::{account}:root", account, "root", root.access_key_id, id=account)
    return AccessKey(root.access_key_id, root.secret_access_key, principal)


def _providers(settings: Settings, executor: str, work_dir: Path) -> list[Provider]:
    """The workers that come with the server, and those of packages that are installed beside it."""
    hidden = (settings.data_dir.resolve(), settings.database.resolve().parent, settings.artifacts.resolve())
    offered = ProviderSettings(executor=executor, work_dir=work_dir, hidden_dirs=hidden)  # type: ignore[arg-type]
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


def _object_commits(committer: Committer) -> Commit:
    """Writes of the object store, in the same batches as everything else."""

    def commit(work: Callable[[Statements], T]) -> "asyncio.Future[T]":
        def write(transaction: object) -> Written[T]:
            assert isinstance(transaction, Writing), "rows of objects lie in the same database as all others"
            return Written(work(transaction.statements), topics=("timers",))

        return asyncio.ensure_future(committer.write(write))

    return commit


def _doors(installation: Installation, metrics: Metrics, objects: Asgi) -> Router:
    committer = installation.committer
    status = StatusPages(
        __version__,
        metrics,
        is_serving=lambda: installation.is_serving and not committer.failed.done(),
        check=installation.storage.check,
        commits=lambda: (committer.commits, committer.committed),
    )
    page = Console(installation.environment, installation.settings.account_id)
    sts = Sts(installation.environment, installation.throttle)
    shared = _shared(installation.settings)
    doors = Doors(
        query_form=shared(QueryForm(installation.api, metrics, sts)),
        sts=shared(sts),
        objects=shared(objects),
        console=LocalPage(page.page, is_loopback=installation.settings.is_loopback),
        hooks=Hooks(installation.environment),
        pages={
            "/_penstock/health": status.health,
            "/_penstock/metrics": status.metrics,
            OPENAPI: OpenApi(__version__),
        },
    )
    return Router(doors)


def _shared(settings: Settings) -> Callable[[Asgi], Asgi]:
    """What makes a door one for pages of other origins, if there are any that may call."""
    return Cors(settings.cors_origin).shared if settings.cors_origin else lambda door: door
