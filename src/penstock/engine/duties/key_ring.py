"""Learns of sealing keys that another server has made or dropped."""

import asyncio

from penstock.ports.secrets import KeyedVault

__all__ = ["KeyRing"]

LOOK_SECONDS = 30.0


class KeyRing:
    topic = "key ring"

    def __init__(self, vault: KeyedVault) -> None:
        self._vault = vault

    async def tick(self, now: float) -> float | None:
        await asyncio.to_thread(self._vault.refresh)
        return now + LOOK_SECONDS
