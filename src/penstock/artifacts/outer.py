"""A store of objects that is not this server's: where it is, how its clients are made, and what its refusals mean.

Nothing here is loaded before it is needed: boto3 costs 30 MiB and a third of a second.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from penstock.artifacts.address import OuterStore
from penstock.ports.artifacts import CredentialsRefused, ScopedKeys, StoreUnavailable

__all__ = ["StoreClients", "told_apart"]

T = TypeVar("T")

CONNECT_SECONDS = 5
READ_SECONDS = 10
TRIES_MAX = 2
ANSWER_SECONDS_MAX = 40.0
THREADS = 16
# What is wrong with the server's own credentials, or with the moment, is no answer about a role.
PASSING = (
    "Throttl",
    "RequestLimitExceeded",
    "TooManyRequests",
    "SlowDown",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
)


class InThread(Protocol):
    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class StoreClients:
    """Makes boto3 clients of the store, and runs what uses them in threads, a bounded number at a time.

    `in_thread` runs a function in a thread that nobody waits for when the server ends. The server's own credentials are found
    as every AWS client finds them: environment, shared configuration, role of the instance.
    """

    def __init__(self, store: OuterStore, in_thread: InThread) -> None:
        self.store = store
        self._in_thread = in_thread
        self._room = asyncio.Semaphore(THREADS)
        self._making = threading.Lock()
        self._session: Any = None
        self._sts: Any = None

    def has_credentials(self) -> bool:
        """Whether the server has credentials of its own. Blocks."""
        with self._making:
            return self._opened().get_credentials() is not None

    def sts(self, keys: ScopedKeys | None = None) -> Any:
        """A client of STS, of the server itself unless there are keys. Blocks."""
        if keys is not None:
            return self._client("sts", self.store.sts_endpoint_url, keys)
        with self._making:
            self._sts = self._sts or self._made("sts", self.store.sts_endpoint_url, None)
            return self._sts

    def s3(self, keys: ScopedKeys | None = None) -> Any:
        """A client of S3, likewise. Blocks."""
        return self._client("s3", self.store.endpoint_url, keys)

    def check(self) -> None:
        """Return if the server itself can reach the bucket. Blocks. Raises CredentialsRefused or StoreUnavailable."""
        with told_apart(f"s3://{self.store.bucket} at {self.store.endpoint_url}"):
            self.s3().head_bucket(Bucket=self.store.bucket)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; StoreUnavailable if that takes too long. The caller need not run in a task."""
        return await asyncio.ensure_future(self._run(work))

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX), self._room:
                return await self._in_thread(work)
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {ANSWER_SECONDS_MAX:.0f} seconds") from None

    def _client(self, service: str, url: str, keys: ScopedKeys | None) -> Any:
        with self._making:
            return self._made(service, url, keys)

    def _opened(self) -> Any:
        import boto3

        self._session = self._session or boto3.Session()
        return self._session

    def _made(self, service: str, url: str, keys: ScopedKeys | None) -> Any:
        from botocore.config import Config

        settings = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=THREADS,
            retries={"mode": "standard", "total_max_attempts": TRIES_MAX},
        )
        if not self.store.is_aws:
            # A store that has an address of its own is reached directly, and its buckets have no host names.
            settings = settings.merge(Config(proxies={}, s3={"addressing_style": "path"}))
        if service == "s3":
            settings = settings.merge(Config(signature_version="s3v4"))
        given = {} if keys is None else _given(keys)
        return self._opened().client(service, endpoint_url=url, region_name=self.store.region, config=settings, **given)


def _given(keys: ScopedKeys) -> dict[str, str]:
    return {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token,
    }


@contextmanager
def told_apart(what: str, refusal: str = "") -> Iterator[None]:
    """Errors of boto3 as what they mean: CredentialsRefused for a no, StoreUnavailable for everything that may pass.

    `refusal` is what a no begins with, if not with `what`.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status >= 500 or code.startswith(PASSING):
            raise StoreUnavailable(f"{what}: {error}") from error
        raise CredentialsRefused(f"{refusal or what}: {error}") from error
    except ParamValidationError as error:
        raise CredentialsRefused(f"{refusal or what}: {' '.join(str(error).split())}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{what}: {error}") from error
