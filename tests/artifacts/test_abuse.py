"""What nobody sends who means well: paths that climb, ranges without end, lists that are too long, links that were changed."""

import asyncio
import datetime as dt
import time
from urllib.parse import quote, unquote_to_bytes, urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from artifacts.raw import REGION, ask, send, sign
from penstock.artifacts.files import UPLOAD_SECONDS_MAX, sweep
from penstock.ports.objects import BUCKET_UPLOADS_MAX, KEY_UPLOADS_MAX

TEXT = b"0123456789"
MANY_DIGITS = "9" * 5000


def spelled(store, key, method, path, body=b""):
    """A request whose path is sent as it is given, and signed as it is read."""
    read = quote(unquote_to_bytes(path), safe="/-_.~")
    return send(store, method, path, sign(store, key, method, read), body)


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "../../../../etc/passwd",
            "..%2f..%2f..%2fetc%2fpasswd",
            "%2e%2e/%2e%2e/etc/passwd",
            "%2Fetc%2Fpasswd",
            "..%5c..%5cwindows",
            "./%2e/a",
            "a%00.zip",
            "%0d%0aset-cookie:a",
            "-rf",
            "~root",
            "%61" * 1024,
        ],
    )
    def test_a_key_is_text_and_leads_nowhere(self, store, key, s3, bucket, path):
        before = set(store.root.rglob("*"))
        assert spelled(store, key, "PUT", f"/{bucket}/{path}", TEXT).status == 200
        assert spelled(store, key, "GET", f"/{bucket}/{path}").body == TEXT
        made = [each for each in set(store.root.rglob("*")) - before if each.is_file()]
        assert {each.parent.parent for each in made} == {store.files.folder}
        assert all(len(each.name) == 32 for each in made)
        (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert listed["Key"].encode() == unquote_to_bytes(path)

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("%61" * 1025, "KeyTooLongError"),
            ("%c0%ae%c0%ae/", "InvalidURI"),
            ("%ed%a0%80", "InvalidURI"),
        ],
    )
    def test_a_key_is_utf_8_and_no_longer_than_1024_bytes(self, store, key, bucket, path, code):
        assert spelled(store, key, "PUT", f"/{bucket}/{path}", TEXT).code == code

    @pytest.mark.parametrize(
        "name", ["..", ".", "%2e%2e", "..%2f..", "a%2fb", "%00", "a%00b", "b" * 64, "b" * 60_000, "-", "a..b", "A"]
    )
    def test_a_bucket_is_not_made_by_a_name_that_is_none(self, store, key, name):
        assert spelled(store, key, "PUT", f"/{name}").code in {"InvalidBucketName", "InvalidURI"}
        assert spelled(store, key, "GET", f"/{name}/a").code == "NoSuchBucket"

    @pytest.mark.parametrize(
        ("source", "code"),
        [
            ("../../etc/passwd", "NoSuchBucket"),
            ("%2e%2e/passwd", "NoSuchBucket"),
            ("/", "InvalidArgument"),
            ("%ff/a", "InvalidURI"),
            ("a/" + "k" * 5000, "NoSuchBucket"),
            ("bucket/a?versionId=" + "v" * 5000, "NoSuchBucket"),
        ],
    )
    def test_the_source_of_a_copy_is_no_path_either(self, store, key, bucket, source, code):
        assert ask(store, key, "PUT", f"/{bucket}/a", {"x-amz-copy-source": source}).code == code

    def test_a_key_in_a_list_is_no_longer_than_one_in_a_path(self, s3, versioned):
        answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "é" * 513}, {"Key": "é" * 512}]})
        assert [each["Code"] for each in answer["Errors"]] == ["KeyTooLongError"]
        assert [each["Key"] for each in s3.list_object_versions(Bucket=versioned)["DeleteMarkers"]] == ["é" * 512]


