"""The door as a whole: who comes in, as whom, and what they may do."""

import asyncio
import json

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.credentials import Credentials

from auth.signing import KEY_ID, SECRET, TARGET, HeldClock, KeyTable, changed, sign, user_key
from penstock.auth import payload
from penstock.auth.door import make_door
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.ports.artifacts import Location, Scope
from penstock.ports.identity import AccessKey, Pass, Principal, SignedRequest
from penstock.wire.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    InvalidSignatureException,
    UnrecognizedClientException,
)

ACCOUNT = "123456789012"
ROOT = AccessKey("AKIAROOT", "r" * 40, Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "root", "AKIAROOT"))
SESSIONS = Sessions(Sealer(bytes(32)))
PIPELINE = f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:site"
OBJECT = Location("store", "in.zip")
INVALID = "The security token included in the request is invalid."


def door(mode="sigv4", *policies, clock=None, keys=None):
    keys = keys or KeyTable({KEY_ID: user_key(*policies)})
    return make_door(mode, keys=keys, sessions=SESSIONS, clock=clock or HeldClock(), roots=[ROOT], region="eu-north-1")


def poll(access_key_id=KEY_ID, secret=SECRET, token=None, service="codepipeline"):
    signer = SigV4Auth(Credentials(access_key_id, secret, token), service, "us-east-1")
    return sign(signer, data=b"{}", headers=TARGET)


def get(access_key_id=KEY_ID, secret=SECRET, token=None, data=b"", method="GET"):
    signer = S3SigV4Auth(Credentials(access_key_id, secret, token), "s3", "us-east-1")
    return sign(signer, method=method, url="http://127.0.0.1:4570/store/in.zip", data=data)


def job_keys(clock, life=900.0, region="us-east-1"):
    return SESSIONS.mint(Scope(ACCOUNT, region, "job-1", (OBJECT,), (), clock.at + life))


def enter(request, service="codepipeline", **options):
    return asyncio.run(door(**options).authenticate(request, service))


def enter_s3(request, **options):
    return asyncio.run(door(**options).authenticate_s3(request))


def refusal(error, request, **options):
    with pytest.raises(error) as refused:
        enter(request, **options)
    return refused.value.message


def test_root_users_and_services_come_in_as_themselves():
    clock = HeldClock()
    assert enter(poll("AKIAROOT", "r" * 40)) == (ROOT.principal, "us-east-1")
    assert enter(poll()) == (user_key().principal, "us-east-1")
    keys = SESSIONS.mint_service(ACCOUNT, "us-east-1", clock.at + 60)
    principal, _ = enter(poll(keys.access_key_id, keys.secret_access_key, keys.session_token), clock=clock)
    assert principal.kind == "service"
    assert enter(poll(service="sts"), service="sts")[1] == "us-east-1"


def test_what_was_signed_for_another_service_opens_nothing():
    assert "correct service: 'codepipeline'" in refusal(InvalidSignatureException, poll(service="sts"))
    assert "correct service: 'sts'" in refusal(InvalidSignatureException, poll(), service="sts")
    assert "correct service: 'codepipeline'" in refusal(InvalidSignatureException, poll(service="s3"))


ROLE = Principal(f"arn:aws:iam::{ACCOUNT}:role/ops", ACCOUNT, "role", "", id="AROA1", name="ops")


class Assumed:
    """A session of a role, and the table that the role stands in."""

    def __init__(self, **terms):
        self.clock, self.table = HeldClock(), KeyTable(principals={"AROA1": ROLE})
        given = {"holder": "AROA1", "name": "deploy", **terms}
        self.keys = SESSIONS.issue(Pass(account=ACCOUNT, region="us-east-1", expires_at=self.clock.at + 900, **given))
        self.door = door(clock=self.clock, keys=self.table)

    def enter(self):
        request = poll(self.keys.access_key_id, self.keys.secret_access_key, self.keys.session_token)
        return asyncio.run(self.door.authenticate(request))[0]


