"""Long-lived keys and principals, remembered for a few seconds so that signed requests need no query each."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from penstock.ports.clock import Clock
from penstock.ports.identity import AccessKey, KeySource, Principal

__all__ = ["KeyCache"]

LIFETIME_SECONDS = 5.0
KEYS_MAX = 4096

T = TypeVar("T")


class KeyCache:
    """A KeySource in front of another. What is withdrawn or changed is seen by every server within five seconds.

    Unknown ids are not remembered: they would push the good ones out, and a new key works at once.
    """

    def __init__(self, source: KeySource, clock: Clock) -> None:
        self._keys: _Remembered[AccessKey] = _Remembered(source.find, clock)
        self._principals: _Remembered[Principal] = _Remembered(source.principal, clock)

    async def find(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, or None."""
        return await self._keys.find(access_key_id)

    async def principal(self, principal_id: str) -> Principal | None:
        """The user or role with that unique id, or None."""
        return await self._principals.find(principal_id)

    def known(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, if it was looked up just now."""
        return self._keys.known(access_key_id)

    def known_principal(self, principal_id: str) -> Principal | None:
        """The user or role with that unique id, if it was looked up just now."""
        return self._principals.known(principal_id)

    def forget(self) -> None:
        """Look everybody up afresh next time."""
        self._keys.forget()
        self._principals.forget()


class _Remembered(Generic[T]):
    """What a look-up has found, by its id."""

    def __init__(self, look_up: Callable[[str], Awaitable[T | None]], clock: Clock) -> None:
        self._look_up = look_up
        self._clock = clock
        self._found: dict[str, tuple[float, T]] = {}

    def known(self, key: str) -> T | None:
        known = self._found.get(key)
        # A clock that is set back must not make a key live longer.
        if known is not None and 0 <= self._clock.now() - known[0] < LIFETIME_SECONDS:
            return known[1]
        return None

    async def find(self, key: str) -> T | None:
        known = self.known(key)
        if known is not None:
            return known
        now = self._clock.now()
        found = await self._look_up(key)
        self._found.pop(key, None)
        if found is not None:
            self._remember(key, now, found)
        return found

    def forget(self) -> None:
        self._found.clear()

    def _remember(self, key: str, now: float, found: T) -> None:
        if len(self._found) >= KEYS_MAX:
            self._found.pop(next(iter(self._found)))
        self._found[key] = (now, found)
