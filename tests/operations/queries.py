"""The query form, signed by botocore: in a header or presigned, as a GET or as a form."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from operations.raw import Answer, Wire

FORM = "application/x-www-form-urlencoded"


def written(members: dict[str, Any]) -> str:
    """Parameters as they stand in a URL: texts as they are, everything else as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    return urlencode(texts, quote_via=quote)


class Queries:
    """Asks one server in one region; root's unless `keys` says otherwise."""

    def __init__(self, wire: Wire, keys: dict[str, str] | None = None) -> None:
        self.wire = wire
        given = keys or wire.server.root_keys
        self._credentials = Credentials(given["aws_access_key_id"], given["aws_secret_access_key"])

    def get(self, action: str, **members: Any) -> Answer:
        return self.send("GET", f"/?{written({'Action': action, **members})}")

    def post(self, action: str, **members: Any) -> Answer:
        return self.send("POST", "/", written({"Action": action, **members}).encode())

    def presigned(self, action: str, **members: Any) -> Answer:
        return self.wire.send({}, b"", "GET", self.link(action, **members))

    def link(self, action: str, **members: Any) -> str:
        """The path and the query of a presigned GET."""
        request = AWSRequest("GET", f"{self.wire.server.url}/?{written({'Action': action, **members})}")
        SigV4QueryAuth(self._credentials, "codepipeline", self.wire.region, expires=60).add_auth(request)
        path: str = request.url.removeprefix(self.wire.server.url)
        return path

    def send(self, method: str, path: str, body: bytes = b"", content_type: str | None = FORM, **more: Any) -> Answer:
        """One request, signed in its header."""
        return self.wire.send(self.signed(method, path, body, content_type, **more), body, method, path)

    def signed(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str | None = FORM,
        *,
        service: str = "codepipeline",
        headers: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """The headers of a signed request."""
        typed = {"Content-Type": content_type} if body and content_type is not None else {}
        request = AWSRequest(method, self.wire.server.url + path, data=body, headers={**typed, **(headers or {})})
        SigV4Auth(self._credentials, service, self.wire.region).add_auth(request)
        return dict(request.headers)