def test_a_session_is_its_holder_as_that_is_now():
    assumed = Assumed()
    assert assumed.enter().arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/deploy"
    assert assumed.enter().policies == ()
    changed_role = Principal(ROLE.arn, ACCOUNT, "role", "", ("{}",), id="AROA1", name="ops")
    assumed.table.principals["AROA1"] = changed_role
    assert assumed.enter().policies == ()
    assumed.clock.at += 5
    assert assumed.enter().policies == ("{}",)
    assumed.table.principals["AROA1"] = ROLE
    assumed.door.forget()
    assert assumed.enter().policies == ()


def test_a_session_ends_with_its_holder_within_five_seconds():
    assumed = Assumed()
    assumed.enter()
    assumed.table.principals.clear()
    assumed.enter()
    assumed.clock.at += 5
    with pytest.raises(UnrecognizedClientException):
        assumed.enter()


def test_a_session_of_root_is_root_as_long_as_its_key_is():
    assumed = Assumed(holder="AKIAROOT", name="")
    assert (assumed.enter().kind, assumed.enter().is_temporary) == ("root", True)
    with pytest.raises(UnrecognizedClientException):
        Assumed(holder="AKIAANOTHER", name="").enter()


def test_an_unknown_key_is_not_recognised():
    assert refusal(UnrecognizedClientException, poll("AKIAUNKNOWN")) == INVALID


def test_a_known_key_with_another_secret_does_not_sign_right():
    assert "does not match the signature you provided" in refusal(InvalidSignatureException, poll(secret="x"))
    assert "does not match" in refusal(InvalidSignatureException, poll("AKIAROOT"))


def test_a_static_key_has_no_token_and_a_temporary_one_must():
    clock = HeldClock()
    keys = job_keys(clock)
    assert refusal(UnrecognizedClientException, poll(token="t")) == INVALID
    assert refusal(UnrecognizedClientException, poll(token=keys.session_token)) == INVALID
    bare = poll(keys.access_key_id, keys.secret_access_key)
    assert refusal(UnrecognizedClientException, bare, clock=clock) == INVALID
    foreign = poll("ASIAOTHER", keys.secret_access_key, keys.session_token)
    assert refusal(UnrecognizedClientException, foreign, clock=clock) == INVALID


def test_a_temporary_key_ends():
    clock = HeldClock()
    keys = job_keys(clock, life=-1)
    request = poll(keys.access_key_id, keys.secret_access_key, keys.session_token)
    message = refusal(ExpiredTokenException, request, clock=clock)
    assert message == "The security token included in the request is expired"


def test_a_job_comes_in_at_the_s3_surface_and_stays_in_its_region():
    clock = HeldClock()
    keys = job_keys(clock, region="ap-south-1")
    request = get(keys.access_key_id, keys.secret_access_key, keys.session_token)
    principal, region, check = enter_s3(request, clock=clock)
    assert (principal.kind, principal.job_id, region) == ("job", "job-1", "ap-south-1")
    assert check.finish() == {}


def test_the_body_of_an_upload_is_checked_against_its_hash():
    request = get(method="PUT", data=b"hello")
    check = enter_s3(request)[2]
    assert check.feed(b"hello") == b"hello"
    check.finish()
    check = enter_s3(request)[2]
    check.feed(b"jello")
    with pytest.raises(payload.XAmzContentSHA256Mismatch):
        check.finish()


def test_chunks_of_a_signed_stream_are_checked():
    declared = {
        "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "X-Amz-Decoded-Content-Length": "3",
    }

    class Streaming(S3SigV4Auth):
        def payload(self, request):
            return declared["X-Amz-Content-SHA256"]

    signer = Streaming(Credentials(KEY_ID, SECRET), "s3", "us-east-1")
    request = sign(signer, method="PUT", url="http://127.0.0.1:4570/store/in.zip", headers=declared)
    check = enter_s3(request)[2]
    with pytest.raises(InvalidSignatureException):
        check.feed(b"3;chunk-signature=" + b"0" * 64 + b"\r\nabc\r\n")


