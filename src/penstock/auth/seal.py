"""Secrets at rest and in tokens: sealed under the newest key of an installation, opened by the one that sealed them."""

import base64
import hmac
import os
import re
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from penstock.ports.secrets import FINGERPRINT_KEY, SEALED_MARK, KeysAreFixed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_BYTES", "KeyStore", "Sealer"]

KEY_BYTES = 32
NONCE_BYTES = 12
# Texts under unknown keys may be anybody's invention: they do not make it look more often.
REFRESH_SECONDS_MIN = 1.0

_SEALED = re.compile(re.escape(SEALED_MARK).encode() + rb"([0-9a-f]{8}):[A-Za-z0-9_-]+")


class KeyStore(Protocol):
    """Where keys outlive the process. What it is told is on disk when it returns; OSError or ValueError if it cannot be."""

    def load(self) -> list[bytes]:
        """The keys, newest first."""

    def add(self, key: bytes) -> None: ...

    def drop(self, key: bytes) -> None: ...


class _Key:
    """One key, and what is derived from it."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"A sealing key has {KEY_BYTES} bytes, not {len(key)}.")
        self.key = key
        self._root = hmac.digest(bytes(KEY_BYTES), key, "sha256")
        self.id = self.subkey(b"key id")[:4].hex()
        self._front = f"{SEALED_MARK}{self.id}:"
        self._cipher: AESGCM | None = None

    def __repr__(self) -> str:
        return f"_Key({self.id!r}, ****)"

    def subkey(self, purpose: bytes) -> bytes:
        return hmac.digest(self._root, purpose + b"\x01", "sha256")

    def seal(self, text: str, context: bytes) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._aead().encrypt(nonce, text.encode(), context)
        return self._front + _pack(nonce + sealed)

    def open(self, sealed: str, context: bytes) -> str:
        from cryptography.exceptions import InvalidTag

        try:
            envelope = _unpack(sealed[len(self._front) :])
            plain = self._aead().decrypt(envelope[:NONCE_BYTES], envelope[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as damage:
            raise ValueError("The sealed text has been changed or belongs elsewhere.") from damage
        return plain.decode()

    def _aead(self) -> "AESGCM":
        if self._cipher is None:
            # The library takes about 20 ms to load: the first seal pays, not the start of every command.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self.subkey(b"seal"))
        return self._cipher


class Sealer:
    """Seals texts so that only holders of the same key can read or make them. Its keys come newest first.

    Keys are added and dropped in `store`; without one, they are those that it was made with.
    """

    def __init__(self, *keys: bytes, store: KeyStore | None = None) -> None:
        ring = [_Key(key) for key in keys]
        if not ring:
            raise ValueError("A sealer has at least one key.")
        self._keys = {key.id: key for key in ring}
        self._newest = ring[0]
        self._store = store
        self._changing = Lock()
        self._looked_at = monotonic()
        # Hashes cannot be made anew, so their key stays when others come; an installation keeps it where it keeps the hashes.
        self._fingerprint_key = ring[-1].subkey(b"fingerprint")

    def __repr__(self) -> str:
        return f"Sealer({', '.join(map(repr, self.key_ids))}, ****)"

    @property
    def key_id(self) -> str:
        """Which key seals, told without telling the key."""
        return self._newest.id

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The names of all its keys, newest first."""
        return tuple(self._keys)

    @property
    def is_fixed(self) -> bool:
        """Whether it has no store, so that its keys stay those that it was made with."""
        return self._store is None

    def subkey(self, purpose: bytes, sealed: str | None = None) -> bytes:
        """32 bytes for one purpose: HKDF-SHA256 (RFC 5869) of a key, with no salt and one block.

        It is the newest key, or the one that sealed the given text.
        """
        return (self._newest if sealed is None else self._key_of(sealed)).subkey(purpose)

    def seal(self, text: str, context: bytes) -> str:
        """Printable text that only `open` with the same context turns back; each call gives another one."""
        return self._newest.seal(text, context)

    def open(self, sealed: str, context: bytes) -> str:
        """What was sealed; ValueError if the key or the context is another one or a single bit has changed."""
        return self._key_of(sealed).open(sealed, context)

    def is_sealed(self, text: str) -> bool:
        """Whether the text has the form of a sealed one, under whichever key."""
        return text.startswith(SEALED_MARK)

    def fingerprint(self, text: str) -> bytes:
        """32 bytes by which a secret is recognised and from which it cannot be guessed."""
        return hmac.digest(self._fingerprint_key, text.encode(), "sha256")

    def export_fingerprint_key(self) -> str:
        """The key of fingerprints, sealed by the newest key."""
        return self.seal(base64.b64encode(self._fingerprint_key).decode(), FINGERPRINT_KEY)

    def adopt_fingerprint_key(self, sealed: str) -> None:
        """Make fingerprints with that key from now on. ValueError if no key here opens it."""
        self._fingerprint_key = base64.b64decode(self.open(sealed, FINGERPRINT_KEY))

    def reseal(self, document: bytes, context: bytes) -> bytes:
        """The document with all texts in it that an older key sealed for this context sealed by the newest one."""

        def again(found: re.Match[bytes]) -> bytes:
            text = self._opened(found, context)
            return self.seal(text, context).encode() if text is not None else found[0]

        return _SEALED.sub(again, document)

    def seals_in(self, document: bytes, context: bytes) -> list[str]:
        """The key ids of the texts in it that are sealed for this context."""
        return [
            found[1].decode()
            for found in _SEALED.finditer(document)
            if found[1].decode() == self.key_id or self._opened(found, context) is not None
        ]

    def _opened(self, found: re.Match[bytes], context: bytes) -> str | None:
        """A text that one of the older keys sealed for this context; None for another one, and for what looks like one."""
        if found[1].decode() == self.key_id:
            return None
        try:
            return self.open(found[0].decode(), context)
        except ValueError:
            return None

    def add_key(self) -> str:
        """Make a new key and seal with it once it is on disk; returns its id. Raises KeysAreFixed, OSError or ValueError."""
        with self._changing:
            store, key = self._changeable(), _Key(os.urandom(KEY_BYTES))
            # Two keys of one name would make what the older one sealed unreadable.
            while key.id in self._keys:
                key = _Key(os.urandom(KEY_BYTES))
            store.add(key.key)
            self._keys = {key.id: key, **self._keys}
            self._newest = key
            return key.id

    def drop_key(self, key_id: str) -> None:
        """Forget an older key, on disk too: what it alone opens is lost. Raises KeysAreFixed, OSError or ValueError."""
        with self._changing:
            store = self._changeable()
            if key_id == self.key_id:
                raise ValueError("The newest key stays.")
            if key_id in self._keys:
                store.drop(self._keys[key_id].key)
                self._keys = {known: key for known, key in self._keys.items() if known != key_id}

    def refresh(self) -> None:
        """Take over the keys that the store has by now. Raises OSError or ValueError if it cannot be read."""
        if self._store is None:
            return
        with self._changing:
            self._looked_at = monotonic()
            ring = [_Key(key) for key in self._store.load()]
            # A key at work has its cipher already.
            self._keys = {key.id: self._keys.get(key.id, key) for key in ring}
            self._newest = self._keys[ring[0].id]

    def _changeable(self) -> KeyStore:
        if self._store is None:
            raise KeysAreFixed
        return self._store

    def _key_of(self, sealed: str) -> _Key:
        if not sealed.startswith(SEALED_MARK):
            raise ValueError("The text is not sealed.")
        key_id = sealed[len(SEALED_MARK) :].partition(":")[0]
        key = self._keys.get(key_id)
        if key is None and self._store is not None and monotonic() - self._looked_at > REFRESH_SECONDS_MIN:
            # Another server may have made it a moment ago.
            self.refresh()
            key = self._keys.get(key_id)
        if key is None:
            known = ", ".join(map(repr, self._keys))
            raise ValueError(f"The text was sealed under key {key_id!r}, and this server has {known}.")
        return key


def _pack(envelope: bytes) -> str:
    return base64.urlsafe_b64encode(envelope).decode().rstrip("=")


def _unpack(packed: str) -> bytes:
    envelope = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_")
    # Base64 has several spellings of some bytes; a token has one, or a changed one could pass for the same.
    if _pack(envelope) != packed:
        raise ValueError("The text is not written as it was sealed.")
    return envelope
