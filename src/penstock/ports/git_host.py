"""Asking a git host to deliver its events here."""

from typing import ClassVar, Protocol

from penstock.wire.shape import Concealing

__all__ = ["GitHost", "GitHostRefused", "Hook"]


class Hook(Concealing, frozen=True):
    """A webhook of a repository: where its pushes are delivered to, and the secret that signs them.

    `token` is what the repository's owner gave to act in their name; `id` is the host's, once it knows the webhook.
    """

    CONCEALED: ClassVar[frozenset[str]] = frozenset({"token", "url", "secret"})
    owner: str
    repository: str
    token: str
    url: str
    secret: str | None = None
    id: str | None = None


class GitHostRefused(Exception):
    """The host did not do it; the text says why."""


class GitHost(Protocol):
    async def register(self, hook: Hook) -> str:
        """Have pushes delivered, and give the host's id for the webhook. One that it knows is brought up to date.

        Raises GitHostRefused, also if the host does not answer in time.
        """

    async def deregister(self, hook: Hook) -> None:
        """Have nothing delivered any more. A webhook that the host does not know is no error. Raises GitHostRefused."""
