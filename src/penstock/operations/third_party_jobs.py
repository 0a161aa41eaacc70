"""The five operations of partners' job workers.

A partner works for many accounts. It learns a job's client id from the poll, and must prove with the client's token that it
may see and answer the job; what the job is and its nonce it learns only then.
"""

import msgspec

from penstock.core.action_types import type_key
from penstock.core.commands import JobFailed, JobSucceeded
from penstock.core.model import JobWork
from penstock.engine.committer import Written
from penstock.operations.call import Call
from penstock.operations.delivering import fail_refused, refusals_answered
from penstock.operations.jobs import checked_status, claim_jobs, continue_seconds
from penstock.operations.links import opens
from penstock.operations.polls import polled, poller
from penstock.operations.refusals import as_api_errors
from penstock.operations.work import third_party_job_data
from penstock.ports.artifacts import CredentialsRefused
from penstock.ports.storage import Acknowledgement, ActionTypeRow, JobRow, Transaction
from penstock.wire import types as wire
from penstock.wire.errors import (
    ActionTypeNotFoundException,
    InvalidClientTokenException,
    InvalidJobException,
    JobNotFoundException,
)

__all__ = [
    "acknowledge_third_party_job",
    "get_third_party_job_details",
    "poll_for_third_party_jobs",
    "put_third_party_job_failure_result",
    "put_third_party_job_success_result",
]

_decode = msgspec.json.Decoder(wire.ActionTypeDeclaration).decode


async def poll_for_third_party_jobs(
    request: wire.PollForThirdPartyJobsInput, call: Call
) -> wire.PollForThirdPartyJobsOutput:
    """API: PollForThirdPartyJobs. Only the ids of jobs and clients."""
    identity = request.action_type_id
    row = await call.reader.action_type(type_key(identity, call.account, call.region))
    may_poll = identity.owner == "ThirdParty" and row is not None and _may_poll(row, call)
    refused = "" if may_poll else ActionTypeNotFoundException.__name__
    what = polled(identity, call.account, call.region, refused=refused)
    call.environment.polls.record(what, poller(call.principal), call.now)
    if row is None or not may_poll:
        raise ActionTypeNotFoundException(
            f"The partner action type with category '{identity.category}', provider '{identity.provider}' and version "
            f"'{identity.version}' does not exist or is not for account '{call.account}' to poll"
        )
    claimed = await claim_jobs(call, row.type_key, "", request.max_batch_size, now=call.now)
    jobs = tuple(wire.ThirdPartyJob(client_id=job.client_id, job_id=job.id) for job in claimed)
    return wire.PollForThirdPartyJobsOutput(jobs=jobs)


def _may_poll(row: ActionTypeRow, call: Call) -> bool:
    """Where a type names nobody, the account that registered it polls; where a function does the jobs, nobody does."""
    configuration = _decode(row.document).executor.configuration.job_worker_executor_configuration
    if configuration is None:
        return False
    accounts, principals = configuration.polling_accounts, configuration.polling_service_principals
    if not accounts and not principals:
        return call.account == row.account
    # Whoever names a role means its sessions.
    caller = {call.principal.arn, call.principal.identity_arn}
    return call.account in (accounts or ()) or not caller.isdisjoint(principals or ())


async def _client_job(call: Call, job_id: str, client_token: str) -> JobRow:
    """The partner job that the token opens, or the declared error."""
    row = await call.reader.job(job_id)
    if row is None:
        raise JobNotFoundException(f"The job '{job_id}' does not exist")
    if row.job.client_id is None:
        raise InvalidJobException(f"The job '{job_id}' is not a partner's job")
    link = await call.reader.partners.client(row.job.client_id)
    given = call.environment.vault.fingerprint(client_token)
    if link is None or not opens(link, given, call.now):
        raise InvalidClientTokenException("The client token is not that of the client whose job this is")
    return row


async def get_third_party_job_details(
    request: wire.GetThirdPartyJobDetailsInput, call: Call
) -> wire.GetThirdPartyJobDetailsOutput:
    """API: GetThirdPartyJobDetails. A dispatched job gets a fresh nonce with each call; an acknowledged one shows none."""
    row = await _client_job(call, request.job_id, request.client_token)
    if row.work is None:
        raise JobNotFoundException(f"The job '{request.job_id}' has ended")
    nonce = None
    if row.job.status == "Dispatched":
        nonce = await call.committer.write(lambda transaction: _renew_nonce(transaction, row.job.id))
    with refusals_answered():
        data = await _partner_data(call, row, row.work, nonce)
    details = wire.ThirdPartyJobDetails(id=row.job.id, data=data, nonce=nonce)
    return wire.GetThirdPartyJobDetailsOutput(job_details=details)


async def _partner_data(call: Call, row: JobRow, work: JobWork, nonce: str | None) -> wire.ThirdPartyJobData:
    """Raises CredentialsRefused or StoreUnavailable. A job that is still to be handed over ends with the refusal."""
    job = row.job
    try:
        return await third_party_job_data(call, job.id, job.account, job.region, work)
    except CredentialsRefused as problem:
        if nonce is not None:
            await fail_refused(call, Acknowledgement(job.id, nonce, None, call.now), problem)
        raise


def _renew_nonce(transaction: Transaction, job_id: str) -> Written[str | None]:
    return Written(transaction.redispatch(job_id))


async def _require_partner_job(call: Call, job_id: str, client_token: str) -> None:
    """The same check for the operations that do not declare InvalidJobException."""
    try:
        await _client_job(call, job_id, client_token)
    except InvalidJobException:
        raise JobNotFoundException(f"The job '{job_id}' does not exist") from None


async def acknowledge_third_party_job(
    request: wire.AcknowledgeThirdPartyJobInput, call: Call
) -> wire.AcknowledgeThirdPartyJobOutput:
    """API: AcknowledgeThirdPartyJob."""
    await _require_partner_job(call, request.job_id, request.client_token)
    status = await call.committer.acknowledge(Acknowledgement(request.job_id, request.nonce, None, call.now))
    return wire.AcknowledgeThirdPartyJobOutput(status=checked_status(status, request.job_id))


async def put_third_party_job_success_result(request: wire.PutThirdPartyJobSuccessResultInput, call: Call) -> None:
    """API: PutThirdPartyJobSuccessResult. Output variables are not part of this operation."""
    await _require_partner_job(call, request.job_id, request.client_token)
    pause = continue_seconds(call)
    with as_api_errors():
        await call.committer.submit_result(
            request.job_id,
            None,
            lambda job: JobSucceeded(
                job, request.current_revision, request.continuation_token, pause, request.execution_details
            ),
        )


async def put_third_party_job_failure_result(request: wire.PutThirdPartyJobFailureResultInput, call: Call) -> None:
    """API: PutThirdPartyJobFailureResult."""
    await _require_partner_job(call, request.job_id, request.client_token)
    with as_api_errors():
        await call.committer.submit_result(request.job_id, None, lambda job: JobFailed(job, request.failure_details))
