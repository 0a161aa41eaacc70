"""The query form and the S3 surface as ASGI: whatever comes, there is an answer, no fault, no file outside of the folder."""

import json
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from artifacts.raw import unframed
from declarations import custom_source, custom_type, pipeline, stage
from fuzz.inside import Inside
from fuzz.judging import NOT_IMPLEMENTED, Answer
from fuzz.messages import Headers, Message
from fuzz.scripts import LEAVING, leaves, pieces, read_script, script
from fuzz.shapes import API_JSON
from fuzz.watching import Watch
from operations.scene import build, type_id
from penstock.wire import errors

HOST = (b"host", b"127.0.0.1:4570")
FORM = (b"content-type", b"application/x-www-form-urlencoded")
# A server that has taken so many is closed and another one begun: what is found can be found again.
INPUTS_MAX = 3000
OPEN_MORE_MAX = 8
OBJECTS = "data/artifacts/objects/*/*"
XML = b"<?xml"


class Doors:
    """Takes inputs for one of the doors. `scripts` are requests that are sent to each new server first."""

    words: Sequence[bytes] = ()

    def __init__(self, messages: list[Message]) -> None:
        self.seeds = [script(each, cut) for each in messages for cut in (0, 3)]
        self.seeds += [script(each.adding(LEAVING), 3) for each in messages if each.body]
        self._messages = messages
        self._memory = tempfile.TemporaryDirectory(prefix="penstock-fuzz-")
        self._opened = open_files()
        self._begin()

    def _begin(self) -> None:
        self._taken = 0
        self._folder = Path(tempfile.mkdtemp(dir=self._memory.name))
        self._inside = Inside(self._folder / "data")
        for message in self._messages:
            self.check(script(message))

    def check(self, text: bytes) -> None:
        message = read_script(self.completed(text))
        if message is None:
            return
        if self._taken >= INPUTS_MAX:
            self._end()
            self._begin()
        self._taken += 1
        with Watch(self._folder) as watch:
            answer = self._inside.ask(message, pieces(text, message.body), leaves=leaves(text))
        assert not watch.astray, f"touched outside of the folder: {watch.astray}"
        if answer is not None:
            self.check_answer(answer)
        if watch.has_changed:
            self._check_files()

    def completed(self, text: bytes) -> bytes:
        """The input with what only the server could tell."""
        return text

    def check_answer(self, answer: Answer) -> None:
        if answer.status == NOT_IMPLEMENTED:
            assert not answer.body or b"<Code>NotImplemented</Code>" in answer.body
        else:
            assert 200 <= answer.status < 500, f"{answer.status} {answer.body[:500]!r}"
        length = answer.headers.get("content-length")
        is_bodiless = not answer.body and answer.status != 200
        assert length is None or is_bodiless or answer.body == b"" or len(answer.body) == int(length)
        if answer.status >= 400 and answer.headers.get("content-type") == API_JSON:
            code = json.loads(answer.body)["__type"]
            assert hasattr(errors, code) or code == "RequestEntityTooLargeException", f"an unknown error {code}"

    def _check_files(self) -> None:
        """Each row has its file, and each file its row."""
        here = {path.name for path in self._folder.glob(OBJECTS)}
        named = named_files(self._folder / "data" / "penstock.db")
        assert here == named, f"files that no row names: {here - named}; rows without their file: {named - here}"

    def _end(self) -> None:
        """What is left behind all the same, as by a crash, is swept."""
        orphan = self._folder / OBJECTS.replace("*/*", f"00/00{'f' * 30}")
        orphan.parent.mkdir(exist_ok=True)
        orphan.touch()
        self._inside.sweep()
        self._inside.close()
        self._check_files()
        assert [path.name for path in self._folder.iterdir()] == ["data"]

    def close(self) -> None:
        """Nothing is left: no file that nobody names, none that is open."""
        try:
            self._end()
        finally:
            self._memory.cleanup()
        assert open_files() <= self._opened + OPEN_MORE_MAX, "files stay open"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def named_files(database: Path) -> set[str]:
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute("SELECT file FROM objects WHERE file <> '' UNION SELECT file FROM upload_parts")
        return {file for (file,) in rows}
    finally:
        connection.close()


