"""A store of objects of somebody else's: moto's S3, and an STS in front of moto's that keeps what it is asked for."""

import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
from botocore.config import Config

OPERATOR = {"aws_access_key_id": "AKIAOPERATOR", "aws_secret_access_key": "operator-secret"}
# Runs a server with an operator's credentials and no others.
ENVIRONMENT = (
    "env",
    "AWS_ACCESS_KEY_ID=AKIAOPERATOR",
    "AWS_SECRET_ACCESS_KEY=operator-secret",
    "AWS_EC2_METADATA_DISABLED=true",
    "AWS_CONFIG_FILE=/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE=/nonexistent",
)
ROLES = "arn:aws:iam::123456789012:role/"
REFUSED, AWAY = f"{ROLES}refused", f"{ROLES}away"
BUCKET = "the-store"
NO = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>\
<Code>AccessDenied</Code><Message>User: operator is not authorized to perform: sts:AssumeRole</Message></Error>\
<RequestId>1</RequestId></ErrorResponse>"""


class Sts(ThreadingHTTPServer):
    """Passes calls on. One for the role `refused` is refused, one for the role `away` gets no answer while `is_away`."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), StsHandler)
        self.behind = behind
        self.is_away = True
        self.asked: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def sessions(self, name: str) -> list[dict[str, str]]:
        """What sessions of that name were asked for, in their order."""
        return [each for each in self.asked if each["RoleSessionName"] == name]


class StsHandler(BaseHTTPRequestHandler):
    server: Sts

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.server.asked.append(asked)
        if asked["RoleArn"] == REFUSED:
            self._answer(403, NO.encode())
        elif asked["RoleArn"] == AWAY and self.server.is_away:
            self._answer(503, b"")
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: text for name, text in self.headers.items() if name.lower() != "host"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.server.behind, body, headers)) as answer:
                self._answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


class OuterStore:
    """The store with its STS; `s3` is the operator's client."""

    def __init__(self, s3_url: str, sts: Sts) -> None:
        self.s3_url, self.sts = s3_url, sts
        self.s3 = self.client(OPERATOR)
        self.s3.create_bucket(Bucket=BUCKET)

    @property
    def artifacts_url(self) -> str:
        return f"s3://{BUCKET}?endpoint_url={self.s3_url}&sts_endpoint_url={self.sts.url}&poll_seconds=1"

    def client(self, keys: dict[str, str]) -> Any:
        session = boto3.Session(**keys, region_name="us-east-1")
        return session.client("s3", endpoint_url=self.s3_url, config=Config(s3={"addressing_style": "path"}))

    def versioned(self, name: str) -> str:
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def put(self, bucket: str, key: str, body: bytes) -> str:
        version: str = self.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        return version

    def read(self, bucket: str, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def keys(self, bucket: str) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@contextmanager
def outer_store() -> Iterator[OuterStore]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    sts = Sts(f"http://{host}:{port}")
    threading.Thread(target=sts.serve_forever, daemon=True).start()
    try:
        yield OuterStore(f"http://{host}:{port}", sts)
    finally:
        sts.shutdown()
        sts.server_close()
        moto.stop()
