"""Temporary credentials: what they open, until when, and that nobody can write their own."""

import random
import string

import pytest

from penstock.auth.policy import Decision, check, decide
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.ports.artifacts import Location, Scope
from penstock.ports.identity import Pass, Principal
from penstock.wire.errors import ExpiredTokenException, UnrecognizedClientException

KEY = bytes(range(32))
READS = (Location("store", "site/Source/in.zip"), Location("other", "*?$"))
WRITES = (Location("store", "site/Build/out.zip"),)
SCOPE = Scope("123456789012", "eu-west-1", "job-1", READS, WRITES, expires_at=1000.0)
SESSIONS = Sessions(Sealer(KEY))


def open_minted(scope=SCOPE, now=0.0):
    keys = SESSIONS.mint(scope)
    return SESSIONS.open(keys.session_token, keys.access_key_id, now)


def ask(action, resource, scope=SCOPE):
    return decide(open_minted(scope).principal.policies, action, f"arn:aws:s3:::{resource}", {}) is Decision.ALLOW


def test_keys_have_the_form_of_the_services_own():
    keys = SESSIONS.mint(SCOPE)
    assert keys.access_key_id.startswith("ASIA")
    assert len(keys.access_key_id) == 20
    assert set(keys.access_key_id) <= set(string.ascii_uppercase + "234567")
    assert len(keys.secret_access_key) == 40
    assert SESSIONS.mint(SCOPE).access_key_id != keys.access_key_id


def test_any_server_with_the_same_key_opens_them_and_no_other():
    keys = SESSIONS.mint(SCOPE)
    session = Sessions(Sealer(KEY)).open(keys.session_token, keys.access_key_id, 0)
    assert session.secret_access_key == keys.secret_access_key
    with pytest.raises(UnrecognizedClientException):
        Sessions(Sealer(bytes(32))).open(keys.session_token, keys.access_key_id, 0)


def test_the_principal_is_the_job_in_its_account_and_region():
    session = open_minted()
    principal = session.principal
    assert (principal.kind, principal.account, principal.job_id) == ("job", "123456789012", "job-1")
    assert principal.arn == "arn:aws:sts::123456789012:assumed-role/penstock-job/job-1"
    assert session.region == "eu-west-1"


@pytest.mark.parametrize(
    ("action", "resource", "is_allowed"),
    [
        ("s3:GetObject", "store/site/Source/in.zip", True),
        ("s3:GetObjectVersion", "store/site/Source/in.zip", True),
        ("s3:GetObject", "other/*?$", True),
        ("s3:GetBucketVersioning", "store", True),
        ("s3:GetBucketLocation", "other", True),
        ("s3:PutObject", "store/site/Build/out.zip", True),
        ("s3:AbortMultipartUpload", "store/site/Build/out.zip", True),
        ("s3:ListMultipartUploadParts", "store/site/Build/out.zip", True),
        ("s3:GetObject", "store/site/Build/out.zip", False),
        ("s3:GetObject", "store/site/Source/in.zip2", False),
        ("s3:GetObject", "store/site/Source/other.zip", False),
        ("s3:GetObject", "other/xyz", False),
        ("s3:PutObject", "store/site/Source/in.zip", False),
        ("s3:DeleteObject", "store/site/Build/out.zip", False),
        ("s3:ListBucket", "store", False),
        ("s3:PutBucketVersioning", "store", False),
        ("s3:GetBucketVersioning", "elsewhere", False),
        ("codepipeline:PollForJobs", "store", False),
    ],
)
def test_a_job_reads_its_inputs_and_writes_its_outputs_and_nothing_else(action, resource, is_allowed):
    assert ask(action, resource) is is_allowed


def test_a_job_without_objects_may_do_nothing():
    empty = Scope("123456789012", "eu-west-1", "job-1", (), (), expires_at=1000.0)
    assert not ask("s3:GetObject", "store/x", empty)
    for policy in open_minted().principal.policies + open_minted(empty).principal.policies:
        check(policy)


