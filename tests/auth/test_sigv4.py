"""Signatures of the API: botocore's signers as oracle, each refusal in the service's words, and mutations."""

import asyncio
import itertools
import random
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from auth.signing import (
    CREDENTIALS,
    KEY_ID,
    SECRET,
    TARGET,
    HeldClock,
    KeyTable,
    changed,
    header,
    moment,
    received,
    sign,
    user_key,
)
from penstock.auth import sigv4
from penstock.auth.door import SigningDoor
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.ports.identity import SignedRequest
from penstock.wire.errors import (
    ApiError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)

SIGNER = SigV4Auth(CREDENTIALS, "codepipeline", "eu-west-1")
BODY = b'{"actionTypeId":{"category":"Build","owner":"Custom","provider":"Own","version":"1"}}'
NO_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def poll(**options):
    return sign(SIGNER, data=BODY, headers=TARGET, **options)


def check(request, now=None, secret=SECRET, rules=sigv4.API):
    if now is None:
        now = moment(header(request, "x-amz-date"))
    claim = sigv4.read_claim(request, rules, now)
    sigv4.verify(claim, secret)
    return claim


def refusal(request, error, now=None):
    with pytest.raises(error) as refused:
        check(request, now)
    assert type(refused.value) is error
    return refused.value.message


def with_credential(request, credential):
    authorization = header(request, "authorization")
    front, _, rest = authorization.partition("Credential=")
    return changed(request, authorization=f"{front}Credential={credential},{rest.partition(',')[2]}")


def test_a_request_signed_by_botocore_is_accepted_and_tells_its_key_and_region():
    claim = check(poll())
    assert (claim.terms.access_key_id, claim.terms.region, claim.terms.service) == (KEY_ID, "eu-west-1", "codepipeline")
    assert claim.token is None


def test_a_session_token_is_part_of_the_claim():
    signer = SigV4Auth(Credentials(KEY_ID, SECRET, "the token"), "codepipeline", "us-east-1")
    assert check(sign(signer, data=b"{}", headers=TARGET)).token == "the token"


def test_a_signature_is_for_one_service():
    signer = SigV4Auth(CREDENTIALS, "sts", "us-east-1")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = sign(signer, data=b"Action=GetCallerIdentity", headers=form)
    assert check(request, rules=sigv4.STS).terms.service == "sts"
    with pytest.raises(InvalidSignatureException, match="scoped to correct service: 'codepipeline'"):
        check(request)
    with pytest.raises(InvalidSignatureException, match="scoped to correct service: 'sts'"):
        check(poll(), rules=sigv4.STS)


@pytest.mark.parametrize(
    "query",
    [
        "Action=ListPipelines&Version=2015-07-09",
        "Action=GetPipeline&name=a%20b%2Fc",
        "b=2&a=1&a=0&B=3&empty=&bare",
        "stages=%5B%7B%22name%22%3A%22S%C3%A9%22%7D%5D",
    ],
)
def test_queries_are_put_in_order_as_the_client_did(query):
    check(sign(SIGNER, method="GET", url=f"http://127.0.0.1:4570/?{query}"))


def test_a_plus_in_a_query_is_the_space_that_the_client_signed():
    request = AWSRequest("GET", "http://127.0.0.1:4570/", params={"Action": "GetPipeline", "name": "a b+c"})
    request.headers["Host"] = "127.0.0.1:4570"
    SIGNER.add_auth(request)
    sent = received(request)
    wire = SignedRequest("GET", b"/", b"Action=GetPipeline&name=a+b%2Bc", sent.headers)
    check(wire)


def test_a_presigned_query_is_accepted_until_it_expires():
    url = "http://127.0.0.1:4570/?Action=ListPipelines&name=a%20b"
    request = sign(SigV4QueryAuth(CREDENTIALS, "codepipeline", "eu-west-1", expires=600), method="GET", url=url)
    signed_at = moment(dict(parse_qsl(request.query_string.decode()))["X-Amz-Date"])
    assert check(request, signed_at + 600).terms.region == "eu-west-1"
    message = refusal(request, InvalidSignatureException, signed_at + 601)
    assert message.startswith("Signature expired: ")
    assert message.endswith(" - 10 min.)")


