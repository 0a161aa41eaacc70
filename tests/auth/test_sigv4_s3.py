"""Signatures of the S3 surface, header form and presigned, with botocore's signers as oracle."""

from urllib.parse import parse_qsl, quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from auth.signing import CREDENTIALS, KEY_ID, SECRET, changed, header, moment, sign
from penstock.auth import sigv4
from penstock.auth.payload import InvalidArgument, InvalidRequest
from penstock.ports.identity import SignedRequest
from penstock.wire.errors import (
    AccessDeniedException,
    IncompleteSignatureException,
    InvalidSignatureException,
)

SIGNER = S3SigV4Auth(CREDENTIALS, "s3", "eu-west-1")
HERE = "http://127.0.0.1:4570"
KEYS = ["plain.txt", "a b", "a//b/../c", "./x", "é/ß", "100%", "a+b", "(a)!*'$&,;=:@", "~tilde", "a%2Fb", "trailing/"]


def check(request, now=None, secret=SECRET):
    if now is None:
        now = moment(header(request, "x-amz-date"))
    claim = sigv4.read_claim(request, sigv4.S3, now)
    sigv4.verify(claim, secret)
    return claim


def presign(url, expires=600, method="GET", headers=None, credentials=CREDENTIALS):
    signer = S3SigV4QueryAuth(credentials, "s3", "eu-west-1", expires=expires)
    request = sign(signer, method=method, url=url, headers=headers)
    return request, moment(dict(parse_qsl(request.query_string.decode()))["X-Amz-Date"])


@pytest.mark.parametrize("key", KEYS)
def test_any_key_can_be_signed_for_in_both_forms(key):
    url = f"{HERE}/bucket/{quote(key, safe='/~')}"
    check(sign(SIGNER, method="GET", url=url))
    request, signed_at = presign(url)
    check(request, signed_at)


@pytest.mark.parametrize("query", ["uploads", "list-type=2&prefix=a%2Fb%20c&delimiter=%2F", "versionId=abc&acl="])
def test_sub_resources_and_listings_are_signed_with_their_query(query):
    check(sign(SIGNER, method="GET", url=f"{HERE}/bucket?{query}"))
    request, signed_at = presign(f"{HERE}/bucket?{query}")
    check(request, signed_at)


def test_a_path_is_the_same_however_its_letters_are_encoded():
    signed = sign(SIGNER, method="GET", url=f"{HERE}/bucket/%28a%29~%C3%A9")
    for path in (b"/bucket/(a)~%c3%a9", b"/bucket/%28a)%7E\xc3\xa9"):
        check(SignedRequest("GET", path, b"", signed.headers))
    with pytest.raises(InvalidSignatureException):
        check(SignedRequest("GET", b"/bucket/./(a)~%c3%a9", b"", signed.headers))


def test_the_hash_of_the_body_is_the_one_that_the_client_says():
    request = sign(SIGNER, method="PUT", url=f"{HERE}/bucket/key", data=b"hello")
    claim = check(request)
    assert claim.payload_hash == header(request, "x-amz-content-sha256")
    with pytest.raises(InvalidSignatureException):
        check(changed(request, x_amz_content_sha256="0" * 64))


def test_the_hash_must_be_there_and_be_one():
    request = sign(SIGNER, method="PUT", url=f"{HERE}/bucket/key", data=b"hello")
    unsigned = changed(request, authorization=header(request, "authorization").replace("x-amz-content-sha256;", ""))
    with pytest.raises(InvalidRequest, match="Missing required header for this request: x-amz-content-sha256"):
        check(changed(unsigned, x_amz_content_sha256=None))
    with pytest.raises(InvalidArgument, match=r"x-amz-content-sha256 must be UNSIGNED-PAYLOAD, .* or a valid sha256"):
        check(changed(request, x_amz_content_sha256="sha"))


def test_a_presigned_url_promises_nothing_of_its_body():
    request, signed_at = presign(f"{HERE}/bucket/key", method="PUT")
    assert check(request, signed_at).payload_hash == "UNSIGNED-PAYLOAD"


