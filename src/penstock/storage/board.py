"""Handing out and acknowledging jobs: what is the same for every database."""

import hmac
from collections.abc import Callable, Sequence

from penstock.core.model import Job
from penstock.ports.storage import Acknowledged, Acknowledgement, Claim, ClaimedJob

__all__ = ["answer_of", "deal"]


def deal(
    claims: Sequence[Claim], fetch: Callable[[list[list[Claim]]], list[list[ClaimedJob]]]
) -> list[list[ClaimedJob]]:
    """Claims of one kind by one caller are fetched together; what they bring is dealt out in the order of the claims."""
    kinds: dict[tuple[str, str, str, str | None], list[int]] = {}
    for position, claim in enumerate(claims):
        kind = (claim.type_key, claim.query_key, claim.claimant, claim.lease)
        kinds.setdefault(kind, []).append(position)
    dealt: list[list[ClaimedJob]] = [[] for _ in claims]
    fetched = fetch([[claims[position] for position in positions] for positions in kinds.values()])
    for positions, jobs in zip(kinds.values(), fetched, strict=True):
        left = iter(jobs)
        for position in positions:
            dealt[position] = [job for _, job in zip(range(claims[position].jobs_max), left, strict=False)]
    return dealt


def answer_of(job: Job | None, asked: Acknowledgement) -> Acknowledged | None:
    """What an acknowledgement is answered with, None if it is the one that counts.

    A repeat with the current nonce gets the job's status again; any other nonce is somebody else's.
    """
    if job is None or asked.account not in (None, job.account) or asked.region not in (None, job.region):
        return "JobNotFound"
    if job.nonce is None or not hmac.compare_digest(job.nonce.encode(), asked.nonce.encode()):
        return "InvalidNonce"
    return job.status if job.status != "Dispatched" else None
