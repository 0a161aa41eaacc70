"""How many connections there may be, in all and of one client."""

from collections import Counter

from penstock.http.throttle import Throttle, network_of

__all__ = ["Refusal", "Seats"]

# One client, which may be a network behind one address, has at most this part of all connections.
CLIENT_PART = 4

# Status and text of the answer.
Refusal = tuple[int, bytes]
TOO_MANY: Refusal = 503, b"Too many connections\n"
TOO_MANY_OF_CLIENT: Refusal = 503, b"Too many connections from this address\n"
TURNED_AWAY: Refusal = 429, b"Too many requests from this address have a missing or wrong signature\n"


class Seats:
    """Counts connections. This machine may have all of them: a proxy on it speaks for many."""

    def __init__(self, connections_max: int, throttle: Throttle) -> None:
        self._connections_max = connections_max
        self._client_max = max(1, connections_max // CLIENT_PART)
        self._throttle = throttle
        self._taken = 0
        self._taken_by: Counter[str] = Counter()

    def take(self, address: str) -> Refusal | None:
        """One more connection from there, refused or not; `give_back` is due for each."""
        client = network_of(address)
        self._taken += 1
        self._taken_by[client] += 1
        if self._taken > self._connections_max:
            return TOO_MANY
        if client and self._taken_by[client] > self._client_max:
            return TOO_MANY_OF_CLIENT
        return TURNED_AWAY if self._throttle.turns_away(address) else None

    def give_back(self, address: str) -> None:
        client = network_of(address)
        self._taken -= 1
        self._taken_by[client] -= 1
        if not self._taken_by[client]:
            del self._taken_by[client]