class TestRanges:
    @pytest.mark.parametrize(
        "asked",
        [
            f"bytes=0-{MANY_DIGITS}",
            f"bytes={MANY_DIGITS}-",
            f"bytes=-{MANY_DIGITS}",
            "bytes=" + ",".join(f"{at}-{at}" for at in range(5000)),
            "bytes=0-,0-,0-,0-",
            "bytes=9-2",
            "bytes=--1",
            "bytes=0x1-2",
            "bytes=1e3-",
            "lines=1-2",
        ],
    )
    def test_what_makes_no_sense_or_is_many_is_the_whole_object_once(self, store, key, s3, bucket, asked):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        answer = ask(store, key, "GET", f"/{bucket}/a", {"Range": asked})
        assert (answer.status, answer.body) == (200, TEXT)

    @pytest.mark.parametrize("asked", ["bytes=10-", "bytes=999999999999999999-", "bytes=-0"])
    def test_what_is_outside_is_refused_with_the_size(self, store, key, s3, bucket, asked):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        answer = ask(store, key, "GET", f"/{bucket}/a", {"Range": asked})
        assert (answer.status, answer.code, answer.headers["content-range"]) == (416, "InvalidRange", "bytes */10")

    @pytest.mark.parametrize("asked", ["bytes=0-999999999999999999", "bytes=-999999999999999999"])
    def test_what_is_more_than_there_is_is_all_of_it(self, store, key, s3, bucket, asked):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        answer = ask(store, key, "GET", f"/{bucket}/a", {"Range": asked})
        assert (answer.status, answer.body) == (206, TEXT)

    @pytest.mark.parametrize(
        "asked", ["bytes=0-10", "bytes=5-2", f"bytes=0-{MANY_DIGITS}", "bytes=0-1,2-3", "bytes=-1"]
    )
    def test_a_part_is_copied_from_within_its_source_alone(self, store, key, s3, bucket, asked):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
        said = {"x-amz-copy-source": f"{bucket}/a", "x-amz-copy-source-range": asked}
        answer = ask(store, key, "PUT", f"/{bucket}/b?partNumber=1&uploadId={upload_id}", said)
        assert answer.code == "InvalidArgument"


class TestHeaders:
    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"x-amz-decoded-content-length": MANY_DIGITS}, "EntityTooLarge"),
            ({"x-amz-meta-a": "x" * 2048}, "MetadataTooLarge"),
            ({"cache-control": "x" * 8192}, "RequestHeaderSectionTooLarge"),
            ({"content-type": "x" * 8193}, "RequestHeaderSectionTooLarge"),
            ({"x-amz-tagging": "&".join(f"k{number}=v" for number in range(11))}, "BadRequest"),
            ({"x-amz-tagging": "a=1&a=2"}, "InvalidArgument"),
            ({"x-amz-tagging": "k" * 129 + "=v"}, "InvalidTag"),
            ({"x-amz-tagging": "=v"}, "InvalidTag"),
            ({"x-amz-tagging": "k=" + "v" * 257}, "InvalidTag"),
            ({"content-md5": "=" * 5000}, "InvalidDigest"),
        ],
    )
    def test_one_that_cannot_be_or_is_too_long_is_refused(self, store, key, s3, bucket, said, code):
        assert ask(store, key, "PUT", f"/{bucket}/a", said, TEXT).code == code
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    @pytest.mark.parametrize(
        "date",
        [
            "Thu, 01 Jan 1970 00:00:00 +99999999999999999999999",
            "Mon, 01 Jan 0001 00:00:00 -0000",
            "Mon, 01 Jan 99999 00:00:00 GMT",
            "x" * 5000,
        ],
    )
    def test_a_date_that_is_none_is_passed_over(self, store, key, s3, bucket, date):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        said = {"If-Modified-Since": date, "If-Unmodified-Since": date}
        assert ask(store, key, "GET", f"/{bucket}/a", said).status in {200, 412}

    def test_an_object_is_no_page_of_this_server(self, s3, bucket):
        s3.put_object(Bucket=bucket, Key="a.html", Body=b"<script>", ContentType="text/html")
        got = s3.get_object(Bucket=bucket, Key="a.html")["ResponseMetadata"]["HTTPHeaders"]
        assert (got["content-security-policy"], got["x-content-type-options"]) == ("sandbox", "nosniff")


