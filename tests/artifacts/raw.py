"""Requests as no tool sends them: signed by botocore, with any header, any body and any framing."""

import hashlib
import hmac
import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY = hashlib.sha256(b"").hexdigest()
REGION = "us-east-1"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self):
        found = re.search(rb"<Code>(.*?)</Code>", self.body)
        return found and found[1].decode()


class Signer(S3SigV4Auth):
    """Signs the payload hash that it is told instead of that of the body."""

    def __init__(self, key, payload_hash):
        super().__init__(Credentials(key.access_key_id, key.secret_access_key), "s3", REGION)
        self._payload_hash = payload_hash

    def payload(self, request):
        return self._payload_hash


def sign(store, key, method, path, headers=None, payload_hash="UNSIGNED-PAYLOAD", host=None):
    """The headers of a signed request."""
    host = host or urlsplit(store.url).netloc
    request = AWSRequest(method=method, url=f"http://{host}{path}", headers={"Host": host} | (headers or {}))
    Signer(key, payload_hash).add_auth(request)
    return dict(request.headers.items())


def send(store, method, path, headers, body=b""):
    """Send as it is and take the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", store.port)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


def ask(store, key, method, path, headers=None, body=b"", **signing):
    return send(store, method, path, sign(store, key, method, path, headers, **signing), body)


def framed(key, headers, pieces, trailers=""):
    """A body in signed chunks, with a signed trailer if there is one."""
    stamp, signature = headers["X-Amz-Date"], re.search("Signature=(.*)", headers["Authorization"])[1]
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    signing_key = f"AWS4{key.secret_access_key}".encode()
    for word in scope.split("/"):
        signing_key = hmac.digest(signing_key, word.encode(), "sha256")

    def chained(kind, *hashed):
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", stamp, scope, signature, *hashed])
        return hmac.new(signing_key, text.encode(), "sha256").hexdigest()

    body = b""
    for piece in [*pieces, b""]:
        signature = chained("PAYLOAD", EMPTY, hashlib.sha256(piece).hexdigest())
        body += b"%x;chunk-signature=%s\r\n%s" % (len(piece), signature.encode(), piece + b"\r\n" if piece else b"")
    if not trailers:
        return body + b"\r\n"
    signature = chained("TRAILER", hashlib.sha256(f"{trailers}\n".encode()).hexdigest())
    return body + f"{trailers}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def unframed(pieces, trailers=""):
    """A body in chunks that nobody signs."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return body + b"0\r\n" + (f"{trailers}\r\n".encode() if trailers else b"") + b"\r\n"
