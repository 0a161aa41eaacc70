"""The board of the server's own workers: the operations themselves, called without HTTP."""

from collections.abc import Mapping

from msgspec.structs import replace

from penstock.core import limits
from penstock.operations import jobs, logs
from penstock.operations.call import Call, Environment
from penstock.operations.own_types import PutJobLogInput
from penstock.operations.work import roles_of_job
from penstock.ports.artifacts import CredentialsRefused, RoleCredentials, ScopedKeys, StoreUnavailable
from penstock.ports.identity import Principal
from penstock.wire import types as wire
from penstock.wire.arn import parse
from penstock.wire.errors import InvalidNonceException, JobNotFoundException
from penstock.worker import Continue, Failure, JobError, Offer, Success, failure_input, success_input
from penstock.worker.board import ObjectStore

__all__ = ["DirectBoard"]


class DirectBoard:
    """Same operations, same states, same timeouts as over the wire. Its jobs carry the server's lease."""

    def __init__(
        self,
        environment: Environment,
        endpoint_url: str,
        account: str,
        region: str,
        *,
        object_store: ObjectStore | None = None,
    ) -> None:
        """`object_store` is where artifacts and other objects are, if not here."""
        principal = Principal(_service_arn(account), account, "service", "")
        self._call = Call(principal, account, region, environment)
        self._endpoint_url = endpoint_url
        self._object_store = object_store or ObjectStore(endpoint_url)

    @property
    def endpoint_url(self) -> str | None:
        return self._endpoint_url

    @property
    def object_store(self) -> ObjectStore:
        return self._object_store

    def _for(self, offer: Offer, continue_seconds: float | None = None) -> Call:
        """A call in the partition of the job's account."""
        principal = Principal(_service_arn(offer.account), offer.account, "service", "")
        return Call(principal, offer.account, offer.region, self._call.environment, continue_seconds=continue_seconds)

    async def poll(
        self,
        action_type_id: wire.ActionTypeId,
        max_jobs: int,
        wait_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> list[Offer]:
        request = wire.PollForJobsInput(
            action_type_id=action_type_id, max_batch_size=max_jobs, query_param=dict(query) if query else None
        )
        answer = await jobs.poll_for_jobs(request, replace(self._call, wait_seconds=wait_seconds))
        return [_offer(job) for job in answer.jobs or ()]

    async def acknowledge(self, offer: Offer) -> bool:
        request = wire.AcknowledgeJobInput(job_id=offer.id, nonce=offer.nonce)
        try:
            answer = await jobs.acknowledge_job(request, self._for(offer))
        except (InvalidNonceException, JobNotFoundException):
            return False
        return answer.status == "InProgress"

    async def credentials(self, offer: Offer) -> wire.AWSSessionCredentials | None:
        answer = await jobs.get_job_details(wire.GetJobDetailsInput(job_id=offer.id), self._for(offer))
        details = answer.job_details
        return details.data.artifact_credentials if details is not None and details.data is not None else None

    async def service_credentials(self, offer: Offer, service: str) -> wire.AWSSessionCredentials | None:
        environment = self._call.environment
        if service == "s3" and environment.outer is not None:
            keys = await self._keys_of_role(offer, environment.outer)
        else:
            expires_at = environment.clock.now() + limits.JOB_CREDENTIALS_SECONDS
            keys = environment.credentials.mint_service(offer.account, offer.region, expires_at)
        return wire.AWSSessionCredentials(
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
        )

    async def _keys_of_role(self, offer: Offer, outer: RoleCredentials) -> ScopedKeys:
        """An action touches other objects than artifacts under its role, as at the service."""
        try:
            return await outer.mint_service(offer.account, offer.id, await roles_of_job(self._for(offer), offer.id))
        except CredentialsRefused as problem:
            raise JobError(str(problem), "PermissionError") from problem
        except StoreUnavailable as problem:
            raise JobError(str(problem), "SystemUnavailable") from problem

    async def succeed(self, offer: Offer, result: Success | Continue) -> None:
        pause = result.after_seconds if isinstance(result, Continue) else None
        await jobs.put_job_success_result(success_input(offer.id, result), self._for(offer, pause))

    async def fail(self, offer: Offer, result: Failure) -> None:
        await jobs.put_job_failure_result(failure_input(offer.id, result), self._for(offer))

    async def log(self, offer: Offer, text: str) -> None:
        await logs.put_job_log(PutJobLogInput(job_id=offer.id, text=text), self._for(offer))


def _service_arn(account: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/penstock/worker"


def _offer(job: wire.Job) -> Offer:
    assert job.id is not None
    assert job.nonce is not None
    assert job.account_id is not None
    assert job.data is not None
    context = job.data.pipeline_context
    assert context is not None
    assert context.pipeline_arn is not None
    return Offer(
        id=job.id, nonce=job.nonce, account=job.account_id, region=parse(context.pipeline_arn).region, data=job.data
    )
