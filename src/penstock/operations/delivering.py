"""Jobs handed to their workers where the artifacts lie in another store, which may refuse the credentials for them.

A store that says no will say no again: the job's action fails, and says why. A store that does not answer may later: the job
stays where it is, and is handed out anew when nobody has acknowledged it in time.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.core.commands import JobFailed
from penstock.engine.committer import Follow, Written
from penstock.operations.call import Call
from penstock.operations.work import job_data
from penstock.ports.artifacts import CredentialsRefused, StoreUnavailable
from penstock.ports.storage import Acknowledgement, ClaimedJob, Transaction
from penstock.wire import types as wire
from penstock.wire.errors import AccessDeniedException, ServiceUnavailable

__all__ = ["delivered", "fail_refused", "refusals_answered"]

log = logging.getLogger("penstock.jobs")

MESSAGE_LENGTH_MAX = 5000


async def delivered(call: Call, claimed: list[ClaimedJob]) -> tuple[wire.Job, ...]:
    """The jobs for whose artifacts there are credentials. ServiceUnavailable if the store gives none for any of them."""
    if call.environment.outer is None:
        return tuple([await _job(call, job) for job in claimed])
    outcomes = await asyncio.gather(*(_offered(call, job) for job in claimed))
    jobs = tuple(outcome for outcome in outcomes if isinstance(outcome, wire.Job))
    unavailable = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    if unavailable and not jobs:
        raise _away(unavailable[0])
    return jobs


async def _job(call: Call, job: ClaimedJob) -> wire.Job:
    details = await job_data(call, job.id, job.account, job.region, job.work)
    return wire.Job(id=job.id, data=details, nonce=job.nonce, account_id=job.account)


async def _offered(call: Call, job: ClaimedJob) -> wire.Job | StoreUnavailable | None:
    """The job; None if its action has failed instead."""
    try:
        return await _job(call, job)
    except CredentialsRefused as problem:
        await fail_refused(call, Acknowledgement(job.id, job.nonce, job.account, call.now, job.region), problem)
        return None
    except StoreUnavailable as problem:
        log.error("no credentials for the artifacts of job %s, which waits: %s", job.id, problem)
        return problem


async def fail_refused(call: Call, held: Acknowledgement, problem: CredentialsRefused) -> None:
    """End the action of a job that was handed out and that nobody can do."""
    log.warning("the action of job %s fails: %s", held.job_id, problem)
    failure = wire.FailureDetails(type="PermissionError", message=str(problem)[:MESSAGE_LENGTH_MAX])

    def write(transaction: Transaction) -> Written[None]:
        # Only what was acknowledged can fail, so this is done in the worker's place.
        if transaction.acknowledge([held]) != ["InProgress"]:
            return Written(None)
        job = transaction.jobs([held.job_id])[held.job_id]
        return Written(None, follow=(Follow(job.account, job.pipeline_id, JobFailed(job, failure)),))

    await call.committer.write(write)


@contextmanager
def refusals_answered() -> Iterator[None]:
    """What the store says about credentials, as the API's common errors."""
    try:
        yield
    except CredentialsRefused as problem:
        raise AccessDeniedException(str(problem)) from problem
    except StoreUnavailable as problem:
        raise _away(problem) from problem


def _away(problem: StoreUnavailable) -> ServiceUnavailable:
    return ServiceUnavailable(f"The artifact store gives no credentials for now: {problem}")
