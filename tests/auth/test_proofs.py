"""What was proved a moment ago: the same request is known again, and nothing else is."""

import asyncio
from dataclasses import dataclass, field

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.config import Config
from botocore.credentials import Credentials
from msgspec.structs import replace

from auth.signing import KEY_ID, SECRET, TARGET, HeldClock, KeyTable, changed, received, sign, user_key
from penstock.auth import door as doors
from penstock.auth.door import make_door
from penstock.auth.proofs import BYTES_MAX, HEADERS_MAX, KEPT_MAX, Proofs
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.auth.sigv4 import API, read_claim
from penstock.ports.identity import AccessKey, Pass, Principal
from penstock.wire.errors import ApiError, ExpiredTokenException, InvalidSignatureException, UnrecognizedClientException

ACCOUNT = "123456789012"
ROOT = AccessKey("AKIAROOT", "r" * 40, Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "root", "AKIAROOT"))
SESSIONS = Sessions(Sealer(bytes(32)))
URL = "http://127.0.0.1:4570/"


def named(request):
    """As the connection hands it over: with its headers by name."""
    return replace(request, names=dict(request.headers))


def poll(access_key_id=KEY_ID, secret=SECRET, token=None, *, url=URL, data=b"{}"):
    signer = SigV4Auth(Credentials(access_key_id, secret, token), "codepipeline", "us-east-1")
    return named(sign(signer, data=data, url=url, headers=TARGET))


@dataclass
class Counted:
    """A door, and how often a signature was computed in it."""

    clock: HeldClock = field(default_factory=HeldClock)
    table: KeyTable = field(default_factory=lambda: KeyTable({KEY_ID: user_key()}))
    computed: int = 0

    def __post_init__(self):
        self.door = make_door("sigv4", keys=self.table, sessions=SESSIONS, clock=self.clock, roots=[ROOT])

    def enter(self, request):
        found = self.door.recognize(request, is_repeated=True)
        return found if found is not None else asyncio.run(self.door.authenticate(request))


@pytest.fixture
def counted(monkeypatch):
    counted, verify = Counted(), doors.verify

    def counting(claim, secret):
        counted.computed += 1
        return verify(claim, secret)

    monkeypatch.setattr(doors, "verify", counting)
    return counted


def test_what_is_asked_again_is_not_computed_again(counted):
    request = poll("AKIAROOT", "r" * 40)
    assert [counted.enter(request) for _ in range(3)] == [(ROOT.principal, "us-east-1")] * 3
    assert counted.computed == 1
    unsigned = named(changed(request, user_agent="another", amz_sdk_invocation_id="2"))
    other = named(changed(unsigned, user_agent="a third"))
    assert counted.enter(unsigned) == counted.enter(other) == (ROOT.principal, "us-east-1")
    assert counted.computed == 2


def test_only_what_is_said_to_be_repeated_is_remembered(counted):
    request = poll("AKIAROOT", "r" * 40)
    for _ in range(2):
        counted.door.recognize(request)
    assert counted.computed == 2


def polled(application):
    """What a client of boto3 sends when it polls, as the server gets it."""
    sent = []

    def end(request, **_):
        sent.append(request)
        raise InterruptedError

    keys = {"aws_access_key_id": "AKIAROOT", "aws_secret_access_key": "r" * 40}
    config = Config(user_agent_extra=application, retries={"total_max_attempts": 1})
    client = boto3.client("codepipeline", region_name="us-east-1", endpoint_url=URL, config=config, **keys)
    client.meta.events.register("before-send.codepipeline", end)
    with pytest.raises(InterruptedError):
        client.poll_for_jobs(actionTypeId={"category": "Build", "owner": "Custom", "provider": "P", "version": "1"})
    request = received(sent[0])
    headers = [(name, value.removeprefix(b"b'").removesuffix(b"'")) for name, value in request.headers]
    return named(replace(request, headers=[(b"host", b"127.0.0.1:4570"), *headers]))


