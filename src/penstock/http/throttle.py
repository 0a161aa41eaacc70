"""How often somebody may ask: so many calls a second of a principal, so many bad signatures a second of a client.

Both are counted in token buckets. A bucket is one number, the moment when it will be full again; one that is full is as good
as none and is forgotten, so that memory is bounded however many ask.

A bad signature costs nearly as much to find out as a good one, and nobody has said yet who is asking. So it is counted by
the address of the client, and a client with too many of them is turned away where that costs least: its connection ends with
the answer, and a new one is refused at once (`penstock.http.connection`). A connection over which nothing wrong was sent goes
on, so that good workers behind the same address keep working.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from penstock.ports.identity import Principal
from penstock.wire.errors import ThrottlingException

__all__ = ["Buckets", "Throttle", "network_of"]

NAMES_MAX = 10_000
FORGET_SECONDS = 1.0
FAILURES_A_SECOND = 20.0
FAILURES_AT_ONCE = 100.0
# However many bad signatures came: after so long without another one, a client may try again.
BARRED_SECONDS_MAX = 60.0
UNLIMITED = frozenset({"root", "service"})


class _Bucket:
    __slots__ = ("full_at",)

    def __init__(self, full_at: float) -> None:
        self.full_at = full_at


class Buckets:
    """A bucket of tokens for each name: room for `burst` of them, and `per_second` new ones."""

    def __init__(self, per_second: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._interval = 1.0 / per_second
        # Half a token short of the whole depth, so that roundings decide nothing.
        self._depth = (max(burst, 1.0) - 0.5) * self._interval
        self._buckets: dict[str, _Bucket] = {}
        self._forgot_at = now()

    def take(self, name: str) -> bool:
        """Take a token; False, and none taken, if there is none."""
        now = self._now()
        bucket = self._buckets.get(name) or self._add(name, now)
        if bucket.full_at < now:
            bucket.full_at = now
        elif bucket.full_at - now > self._depth:
            return False
        bucket.full_at += self._interval
        return True

    def owe(self, name: str, seconds_max: float) -> None:
        """Take a token that may not be there yet, as long as that debt is paid off within `seconds_max`."""
        if not self.take(name):
            bucket = self._buckets[name]
            bucket.full_at = min(bucket.full_at + self._interval, self._now() + self._depth + seconds_max)

    def is_empty(self, name: str) -> bool:
        bucket = self._buckets.get(name)
        return bucket is not None and bucket.full_at - self._now() > self._depth

    def __len__(self) -> int:
        return len(self._buckets)

    def _add(self, name: str, now: float) -> _Bucket:
        if len(self._buckets) >= NAMES_MAX:
            self._make_room(now)
        bucket = self._buckets[name] = _Bucket(now)
        return bucket

    def _make_room(self, now: float) -> None:
        # Looking at all of them for each new name would itself be a way to keep the server busy.
        if now - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = now
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if bucket.full_at > now}
        if len(self._buckets) >= NAMES_MAX:
            del self._buckets[next(iter(self._buckets))]


class Throttle:
    """What all doors of a server ask. With 0 `requests_per_second`, principals are not held back; bad signatures always are.

    Root and the server's own workers may ask as often as they like.
    """

    def __init__(self, requests_per_second: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._principals = (
            Buckets(requests_per_second, 2 * requests_per_second, now) if requests_per_second > 0 else None
        )
        self._failures = Buckets(FAILURES_A_SECOND, FAILURES_AT_ONCE, now)

    def admit(self, principal: Principal) -> None:
        """Return if the principal may ask once more, else raise ThrottlingException. A role's sessions count as one."""
        if self._principals is None or principal.kind in UNLIMITED:
            return
        if not self._principals.take(principal.identity_arn if principal.kind == "role" else principal.arn):
            raise ThrottlingException

    def count_failure(self, address: str) -> None:
        """Take note of a missing or wrong signature. What comes from this machine itself is not counted."""
        if client := network_of(address):
            self._failures.owe(client, BARRED_SECONDS_MAX)

    def turns_away(self, address: str) -> bool:
        """Whether too many bad signatures have come from there."""
        return self._failures.is_empty(network_of(address))


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one, which one host has to itself.

    Empty for this machine: a proxy on it speaks for many, and who is on it can do worse.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        if mapped is None:
            return "" if found.is_loopback else f"{found.exploded[:19]}::/64"
        found = mapped
    return "" if found.is_loopback else str(found)
