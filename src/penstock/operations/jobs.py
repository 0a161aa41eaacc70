"""The five operations of custom job workers, and the log that a worker may write."""

from penstock.core import limits
from penstock.core.action_types import ActionTypeRules, type_key
from penstock.core.commands import JobFailed, JobSucceeded
from penstock.core.model import Job
from penstock.operations.action_types import kept_custom_type, known_action_type
from penstock.operations.call import Call
from penstock.operations.delivering import delivered, refusals_answered
from penstock.operations.polls import polled, poller, query_words
from penstock.operations.refusals import as_api_errors
from penstock.operations.work import job_data
from penstock.ports.storage import Acknowledged, Acknowledgement, Claim, ClaimedJob, JobRow
from penstock.wire import types as wire
from penstock.wire.errors import (
    AccessDeniedException,
    ActionTypeNotFoundException,
    InvalidNonceException,
    JobNotFoundException,
    OutputVariablesSizeExceededException,
    ValidationException,
)

__all__ = [
    "acknowledge_job",
    "get_job_details",
    "poll_for_jobs",
    "put_job_failure_result",
    "put_job_success_result",
]

# The model names no maximum; more than this in one answer helps nobody.
BATCH_MAX = 100
_ENDED = ("Succeeded", "Failed", "TimedOut")
_NO_JOBS = wire.PollForJobsOutput(jobs=())


async def poll_for_jobs(request: wire.PollForJobsInput, call: Call) -> wire.PollForJobsOutput:
    """API: PollForJobs. What is returned is Dispatched under a fresh nonce; the oldest jobs come first."""
    now = call.now
    key = type_key(request.action_type_id, call.account, call.region)
    query_key = await _admitted(request, call, key, now)
    claimed = await claim_jobs(call, key, query_key, request.max_batch_size, now=now)
    if not claimed:
        return _NO_JOBS
    return wire.PollForJobsOutput(jobs=await delivered(call, claimed))


async def _admitted(request: wire.PollForJobsInput, call: Call, key: str, now: float) -> str:
    """The query value of the jobs that the poll may take. A poll that is refused is remembered too."""
    identity, query, refused = request.action_type_id, request.query_param, ""
    try:
        if identity.owner != "Custom":
            _require_built_in_worker(call, identity)
        rules = kept_custom_type(call, key) or await known_action_type(call, identity, key)
        return _query_key(rules, query)
    except (ActionTypeNotFoundException, ValidationException) as problem:
        refused = type(problem).__name__
        raise
    finally:
        what = polled(identity, call.account, call.region, query_words(query) if query else "", refused)
        call.environment.polls.record(what, poller(call.principal), now)


def _require_built_in_worker(call: Call, identity: wire.ActionTypeId) -> None:
    """Jobs of AWS's own types are for whom the server trusts with them; to everybody else they are not there."""
    resource = (
        f"arn:aws:codepipeline:{call.region}:{call.account}:actiontype:AWS/{identity.category}/{identity.provider}"
    )
    try:
        if identity.owner == "AWS":
            context = call.circumstances.conditions(call.region)
            call.environment.door.allow(call.principal, "penstock:PollForBuiltInJobs", resource, context)
            return
    except AccessDeniedException:
        pass
    raise ActionTypeNotFoundException(f"PollForJobs is not for action types of owner '{identity.owner}'")


def _query_key(rules: ActionTypeRules, query: dict[str, str] | None) -> str:
    expected = rules.query_property
    if expected is None:
        if query:
            raise ValidationException(
                f"The action type '{rules.id.provider}' has no queryable property, so queryParam must be empty"
            )
        return ""
    if not query or list(query) != [expected]:
        raise ValidationException(
            f"The action type '{rules.id.provider}' has the queryable property '{expected}': "
            "queryParam must name it and nothing else"
        )
    return query[expected]


