"""How a request came in, as policies may ask of it."""

from typing import NamedTuple

from penstock.http.asgi import Scope
from penstock.operations.call import Circumstances

__all__ = ["Origin", "circumstances", "origin_of"]


class Origin(NamedTuple):
    """Where a request comes from: the address of the client, and whether nobody could listen."""

    address: str
    is_secure: bool


def origin_of(scope: Scope) -> Origin:
    """The origin of a request that comes by ASGI."""
    client = scope.get("client")
    return Origin(client[0] if client else "", is_secure=scope["scheme"] == "https")


def circumstances(headers: dict[bytes, bytes], origin: Origin) -> Circumstances:
    """Where it came from, over what, and what the client calls itself."""
    return Circumstances(origin.address, origin.is_secure, headers.get(b"user-agent", b""))