class TestListings:
    def test_no_page_has_more_than_a_thousand(self, s3, bucket):
        for listed in (
            s3.list_objects_v2(Bucket=bucket, MaxKeys=2**31 - 1)["MaxKeys"],
            s3.list_objects(Bucket=bucket, MaxKeys=2**31 - 1)["MaxKeys"],
            s3.list_object_versions(Bucket=bucket, MaxKeys=2**31 - 1)["MaxKeys"],
            s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2**31 - 1)["MaxUploads"],
        ):
            assert listed == 1000

    @pytest.mark.parametrize("number", ["-1", "1.5", "1e9", "%D9%A1", "0x10"])
    @pytest.mark.parametrize("query", ["list-type=2&max-keys", "versions&max-keys", "uploads&max-uploads", "max-keys"])
    def test_a_count_that_is_none_is_refused(self, store, key, bucket, query, number):
        assert spelled_query(store, key, f"/{bucket}", f"{query}={number}").code == "InvalidArgument"

    @pytest.mark.parametrize("query", ["list-type=2", "versions", "uploads", "prefix="])
    def test_long_and_strange_texts_find_nothing_and_do_no_harm(self, store, key, s3, bucket, query):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        for name in ("prefix", "delimiter", "marker", "start-after", "key-marker"):
            for text in ("x" * 10_000, "%00", "%EF%BF%BF", "%F4%8F%BF%BF" * 300):
                assert spelled_query(store, key, f"/{bucket}", f"{query}&{name}={text}").status == 200

    @pytest.mark.parametrize("token", ["A", "no%2Btoken%21", "%2F%2F8%3D", "7aCA", "%3D", "A" * 10_001])
    def test_a_token_that_was_never_given_is_refused(self, store, key, bucket, token):
        answer = spelled_query(store, key, f"/{bucket}", f"list-type=2&continuation-token={token}")
        assert answer.code == "InvalidArgument"


def spelled_query(store, key, path, query):
    return ask(store, key, "GET", f"{path}?{query}")


class TestDocuments:
    @pytest.mark.parametrize(
        "document",
        [
            b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>",
            b"<Delete><Object><Key>a</Key></Object>" + b"<a/>" * 10_000 + b"</Delete>",
            b"<Delete>" + b"<a/>" * 200_000 + b"</Delete>",
            b"<Delete>" + b"<a b='c'/>" * 50_000 + b"</Delete>",
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
            b'<!DOCTYPE a SYSTEM "http://127.0.0.1/"><Delete/>',
            b"<Delete><Object><Key>&undeclared;</Key></Object></Delete>",
            b"<Delete><Object><Key>\x00</Key></Object></Delete>",
            b"<Delete><![CDATA[" + b"]" * 900_000,
            b"<" + b"a" * 900_000 + b"/>",
            b"<Delete " + b" ".join(b"a%d='1'" % number for number in range(50_000)) + b"/>",
        ],
        ids=range(11),
    )
    def test_one_that_is_long_or_expands_is_refused(self, store, key, bucket, document):
        assert ask(store, key, "POST", f"/{bucket}?delete", body=document).code == "MalformedXML"

    @pytest.mark.parametrize(
        "document",
        [
            b"<CompleteMultipartUpload>" + b"<a/>" * 500_000 + b"</CompleteMultipartUpload>",
            b"<CompleteMultipartUpload>"
            + b"".join(
                b"<Part><PartNumber>%d</PartNumber><ETag>e</ETag></Part>" % number for number in range(1, 10_002)
            )
            + b"</CompleteMultipartUpload>",
        ],
        ids=range(2),
    )
    def test_a_list_of_more_parts_than_there_can_be_is_refused(self, store, key, s3, bucket, document):
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
        answer = ask(store, key, "POST", f"/{bucket}/a?uploadId={upload_id}", body=document)
        assert answer.code == "MalformedXML"

    def test_one_that_takes_long_to_read_keeps_nobody_waiting(self, store, key, s3, bucket):
        """The loop answers others while a thread reads: it is never away for as long as reading takes."""
        document = b"<CompleteMultipartUpload>" + b"<a>x</a>" * 99_000 + b"</CompleteMultipartUpload>"
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
        path = f"/{bucket}/a?uploadId={upload_id}"
        headers = sign(store, key, "POST", path)
        turns = 0

        async def watch():
            nonlocal turns
            asked = asyncio.get_running_loop().run_in_executor(None, send, store, "POST", path, headers, document)
            while not asked.done():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), store.loop))
                turns += 1
            return await asked

        assert asyncio.run(watch()).code == "MalformedXML"
        # A loop that read by itself would come round a few times, before and after.
        assert turns > 20