def test_a_presigned_url_may_promise_a_hash_in_its_query_or_a_header():
    digest = "ab" * 32
    request, signed_at = presign(f"{HERE}/bucket/key", method="PUT", headers={"X-Amz-Content-Sha256": digest})
    assert check(request, signed_at).payload_hash == digest
    query = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
    request, signed_at = presign(f"{HERE}/bucket/key?{query}", method="PUT")
    assert check(request, signed_at).payload_hash == "UNSIGNED-PAYLOAD"


def test_a_presigned_url_carries_its_token_in_the_query():
    request, signed_at = presign(f"{HERE}/bucket/key", credentials=Credentials(KEY_ID, SECRET, "the:token/+="))
    assert check(request, signed_at).token == "the:token/+="


def test_a_presigned_url_works_up_to_a_week_and_not_a_second_longer():
    request, signed_at = presign(f"{HERE}/bucket/key", expires=604_800)
    check(request, signed_at + 604_800)
    with pytest.raises(AccessDeniedException, match=r"^Request has expired$"):
        check(request, signed_at + 604_801)
    with pytest.raises(sigv4.RequestTimeTooSkewed, match="Signature not yet current"):
        check(request, signed_at - 901)


@pytest.mark.parametrize(
    ("expires", "sentence"), [("604801", "less than a week"), ("-1", "non-negative number"), ("1e3", "non-negative")]
)
def test_a_presigned_url_says_for_how_long_in_seconds_up_to_a_week(expires, sentence):
    request, signed_at = presign(f"{HERE}/bucket/key")
    query = request.query_string.replace(b"Expires=600", b"Expires=" + expires.encode())
    with pytest.raises(IncompleteSignatureException, match=sentence):
        check(SignedRequest("GET", request.raw_path, query, request.headers), signed_at)


def test_the_clock_may_be_fifteen_minutes_off_and_not_more():
    request = sign(SIGNER, method="GET", url=f"{HERE}/bucket/key")
    signed_at = moment(header(request, "x-amz-date"))
    check(request, signed_at + 900)
    check(request, signed_at - 900)
    for late, text in ((901, r"Signature expired: .* - 15 min\.\)"), (-901, r"not yet current: .* \+ 15 min\.\)")):
        with pytest.raises(sigv4.RequestTimeTooSkewed, match=text):
            check(request, signed_at + late)


def test_the_scope_is_that_of_s3():
    request = sign(S3SigV4Auth(CREDENTIALS, "codepipeline", "eu-west-1"), method="GET", url=f"{HERE}/bucket/key")
    with pytest.raises(InvalidSignatureException) as refused:
        check(request)
    assert refused.value.message == "Credential should be scoped to correct service: 's3'. "


def test_another_method_or_another_secret_is_another_request():
    request = sign(SIGNER, method="GET", url=f"{HERE}/bucket/key")
    with pytest.raises(InvalidSignatureException):
        check(SignedRequest("DELETE", request.raw_path, b"", request.headers))
    with pytest.raises(InvalidSignatureException):
        check(request, secret="x" * 40)


def test_a_presigned_url_is_good_for_its_own_host_and_key_alone():
    request, signed_at = presign(f"{HERE}/bucket/key")
    with pytest.raises(InvalidSignatureException):
        check(changed(request, host="elsewhere"), signed_at)
    with pytest.raises(InvalidSignatureException):
        check(SignedRequest("GET", b"/bucket/other", request.query_string, request.headers), signed_at)
    with pytest.raises(InvalidSignatureException, match="'X-Amz-Acl' must be a 'SignedHeader'"):
        check(changed(request, x_amz_acl="public-read"), signed_at)


def test_a_form_upload_field_does_not_stand_in_for_a_signature():
    request = AWSRequest("POST", f"{HERE}/bucket", data=b"x-amz-signature=00")
    with pytest.raises(sigv4.MissingAuthenticationTokenException):
        check(SignedRequest("POST", b"/bucket", b"", [(b"host", b"h")], request.data), 0)
