"""Clients for load: signed by botocore, a connection each that is kept, and answers that a killed server still owes them."""

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from serving import Server

REGION = "us-east-1"
KINDS = {"Origin": "Source", "Builder": "Build"}


class Client:
    """One caller; not for sharing between threads. `headers` go with each of its calls."""

    def __init__(self, server: Server, url: str = "") -> None:
        """With the server's root keys, at the server unless another address is given."""
        keys = server.root_keys
        credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
        self._signer = SigV4Auth(credentials, "codepipeline", REGION)
        self.headers: dict[str, str] = {}
        self._url = (url or server.url) + "/"
        self._address = urlsplit(self._url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=30)

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """The status and the answer; OSError or HTTPException if the server went away meanwhile."""
        body = json.dumps(parameters).encode()
        target = f"CodePipeline_20150709.{operation}"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **self.headers}
        request = AWSRequest("POST", self._url, data=body, headers=headers)
        self._signer.add_auth(request)
        try:
            self._connection.request("POST", "/", body, dict(request.headers))
            answer = self._connection.getresponse()
            text = answer.read()
        except BaseException:
            self._connection.close()
            raise
        return answer.status, json.loads(text) if text else {}

    def insist(self, operation: str, stop: threading.Event, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """The same, sent again as long as the server is away; a pause of ours ends when `stop` is set."""
        while True:
            try:
                return self.call(operation, **parameters)
            except (OSError, http.client.HTTPException):
                if stop.wait(0.02):
                    raise

    def close(self) -> None:
        self._connection.close()


def kind(provider: str) -> dict[str, str]:
    return {"category": KINDS[provider], "owner": "Custom", "provider": provider, "version": "1"}