def test_a_service_owns_its_account_and_has_no_job():
    keys = SESSIONS.mint_service("123456789012", "us-east-1", 1000.0)
    principal = SESSIONS.open(keys.session_token, keys.access_key_id, 0).principal
    assert (principal.kind, principal.account, principal.job_id) == ("service", "123456789012", None)
    assert keys.access_key_id in principal.arn


USER = Principal("arn:aws:iam::1:user/ann", "1", "user", "", ("{}",), id="AIDA1", name="ann")
ROLE = Principal("arn:aws:iam::1:role/ops", "1", "role", "", ("{}",), id="AROA1", name="ops")


def opened(**terms):
    keys = SESSIONS.issue(Pass(account="1", region="us-east-1", expires_at=1000.0, **terms))
    return keys, SESSIONS.open(keys.session_token, keys.access_key_id, 0.0)


def test_a_users_session_is_the_user_and_names_no_policies_of_its_own():
    keys, session = opened(holder="AIDA1")
    assert (session.holder, session.principal) == ("AIDA1", None)
    held = session.held_by(USER)
    assert held == Principal(
        USER.arn, "1", "user", keys.access_key_id, ("{}",), id="AIDA1", name="ann", is_temporary=True
    )
    assert held.identity_arn == USER.arn


def test_a_roles_session_has_a_name_and_may_be_narrowed():
    _, session = opened(holder="AROA1", name="deploy", policy='{"Statement": []}')
    held = session.held_by(ROLE)
    assert (held.arn, held.identity_arn) == ("arn:aws:sts::1:assumed-role/ops/deploy", ROLE.arn)
    assert held.id == "AROA1:deploy"
    assert (held.policies, held.session_policies) == (("{}",), ('{"Statement": []}',))


def test_they_end_when_they_say():
    assert open_minted(now=999.9)
    with pytest.raises(ExpiredTokenException) as refused:
        open_minted(now=1000.0)
    assert refused.value.message == "The security token included in the request is expired"


def test_a_token_belongs_to_its_key():
    first, second = SESSIONS.mint(SCOPE), SESSIONS.mint(SCOPE)
    with pytest.raises(UnrecognizedClientException) as refused:
        SESSIONS.open(first.session_token, second.access_key_id, 0)
    assert refused.value.message == "The security token included in the request is invalid."


def test_no_changed_letter_passes():
    keys, source = SESSIONS.mint(SCOPE), random.Random(15)
    token = keys.session_token
    for _ in range(2000):
        index, letter = source.randrange(len(token)), chr(source.randrange(33, 300))
        if token[index] != letter:
            with pytest.raises(UnrecognizedClientException):
                SESSIONS.open(token[:index] + letter + token[index + 1 :], keys.access_key_id, 0)


@pytest.mark.parametrize("token", ["", "token", "penstock:v1:", "🔑"])
def test_what_is_no_token_is_not_recognised(token):
    with pytest.raises(UnrecognizedClientException):
        SESSIONS.open(token, "ASIA", 0)


def test_a_sealed_text_that_is_no_envelope_is_not_recognised():
    with pytest.raises(UnrecognizedClientException):
        SESSIONS.open(Sealer(KEY).seal("[]", b"session ASIA"), "ASIA", 0)


def test_text_sealed_for_another_purpose_is_no_token():
    keys = SESSIONS.mint(SCOPE)
    inside = Sealer(KEY).open(keys.session_token, b"session " + keys.access_key_id.encode())
    with pytest.raises(UnrecognizedClientException):
        SESSIONS.open(Sealer(KEY).seal(inside, b"webhook"), keys.access_key_id, 0)


def test_no_secret_shows():
    keys = SESSIONS.mint(SCOPE)
    session = SESSIONS.open(keys.session_token, keys.access_key_id, 0)
    assert keys.secret_access_key not in repr(session)
    assert keys.secret_access_key not in repr(keys)
    assert keys.session_token not in repr(keys)