def test_workers_of_one_fleet_send_the_same(counted):
    for _ in range(3):
        first, second = polled("one"), polled("two")
        if first.names[b"x-amz-date"] == second.names[b"x-amz-date"]:
            break
    for name in (b"user-agent", b"amz-sdk-invocation-id"):
        assert first.names[name] != second.names[name]
    counted.enter(first)
    counted.enter(second)
    assert counted.computed == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, body=b"{} "),
        lambda request: replace(request, method="GET"),
        lambda request: replace(request, raw_path=b"/other"),
        lambda request: replace(request, query_string=b"a=1"),
        lambda request: changed(request, x_amz_target="CodePipeline_20150709.DeletePipeline"),
        lambda request: changed(request, host="elsewhere"),
        lambda request: changed(request, x_amz_date="20150830T123600Z"),
        lambda request: changed(request, x_amz_date=None),
        lambda request: changed(request, x_amz_security_token="t"),
        lambda request: changed(request, x_amz_meta_more="unsigned"),
        lambda request: changed(request, content_type=None),
    ],
)
def test_what_is_changed_under_a_known_signature_is_refused(counted, change):
    request = poll("AKIAROOT", "r" * 40)
    counted.enter(request)
    tampered = named(change(request))
    refusals = []
    for door in (counted.door, Counted().door):
        with pytest.raises(ApiError) as refused:
            door.recognize(tampered, is_repeated=True)
        refusals.append((type(refused.value), refused.value.message))
    assert refusals[0] == refusals[1]


def test_a_known_signature_grows_old(counted):
    request = poll("AKIAROOT", "r" * 40)
    counted.enter(request)
    counted.clock.at += API.skew_seconds - 1
    counted.enter(request)
    assert counted.computed == 1
    for at in (counted.clock.at + 2, counted.clock.at - 3 * API.skew_seconds):
        counted.clock.at = at
        with pytest.raises(InvalidSignatureException, match=r"Signature (expired|not yet current)"):
            counted.enter(request)


def test_a_key_that_is_gone_opens_nothing(counted):
    request = poll()
    for _ in range(2):
        counted.enter(request)
    counted.table.keys.clear()
    counted.door.forget()
    with pytest.raises(UnrecognizedClientException):
        counted.enter(request)


def test_a_secret_that_was_replaced_is_asked_for_anew(counted):
    request = poll()
    for _ in range(2):
        counted.enter(request)
    counted.table.keys[KEY_ID] = user_key(secret="another")
    counted.door.forget()
    with pytest.raises(InvalidSignatureException):
        counted.enter(request)


def test_a_session_ends_although_its_signature_is_known(counted):
    keys = SESSIONS.issue(Pass("AKIAROOT", ACCOUNT, "us-east-1", expires_at=counted.clock.at + 60))
    request = poll(keys.access_key_id, keys.secret_access_key, keys.session_token)
    assert counted.enter(request) == counted.enter(request)
    assert counted.computed == 1
    counted.clock.at += 61
    with pytest.raises(ExpiredTokenException):
        counted.enter(request)


def test_few_are_kept_and_none_that_is_large():
    proofs, now = Proofs(), HeldClock().now()

    def keep(request):
        proofs.keep(request, read_claim(request, API, now), SECRET)
        return proofs.find(request, now) is not None

    first, *others = (poll(data=b"%d" % number) for number in range(KEPT_MAX + 1))
    assert all(keep(request) for request in (first, *others))
    assert proofs.find(first, now) is None
    assert not keep(poll(data=b"x" * BYTES_MAX))
    crowded = {f"x-{number}": "" for number in range(HEADERS_MAX)}
    assert not keep(named(changed(first, **crowded)))
    assert not keep(named(changed(first, user_agent="x" * BYTES_MAX)))
    assert not keep(replace(first, names=None))