def test_headers_that_come_twice_or_with_many_spaces_are_signed_as_one_line():
    request = sign(SIGNER, data=b"{}", headers={**TARGET, "X-Amz-Meta": "a   b  c,d"})
    apart = [pair for pair in request.headers if pair[0] != b"x-amz-meta"]
    apart += [(b"x-amz-meta", b"  a b c "), (b"x-amz-meta", b"d")]
    claim = sigv4.read_claim(
        SignedRequest("POST", b"/", b"", apart, b"{}"), sigv4.API, moment(header(request, "x-amz-date"))
    )
    # Joined without the space that the first value ends with.
    with pytest.raises(InvalidSignatureException):
        sigv4.verify(claim, SECRET)
    apart[-2] = (b"x-amz-meta", b"  a b c")
    check(SignedRequest("POST", b"/", b"", apart, b"{}"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("comma", [",", ", ", " , "], ids=["bare", "usual", "wide"])
def test_the_parts_of_the_header_may_come_in_any_order_with_or_without_spaces(order, comma):
    request = poll()
    scheme, _, rest = header(request, "authorization").partition(" ")
    parts = rest.split(", ")
    check(changed(request, authorization=f"{scheme} {comma.join(parts[index] for index in order)}"))


def test_very_long_lists_of_signed_headers_are_read_as_well():
    many = {f"X-Amz-Meta-{number:03}-{'x' * 20}": str(number) for number in range(60)}
    check(sign(SIGNER, data=b"{}", headers={**TARGET, **many}))


def test_a_date_header_stands_in_for_the_stamp():
    request = sign(SIGNER, data=BODY, headers={**TARGET, "Date": "now"})
    assert b"x-amz-date" not in dict(request.headers)
    check(request, parsedate_to_datetime(header(request, "date")).timestamp())
    assert "Got 'today'" in refusal(changed(request, date="today"), IncompleteSignatureException, 0)


def test_without_a_signature_the_token_is_missing():
    bare = SignedRequest("POST", b"/", b"", [(b"host", b"h")], BODY)
    assert refusal(bare, MissingAuthenticationTokenException, 0) == "Missing Authentication Token"
    for scheme in ("Basic dXNlcjpwYXNz", "", "AWS4-ECDSA-P256-SHA256 Credential=a", "AWS AKID:sig"):
        request = changed(bare, authorization=scheme)
        assert refusal(request, MissingAuthenticationTokenException, 0) == "Missing Authentication Token"


CREDENTIAL = "Authorization header requires 'Credential' parameter."
SIGNATURE = "Authorization header requires 'Signature' parameter."
NAMES = "Authorization header requires 'SignedHeaders' parameter."
DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."


@pytest.mark.parametrize(
    ("parameters", "stamp", "sentences"),
    [
        ("", None, [CREDENTIAL, SIGNATURE, NAMES, DATE]),
        (" Credential", None, [CREDENTIAL, SIGNATURE, NAMES, DATE]),
        (" Credential=a/b/c/d/e, SignedHeaders=host", "20150830T123600Z", [SIGNATURE]),
        (" Credential=a/b/c/d/e, SignedHeaders=host, Signature=", "20150830T123600Z", [SIGNATURE]),
        (" Credential=a/b/c/d/e, Signature=00", "20150830T123600Z", [NAMES]),
        (" SignedHeaders=host, Signature=00", "20150830T123600Z", [CREDENTIAL]),
        (" Credential=a/b/c/d/e, SignedHeaders=host, Signature=00", None, [DATE]),
        (" Signature=00", None, [CREDENTIAL, NAMES, DATE]),
    ],
)
def test_missing_parts_are_named_and_only_those(parameters, stamp, sentences):
    authorization = f"AWS4-HMAC-SHA256{parameters}"
    bare = SignedRequest("POST", b"/", b"", [(b"host", b"h")])
    request = changed(bare, authorization=authorization, x_amz_date=stamp)
    expected = f"{' '.join(sentences)} Authorization={authorization}"
    assert refusal(request, IncompleteSignatureException, 0) == expected


def test_missing_parts_of_a_query_are_named():
    request = SignedRequest("GET", b"/", b"X-Amz-Signature=00&X-Amz-Date=20150830T123600Z", [(b"host", b"h")])
    assert refusal(request, IncompleteSignatureException, 0) == (
        "AWS query-string parameters must include 'X-Amz-Algorithm'. "
        "AWS query-string parameters must include 'X-Amz-Credential'. "
        "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."
    )


def test_header_and_query_together_are_one_too_many():
    request = poll(url="http://127.0.0.1:4570/?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert refusal(request, InvalidSignatureException) == (
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )


@pytest.mark.parametrize("credential", ["AKID", "AKID/20150830/us-east-1/codepipeline", "a/b/c/d/e/f"])
def test_a_credential_has_five_elements(credential):
    assert refusal(with_credential(poll(), credential), IncompleteSignatureException) == (
        "Credential must have exactly 5 slash-delimited elements, "
        f"e.g. keyid/date/region/service/term, got '{credential}'"
    )


@pytest.mark.parametrize(
    "stamp", ["now", "2015-08-30T12:36:00Z", "20150830T123600", "20151330T123600Z", "20150830T1236001"]
)
def test_a_stamp_is_in_the_basic_form(stamp):
    assert refusal(changed(poll(), x_amz_date=stamp), IncompleteSignatureException, 0) == (
        f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


REGION = "Credential should be scoped to a valid region, not '{}'. "
SERVICE = "Credential should be scoped to correct service: 'codepipeline'. "
TERMINATOR = "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'. "


def test_each_wrong_part_of_the_scope_has_its_sentence():
    request = poll()
    stamp = header(request, "x-amz-date")
    day = stamp[:8]
    wrong_day = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20200101' != '{day}', from '{stamp}'."
    )
    cases = {
        f"{KEY_ID}/{day}/moon/codepipeline/aws4_request": REGION.format("moon"),
        f"{KEY_ID}/{day}/eu-west-1/s3/aws4_request": SERVICE,
        f"{KEY_ID}/{day}/eu-west-1/codepipeline/aws5": TERMINATOR.format("aws5"),
        f"{KEY_ID}/20200101/eu-west-1/codepipeline/aws4_request": wrong_day,
        f"{KEY_ID}/20200101/x/y/z": REGION.format("x") + SERVICE + TERMINATOR.format("z") + wrong_day,
    }
    for credential, message in cases.items():
        assert refusal(with_credential(request, credential), InvalidSignatureException) == message


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "ap-southeast-12"])
def test_every_well_formed_region_is_a_good_one(region):
    signer = SigV4Auth(CREDENTIALS, "codepipeline", region)
    assert check(sign(signer, data=b"{}", headers=TARGET)).terms.region == region


