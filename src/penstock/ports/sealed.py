"""Where sealed texts lie at rest, so that they can be sealed anew, and what is known of the keys that sealed them."""

from typing import Literal, Protocol, get_args

from msgspec import Struct

from penstock.ports import secrets

__all__ = [
    "CONTEXTS",
    "PLACES",
    "Place",
    "RowKey",
    "SealedReads",
    "SealedRow",
    "SealedWrites",
    "SealingKeyRow",
    "Slice",
]

# In the order in which they are gone through: the rest is made of what versions hold.
Place = Literal[
    "fingerprint_key",
    "root_keys",
    "access_keys",
    "webhook_tokens",
    "webhook_secrets",
    "connection_tokens",
    "connection_secrets",
    "pipeline_versions",
    "jobs",
    "action_inputs",
]
PLACES: tuple[Place, ...] = get_args(Place)

# What the texts of each place are sealed for.
CONTEXTS: dict[Place, bytes] = {
    "fingerprint_key": secrets.FINGERPRINT_KEY,
    "root_keys": secrets.ACCESS_KEY_SECRET,
    "access_keys": secrets.ACCESS_KEY_SECRET,
    "webhook_tokens": secrets.WEBHOOK_TOKEN,
    "webhook_secrets": secrets.WEBHOOK_SECRET,
    "connection_tokens": secrets.CONNECTION_TOKEN,
    "connection_secrets": secrets.CONNECTION_SECRET,
    "pipeline_versions": secrets.CONFIGURATION_SECRET,
    "jobs": secrets.CONFIGURATION_SECRET,
    "action_inputs": secrets.CONFIGURATION_SECRET,
}

RowKey = tuple[str | int, ...]


class SealedRow(Struct, frozen=True):
    """A value with sealed texts in it, and the key of its row."""

    key: RowKey
    value: bytes


class Slice(Struct, frozen=True):
    """Some rows of a place, those without sealed texts left out; the next slice comes after `last`, None at the end."""

    rows: tuple[SealedRow, ...]
    last: RowKey | None


class SealingKeyRow(Struct, frozen=True):
    """A key that the database has been used with. At rest, nothing sealed under it was left at `unused_since`."""

    id: str
    since: float
    unused_since: float | None = None


class SealedReads(Protocol):
    """What was committed."""

    async def slice(self, place: Place, after: RowKey | None, rows_max: int) -> Slice:
        """Look at `rows_max` rows, in key order, whether there is something sealed in them or not."""

    async def fingerprint_key(self) -> str | None: ...

    async def sealing_keys(self) -> list[SealingKeyRow]: ...


class SealedWrites(Protocol):
    """Part of a transaction."""

    def replace(self, place: Place, row: SealedRow, value: bytes) -> bool:
        """Put a value in the place of the row's; False if it has another one by now, and then nothing is written."""

    def put_fingerprint_key(self, sealed: str) -> None: ...

    def put_sealing_key(self, row: SealingKeyRow) -> None:
        """Note a key; of one that is known, only `unused_since` changes."""

    def delete_sealing_key(self, key_id: str) -> None: ...
