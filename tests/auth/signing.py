"""Requests signed by botocore, as the server sees them."""

import calendar
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from penstock.ports.identity import AccessKey, Principal, SignedRequest

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials(KEY_ID, SECRET)
TARGET = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "CodePipeline_20150709.PollForJobs"}


def sign(signer, method="POST", url="http://127.0.0.1:4570/", data=b"", headers=None):
    """What arrives when botocore has signed this."""
    request = AWSRequest(method=method, url=url, data=data, headers=dict(headers or {}))
    request.headers["Host"] = urlsplit(url).netloc
    signer.add_auth(request)
    return received(request)


def received(request):
    parts = urlsplit(request.url)
    return SignedRequest(
        method=request.method,
        raw_path=parts.path.encode() or b"/",
        query_string=parts.query.encode(),
        headers=[(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()],
        body=request.body or b"",
    )


def header(request, name):
    return dict(request.headers)[name.encode()].decode()


def changed(request, **headers):
    """The same request with some headers replaced, or removed where the value is None."""
    replaced = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in request.headers if name not in replaced]
    added = [(name, value.encode()) for name, value in replaced.items() if value is not None]
    return SignedRequest(request.method, request.raw_path, request.query_string, kept + added, request.body)


def moment(stamp):
    return float(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")))


@dataclass
class HeldClock:
    """A clock that is set by hand."""

    at: float = field(default_factory=time.time)

    def now(self):
        return self.at


@dataclass
class KeyTable:
    """A KeySource over a dictionary, which counts how often it is asked."""

    keys: dict[str, AccessKey] = field(default_factory=dict)
    principals: dict[str, Principal] = field(default_factory=dict)
    asked: int = 0

    async def find(self, access_key_id):
        self.asked += 1
        return self.keys.get(access_key_id)

    async def principal(self, principal_id):
        self.asked += 1
        return self.principals.get(principal_id)


def user_key(*policies, access_key_id=KEY_ID, secret=SECRET):
    arn = "arn:aws:iam::123456789012:user/ci"
    principal = Principal(arn, "123456789012", "user", access_key_id, policies=tuple(policies))
    return AccessKey(access_key_id, secret, principal)
