"""Secrets at rest and in tokens: sealed under the one key of an installation."""

import base64
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Sealer", "load_key"]

KEY_BYTES = 32
NONCE_BYTES = 12
MARK = "penstock:v1:"


class Sealer:
    """Seals texts so that only holders of the same key can read or make them."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"A sealing key has {KEY_BYTES} bytes, not {len(key)}.")
        self._root = hmac.digest(bytes(KEY_BYTES), key, "sha256")
        self._fingerprint_key = self.subkey(b"fingerprint")
        self._front = f"{MARK}{self.subkey(b'key id')[:4].hex()}:"
        self._cipher: AESGCM | None = None

    def __repr__(self) -> str:
        return f"Sealer({self.key_id!r}, ****)"

    @property
    def key_id(self) -> str:
        """Which key this is, told without telling the key."""
        return self._front[len(MARK) : -1]

    def subkey(self, purpose: bytes) -> bytes:
        """32 bytes for one purpose: HKDF-SHA256 (RFC 5869) of the key, with no salt and one block."""
        return hmac.digest(self._root, purpose + b"\x01", "sha256")

    def seal(self, text: str, context: bytes) -> str:
        """Printable text that only `open` with the same context turns back; each call gives another one."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._aead().encrypt(nonce, text.encode(), context)
        return self._front + _pack(nonce + sealed)

    def open(self, sealed: str, context: bytes) -> str:
        """What was sealed; ValueError if the key or the context is another one or a single bit has changed."""
        if not sealed.startswith(self._front):
            raise ValueError(_why_foreign(sealed, self.key_id))
        from cryptography.exceptions import InvalidTag

        try:
            envelope = _unpack(sealed[len(self._front) :])
            plain = self._aead().decrypt(envelope[:NONCE_BYTES], envelope[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as damage:
            raise ValueError("The sealed text has been changed or belongs elsewhere.") from damage
        return plain.decode()

    def is_sealed(self, text: str) -> bool:
        """Whether the text has the form of a sealed one, under whichever key."""
        return text.startswith(MARK)

    def fingerprint(self, text: str) -> bytes:
        """32 bytes by which a secret is recognised and from which it cannot be guessed."""
        return hmac.digest(self._fingerprint_key, text.encode(), "sha256")

    def _aead(self) -> "AESGCM":
        if self._cipher is None:
            # The library takes about 20 ms to load: the first seal pays, not the start of every command.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self.subkey(b"seal"))
        return self._cipher


def load_key(path: Path, environment_value: str | None) -> bytes:
    """The key of this installation: from the environment if set there, else from its file, made if missing.

    Servers that start at the same time on one file get the same key. ValueError, with a sentence for the operator,
    if what is there is no key.
    """
    if environment_value:
        return _decode_key(environment_value, "PENSTOCK_KEY")
    if not path.exists():
        _create_key_file(path)
    return _decode_key(path.read_text(encoding="ascii", errors="replace"), f"The key file {path}")


def _pack(envelope: bytes) -> str:
    return base64.urlsafe_b64encode(envelope).decode().rstrip("=")


def _unpack(packed: str) -> bytes:
    envelope = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_")
    # Base64 has several spellings of some bytes; a token has one, or a changed one could pass for the same.
    if _pack(envelope) != packed:
        raise ValueError("The text is not written as it was sealed.")
    return envelope


def _create_key_file(path: Path) -> None:
    """Leave a whole key file with mode 0600 under `path`: ours, or that of whoever was first."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the key of a server that was faster.
        os.link(draft, path)
        _sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decode_key(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"{origin} does not hold a key: it must be the base64 text of {KEY_BYTES} random bytes "
            f"(44 characters, as `openssl rand -base64 {KEY_BYTES}` prints them)."
        )
    return key


def _why_foreign(sealed: str, key_id: str) -> str:
    if not sealed.startswith(MARK):
        return "The text is not sealed."
    return f"The text was sealed under key {sealed.split(':')[2]!r}, and this server has key {key_id!r}."
