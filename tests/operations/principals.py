"""Users and roles for tests, and the temporary credentials that they get from STS."""

import json
from typing import Any

from botocore.exceptions import ClientError

from operations.partner import own_operation
from operations.raw import Answer, Wire
from serving import Server

ACCOUNT = "123456789012"
OTHER = "210987654321"

Keys = dict[str, str]


def allowing(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def denying(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {**allowing(*actions, resource=resource, **more), "Effect": "Deny"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def ask_own(server: Server, keys: Keys | None, operation: str, /, **parameters: Any) -> Answer:
    """One of penstock's own operations, with whatever answer."""
    wire = Wire(server, "us-east-1", keys)
    return wire.ask(body=json.dumps(parameters).encode(), X_Amz_Target=f"Penstock.{operation}")


class People:
    """The principals of one server, made by root."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One of penstock's own operations, as root."""
        return own_operation(self.server.url, self.server.root_keys, "us-east-1", operation, **parameters)

    def user(self, name: str, *statements: dict[str, Any], account: str = ACCOUNT) -> Keys:
        made = self.call("CreatePrincipal", name=name, policy=document(*statements), account=account)
        return {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}

    def role(self, name: str, *statements: dict[str, Any], trust: list[str], account: str = ACCOUNT) -> str:
        """Its ARN."""
        made = self.call(
            "CreatePrincipal", name=name, policy=document(*statements), role=True, trust=trust, account=account
        )
        assert list(made) == ["arn"]
        arn: str = made["arn"]
        return arn

    def sts(self, keys: Keys | None = None) -> Any:
        """A client, which checks nothing itself."""
        return self.server.client("sts", keys, parameter_validation=False, retries={"total_max_attempts": 1})

    def assume(self, keys: Keys | None, role: str, name: str = "session", **more: Any) -> Keys:
        return session_keys(self.sts(keys).assume_role(RoleArn=role, RoleSessionName=name, **more))


def session_keys(answer: dict[str, Any]) -> Keys:
    found = answer["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def refusal(call: Any, /, **parameters: Any) -> tuple[str, int, str]:
    """The code, the status and the words of the error that the call answers with."""
    try:
        call(**parameters)
    except ClientError as problem:
        error = problem.response["Error"]
        return error["Code"], problem.response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]
    raise AssertionError("the call is not refused")
