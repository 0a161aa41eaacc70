"""Signing keys of Signature Version 4, and what is signed with them."""

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["TERMINATOR", "signature_of", "signing_key"]

TERMINATOR = "aws4_request"
_BLOCK_BYTES = 64


@lru_cache(maxsize=1024)
def signing_key(secret_access_key: str, date: str, region: str, service: str) -> bytes:
    """The key of one secret for a day, a region and a service."""
    key = b"AWS4" + secret_access_key.encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature_of(key: bytes, text: bytes) -> str:
    """The HMAC-SHA256 of a text under a key, in hexadecimal."""
    begun, ending = _hashes(key)
    inner, outer = begun.copy(), ending.copy()
    inner.update(text)
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=1024)
def _hashes(key: bytes) -> "tuple[_Hash, _Hash]":
    """The two hashes of an HMAC (RFC 2104) with the key taken in, for copying: half of the work need not be done again."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    return inner, hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