@pytest.mark.parametrize("region", ["", "local", "us-east", "US-EAST-1", "us-east-1x", "us--east-1", "us-east-1\n"])
def test_a_malformed_region_is_refused(region):
    request = poll()
    credential = f"{KEY_ID}/{header(request, 'x-amz-date')[:8]}/{region}/codepipeline/aws4_request"
    assert refusal(with_credential(request, credential), InvalidSignatureException) == REGION.format(region)


def without_signed(request, name):
    authorization = header(request, "authorization")
    return changed(request, authorization=authorization.replace(f";{name}", "").replace(f"{name};", ""))


def test_host_must_be_signed():
    assert refusal(without_signed(poll(), "host"), InvalidSignatureException) == (
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


def test_a_header_is_signed_once():
    """Each name costs a line of the canonical request: refused before one is made."""
    request = poll()
    twice = header(request, "authorization").replace("host", "host;host")
    with pytest.raises(InvalidSignatureException):
        sigv4.read_claim(changed(request, authorization=twice), sigv4.API, moment(header(request, "x-amz-date")))


def test_every_amz_header_that_is_there_must_be_signed():
    assert refusal(without_signed(poll(), "x-amz-target"), InvalidSignatureException) == (
        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
    )
    added = changed(poll(), x_amz_security_token="t")
    assert "'X-Amz-Security-Token' must be a 'SignedHeader'" in refusal(added, InvalidSignatureException)


def test_a_signed_header_that_is_not_there_spoils_the_signature():
    assert refusal(changed(poll(), content_type=None), InvalidSignatureException) == NO_MATCH


def test_the_clock_may_be_five_minutes_off_and_not_more():
    request = poll()
    stamp = header(request, "x-amz-date")
    signed_at = moment(stamp)
    check(request, signed_at + 300.9)
    check(request, signed_at - 300)


def test_a_wrong_clock_is_told_both_times():
    request = changed(poll(), x_amz_date="20180404T155030Z")
    credential = f"{KEY_ID}/20180404/eu-west-1/codepipeline/aws4_request"
    assert refusal(with_credential(request, credential), InvalidSignatureException, moment("20180404T155916Z")) == (
        "Signature expired: 20180404T155030Z is now earlier than 20180404T155416Z (20180404T155916Z - 5 min.)"
    )
    request = changed(poll(), x_amz_date="20220104T000518Z")
    credential = f"{KEY_ID}/20220104/eu-west-1/codepipeline/aws4_request"
    assert refusal(with_credential(request, credential), InvalidSignatureException, moment("20220103T235703Z")) == (
        "Signature not yet current: 20220104T000518Z is still later than 20220104T000203Z (20220103T235703Z + 5 min.)"
    )


def test_another_secret_gives_another_signature():
    with pytest.raises(InvalidSignatureException) as refused:
        check(poll(), secret="x" * 40)
    assert refused.value.message == NO_MATCH


def test_paths_other_than_the_root_are_normalised_and_encoded_again():
    for path in ("/a/b", "/a%20b/", "/a/./b/../c//d", "/"):
        check(sign(SIGNER, method="GET", url=f"http://127.0.0.1:4570{path}"))


def test_the_region_that_a_request_names_is_known_without_checking_it():
    assert sigv4.claimed_region(poll()) == "eu-west-1"
    scope = quote(f"{KEY_ID}/20150830/ap-south-1/s3/aws4_request", safe="")
    assert sigv4.claimed_region(SignedRequest("GET", b"/", b"X-Amz-Credential=" + scope.encode(), [])) == "ap-south-1"
    assert sigv4.claimed_region(changed(poll(), authorization="Basic eA==")) is None
    assert sigv4.claimed_region(with_credential(poll(), "a/b/c/d/e")) is None
    assert sigv4.claimed_region(SignedRequest("GET", b"/", b"", [])) is None


def mutate(text, source):
    """The text with one byte replaced by another, never one blank by another."""
    while True:
        index, byte = source.randrange(len(text)), source.randrange(256)
        if text[index] != byte and not bytes((text[index], byte)).isspace():
            return text[:index] + bytes((byte,)) + text[index + 1 :]


def mutated_header_form(request, source):
    """One byte changed in the body, the path, the query or a header, its name or its value."""
    headers = list(request.headers)
    target = source.randrange(len(headers) + 3)
    if target < len(headers):
        name, value = headers[target]
        headers[target] = (name, mutate(value, source)) if source.random() < 0.8 else (mutate(name, source), value)
        return SignedRequest(request.method, request.raw_path, request.query_string, headers, request.body)
    fields = [request.raw_path, request.query_string, request.body]
    fields[target - len(headers)] = mutate(fields[target - len(headers)], source)
    return SignedRequest(request.method, fields[0], fields[1], headers, fields[2])


def query_of(query_string):
    return parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, encoding="latin-1")


