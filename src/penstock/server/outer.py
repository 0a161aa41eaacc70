"""What a server needs of a store of objects that is not its own."""

import logging

from msgspec import Struct

from penstock.artifacts.address import OuterStore
from penstock.artifacts.looks import RoleLooks
from penstock.artifacts.outer import StoreClients
from penstock.artifacts.roles import RoleSessions
from penstock.auth.sessions import job_policy
from penstock.engine.committer import Committer
from penstock.engine.duties.source_looks import SourceLooks
from penstock.engine.run import Duty
from penstock.ports.artifacts import CredentialsRefused, Scope, StoreUnavailable
from penstock.ports.clock import Clock
from penstock.ports.storage import Reader
from penstock.worker.board import ObjectStore
from penstock.worker.threads import in_own_thread

__all__ = ["Outer", "open_outer"]

log = logging.getLogger("penstock.server")

AGAIN_SECONDS = 15.0


class Outer(Struct, frozen=True):
    """The store, its credentials of roles, and the looks at its objects."""

    store: OuterStore
    clients: StoreClients
    roles: RoleSessions
    looks: RoleLooks

    @property
    def object_store(self) -> ObjectStore:
        """As workers know it."""
        return ObjectStore(self.store.endpoint_url, self.store.region)

    @property
    def sentence(self) -> str:
        """For those who look for objects here."""
        return f"artifacts are at {self.store.endpoint_url}, which AWS_ENDPOINT_URL_S3 names to AWS clients"

    def duties(self, reader: Reader, committer: Committer) -> list[Duty]:
        return [SourceLooks(reader, committer, self.looks, self.store.poll_seconds), FirstAnswer(self.clients)]


class FirstAnswer:
    """Asks for the bucket of the setting until it is there, and says in the log what is wrong: a server may start before it."""

    topic = "artifact store"

    def __init__(self, clients: StoreClients) -> None:
        self._clients = clients
        self._told = ""
        self._is_there = False

    async def tick(self, now: float) -> float | None:
        if self._is_there:
            return None
        try:
            await self._clients.run(self._clients.check)
        except (CredentialsRefused, StoreUnavailable) as problem:
            if str(problem) != self._told:
                self._told = str(problem)
                log.warning("the artifact store is not as it should be; the server goes on: %s", problem)
            return now + AGAIN_SECONDS
        self._is_there = True
        return None


def open_outer(store: OuterStore | None, clock: Clock) -> Outer | None:
    """Raises ValueError, with a sentence, if the server has no credentials for it."""
    if store is None:
        return None
    clients = StoreClients(store, in_own_thread)
    if not clients.has_credentials():
        raise ValueError(
            f"there are no AWS credentials for the artifact store {store.endpoint_url}: "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )

    def policy(scope: Scope) -> str:
        return job_policy(scope.reads, scope.writes, with_keys=store.is_aws)

    roles = RoleSessions(clients, policy, clock)
    return Outer(store, clients, roles, RoleLooks(clients, roles, clock))
