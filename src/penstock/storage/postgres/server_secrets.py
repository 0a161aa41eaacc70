"""Secrets that all servers on one database have in common: whoever starts first leaves them there."""

import base64
import os
from collections.abc import Callable

from penstock.ports.server_secrets import SEALING_KEYS
from penstock.storage import queries
from penstock.storage.postgres.connection import connect, conninfo

__all__ = ["PostgresKeys", "ServerSecrets"]

_SQL = queries.load("servers", "postgres")
KEY_BYTES = 32


class ServerSecrets:
    """Each call has a connection of its own, and blocks: they are few. Raises psycopg.Error if the database is away."""

    def __init__(self, url: str) -> None:
        self._address = conninfo(url)

    def agree(self, name: str, secret: str) -> str:
        """The text of that name: this one, unless another was there first."""
        with connect(self._address) as connection:
            connection.execute(_SQL["leave"], {"name": name, "secret": secret})
            row = connection.execute(_SQL["left"], {"name": name}).fetchone()
        assert row is not None, "it was left there a moment ago"
        text: str = row[0]
        return text

    def change(self, name: str, before: str, after: str) -> bool:
        """Put a text in another's place; False if somebody else has changed it meanwhile."""
        with connect(self._address) as connection:
            return connection.execute(_SQL["change"], {"name": name, "before": before, "after": after}).rowcount == 1

    def find(self, name: str) -> str | None:
        with connect(self._address) as connection:
            row = connection.execute(_SQL["left"], {"name": name}).fetchone()
        return row[0] if row is not None else None

    def names(self, front: str) -> list[str]:
        """Of all secrets whose names begin like that."""
        with connect(self._address) as connection:
            return [name for (name,) in connection.execute(_SQL["names"], {"front": front})]

    def forget(self, name: str) -> None:
        with connect(self._address) as connection:
            connection.execute(_SQL["forget"], {"name": name})


class PostgresKeys:
    """Sealing keys, newest first, kept in the database. `penstock.auth.seal` says how a store of keys is used."""

    def __init__(self, secrets: ServerSecrets) -> None:
        self._secrets = secrets

    def load(self) -> list[bytes]:
        return [base64.b64decode(text) for text in self._text().split()]

    def add(self, key: bytes) -> None:
        self._change(lambda texts: [_text_of(key), *texts])

    def drop(self, key: bytes) -> None:
        self._change(lambda texts: [text for text in texts if text != _text_of(key)])

    def _text(self) -> str:
        return self._secrets.agree(SEALING_KEYS, _text_of(os.urandom(KEY_BYTES)))

    def _change(self, make: Callable[[list[str]], list[str]]) -> None:
        while True:
            before = self._text()
            if self._secrets.change(SEALING_KEYS, before, " ".join(make(before.split()))):
                return


def _text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()