def test_a_presigned_link_opens_the_s3_surface():
    signer = S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", "us-east-1", expires=60)
    request = sign(signer, method="GET", url="http://127.0.0.1:4570/store/in.zip")
    principal, region, check = enter_s3(request)
    assert (principal.arn, region) == (user_key().principal.arn, "us-east-1")
    assert check.feed(b"whatever") == b"whatever"


def allow(principal, action="codepipeline:StartPipelineExecution", resource=PIPELINE, context=None):
    door().allow(principal, action, resource, context or {})


def policy(effect="Allow", **more):
    text = {"Effect": effect, "Action": "codepipeline:Start*", "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [text]})


def test_root_and_services_may_do_everything():
    allow(ROOT.principal)
    allow(Principal("arn", ACCOUNT, "service", "ASIA"), "s3:DeleteObject", "arn:aws:s3:::a/b")


def test_users_may_do_what_their_policies_say():
    allow(user_key(policy()).principal)
    only_inside = policy(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    allow(user_key(only_inside).principal, context={"aws:SourceIp": "10.0.0.1"})
    with pytest.raises(AccessDeniedException):
        allow(user_key(only_inside).principal, context={"aws:SourceIp": "11.0.0.1"})


def test_a_denial_says_who_may_not_do_what_and_why():
    with pytest.raises(AccessDeniedException) as refused:
        allow(user_key().principal)
    assert refused.value.message == (
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: codepipeline:StartPipelineExecution "
        "on resource: arn:aws:codepipeline:us-east-1:123456789012:site because no identity-based policy allows "
        "the codepipeline:StartPipelineExecution action"
    )
    with pytest.raises(AccessDeniedException) as refused:
        allow(user_key(policy(), policy("Deny")).principal)
    assert refused.value.message == (
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: codepipeline:StartPipelineExecution "
        "on resource: arn:aws:codepipeline:us-east-1:123456789012:site with an explicit deny "
        "in an identity-based policy"
    )


NARROW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": PIPELINE}]})
SESSION_DENY = json.dumps({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


def session(*policies, narrowed=NARROW):
    return Principal(
        f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/deploy",
        ACCOUNT,
        "role",
        "ASIA",
        policies,
        id="AROA1:deploy",
        name="ops",
        session_policies=(narrowed,) if narrowed else (),
    )


def test_a_sessions_policy_can_only_narrow():
    allow(session(policy()))
    with pytest.raises(AccessDeniedException, match=r"other because no session policy allows the codepipeline:Start"):
        allow(session(policy()), resource=f"{PIPELINE}other")
    with pytest.raises(AccessDeniedException, match=r"because no identity-based policy allows"):
        allow(session())
    with pytest.raises(AccessDeniedException, match=r"with an explicit deny in an identity-based policy"):
        allow(session(policy(), policy("Deny")))
    with pytest.raises(AccessDeniedException, match=r"with an explicit deny in a session policy"):
        allow(session(policy(), narrowed=SESSION_DENY))


def test_what_others_allow_is_allowed_unless_it_is_denied():
    ask = door().allow_unless_denied
    question = ("codepipeline:StartPipelineExecution", PIPELINE, {})
    ask(user_key().principal, *question)
    ask(session(), *question)
    with pytest.raises(AccessDeniedException, match="explicit deny in an identity-based"):
        ask(user_key(policy("Deny")).principal, *question)
    with pytest.raises(AccessDeniedException, match="no session policy"):
        ask(session(), "codepipeline:StartPipelineExecution", f"{PIPELINE}other", {})


@pytest.mark.parametrize(
    ("condition", "is_user", "is_session"),
    [
        ({"StringEquals": {"aws:username": "ci"}}, True, False),
        ({"Null": {"aws:username": True}}, False, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/c?"}}, True, False),
        ({"ArnEquals": {"aws:PrincipalArn": ROLE.arn}}, False, True),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True, True),
        ({"StringLike": {"aws:userid": "AROA1:*"}}, False, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2120-01-01T00:00:00Z"}}, False, False),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, True, True),
    ],
)
def test_policies_may_ask_who_calls_and_when(condition, is_user, is_session):
    asking = policy(Condition=condition)
    known = user_key(asking).principal
    user = Principal(known.arn, known.account, "user", KEY_ID, known.policies, id="AIDA1", name="ci")
    for principal, is_allowed in ((user, is_user), (session(asking, narrowed=""), is_session)):
        if is_allowed:
            allow(principal)
        else:
            with pytest.raises(AccessDeniedException):
                allow(principal)


def test_the_caller_cannot_say_who_calls():
    asking = policy(Condition={"StringEquals": {"aws:username": "boss"}})
    with pytest.raises(AccessDeniedException):
        allow(session(asking, narrowed=""), context={"aws:PrincipalArn": "x"})
    assert door().condition_keys(user_key(asking).principal) == {"aws:username"}
    assert door().condition_keys(session(policy(), narrowed=asking)) == {"aws:username"}


def bare(*headers, query=b""):
    return SignedRequest("POST", b"/", query, [(b"host", b"localhost:4570"), *headers], b"{}")


def test_with_authentication_off_anybody_is_root_in_the_region_they_name():
    assert enter(bare(), mode="off") == (ROOT.principal, "eu-north-1")
    assert enter(poll("anything", "else"), mode="off") == (ROOT.principal, "us-east-1")
    assert enter(bare((b"authorization", b"Bearer x")), mode="off") == (ROOT.principal, "eu-north-1")
    door("off").allow(ROOT.principal, "s3:GetObject", "arn:aws:s3:::a/b", {})


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80", "http://a.localhost"]
)
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:4570", "127.0.0.1:4570", "127.1.2.3", "[::1]:4570", "b.localhost"]
)
def test_with_authentication_off_this_machine_is_let_in(origin, host):
    assert enter(changed(bare(), host=host, origin=origin), mode="off")[0] is ROOT.principal


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "localhost", "http://localhost.evil.example", "http://[::1", "file://"],
)
def test_with_authentication_off_foreign_pages_are_kept_out(origin):
    message = refusal(AccessDeniedException, changed(bare(), origin=origin), mode="off")
    assert message == f"Authentication is off, and requests from {origin} are refused."
    with pytest.raises(AccessDeniedException):
        enter_s3(changed(bare(), origin=origin), mode="off")


def test_with_authentication_off_a_foreign_page_cannot_hide_behind_an_image():
    refusal(AccessDeniedException, bare((b"sec-fetch-site", b"cross-site")), mode="off")
    enter(bare((b"sec-fetch-site", b"same-origin")), mode="off")
    enter(bare((b"sec-fetch-site", b"cross-site"), (b"origin", b"http://localhost:3000")), mode="off")


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1:4570", "localhost.evil.example", "127.0.0.1.evil", ""])
def test_with_authentication_off_foreign_host_names_are_kept_out(host):
    message = refusal(AccessDeniedException, changed(bare(), host=host), mode="off")
    assert message == f"Authentication is off, and requests for the host {host} are refused."


def test_with_authentication_off_uploads_are_unwrapped_all_the_same():
    length = (b"x-amz-decoded-content-length", b"3")
    framed = b"3;chunk-signature=00\r\nabc\r\n0;chunk-signature=00\r\n\r\n"
    hashed = (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    check = enter_s3(bare(hashed, length), mode="off")[2]
    assert check.feed(framed) == b"abc"
    check.finish()
    check = enter_s3(bare((b"content-encoding", b"aws-chunked"), length), mode="off")[2]
    assert check.feed(b"3\r\nabc\r\n0\r\n\r\n") == b"abc"
    check.finish()
    check = enter_s3(bare(), mode="off")[2]
    assert check.feed(b"3\r\n") == b"3\r\n"


def test_no_secret_shows():
    assert SECRET not in repr(user_key())
    assert "r" * 40 not in repr(door())
