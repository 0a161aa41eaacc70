"""Where artifacts lie, and the temporary credentials that open them."""

from typing import Protocol

from msgspec import Struct

__all__ = ["Location", "Scope", "ScopedCredentials", "ScopedKeys"]


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
