"""Brings what is at rest under the newest sealing key, and lets an older key go once nothing needs it.

    a new key is on disk ─► all that is new is sealed by it ─► the rest is gone through, a slice at a time, and sealed anew
          ─► nothing is found, tokens of the old key have expired, and still nothing is found ─► the old key is dropped

What happens on each failure:

- Killed before the new key is on disk: it was never used. Afterwards: the next start knows both keys and begins the round anew,
  and what has been sealed anew is passed over.
- A row that has changed since it was read is left to the next round, which comes as long as anything is found.
- What was written meanwhile by a request that had read the row before is found by the next round, for the same reason.
- A key that the server was not given any more, but that has sealed what is at rest: it refuses to start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial

from penstock.core import limits
from penstock.engine.committer import Committer, Written
from penstock.ports.sealed import CONTEXTS, PLACES, Place, RowKey, SealedReads, SealedRow, SealingKeyRow
from penstock.ports.secrets import KeyedVault
from penstock.ports.storage import Transaction

__all__ = ["Resealing", "sealed_rows"]

log = logging.getLogger("penstock.keys")

# What one slice looks at, and one transaction writes: far below what anybody would notice.
ROWS_MAX = 100
DOCUMENTS_MAX = 20
# Between two slices, so that a long history takes a twentieth of the loop and not all of it.
PAUSE_SECONDS = 0.005
# A request that has read a row before it was sealed anew has long written by then.
LOOK_AGAIN_SECONDS = 600.0


async def sealed_rows(reads: SealedReads) -> AsyncIterator[tuple[Place, tuple[SealedRow, ...]]]:
    """Everything at rest that has sealed texts in it, in slices of bounded work, many of which may be empty."""
    for place in PLACES:
        # Declarations and their jobs may be long.
        rows_max = DOCUMENTS_MAX if place in ("pipeline_versions", "jobs") else ROWS_MAX
        after: RowKey | None = None
        while True:
            found = await reads.slice(place, after, rows_max)
            yield place, found.rows
            after = found.last
            if after is None:
                break


class _Round:
    """One walk through everything at rest."""

    def __init__(self, reads: SealedReads, newest: str, now: float) -> None:
        self.rows = sealed_rows(reads)
        self.newest = newest
        self.began_at = now
        self.found = 0


class Resealing:
    """A duty; without an older key there is nothing for it to do. `prepare` comes before its first tick."""

    topic = "keys"

    def __init__(self, reads: SealedReads, committer: Committer, vault: KeyedVault) -> None:
        self._reads = reads
        self._committer = committer
        self._vault = vault
        self._round: _Round | None = None
        self._next_at = 0.0
        self._newest = ""

    async def prepare(self, now: float) -> None:
        """Get the vault and the database to know each other. ValueError, for the operator, if they do not belong together."""
        known = {row.id: row for row in await self._reads.sealing_keys()}
        missing = [row for key_id, row in known.items() if key_id not in self._vault.key_ids]
        lost = [row.id for row in missing if row.unused_since is None]
        if lost:
            raise ValueError(_what_is_missing(lost, self._vault))
        sealed = await self._reads.fingerprint_key()
        if sealed is not None:
            self._vault.adopt_fingerprint_key(sealed)
        new = [SealingKeyRow(key_id, now) for key_id in self._vault.key_ids if key_id not in known]
        await self._committer.write(
            partial(
                _settle, new=new, gone=missing, fingerprint=self._vault.export_fingerprint_key() if not sealed else None
            )
        )

    async def tick(self, now: float) -> float | None:
        """Go through one more slice of a round, if one is due."""
        if len(self._vault.key_ids) == 1:
            self._round = None
            return None
        if self._newest != self._vault.key_ids[0]:
            self._newest, self._next_at = self._vault.key_ids[0], now
        if self._round is None:
            if now < self._next_at:
                return self._next_at
            self._round = _Round(self._reads, self._newest, now)
        try:
            place, rows = await anext(self._round.rows)
        except StopAsyncIteration:
            ended, self._round = self._round, None
            self._next_at = await self._conclude(ended, now)
            return self._next_at
        except BaseException:
            self._round = None
            raise
        self._round.found += await self._reseal(place, rows)
        return now + PAUSE_SECONDS

    async def _reseal(self, place: Place, rows: tuple[SealedRow, ...]) -> int:
        """Seal anew what older keys have sealed in these rows; returns in how many there was any."""
        sealed = [(row, self._vault.reseal(row.value, CONTEXTS[place])) for row in rows]
        old = [(row, value) for row, value in sealed if value != row.value]
        if old:
            await self._committer.write(partial(_replace, place=place, rows=old))
        return len(old)

    async def _conclude(self, ended: _Round, now: float) -> float:
        """Note what the round has shown, and let go what can; returns when the next round is due."""
        if ended.newest != self._newest:
            return now
        older = self._vault.key_ids[1:]
        known = {row.id: row for row in await self._reads.sealing_keys()}
        await self._committer.write(
            partial(_note, rows=[_marked(known[key_id], ended) for key_id in older if key_id in known])
        )
        if ended.found:
            log.info("rows sealed anew under key %s: %d", ended.newest, ended.found)
            return now + LOOK_AGAIN_SECONDS
        if self._vault.is_fixed:
            return now + limits.TOKEN_SECONDS_MAX
        return await self._drop(ended, known, now)

    async def _drop(self, ended: _Round, known: dict[str, SealingKeyRow], now: float) -> float:
        """Drop each older key whose last token had expired before the round began, and return when another's will have."""
        ids = self._vault.key_ids
        due_at = now + limits.TOKEN_SECONDS_MAX
        for key_id, follower in zip(ids[1:], ids, strict=False):
            replaced_at = known[follower].since if follower in known else now
            free_at = replaced_at + limits.TOKEN_SECONDS_MAX
            if free_at > ended.began_at:
                due_at = min(due_at, free_at)
            elif not await self._let_go(key_id):
                due_at = min(due_at, now + LOOK_AGAIN_SECONDS)
        return due_at

    async def _let_go(self, key_id: str) -> bool:
        try:
            await asyncio.to_thread(self._vault.drop_key, key_id)
        except (OSError, ValueError) as problem:
            log.warning("key %s is not needed any more and cannot be dropped: %s", key_id, problem)
            return False
        await self._committer.write(partial(_forget, key_id=key_id))
        log.info("key %s is not needed any more; it has been dropped", key_id)
        return True


