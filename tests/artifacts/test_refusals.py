"""Errors: S3's codes and statuses in XML, never more than the caller may know."""

import json
import logging
import re

import pytest

from artifacts.raw import ask, send, sign
from penstock.ports.artifacts import Location, Scope

BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><Delete><Object><Key>&b;</Key></Object></Delete>'


def test_an_error_is_xml_with_a_code_a_message_and_a_request_id(store, key, bucket):
    answer = ask(store, key, "GET", f"/{bucket}/missing%20key")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/xml")
    request_id = answer.headers["x-amz-request-id"]
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>The specified key does not exist.</Message><Key>missing key</Key>"
        f"<Resource>/{bucket}/missing%20key</Resource><RequestId>{request_id}</RequestId></Error>"
    )


def test_each_answer_has_a_request_id_of_its_own(store, key, bucket):
    answers = [ask(store, key, method, f"/{bucket}") for method in ("GET", "HEAD", "PATCH")]
    ids = {answer.headers["x-amz-request-id"] for answer in answers}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9A-F]{16}", one) for one in ids)


def test_an_error_of_head_has_no_body(store, key, bucket):
    answer = ask(store, key, "HEAD", f"/{bucket}/missing")
    assert (answer.status, answer.body) == (404, b"")


def test_an_unknown_key_id_is_refused(store, bucket, refusal):
    stranger = store.account()
    del store.keys[stranger.access_key_id]
    assert refusal(store.client(stranger).list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_wrong_signature_is_refused(store, key, bucket):
    headers = sign(store, key, "GET", f"/{bucket}")
    assert send(store, "GET", f"/{bucket}/other", headers).code == "SignatureDoesNotMatch"
    headers["Authorization"] = headers["Authorization"][:-1]
    assert send(store, "GET", f"/{bucket}", headers).status in (400, 403)


def test_an_unsigned_request_is_refused(store, bucket):
    answer = send(store, "GET", f"/{bucket}", {"Host": f"127.0.0.1:{store.port}"})
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_clock_that_is_far_off_is_named(store, key, bucket, monkeypatch):
    import botocore.auth

    old = botocore.auth.get_current_datetime()
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: old.replace(year=2001))
    answer = ask(store, key, "GET", f"/{bucket}")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_expired_credentials_are_named(store, bucket, refusal):
    keys = store.sessions.mint_service("1", "us-east-1", 1.0)
    client = store.client(keys, token=keys.session_token)
    assert refusal(client.list_buckets) == ("ExpiredToken", 400)


