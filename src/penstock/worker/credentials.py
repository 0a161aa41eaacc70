"""boto3 clients of one job: with its own credentials for artifacts, with the service's for all else.

boto3 is imported by the first job that needs it: it costs 30 MiB and a third of a second.
"""

import asyncio
import datetime as dt
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.wire import types as wire
from penstock.worker.client import is_aws
from penstock.worker.results import JobError

if TYPE_CHECKING:
    from penstock.worker.board import Board, Offer

# Observed: credentials last 15 minutes, and AWS's own Jenkins plugin takes new ones after 14.
CREDENTIALS_SECONDS = 15 * 60
RENEWAL_SECONDS_BEFORE = 60
RENEWAL_SECONDS_MAX = 60

# What a server of ours answers for itself. Any other service is somewhere else, with credentials of its own.
SERVED = frozenset({"s3", "sts", "codepipeline"})

Load = Callable[[], Awaitable[wire.AWSSessionCredentials | None]]

# botocore's sessions are made one at a time: they share a loader of service models.
_making = threading.Lock()


class Patience(Struct, frozen=True):
    """How long a client waits for an answer, and how often it asks at most before it gives up."""

    read_seconds: float = 60
    attempts_max: int = 5


PATIENCE = Patience()


class Clients:
    """Makes boto3 clients whose credentials stay fresh for as long as the job runs.

    They are for threads: a call made on the loop's own thread works, but cannot wait for new credentials.
    """

    def __init__(self, offer: "Offer", board: "Board") -> None:
        self._offer = offer
        self._board = board
        self._made: dict[tuple[str, bool, Patience, str | None], Any] = {}
        self._turn = asyncio.Lock()

    async def artifacts(self) -> Any:
        """An S3 client that may read the job's inputs and write its outputs, and nothing else."""
        return await self._client("s3", PATIENCE, of_job=True)

    async def service(self, name: str, patience: Patience = PATIENCE, region: str | None = None) -> Any:
        """A client of that service for what the action itself touches; in the job's region unless another is named."""
        return await self._client(name, patience, region, of_job=False)

    async def _client(self, name: str, patience: Patience, region: str | None = None, *, of_job: bool) -> Any:
        key = (name, of_job, patience, region)
        async with self._turn:
            if key not in self._made:
                self._made[key] = await self._make(name, patience, region or self._offer.region or None, of_job=of_job)
            return self._made[key]

    async def _make(self, name: str, patience: Patience, region: str | None, *, of_job: bool) -> Any:
        endpoint_url = self._board.endpoint_url if name in SERVED else None
        if name == "s3":
            store = self._board.object_store
            endpoint_url, region = store.endpoint_url, store.region or region
        held = load = None
        if of_job:
            load = functools.partial(self._board.credentials, self._offer)
            held = self._offer.data.artifact_credentials or await load()
            if held is None:
                raise JobError("The job came without credentials for its artifacts.", "PermissionError")
        elif name in SERVED:
            load = functools.partial(self._board.service_credentials, self._offer, name)
            held = await load()
        renew = renewal(load) if held is not None and load is not None else None
        return await asyncio.to_thread(_client, name, endpoint_url, region, held, renew, patience=patience)


def renewal(load: Load) -> Callable[[], dict[str, str]]:
    """What botocore calls, in whatever thread signs a request, when the credentials are about to lapse."""
    loop = asyncio.get_running_loop()

    def renew() -> dict[str, str]:
        if threading.current_thread() is own_thread:
            raise RuntimeError("credentials cannot be renewed by a call on the loop's own thread")
        fresh = asyncio.run_coroutine_threadsafe(_loaded(load), loop).result(RENEWAL_SECONDS_MAX)
        if fresh is None:
            raise RuntimeError("the server gives no more credentials for this job")
        return _metadata(fresh)

    own_thread = threading.current_thread()
    return renew


async def _loaded(load: Load) -> wire.AWSSessionCredentials | None:
    return await load()


def _metadata(credentials: wire.AWSSessionCredentials) -> dict[str, str]:
    lapse = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=CREDENTIALS_SECONDS)
    return {
        "access_key": credentials.access_key_id,
        "secret_key": credentials.secret_access_key,
        "token": credentials.session_token,
        "expiry_time": lapse.isoformat(),
    }


def _client(
    name: str,
    endpoint_url: str | None,
    region: str | None,
    held: wire.AWSSessionCredentials | None,
    renew: Callable[[], dict[str, str]] | None,
    *,
    patience: Patience,
) -> Any:
    import boto3
    from botocore.config import Config

    with _making:
        session = boto3.Session(botocore_session=_session(held, renew), region_name=region)
        settings = Config(
            connect_timeout=10,
            read_timeout=patience.read_seconds,
            retries={"mode": "standard", "total_max_attempts": patience.attempts_max},
        )
        if endpoint_url is not None and not is_aws(endpoint_url):
            # Our own server is beside us: a proxy of the environment leads elsewhere.
            settings = settings.merge(Config(proxies={}))
        if name == "s3":
            settings = settings.merge(Config(signature_version="s3v4"))
        client = session.client(name, endpoint_url=endpoint_url, config=settings)
        if name != "s3" or is_aws(client.meta.endpoint_url):
            return client
        # Elsewhere than at AWS a bucket has no host name of its own, so it goes into the path.
        in_path = settings.merge(Config(s3={"addressing_style": "path"}))
        return session.client(name, endpoint_url=endpoint_url, config=in_path)


def _session(held: wire.AWSSessionCredentials | None, renew: Callable[[], dict[str, str]] | None) -> Any:
    from botocore.credentials import CredentialResolver, RefreshableCredentials
    from botocore.session import Session

    session = Session()
    session.register_component("data_loader", _loader())
    if held is None or renew is None:
        return session
    credentials = RefreshableCredentials.create_from_metadata(
        metadata=_metadata(held),
        refresh_using=renew,
        method="penstock-job",
        advisory_timeout=RENEWAL_SECONDS_BEFORE,
        mandatory_timeout=RENEWAL_SECONDS_BEFORE // 6,
    )
    session.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    return session


class _Given:
    """A credential provider, as botocore knows them, that already has what it provides."""

    METHOD = "penstock-job"
    CANONICAL_NAME = None

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


@functools.cache
def _loader() -> Any:
    from botocore.session import Session

    return Session().get_component("data_loader")
