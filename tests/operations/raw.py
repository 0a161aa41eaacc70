"""Requests as no SDK sends them: signed by botocore, then changed, and sent by hand."""

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from serving import Server

JSON = "application/x-amz-json-1.1"
PREFIX = "CodePipeline_20150709."


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        found: str = json.loads(self.body).get("__type", "")
        return found

    @property
    def message(self) -> str:
        found: str = json.loads(self.body).get("message", "")
        return found


class Wire:
    """Talks to one server in one region: as root, unless with keys of somebody else."""

    def __init__(
        self, server: Server, region: str, keys: dict[str, str] | None = None, service: str = "codepipeline"
    ) -> None:
        self.server, self.region, self.service = server, region, service
        self.keys = keys or server.root_keys
        self.address = urlsplit(server.url)

    def signed(
        self,
        operation: str = "ListPipelines",
        body: bytes = b"{}",
        method: str = "POST",
        path: str = "/",
        **headers: str | None,
    ) -> dict[str, str]:
        """The headers of a signed request; a header given as None is left out, others take their place before signing."""
        wanted: dict[str, str | None] = {"Content-Type": JSON, "X-Amz-Target": PREFIX + operation}
        wanted.update({name.replace("_", "-"): value for name, value in headers.items()})
        given = {name: value for name, value in wanted.items() if value is not None}
        request = AWSRequest(method, self.server.url + path, data=body, headers=given)
        keys = self.keys
        signer = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys.get("aws_session_token"))
        SigV4Auth(signer, self.service, self.region).add_auth(request)
        return {"Host": self.address.netloc, **dict(request.headers)}

    def send(self, headers: dict[str, str], body: bytes = b"{}", method: str = "POST", path: str = "/") -> Answer:
        connection = http.client.HTTPConnection(self.address.netloc, timeout=20)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, received, answer.read())
        finally:
            connection.close()

    def ask(self, operation: str = "ListPipelines", body: bytes = b"{}", **headers: str | None) -> Answer:
        return self.send(self.signed(operation, body, **headers), body)

    def call(self, operation: str, **parameters: Any) -> Answer:
        return self.ask(operation, json.dumps(parameters).encode())

    def socket(self) -> socket.socket:
        return socket.create_connection((self.address.hostname or "", self.address.port or 0), timeout=20)


def head(headers: dict[str, str], length: int, method: str = "POST", path: str = "/") -> bytes:
    """The first part of a request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()
