"""Keeping secrets: what is written down is sealed."""

from typing import Protocol

__all__ = ["Vault"]


class Vault(Protocol):
    def seal(self, text: str, context: bytes) -> str:
        """Printable text that only `open` with the same context gives back."""

    def open(self, sealed: str, context: bytes) -> str:
        """The text; ValueError if it was sealed by another key, for another context, or was changed."""

    def fingerprint(self, text: str) -> bytes:
        """A keyed hash, for secrets that need only be recognised."""