def meaning(request):
    """All of a request, with what differs only in the way that its query is written made one."""
    return query_of(request.query_string), unquote_to_bytes(request.raw_path), request.headers, request.body


def door_of(request_time):
    return SigningDoor(KeyTable({KEY_ID: user_key()}), Sessions(Sealer(bytes(32))), HeldClock(request_time), [])


async def count_accepted(door, requests):
    accepted = 0
    for request in requests:
        try:
            await door.authenticate(request)
        except ApiError:
            continue
        accepted += 1
    return accepted


def test_no_single_changed_byte_of_a_request_passes():
    source = random.Random(20150709)
    url = "http://127.0.0.1:4570/folder/?Action=GetPipeline&name=a%20b"
    request = sign(SIGNER, url=url, data=BODY, headers=TARGET)
    door = door_of(moment(header(request, "x-amz-date")))
    assert asyncio.run(count_accepted(door, [request])) == 1
    mutants = [mutated_header_form(request, source) for _ in range(6000)]
    different = [mutant for mutant in mutants if meaning(mutant) != meaning(request)]
    assert len(different) > 5900
    assert asyncio.run(count_accepted(door, different)) == 0


def test_no_single_changed_byte_of_a_presigned_query_passes():
    source = random.Random(4570)
    url = "http://127.0.0.1:4570/?Action=ListPipelines"
    request = sign(SigV4QueryAuth(CREDENTIALS, "codepipeline", "eu-west-1", expires=600), method="GET", url=url)
    meant = query_of(request.query_string)
    door = door_of(moment(dict(meant)["X-Amz-Date"]))
    assert asyncio.run(count_accepted(door, [request])) == 1
    mutants = [mutate(request.query_string, source) for _ in range(3000)]
    different = [mutant for mutant in mutants if query_of(mutant) != meant]
    assert len(different) > 2900
    requests = [SignedRequest("GET", b"/", query, request.headers) for query in different]
    assert asyncio.run(count_accepted(door, requests)) == 0
