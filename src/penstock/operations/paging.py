"""Opaque page tokens over keysets.

A token is the key of the last row, sealed for the operation, the caller's partition and the filters: one that was changed,
made up or taken from another listing opens as nothing. It is good for a day, and so a sealing key need not be kept for ever.
"""

import msgspec

from penstock.core import limits
from penstock.operations.call import Call
from penstock.wire.errors import InvalidNextTokenException

__all__ = ["Key", "next_token", "start_key"]

Key = list[str | int]
_decode = msgspec.json.Decoder(Key).decode


def next_token(call: Call, listing: str, key: Key) -> str:
    """The token of the page that follows the row with this key. `listing` names the operation and its filters."""
    dated = [int(call.now) + limits.PAGE_TOKEN_SECONDS, *key]
    return call.environment.vault.seal(msgspec.json.encode(dated).decode(), _context(call, listing))


def start_key(call: Call, listing: str, token: str | None) -> Key | None:
    """The key that a token stands for; None where there is no token. Raises InvalidNextTokenException."""
    if token is None:
        return None
    try:
        expires_at, *key = _decode(call.environment.vault.open(token, _context(call, listing)))
    except (ValueError, msgspec.MsgspecError):
        raise InvalidNextTokenException("The next token was not given out for this listing") from None
    if not isinstance(expires_at, int) or call.now >= expires_at:
        raise InvalidNextTokenException("The next token has expired: begin the listing anew")
    return key


def _context(call: Call, listing: str) -> bytes:
    return f"page/{call.account}/{call.region}/{listing}".encode()
