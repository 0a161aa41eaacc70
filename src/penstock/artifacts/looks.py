"""Looks at objects of a store that does not tell of their changes. S3 API: HeadObject."""

import threading
from typing import Any

from msgspec import Struct

from penstock.artifacts.outer import StoreClients, told_apart
from penstock.artifacts.roles import SECONDS_MIN, RoleSessions, Wish
from penstock.ports.artifacts import CredentialsRefused, Location
from penstock.ports.clock import Clock

__all__ = ["RoleLooks"]

SESSION_NAME = "penstock-source"
KEPT_MAX = 256
RENEWAL_SECONDS_BEFORE = 120
MISSING = ("404", "NoSuchKey", "NotFound")
UNVERSIONED = (None, "", "null")


class Kept(Struct):
    """A client of a role, good for a while."""

    client: Any
    renew_at: float


class RoleLooks:
    """Each role's sessions are kept until they lapse: one serves all the objects that the role's pipelines watch."""

    def __init__(self, clients: StoreClients, roles: RoleSessions, clock: Clock) -> None:
        self._clients = clients
        self._roles = roles
        self._clock = clock
        self._kept: dict[tuple[str, tuple[str, ...]], Kept] = {}
        self._keeping = threading.Lock()

    async def newest(self, place: Location, account: str, roles: tuple[str, ...]) -> str | None:
        return await self._clients.run(lambda: self._newest(place, account, roles))

    def _newest(self, place: Location, account: str, roles: tuple[str, ...]) -> str | None:
        from botocore.exceptions import ClientError

        try:
            with told_apart(f"s3://{place.bucket}/{place.key}"):
                found = self._client(account, roles).head_object(Bucket=place.bucket, Key=place.key)
        except CredentialsRefused as problem:
            cause = problem.__cause__
            if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in MISSING:
                return None
            # A session that was ended before its time is refused as well, and a new one may not be.
            with self._keeping:
                self._kept.pop((account, roles), None)
            raise
        version = found.get("VersionId")
        return str(found["ETag"] if version in UNVERSIONED else version)

    def _client(self, account: str, roles: tuple[str, ...]) -> Any:
        now = self._clock.now()
        with self._keeping:
            kept = self._kept.get((account, roles))
        if kept is not None and now < kept.renew_at:
            return kept.client
        keys = self._roles.assume(Wish(roles, account, SESSION_NAME, None, SECONDS_MIN))
        fresh = Kept(self._clients.s3(keys), now + SECONDS_MIN - RENEWAL_SECONDS_BEFORE)
        with self._keeping:
            if len(self._kept) >= KEPT_MAX:
                self._kept = {name: each for name, each in self._kept.items() if now < each.renew_at}
            if len(self._kept) < KEPT_MAX:
                self._kept[account, roles] = fresh
        return fresh.client