class TestUploads:
    def test_so_many_may_be_under_way_for_a_key_and_in_a_bucket(self, store, key, s3, bucket, refusal):
        fill(store, key, bucket, ["full"] * KEY_UPLOADS_MAX)
        assert refusal(s3.create_multipart_upload, Bucket=bucket, Key="full") == ("TooManyUploads", 400)
        first = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)["Uploads"][0]
        s3.abort_multipart_upload(Bucket=bucket, Key="full", UploadId=first["UploadId"])
        s3.create_multipart_upload(Bucket=bucket, Key="full")
        fill(store, key, bucket, [f"other-{number}" for number in range(BUCKET_UPLOADS_MAX - KEY_UPLOADS_MAX)])
        assert refusal(s3.create_multipart_upload, Bucket=bucket, Key="a") == ("TooManyUploads", 400)
        s3.delete_bucket(Bucket=bucket)

    def test_one_that_nobody_completes_is_gone_after_a_week_and_its_bytes_with_it(self, store, s3, bucket):
        files = store.file_names()
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
        s3.upload_part(Bucket=bucket, Key="a", UploadId=upload_id, PartNumber=1, Body=TEXT)
        swept(store, time.time() + UPLOAD_SECONDS_MAX - 60)
        assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
        swept(store, time.time() + UPLOAD_SECONDS_MAX + 60)
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
        assert store.file_names() <= files

    def test_what_a_completed_one_says_of_its_place_is_by_the_way_it_was_asked(self, store, key, bucket):
        s3 = store.client(key, tls=True)
        name = {"Bucket": bucket, "Key": "a"}
        name["UploadId"] = s3.create_multipart_upload(**name)["UploadId"]
        etag = s3.upload_part(**name, PartNumber=1, Body=TEXT)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        done = s3.complete_multipart_upload(**name, MultipartUpload=parts)
        assert done["Location"] == f"{store.tls_url}/{bucket}/a"


def fill(store, key, bucket, keys):
    """Uploads under way, without asking for each."""
    account, now = key.principal.account, time.time()
    rows = [(account, bucket, name, f"00{number:06}{name}", now) for number, name in enumerate(keys)]
    columns = "account, bucket, key, upload_id, initiated_at, content_type, metadata, headers"
    writer = store.database._writer
    with store.database._lock:
        writer.execute("BEGIN")
        writer.executemany(
            f"INSERT INTO uploads ({columns}, checksum_algorithm, checksum_kind) "
            "VALUES (?, ?, ?, ?, ?, '', x'7b7d', x'7b7d', '', 'FULL_OBJECT')",
            rows,
        )
        writer.execute("COMMIT")


def swept(store, now):
    # The server's own loop has the connection that is read from.
    asyncio.run_coroutine_threadsafe(sweep(store.files, store.catalogue, now), store.loop).result(10)


