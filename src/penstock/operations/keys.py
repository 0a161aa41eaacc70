"""The keys that seal the server's secrets: replacing the newest, and saying what each still seals.

Both are for the server's root alone.
"""

import asyncio
from collections import Counter
from functools import partial

from penstock.core import limits
from penstock.engine.committer import Written
from penstock.engine.duties.resealing import Resealing, sealed_rows
from penstock.operations.call import Call, require_root
from penstock.operations.own_types import (
    DescribeKeysInput,
    DescribeKeysOutput,
    RotateKeyInput,
    RotateKeyOutput,
    SealingKey,
)
from penstock.ports.sealed import CONTEXTS, SealingKeyRow
from penstock.ports.secrets import KeysAreFixed
from penstock.ports.storage import Transaction
from penstock.wire.errors import LimitExceededException, ValidationException

__all__ = ["describe_keys", "rotate_key"]

# Each stays for a day and a half at least; whoever needs more has a program that runs wild.
KEYS_MAX = 16
# Less than the command line waits for an answer.
COUNTING_SECONDS_MAX = 20.0


async def rotate_key(request: RotateKeyInput, call: Call) -> RotateKeyOutput:  # noqa: ARG001 - it takes nothing
    """Seal with a new key from now on. What older keys have sealed opens as before, and is sealed anew in the background."""
    require_root(call, "RotateKey")
    vault = call.environment.vault
    replaced = vault.key_ids[0]
    if len(vault.key_ids) >= KEYS_MAX:
        raise LimitExceededException(
            f"The server has {KEYS_MAX} keys, which is the limit: older ones go once nothing needs them"
        )
    try:
        key_id = await asyncio.to_thread(vault.add_key)
    except KeysAreFixed:
        raise ValidationException(
            "The keys of this server are given by PENSTOCK_KEY: put a new one in front of the others there, separated by a "
            "comma, and start the server again"
        ) from None
    except (OSError, ValueError) as problem:
        raise ValidationException(f"The new key cannot be kept, and everything is as it was: {problem}") from None
    await call.committer.write(partial(_note, row=SealingKeyRow(key_id, call.now)))
    return RotateKeyOutput(key_id=key_id, replaced_key_id=replaced)


def _note(transaction: Transaction, row: SealingKeyRow) -> Written[None]:
    transaction.sealed.put_sealing_key(row)
    return Written(None, topics=(Resealing.topic,))


async def describe_keys(request: DescribeKeysInput, call: Call) -> DescribeKeysOutput:  # noqa: ARG001 - it takes nothing
    """Which keys there are, newest first, and how much of what is at rest each has sealed."""
    require_root(call, "DescribeKeys")
    vault = call.environment.vault
    counts: Counter[str] = Counter()
    is_complete = True
    try:
        async with asyncio.timeout(COUNTING_SECONDS_MAX):
            await _count(call, counts)
    except TimeoutError:
        is_complete = False
    known = {row.id: row for row in await call.reader.sealed.sealing_keys()}
    # One that came this very moment may not have been noted yet.
    rows = [known.get(key_id, SealingKeyRow(key_id, call.now)) for key_id in vault.key_ids]
    keys = [
        _shown(row, counts[row.id], follower.since if follower is not None else None)
        for row, follower in zip(rows, [None, *rows], strict=False)
    ]
    return DescribeKeysOutput(
        keys=tuple(keys), held_in="Environment" if vault.is_fixed else "KeyFile", is_complete=is_complete
    )


async def _count(call: Call, counts: Counter[str]) -> None:
    """Count the sealed texts at rest by their keys, giving others their turn after each slice."""
    async for place, rows in sealed_rows(call.reader.sealed):
        for row in rows:
            counts.update(call.environment.vault.seals_in(row.value, CONTEXTS[place]))
        await asyncio.sleep(0)


def _shown(row: SealingKeyRow, sealed_count: int, replaced_at: float | None) -> SealingKey:
    return SealingKey(
        key_id=row.id,
        since=row.since,
        sealed_count=sealed_count,
        replaced_at=replaced_at,
        unused_since=row.unused_since,
        needed_until=replaced_at + limits.TOKEN_SECONDS_MAX if replaced_at is not None else None,
    )
