"""Opaque page tokens over keysets.

A token is the key of the last row, sealed for the operation, the caller's partition and the filters: one that was changed,
made up or taken from another listing opens as nothing.
"""

import msgspec

from penstock.operations.call import Call
from penstock.wire.errors import InvalidNextTokenException

__all__ = ["next_token", "start_key"]

Key = list[str | int]
_decode = msgspec.json.Decoder(Key).decode


def next_token(call: Call, listing: str, key: Key) -> str:
    """The token of the page that follows the row with this key. `listing` names the operation and its filters."""
    return call.environment.vault.seal(msgspec.json.encode(key).decode(), _context(call, listing))


def start_key(call: Call, listing: str, token: str | None) -> Key | None:
    """The key that a token stands for; None where there is no token. Raises InvalidNextTokenException."""
    if token is None:
        return None
    try:
        return _decode(call.environment.vault.open(token, _context(call, listing)))
    except (ValueError, msgspec.MsgspecError):
        raise InvalidNextTokenException("The next token was not given out for this listing") from None


def _context(call: Call, listing: str) -> bytes:
    return f"page/{call.account}/{call.region}/{listing}".encode()