class Link:
    """A presigned address, which may be changed before it is used."""

    def __init__(self, store, key, path, *, method="GET", expires=600, age=0, monkeypatch=None):
        moment = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(seconds=age)
        with monkeypatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", lambda *_: moment)
            request = AWSRequest(method, f"{store.url}{path}", headers={"Host": urlsplit(store.url).netloc})
            signer = S3SigV4QueryAuth(Credentials(key.access_key_id, key.secret_access_key), "s3", REGION, expires)
            signer.add_auth(request)
        self.store, self.method = store, method
        self.path = request.url.removeprefix(store.url)

    def use(self, method=None, path=None, body=b"", **headers):
        host = urlsplit(self.store.url).netloc
        named = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.store, method or self.method, path or self.path, named, body)


class TestPresigned:
    @pytest.fixture
    def link(self, store, key, s3, bucket, monkeypatch):
        s3.put_object(Bucket=bucket, Key="a", Body=TEXT)
        s3.put_object(Bucket=bucket, Key="b", Body=b"another")

        def make(path=f"/{bucket}/a", **options):
            return Link(store, key, path, monkeypatch=monkeypatch, **options)

        return make

    @pytest.mark.parametrize(("expires", "age"), [(600, 0), (604_800, 0), (604_800, 604_700), (1000, 950), (60, -600)])
    def test_one_is_good_within_its_time(self, link, expires, age):
        answer = link(expires=expires, age=age).use()
        assert (answer.status, answer.body) == (200, TEXT)

    @pytest.mark.parametrize(
        ("expires", "age", "code"),
        [
            (0, 2, "AccessDenied"),
            (60, 65, "AccessDenied"),
            (604_800, 604_900, "AccessDenied"),
            (600, -1200, "RequestTimeTooSkewed"),
            (604_801, 0, "AuthorizationQueryParametersError"),
            (-1, 0, "AuthorizationQueryParametersError"),
            ("soon", 0, "AuthorizationQueryParametersError"),
            ("6" * 5000, 0, "AuthorizationQueryParametersError"),
        ],
    )
    def test_one_is_good_for_nothing_outside_of_it(self, link, expires, age, code):
        answer = link(expires=expires, age=age).use()
        assert (answer.status in {400, 403}, answer.code) == (True, code)

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "POST"])
    def test_one_is_for_its_method_alone(self, link, s3, bucket, method):
        assert link().use(method=method).status == 403
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == TEXT

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("/a?", "/b?"),
            ("/a?", "/%2e%2e/b?"),
            ("X-Amz-Expires=600", "X-Amz-Expires=604800"),
            ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=604800"),
            ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Bx-amz-date"),
            ("us-east-1", "eu-west-1"),
            ("?", "?versionId=null&"),
            ("?", "?response-content-type=text%2Fhtml&"),
            ("?", "?uploads&"),
        ],
    )
    def test_one_that_was_changed_opens_nothing(self, link, old, new):
        presigned = link()
        assert old in presigned.path
        answer = presigned.use(path=presigned.path.replace(old, new, 1))
        assert answer.status in {400, 403}
        assert TEXT not in answer.body

    def test_one_is_for_its_host_alone_and_takes_no_unsigned_wishes(self, link):
        assert link().use(Host="elsewhere.example").code == "SignatureDoesNotMatch"
        assert link().use(x_amz_copy_source="/bucket/b").code == "SignatureDoesNotMatch"

    def test_one_lets_no_second_signature_speak_for_it(self, link):
        answer = link().use(Authorization="AWS4-HMAC-SHA256 Credential=a/20200101/r/s3/aws4_request")
        assert answer.status in {400, 403}

    def test_an_upload_by_one_is_bounded_like_any_other(self, link, store, bucket):
        presigned = link(path=f"/{bucket}/c", method="PUT")
        assert presigned.use(body=TEXT).status == 200
        assert presigned.use(Content_Length=str((5 << 30) + 1), Expect="100-continue").code == "EntityTooLarge"