async def claim_jobs(call: Call, key: str, query_key: str, jobs_max: int | None, *, now: float) -> list[ClaimedJob]:
    """Take jobs off the board; hold the call for `call.wait_seconds` from `now` on while there are none."""
    jobs_max = min(jobs_max or 1, BATCH_MAX)
    deadline = now + call.wait_seconds
    while True:
        if await call.reader.has_claimable(key, query_key, now):
            jobs = await call.committer.claim(_claim(call, key, query_key, jobs_max, now))
            if jobs:
                return jobs
        if now >= deadline:
            return []
        visible_at = await call.reader.next_visible_at(key, query_key)
        until = min(deadline, max(visible_at, now + 0.005))
        if not await call.environment.wakeup.wait((f"jobs:{key}",), until - now):
            return []
        now = call.now


def _claim(call: Call, key: str, query_key: str, jobs_max: int, now: float) -> Claim:
    environment = call.environment
    return Claim(
        type_key=key,
        query_key=query_key,
        jobs_max=jobs_max,
        claimant=call.principal.arn,
        now=now,
        redeliver_at=now + environment.ack_timeout_seconds,
        lease=environment.server_id if call.principal.kind == "service" else None,
    )


async def acknowledge_job(request: wire.AcknowledgeJobInput, call: Call) -> wire.AcknowledgeJobOutput:
    """API: AcknowledgeJob. The same nonce gets the same answer again, as long as the job was not handed out anew."""
    asked = Acknowledgement(request.job_id, request.nonce, call.account, call.now, call.region)
    status = await call.committer.acknowledge(asked)
    return wire.AcknowledgeJobOutput(status=checked_status(status, request.job_id))


def checked_status(status: Acknowledged, job_id: str) -> wire.JobStatus:
    if status == "JobNotFound":
        raise JobNotFoundException(f"The job '{job_id}' does not exist")
    if status == "InvalidNonce":
        raise InvalidNonceException(f"The nonce is not the one under which the job '{job_id}' was last handed out")
    return status


async def get_job_details(request: wire.GetJobDetailsInput, call: Call) -> wire.GetJobDetailsOutput:
    """API: GetJobDetails. Fresh credentials with each call; no nonce."""
    row = await _own_job(call, request.job_id)
    if row.work is None or row.job.status in _ENDED:
        raise JobNotFoundException(f"The job '{request.job_id}' has ended")
    with refusals_answered():
        data = await job_data(call, row.job.id, row.job.account, row.job.region, row.work)
    details = wire.JobDetails(id=row.job.id, data=data, account_id=row.job.account)
    return wire.GetJobDetailsOutput(job_details=details)


async def _own_job(call: Call, job_id: str) -> JobRow:
    row = await call.reader.job(job_id)
    if row is None or row.job.account != call.account:
        raise JobNotFoundException(f"The job '{job_id}' does not exist")
    _of_region(row.job, call)
    return row


def _of_region(job: Job, call: Call) -> Job:
    """The job, if it is of the caller's region: each is a world of its own."""
    if job.region != call.region:
        raise JobNotFoundException(f"The job '{job.id}' does not exist")
    return job


async def put_job_success_result(request: wire.PutJobSuccessResultInput, call: Call) -> None:
    """API: PutJobSuccessResult. With a continuation token a new job of the same action follows after a pause."""
    variables = request.output_variables or {}
    check_variables(variables, request.continuation_token)
    pause = continue_seconds(call)
    with as_api_errors():
        await call.committer.submit_result(
            request.job_id,
            call.account,
            lambda job: JobSucceeded(
                _of_region(job, call),
                request.current_revision,
                request.continuation_token,
                pause,
                request.execution_details,
                variables,
            ),
        )


def continue_seconds(call: Call) -> float:
    asked = call.continue_seconds
    return call.environment.continuation_delay_seconds if asked is None else asked


def check_variables(variables: dict[str, str], continuation_token: str | None) -> None:
    if variables and continuation_token is not None:
        raise ValidationException("Output variables can be given only without a continuation token")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > limits.OUTPUT_VARIABLES_BYTES_MAX:
        raise OutputVariablesSizeExceededException(
            f"The output variables are {size} bytes together; at most {limits.OUTPUT_VARIABLES_BYTES_MAX} are allowed"
        )


async def put_job_failure_result(request: wire.PutJobFailureResultInput, call: Call) -> None:
    """API: PutJobFailureResult."""
    with as_api_errors():
        await call.committer.submit_result(
            request.job_id, call.account, lambda job: JobFailed(_of_region(job, call), request.failure_details)
        )
