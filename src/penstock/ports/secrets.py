"""Keeping secrets: what is written down is sealed, under keys that can be replaced."""

from collections.abc import Sequence
from typing import Protocol

__all__ = [
    "ACCESS_KEY_SECRET",
    "CONFIGURATION_SECRET",
    "CONNECTION_SECRET",
    "CONNECTION_TOKEN",
    "FINGERPRINT_KEY",
    "SEALED_MARK",
    "WEBHOOK_SECRET",
    "WEBHOOK_TOKEN",
    "KeyedVault",
    "KeysAreFixed",
    "Vault",
]

# What every sealed text begins with; the id of its key follows.
SEALED_MARK = "penstock:v1:"

# What secrets are sealed for: one that was sealed as a configuration value opens as nothing else.
CONFIGURATION_SECRET = b"configuration"
ACCESS_KEY_SECRET = b"access-key"
WEBHOOK_SECRET = b"webhook-secret"
WEBHOOK_TOKEN = b"webhook-token"
CONNECTION_SECRET = b"connection-secret"
CONNECTION_TOKEN = b"connection-token"
FINGERPRINT_KEY = b"fingerprint-key"


class KeysAreFixed(Exception):
    """The keys were given to the server from outside, and are not its own to replace."""


class Vault(Protocol):
    def seal(self, text: str, context: bytes) -> str:
        """Printable text that only `open` with the same context gives back."""

    def open(self, sealed: str, context: bytes) -> str:
        """The text; ValueError if it was sealed by another key, for another context, or was changed."""

    def fingerprint(self, text: str) -> bytes:
        """A keyed hash, for secrets that need only be recognised. It stays the same when keys are replaced."""


class KeyedVault(Vault, Protocol):
    """A vault and its keys: the newest seals, each opens what it has sealed."""

    @property
    def key_ids(self) -> Sequence[str]:
        """The names of its keys, newest first; they tell nothing of the keys."""

    @property
    def is_fixed(self) -> bool:
        """Whether its keys can be replaced from outside alone."""

    def add_key(self) -> str:
        """Make a new key, the newest from now on; returns its id.

        Blocks until the key is on disk, and nothing is sealed under it before. Raises KeysAreFixed, or OSError if it cannot
        be written; then everything is as it was.
        """

    def refresh(self) -> None:
        """Look which keys there are by now where they are kept: another server may have added or dropped one. Blocks.

        Raises OSError or ValueError if they cannot be read; then everything is as it was.
        """

    def drop_key(self, key_id: str) -> None:
        """Forget an old key, on disk too; what it alone opens is lost. Raises as `add_key` does."""

    def reseal(self, document: bytes, context: bytes) -> bytes:
        """The document with all texts in it that an older key has sealed for this context sealed by the newest one.

        What only looks like such a text is left as it is.
        """

    def seals_in(self, document: bytes, context: bytes) -> list[str]:
        """The key ids of the texts in it that are sealed for this context, one entry a text."""

    def export_fingerprint_key(self) -> str:
        """The key of `fingerprint`, sealed by the newest key."""

    def adopt_fingerprint_key(self, sealed: str) -> None:
        """Use that key for `fingerprint` from now on. ValueError if none of the keys opens it."""
