"""Where artifacts lie, and the temporary credentials that open them."""

from typing import Protocol

from msgspec import Struct

__all__ = [
    "CredentialsRefused",
    "Location",
    "ObjectLooks",
    "RoleCredentials",
    "Scope",
    "ScopedCredentials",
    "ScopedKeys",
    "StoreUnavailable",
]


class CredentialsRefused(Exception):
    """The store will not give a role's credentials; the text says which role's, and what the store said."""


class StoreUnavailable(Exception):
    """The store cannot be asked for now; the text says why."""


class Location(Struct, frozen=True):
    """An object in a bucket."""

    bucket: str
    key: str


class Scope(Struct, frozen=True):
    """What one job's credentials open: its inputs to read, its outputs to write, until `expires_at` (epoch seconds)."""

    account: str
    region: str
    job_id: str
    reads: tuple[Location, ...]
    writes: tuple[Location, ...]
    expires_at: float


class ScopedKeys(Struct, frozen=True):
    """Temporary credentials as a worker gets them."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def __repr__(self) -> str:
        return f"ScopedKeys({self.access_key_id!r}, ****)"


class ScopedCredentials(Protocol):
    """Mints temporary credentials. No lookup and no storage: the token says it all."""

    def mint(self, scope: Scope) -> ScopedKeys:
        """Credentials for one job's objects and nothing else."""

    def mint_service(self, account: str, region: str, expires_at: float) -> ScopedKeys:
        """Credentials with which a built-in worker reaches what its account owns."""


class RoleCredentials(Protocol):
    """Credentials of roles at a store that is not this server's own. Its answers are never kept.

    The first role is assumed with the server's own credentials, each further one with those of the role before. All methods
    raise CredentialsRefused or StoreUnavailable.
    """

    async def mint(self, scope: Scope, roles: tuple[str, ...]) -> ScopedKeys:
        """Credentials of the last role for one job's objects and nothing else."""

    async def mint_service(self, account: str, job_id: str, roles: tuple[str, ...]) -> ScopedKeys:
        """Credentials of the last role, with which a built-in worker reaches what that role may."""


class ObjectLooks(Protocol):
    """Looks at objects of a store that does not tell of their changes."""

    async def newest(self, place: Location, account: str, roles: tuple[str, ...]) -> str | None:
        """What names the current version of an object, seen with the credentials of the last role; None if there is no object.

        Raises CredentialsRefused, also if that role may not see the object, or StoreUnavailable.
        """