def test_a_user_may_do_what_the_policies_allow_and_no_more(store, refusal):
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::mine/in/*"},
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": "arn:aws:s3:::mine",
                "Condition": {"StringLike": {"s3:prefix": "in/*"}},
            },
        ],
    }
    user = store.account(json.dumps(allowed))
    root, s3 = store.client(store.account(account=user.principal.account)), store.client(user)
    root.create_bucket(Bucket="mine")
    root.put_object(Bucket="mine", Key="secret", Body=b"")
    s3.put_object(Bucket="mine", Key="in/a", Body=b"")
    s3.head_object(Bucket="mine", Key="in/a")
    assert s3.list_objects_v2(Bucket="mine", Prefix="in/")["KeyCount"] == 1
    copy = {"Bucket": "mine", "Key": "in/b", "CopySource": "mine/secret"}
    for method, arguments in (
        (s3.list_objects_v2, {"Bucket": "mine"}),
        (s3.list_buckets, {}),
        (s3.put_object, {"Bucket": "mine", "Key": "out", "Body": b""}),
        (s3.get_object, {"Bucket": "mine", "Key": "secret"}),
        (s3.get_object, {"Bucket": "mine", "Key": "in/a", "VersionId": "null"}),
        (s3.delete_object, {"Bucket": "mine", "Key": "in/a"}),
        (s3.copy_object, copy),
        (s3.create_bucket, {"Bucket": "other"}),
    ):
        assert refusal(method, **arguments) == ("AccessDenied", 403)


def test_who_may_not_list_is_not_told_which_keys_are_missing(store, refusal):
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    user = store.account(json.dumps({"Version": "2012-10-17", "Statement": [reads]}))
    store.client(store.account(account=user.principal.account)).create_bucket(Bucket="silent")
    assert refusal(store.client(user).get_object, Bucket="silent", Key="a") == ("AccessDenied", 403)


def test_a_jobs_credentials_open_its_artifacts_alone(store, refusal):
    owner = store.account()
    root = store.client(owner)
    root.create_bucket(Bucket="artifacts")
    root.put_object(Bucket="artifacts", Key="in.zip", Body=b"in")
    root.put_object(Bucket="artifacts", Key="other.zip", Body=b"other")
    places = (Location("artifacts", "in.zip"),), (Location("artifacts", "out.zip"),)
    minted = store.sessions.mint(Scope(owner.principal.account, "us-east-1", "job", *places, expires_at=4e9))
    job = store.client(minted, token=minted.session_token)
    assert job.get_object(Bucket="artifacts", Key="in.zip")["Body"].read() == b"in"
    job.put_object(Bucket="artifacts", Key="out.zip", Body=b"out")
    assert refusal(job.get_object, Bucket="artifacts", Key="other.zip") == ("AccessDenied", 403)
    assert refusal(job.put_object, Bucket="artifacts", Key="in.zip", Body=b"") == ("AccessDenied", 403)
    assert refusal(job.list_objects_v2, Bucket="artifacts") == ("AccessDenied", 403)
    assert root.get_object(Bucket="artifacts", Key="out.zip")["Body"].read() == b"out"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "?delete", b"<Delete", "MalformedXML"),
        ("POST", "?delete", b"", "MalformedXML"),
        ("POST", "?delete", b"<Other/>", "MalformedXML"),
        ("POST", "?delete", b"<Delete>" * 1000 + b"</Delete>" * 1000, "MalformedXML"),
        ("POST", "?delete", BOMB, "MalformedXML"),
        ("POST", "?delete", BOMB.decode().encode("utf-16"), "MalformedXML"),
        ("POST", "?delete", b"<Delete>" + b" " * (1 << 20), "MaxMessageLengthExceeded"),
        ("PUT", "?versioning", b"<VersioningConfiguration>", "MalformedXML"),
        ("PUT", "?acl", b"", "NotImplemented"),
        ("PUT", "/a?tagging", b"", "NotImplemented"),
        ("GET", "/a?attributes", b"", "NotImplemented"),
        ("POST", "", b"", "MethodNotAllowed"),
        ("PATCH", "/a", b"", "MethodNotAllowed"),
        ("GET", "/%FF", b"", "InvalidURI"),
    ],
)
def test_a_malformed_request_is_told_what_is_wrong(store, key, bucket, method, path, body, code):
    assert ask(store, key, method, f"/{bucket}{path}", body=body).code == code


def test_a_single_put_has_at_most_5_gib(store, key, bucket):
    headers = sign(store, key, "PUT", f"/{bucket}/a", {"Content-Length": str((5 << 30) + 1), "Expect": "100-continue"})
    answer = send(store, "PUT", f"/{bucket}/a", headers)
    assert (answer.code, answer.headers["connection"]) == ("EntityTooLarge", "close")


def test_the_bucket_may_be_in_the_host_name(store, key, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"text")
    for host in (f"{bucket}.localhost:{store.port}", f"{bucket}.s3.localhost"):
        assert ask(store, key, "GET", "/a/b", host=host).body == b"text"
        assert b"<Key>a/b</Key>" in ask(store, key, "GET", "/?list-type=2", host=host).body
    assert ask(store, key, "GET", f"/{bucket}/a/b", host="s3.localhost").body == b"text"


def test_a_bug_is_logged_and_told_as_an_internal_error(store, key, bucket, monkeypatch, caplog):
    async def broken(*arguments):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(store.catalogue, "find_object", broken)
    with caplog.at_level(logging.ERROR, "penstock"):
        answer = ask(store, key, "GET", f"/{bucket}/a")
    assert (answer.status, answer.code) == (500, "InternalError")
    assert b"secret" not in answer.body
    assert "ZeroDivisionError" in caplog.text
    assert answer.headers["x-amz-request-id"] in caplog.text
