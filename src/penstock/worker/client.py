"""Signed calls to a CodePipeline endpoint, AWS's own or penstock's, through unmodified boto3."""

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from penstock.wire import errors
from penstock.worker.threads import in_own_thread

WAIT_SECONDS_MAX = 20
ANSWER_SECONDS_MAX = 60
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")

# What the next call of this context sends beside the operation's own members.
wishes: ContextVar[Mapping[str, str]] = ContextVar("wishes")


class CodePipelineClient:
    """One boto3 client, made with the first call, for any number of concurrent calls."""

    def __init__(self, session: Any, endpoint_url: str | None, region: str | None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._region = region
        self._client: Any = None
        self._making = threading.Lock()

    async def call(
        self, operation: str, parameters: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The operation's answer, a dict as boto3 gives it.

        Every refusal of the server is raised as the `ApiError` of that name; anything else that is raised means that no
        answer came. Headers are wishes that only penstock knows: AWS's own endpoint never sees them.
        """
        return await in_own_thread(self._call, operation, parameters, headers or {})

    async def post(self, target: str, body: bytes) -> None:
        """Call one of penstock's own operations; against AWS itself, do nothing."""
        await in_own_thread(self._post, target, body)

    async def region(self) -> str:
        """The region that calls are signed for."""
        client = await in_own_thread(self._made)
        return str(client.meta.region_name)

    def _call(self, operation: str, parameters: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        client = self._made()
        wishes.set({} if is_aws(client.meta.endpoint_url) else headers)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        except ClientError as error:
            raise _api_error(error.response) from error
        return answer

    def _post(self, target: str, body: bytes) -> None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.httpsession import URLLib3Session

        client = self._made()
        if is_aws(client.meta.endpoint_url):
            return
        request = AWSRequest("POST", client.meta.endpoint_url.rstrip("/") + "/", data=body)
        request.headers["Content-Type"] = "application/x-amz-json-1.1"
        request.headers["X-Amz-Target"] = target
        credentials = self._session.get_credentials().get_frozen_credentials()
        SigV4Auth(credentials, "codepipeline", client.meta.region_name).add_auth(request)
        http = URLLib3Session(verify=trusted_roots(), timeout=10)
        try:
            answer = http.send(request.prepare())
        finally:
            http.close()
        if answer.status_code >= 300:
            raise errors.InternalFailure(f"{target} was answered with status {answer.status_code}")

    def _made(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.Session()
        patience = Config(
            read_timeout=WAIT_SECONDS_MAX + ANSWER_SECONDS_MAX,
            connect_timeout=10,
            max_pool_connections=50,
            retries={"mode": "standard", "max_attempts": 3},
        )
        client = self._session.client(
            "codepipeline", endpoint_url=self._endpoint_url, region_name=self._region, config=patience
        )
        client.meta.events.register("before-call.codepipeline", _add_wishes)
        return client


def trusted_roots() -> str | bool:
    """What certificates of servers are checked against: as every AWS client has it, by AWS_CA_BUNDLE or the profile."""
    from botocore.session import Session

    return Session().get_config_variable("ca_bundle") or True


def is_aws(endpoint_url: str) -> bool:
    """Whether this is AWS itself, which knows nothing of penstock's additions."""
    return f".{urlsplit(endpoint_url).hostname}".endswith(AWS_DOMAINS)


def _add_wishes(params: dict[str, Any], **_: Any) -> None:
    params["headers"].update(wishes.get({}))


def _api_error(response: Mapping[str, Any]) -> errors.ApiError:
    code = str(response.get("Error", {}).get("Code", "InternalFailure"))
    kind = getattr(errors, code, None)
    if not (isinstance(kind, type) and issubclass(kind, errors.ApiError)):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        kind = errors.InternalFailure if status >= 500 else type(code, (errors.ApiError,), {})
    error: errors.ApiError = kind(response.get("Error", {}).get("Message") or None)
    return error
