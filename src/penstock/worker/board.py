"""Where jobs are posted: what a worker needs of a server, and the same over HTTP."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from penstock.wire import errors
from penstock.wire import types as wire
from penstock.worker.client import WAIT_SECONDS_MAX, CodePipelineClient, is_aws
from penstock.worker.reading import built
from penstock.worker.results import Continue, Failure, Success, failure_input, success_input

logger = logging.getLogger(__name__)

CONTINUE_SECONDS_MAX = 24 * 60 * 60


class Offer(Struct, frozen=True, kw_only=True):
    """A job that was handed out and not yet acknowledged. A partner's has a client, and its account is not told."""

    id: str
    nonce: str
    account: str
    region: str
    data: wire.JobData
    client_id: str | None = None


class ObjectStore(Struct, frozen=True):
    """Where S3 answers: an address, else where boto3 looks by itself; and a region, else that of the job."""

    endpoint_url: str | None = None
    region: str | None = None


class Board(Protocol):
    """The service as a worker sees it.

    A refusal is raised as the `ApiError` of that name; any other exception means that no answer came, and that the same
    call may be made again.
    """

    @property
    def endpoint_url(self) -> str | None:
        """Where the service and its STS answer for these jobs; None for where boto3 looks by itself."""

    @property
    def object_store(self) -> ObjectStore:
        """Where S3 answers for these jobs."""

    async def poll(
        self,
        action_type_id: wire.ActionTypeId,
        max_jobs: int,
        wait_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> list[Offer]:
        """At most `max_jobs` offers, at once if there are any; a server that can holds an empty answer back so long."""

    async def acknowledge(self, offer: Offer) -> bool:
        """Whether the job is now this worker's to do. Asking again after a lost answer is safe."""

    async def credentials(self, offer: Offer) -> wire.AWSSessionCredentials | None:
        """Fresh credentials for the job's artifacts, good for 15 minutes."""

    async def service_credentials(self, offer: Offer, service: str) -> wire.AWSSessionCredentials | None:
        """Credentials for what else of that service the action touches, good for 15 minutes; None for the worker's own."""

    async def succeed(self, offer: Offer, result: Success | Continue) -> None:
        """Report that the job has ended well."""

    async def fail(self, offer: Offer, result: Failure) -> None:
        """Report that the job has failed."""

    async def log(self, offer: Offer, text: str) -> None:
        """Add to the job's log, as it is: lines end where the text says so."""


class HttpBoard:
    """A server's jobs of custom and built-in types, or AWS's, over the public operations.

    Without arguments it finds endpoint, region and credentials as every AWS client does. `session` is a
    `boto3.Session`.
    """

    def __init__(self, session: Any = None, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._client = CodePipelineClient(session, endpoint_url, region)
        self._endpoint_url = None if endpoint_url is None or is_aws(endpoint_url) else endpoint_url

    @property
    def endpoint_url(self) -> str | None:
        return self._endpoint_url

    @property
    def object_store(self) -> ObjectStore:
        return _object_store(self._endpoint_url)

    async def poll(
        self,
        action_type_id: wire.ActionTypeId,
        max_jobs: int,
        wait_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> list[Offer]:
        parameters = {"actionTypeId": msgspec.to_builtins(action_type_id), "maxBatchSize": max_jobs}
        if query:
            parameters["queryParam"] = dict(query)
        answer = await self._client.call("poll_for_jobs", parameters, waiting(wait_seconds))
        region = await self._client.region()
        return [_offer(built(wire.Job, job), region) for job in answer.get("jobs", [])]

    async def acknowledge(self, offer: Offer) -> bool:
        try:
            answer = await self._client.call("acknowledge_job", {"jobId": offer.id, "nonce": offer.nonce})
        except (errors.InvalidNonceException, errors.JobNotFoundException):
            return False
        return bool(answer.get("status") == "InProgress")

    async def credentials(self, offer: Offer) -> wire.AWSSessionCredentials | None:
        answer = await self._client.call("get_job_details", {"jobId": offer.id})
        return _credentials(answer)

    async def service_credentials(self, offer: Offer, service: str) -> wire.AWSSessionCredentials | None:  # noqa: ARG002
        return None

    async def succeed(self, offer: Offer, result: Success | Continue) -> None:
        parameters = msgspec.to_builtins(success_input(offer.id, result))
        await self._client.call("put_job_success_result", parameters, continuing(result))

    async def fail(self, offer: Offer, result: Failure) -> None:
        await self._client.call("put_job_failure_result", msgspec.to_builtins(failure_input(offer.id, result)))

    async def log(self, offer: Offer, text: str) -> None:
        await self._client.post("Penstock.PutJobLog", msgspec.json.encode({"jobId": offer.id, "text": text}))


class ThirdPartyBoard:
    """The jobs of a partner's action type. `client_tokens` gives the secret that was agreed on with a client.

    Output variables are not part of this protocol: those of a result are left out. Nor can a partner write to the log
    of a pipeline that is not its own.
    """

    def __init__(
        self,
        client_tokens: Callable[[str], str],
        session: Any = None,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
    ) -> None:
        self._client = CodePipelineClient(session, endpoint_url, region)
        self._endpoint_url = None if endpoint_url is None or is_aws(endpoint_url) else endpoint_url
        self._client_tokens = client_tokens

    @property
    def endpoint_url(self) -> str | None:
        return self._endpoint_url

    @property
    def object_store(self) -> ObjectStore:
        return _object_store(self._endpoint_url)

    async def poll(
        self,
        action_type_id: wire.ActionTypeId,
        max_jobs: int,
        wait_seconds: float,
        query: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> list[Offer]:
        parameters = {"actionTypeId": msgspec.to_builtins(action_type_id), "maxBatchSize": max_jobs}
        answer = await self._client.call("poll_for_third_party_jobs", parameters, waiting(wait_seconds))
        region = await self._client.region()
        asked = (self._offer(job["clientId"], job["jobId"], region) for job in answer.get("jobs", []))
        return [offer for offer in await asyncio.gather(*asked) if offer is not None]

    async def acknowledge(self, offer: Offer) -> bool:
        parameters = self._named(offer) | {"nonce": offer.nonce}
        try:
            answer = await self._client.call("acknowledge_third_party_job", parameters)
        except (errors.InvalidNonceException, errors.JobNotFoundException):
            return False
        return bool(answer.get("status") == "InProgress")

    async def credentials(self, offer: Offer) -> wire.AWSSessionCredentials | None:
        return _credentials(await self._client.call("get_third_party_job_details", self._named(offer)))

    async def service_credentials(self, offer: Offer, service: str) -> wire.AWSSessionCredentials | None:  # noqa: ARG002
        return None

    async def succeed(self, offer: Offer, result: Success | Continue) -> None:
        parameters = msgspec.to_builtins(success_input(offer.id, result)) | self._named(offer)
        parameters.pop("outputVariables", None)
        await self._client.call("put_third_party_job_success_result", parameters, continuing(result))

    async def fail(self, offer: Offer, result: Failure) -> None:
        parameters = msgspec.to_builtins(failure_input(offer.id, result)) | self._named(offer)
        await self._client.call("put_third_party_job_failure_result", parameters)

    async def log(self, offer: Offer, text: str) -> None:
        """Nothing: see the class."""

    def _named(self, offer: Offer) -> dict[str, str]:
        return {"jobId": offer.id, "clientToken": self._client_tokens(offer.client_id or "")}

    async def _offer(self, client_id: str, job_id: str, region: str) -> Offer | None:
        """The job with its details, or None if it is no longer to be had or the client is not known here."""
        try:
            named = {"jobId": job_id, "clientToken": self._client_tokens(client_id)}
            answer = await self._client.call("get_third_party_job_details", named)
        except (errors.ApiError, LookupError) as error:
            logger.warning("left out job %s of client %s: %r", job_id, client_id, error)
            return None
        job = answer["jobDetails"]
        # Details without a nonce are those of a job that another worker has acknowledged.
        if "nonce" not in job:
            return None
        data = built(wire.JobData, job["data"])
        return Offer(id=job_id, nonce=job["nonce"], account="", region=region, data=data, client_id=client_id)


def _object_store(endpoint_url: str | None) -> ObjectStore:
    """Beside the service, unless the environment says that S3 is somewhere else."""
    return ObjectStore(None if os.environ.get("AWS_ENDPOINT_URL_S3") else endpoint_url)


def waiting(seconds: float) -> dict[str, str]:
    """The header that asks a server of ours to hold an empty poll back."""
    held = int(min(seconds, WAIT_SECONDS_MAX))
    return {"x-penstock-wait-seconds": str(held)} if held > 0 else {}


def continuing(result: Success | Continue) -> dict[str, str]:
    """The header that tells a server of ours when to offer the follow-up job."""
    if not isinstance(result, Continue) or result.after_seconds is None:
        return {}
    pause = min(max(result.after_seconds, 0.0), CONTINUE_SECONDS_MAX)
    return {"x-penstock-continue-seconds": f"{pause:.3f}"}


def _offer(job: wire.Job, region: str) -> Offer:
    return Offer(
        id=job.id or "",
        nonce=job.nonce or "",
        account=job.account_id or "",
        region=region,
        data=job.data or wire.JobData(),
    )


def _credentials(answer: dict[str, Any]) -> wire.AWSSessionCredentials | None:
    data: wire.JobData = built(wire.JobData, answer["jobDetails"]["data"])
    return data.artifact_credentials