class Queries(Doors):
    """The query form, and STS, which shares its door."""

    words = (
        *(
            b"Action=",
            b"&DryRun=true",
            b"&DryRun=",
            b"&name=",
            b"&pipelineName=line",
            b"Version=2015-07-09",
            b"%7B%7D",
            b"%5B",
        ),
        *(
            b"%C3%A9",
            b"%F0%9F%90%8D",
            b"+",
            b"null",
            b"%22",
            b"%00",
            b"%ff",
            b"GET /?",
            b"POST /",
            b"content-type: ",
            b"x-penstock-wait-seconds: 0.01",
            b"x-amz-target: ",
        ),
        *(b"Action=GetCallerIdentity", b"Action=GetSessionToken&DurationSeconds=900", b"Action=AssumeRole&RoleArn=arn"),
        *(
            b"authorization: AWS4-HMAC-SHA256 Credential=a/20260830/eu-west-1/codepipeline/aws4_request",
            b"origin: http://x",
        ),
    )

    def __init__(self) -> None:
        line = pipeline("line", stage("Source", custom_source()), stage("Build", build("Make")))
        made = [("CreateCustomActionType", custom_type("Origin", category="Source"))]
        made += [("CreateCustomActionType", custom_type("Builder")), ("CreatePipeline", {"pipeline": line})]
        asked: list[tuple[str, dict[str, object]]] = [
            ("PollForJobs", {"actionTypeId": type_id("Origin"), "maxBatchSize": 2}),
            ("GetPipelineState", {"name": "line", "DryRun": "true"}),
            ("ListActionTypes", {"actionOwnerFilter": "Custom"}),
            ("StartPipelineExecution", {"name": "line", "variables": [{"name": "a", "value": "é"}]}),
            ("PutJobSuccessResult", {"jobId": "00000000-0000-4000-8000-000000000000", "outputVariables": {"a": "b"}}),
            (
                "TagResource",
                {"resourceArn": "arn:aws:codepipeline:us-east-1:123456789012:line", "tags": [{"key": "a"}]},
            ),
            ("DisableStageTransition", {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound"}),
            ("GetCallerIdentity", {"Version": "2011-06-15"}),
            ("GetSessionToken", {"DurationSeconds": 900}),
        ]
        super().__init__(
            [_form(name, given) for name, given in made]
            + [each for name, given in asked for each in (_query(name, given), _form(name, given))]
        )


def _parameters(action: str, given: dict[str, object]) -> bytes:
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in given.items()}
    return urlencode({"Action": action, **texts}).encode()


def _query(action: str, given: dict[str, object]) -> Message:
    return Message("GET", query=_parameters(action, given), headers=[HOST])


def _form(action: str, given: dict[str, object]) -> Message:
    return Message(headers=[HOST, FORM], body=_parameters(action, given))


class Objects(Doors):
    """The store: buckets, objects, versions, uploads in parts, copies."""

    words = (
        *(
            b"?uploads",
            b"?uploadId=",
            b"&partNumber=1",
            b"?versionId=",
            b"?list-type=2&prefix=",
            b"&delimiter=/",
            b"?delete",
        ),
        *(
            b"?versioning",
            b"?versions",
            b"?location",
            b"?tagging",
            b"&max-keys=1",
            b"&encoding-type=url",
            b"&continuation-token=",
        ),
        *(
            b"..",
            b"%2e%2e%2f",
            b"/../../etc/passwd",
            b"%00",
            b"/bucket/key",
            b"x-amz-copy-source: /bucket/key",
            b"range: bytes=0-",
        ),
        *(
            b"range: bytes=-5",
            b"if-match: *",
            b"if-none-match: *",
            b"if-modified-since: ",
            b"content-md5: ",
            b"x-amz-meta-a: b",
        ),
        *(b"x-amz-checksum-crc32: AAAAAA==", b"x-amz-trailer: x-amz-checksum-crc32", b"x-amz-content-sha256: "),
        *(
            b"STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            b"content-encoding: aws-chunked",
            b"host: bucket.localhost",
            b"expect: 100-continue",
        ),
        *(
            b"<Part><PartNumber>1</PartNumber>",
            b"<Object><Key>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
            b"&b;",
            b"&#0;",
            b"<![CDATA[",
        ),
        *(
            b"x-amz-tagging: a=b",
            b"response-content-type=a%0d%0ab",
            b"x-amz-expected-bucket-owner: 1",
            b"x-amz-mp-object-size: ",
        ),
    )

    def __init__(self) -> None:
        self._upload = b"none"
        super().__init__([*_of_buckets(), *_of_objects(), *_of_uploads()])

    def completed(self, text: bytes) -> bytes:
        """With the last upload that was begun in the place of none."""
        return text.replace(b"uploadId=none", b"uploadId=" + self._upload)

    def check_answer(self, answer: Answer) -> None:
        super().check_answer(answer)
        begun = answer.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0]
        if answer.body.startswith(XML) and b"<InitiateMultipartUploadResult" in answer.body:
            self._upload = begun