def _what_is_missing(lost: list[str], vault: KeyedVault) -> str:
    where = "PENSTOCK_KEY" if vault.is_fixed else "the key file"
    return (
        f"secrets in the database are sealed under key {' and '.join(lost)}, and {where} has {', '.join(vault.key_ids)}: "
        "put the missing key back behind the others"
    )


def _marked(row: SealingKeyRow, ended: _Round) -> SealingKeyRow:
    """The row with what a round has shown of its key."""
    unused_since = None if ended.found else (row.unused_since or ended.began_at)
    return SealingKeyRow(row.id, row.since, unused_since)


def _settle(
    transaction: Transaction, new: list[SealingKeyRow], gone: list[SealingKeyRow], fingerprint: str | None
) -> Written[None]:
    for row in new:
        transaction.sealed.put_sealing_key(row)
    for row in gone:
        transaction.sealed.delete_sealing_key(row.id)
    if fingerprint is not None:
        transaction.sealed.put_fingerprint_key(fingerprint)
    return Written(None)


def _replace(transaction: Transaction, place: Place, rows: list[tuple[SealedRow, bytes]]) -> Written[None]:
    for row, value in rows:
        transaction.sealed.replace(place, row, value)
    return Written(None)


def _note(transaction: Transaction, rows: list[SealingKeyRow]) -> Written[None]:
    for row in rows:
        transaction.sealed.put_sealing_key(row)
    return Written(None)


def _forget(transaction: Transaction, key_id: str) -> Written[None]:
    transaction.sealed.delete_sealing_key(key_id)
    return Written(None)
