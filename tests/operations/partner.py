"""Penstock's own operations: principals, and partners whose jobs are worked with the client token."""

import json
import urllib.request
from collections.abc import Iterable
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from declarations import action
from operations.scene import Scene
from serving import Server

POLLER = "123456789012"


def own_operation(url: str, keys: dict[str, str], region: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
    """Call one of penstock's own operations, signed by botocore."""
    request = AWSRequest(
        "POST",
        f"{url}/",
        data=json.dumps(parameters).encode(),
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Penstock.{operation}"},
    )
    signer = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    SigV4Auth(signer, "codepipeline", region).add_auth(request)
    sent = urllib.request.Request(f"{url}/", request.body, dict(request.headers))
    with urllib.request.urlopen(sent) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def user_keys(server: Server, name: str, actions: list[str], account: str | None = None) -> dict[str, str]:
    """The keys of a new principal who may do this to everything."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    given = {"account": account} if account is not None else {}
    made = own_operation(
        server.url, server.root_keys, "us-east-1", "CreatePrincipal", name=name, policy=json.dumps(policy), **given
    )
    return {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}


def linked_account(server: Server, account: str, links: Iterable[str], types: Iterable[str]) -> dict[str, str]:
    """The keys of an account that has registered types of these providers, for itself alone, and is linked to some."""
    keys, version = user_keys(server, "partners", ["penstock:*"], account), account[-9:]
    for provider in types:
        declared = declaration(provider) | {"permissions": {"allowedAccounts": [account]}}
        declared["id"]["version"] = version
        own_operation(server.url, keys, "us-east-1", "RegisterPartnerActionType", actionType=declared)
    for provider in links:
        own_operation(server.url, keys, "us-east-1", "LinkPartner", provider=provider, version=version)
    return keys


def declaration(provider: str, **executor: Any) -> dict[str, Any]:
    """An ActionTypeDeclaration of a partner's test action with one secret property."""
    return {
        "id": {"category": "Test", "owner": "ThirdParty", "provider": provider, "version": "1"},
        "executor": {
            "type": "JobWorker",
            "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": [POLLER]}},
            **executor,
        },
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
        "permissions": {"allowedAccounts": ["*"]},
        "properties": [
            {"name": "Mode", "optional": True, "key": False, "noEcho": False},
            {"name": "Password", "optional": True, "key": False, "noEcho": True},
        ],
        "urls": {"entityUrlTemplate": "https://partner.example/", "configurationUrl": "https://partner.example/set"},
    }


class Partner:
    """One partner action type. Partner types are the whole server's, so each test names its own."""

    def __init__(self, scene: Scene, **executor: Any) -> None:
        self.scene = scene
        self.provider = "P" + scene.region.replace("-", "_")
        self.call("RegisterPartnerActionType", actionType=declaration(self.provider, **executor))
        self.link()

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return own_operation(
            self.scene.server.url, self.scene.server.root_keys, self.scene.region, operation, **parameters
        )

    def link(self) -> None:
        linked = self.call("LinkPartner", provider=self.provider, version="1")
        self.client_id, self.token = linked["clientId"], linked["clientToken"]

    def rotate(self, overlap_seconds: int) -> None:
        rotated = self.call("RotatePartnerToken", provider=self.provider, version="1", overlapSeconds=overlap_seconds)
        self.client_id, self.token = rotated["clientId"], rotated["clientToken"]

    def revoke(self) -> None:
        self.call("RevokePartner", provider=self.provider, version="1")

    @property
    def type_id(self) -> dict[str, str]:
        return {"category": "Test", "owner": "ThirdParty", "provider": self.provider, "version": "1"}

    def action(self, name: str = "Check", configuration: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        return action(name, "Test", "ThirdParty", self.provider, configuration, **more)

    def poll(self, jobs_max: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.scene.aws.poll_for_third_party_jobs(
            actionTypeId=self.type_id, maxBatchSize=jobs_max
        )["jobs"]
        return found

    def details(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.scene.aws.get_third_party_job_details(jobId=job_id, clientToken=self.token)[
            "jobDetails"
        ]
        return found

    def acknowledge(self, job_id: str, nonce: str) -> str:
        status: str = self.scene.aws.acknowledge_third_party_job(jobId=job_id, nonce=nonce, clientToken=self.token)[
            "status"
        ]
        return status

    def take(self) -> str:
        """The id of one job, acknowledged."""
        (job,) = self.poll()
        job_id: str = job["jobId"]
        assert self.acknowledge(job_id, self.details(job_id)["nonce"]) == "InProgress"
        return job_id

    def succeed(self, job_id: str, **result: Any) -> None:
        self.scene.aws.put_third_party_job_success_result(jobId=job_id, clientToken=self.token, **result)

    def fail(self, job_id: str, message: str = "broken") -> None:
        self.scene.aws.put_third_party_job_failure_result(
            jobId=job_id, clientToken=self.token, failureDetails={"type": "JobFailed", "message": message}
        )