def _asked(method: str, target: bytes, body: bytes = b"", *headers: tuple[bytes, bytes]) -> Message:
    path, _, query = target.partition(b"?")
    given: Headers = [HOST, *headers]
    return Message(method, path, query, given, body)


def _of_buckets() -> list[Message]:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    region = (
        b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    )
    return [
        _asked("PUT", b"/bucket"),
        _asked("PUT", b"/versioned", region),
        _asked("PUT", b"/versioned?versioning", enabled),
        _asked("GET", b"/versioned?versioning"),
        _asked("GET", b"/"),
        _asked("HEAD", b"/bucket"),
        _asked("GET", b"/bucket?location"),
        _asked("GET", b"/bucket?list-type=2&prefix=a&delimiter=%2F&max-keys=2&encoding-type=url"),
        _asked("GET", b"/bucket?marker=a&prefix=a%2F"),
        _asked("GET", b"/versioned?versions&key-marker=a&version-id-marker=b"),
        _asked("DELETE", b"/nothing"),
    ]


def _of_objects() -> list[Message]:
    chunked = [(b"content-encoding", b"aws-chunked"), (b"x-amz-trailer", b"x-amz-checksum-crc32")]
    chunked.append((b"x-amz-decoded-content-length", b"5"))
    framed = unframed([b"he", b"llo"], "x-amz-checksum-crc32:NhCmhg==")  # type: ignore[no-untyped-call]
    delete = b"<Delete><Object><Key>a/b</Key></Object><Object><Key>c</Key><VersionId>null</VersionId></Object></Delete>"
    copied = (b"x-amz-copy-source", b"/bucket/a/b")
    return [
        _asked("PUT", b"/bucket/a/b", b"hello", (b"content-type", b"text/plain"), (b"x-amz-meta-a", b"b")),
        _asked("PUT", b"/bucket/..%2F..%2Fetc%2Fpasswd", b"x", (b"content-md5", b"nd6biUBpNSvoBNnRS3T+vQ==")),
        _asked("PUT", b"/versioned/a/../b", b"one", (b"x-amz-tagging", b"a=b&c=d")),
        _asked("PUT", b"/bucket/framed", framed, *chunked),
        _asked("PUT", b"/bucket/sum", b"hello", (b"x-amz-checksum-crc32", b"NhCmhg==")),
        _asked("GET", b"/bucket/a/b", b"", (b"range", b"bytes=1-3"), (b"if-none-match", b'"x"')),
        _asked("GET", b"/bucket/a/b?response-content-type=a%2Fb&partNumber=1"),
        _asked("HEAD", b"/versioned/a/../b?versionId=null"),
        _asked("GET", b"/versioned/a/../b?tagging"),
        _asked("PUT", b"/bucket/copy", b"", copied, (b"x-amz-metadata-directive", b"REPLACE")),
        _asked("PUT", b"/versioned/copy", b"", copied, (b"x-amz-copy-source-if-match", b"*")),
        _asked("POST", b"/bucket?delete", delete),
        _asked("DELETE", b"/versioned/a/../b"),
    ]


def _of_uploads() -> list[Message]:
    part = b"<Part><PartNumber>1</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>"
    return [
        _asked("POST", b"/bucket/big?uploads", b"", (b"x-amz-checksum-algorithm", b"CRC32")),
        _asked("GET", b"/bucket?uploads&prefix=b"),
        _asked("PUT", b"/bucket/big?partNumber=1&uploadId=none", b"hello"),
        _asked("PUT", b"/bucket/big?partNumber=2&uploadId=none", b"", (b"x-amz-copy-source", b"bucket/copy")),
        _asked("GET", b"/bucket/big?uploadId=none&max-parts=1"),
        _asked(
            "POST", b"/bucket/big?uploadId=none", b"<CompleteMultipartUpload>" + part + b"</CompleteMultipartUpload>"
        ),
        _asked("DELETE", b"/bucket/big?uploadId=none"),
    ]
