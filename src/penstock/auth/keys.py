"""Long-lived keys, remembered for a few seconds so that signed requests need no query each."""

from penstock.ports.clock import Clock
from penstock.ports.identity import AccessKey, KeySource

__all__ = ["KeyCache"]

LIFETIME_SECONDS = 5.0
KEYS_MAX = 4096


class KeyCache:
    """A KeySource in front of another. A withdrawn or changed key is seen by every server within five seconds.

    Unknown ids are not remembered: they would push the good ones out, and a new key works at once.
    """

    def __init__(self, source: KeySource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._found: dict[str, tuple[float, AccessKey]] = {}

    async def find(self, access_key_id: str) -> AccessKey | None:
        """The key of that id, or None."""
        known = self._found.get(access_key_id)
        now = self._clock.now()
        # A clock that is set back must not make a key live longer.
        if known is not None and 0 <= now - known[0] < LIFETIME_SECONDS:
            return known[1]
        key = await self._source.find(access_key_id)
        self._found.pop(access_key_id, None)
        if key is not None:
            self._remember(key, now)
        return key

    def forget(self, access_key_id: str) -> None:
        """Look this key up afresh next time."""
        self._found.pop(access_key_id, None)

    def _remember(self, key: AccessKey, now: float) -> None:
        if len(self._found) >= KEYS_MAX:
            self._found.pop(next(iter(self._found)))
        self._found[key.access_key_id] = (now, key)
