"""What a client token opens, and that those which open nothing are told apart by nothing."""

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from declarations import stage
from operations.partner import Partner, own_operation, user_keys
from operations.scene import UNKNOWN_ID, Scene, code_of, message_of
from waiting import eventually

FAILURE = {"type": "JobFailed", "message": "broken"}
CALLS: dict[str, dict[str, Any]] = {
    "get_third_party_job_details": {},
    "acknowledge_third_party_job": {"nonce": "1"},
    "put_third_party_job_success_result": {},
    "put_third_party_job_failure_result": {"failureDetails": FAILURE},
}


@pytest.fixture
def partner(scene: Scene) -> Partner:
    """Linked, with one job that was handed out."""
    made = Partner(scene)
    scene.types()
    scene.pipeline("line", stage("Check", made.action()))
    scene.work("Origin")
    return made


def handed_out(partner: Partner) -> str:
    (job,) = partner.poll()
    job_id: str = job["jobId"]
    return job_id


def wrong(partner: Partner) -> str:
    return "0" * len(partner.token)


def foreign(partner: Partner) -> str:
    """The good token of another client."""
    return Partner(Scene(partner.scene.server, partner.scene.witness)).token


def expired(partner: Partner) -> str:
    old = partner.token
    partner.rotate(0)
    return old


def revoked(partner: Partner) -> str:
    partner.revoke()
    return partner.token


def replaced(partner: Partner) -> str:
    old = partner.token
    partner.link()
    return old


def longest(partner: Partner) -> str:
    del partner
    return "x" * 256


def refusal(partner: Partner, operation: str, **given: str) -> tuple[int, dict[str, Any]]:
    """Everything that tells one refusal from another."""
    with pytest.raises(ClientError) as raised:
        getattr(partner.scene.aws, operation)(**CALLS[operation], **given)
    response: Any = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]


@pytest.mark.parametrize("operation", CALLS)
def test_tokens_that_open_nothing_are_told_apart_by_nothing(partner: Partner, operation: str) -> None:
    job_id = handed_out(partner)
    # The revocation comes last, since it leaves no token at all.
    kinds: list[Callable[[Partner], str]] = [wrong, foreign, longest, replaced, expired, revoked]
    refusals = [refusal(partner, operation, jobId=job_id, clientToken=kind(partner)) for kind in kinds]
    assert refusals[0][0] == 400
    assert refusals[0][1]["Code"] == "InvalidClientTokenException"
    assert refusals == refusals[:1] * len(kinds)


def test_the_old_token_and_the_new_one_do_one_job_together(partner: Partner) -> None:
    old = partner.token
    job_id = handed_out(partner)
    partner.rotate(3600)
    assert partner.token != old
    named = {"jobId": job_id, "clientToken": old}
    nonce = partner.scene.aws.get_third_party_job_details(**named)["jobDetails"]["nonce"]
    assert partner.acknowledge(job_id, nonce) == "InProgress"
    partner.scene.aws.put_third_party_job_success_result(**named, continuationToken="on")
    (job,) = eventually(partner.poll)
    assert job["clientId"] == partner.client_id
    details = partner.details(job["jobId"])
    assert details["data"]["continuationToken"] == "on"
    assert partner.acknowledge(job["jobId"], details["nonce"]) == "InProgress"
    partner.succeed(job["jobId"])
    assert partner.scene.statuses() == ["Succeeded"]


def test_an_overlap_of_a_second_is_over_after_it(partner: Partner) -> None:
    old = partner.token
    named = {"jobId": handed_out(partner), "clientToken": old}
    partner.rotate(1)

    def is_refused() -> bool:
        try:
            partner.scene.aws.get_third_party_job_details(**named)
        except partner.scene.aws.exceptions.InvalidClientTokenException:
            return True
        return False

    assert not is_refused()
    assert eventually(is_refused)
    assert partner.details(named["jobId"])["id"] == named["jobId"]


def test_work_goes_on_with_a_new_token_after_a_revocation(partner: Partner) -> None:
    job_id = handed_out(partner)
    nonce = partner.details(job_id)["nonce"]
    client_id = partner.client_id
    partner.revoke()
    named = {"jobId": job_id, "clientToken": partner.token, "nonce": nonce}
    assert code_of(partner.scene.aws.acknowledge_third_party_job, **named) == "InvalidClientTokenException"
    assert partner.scene.statuses() == ["InProgress"]
    partner.rotate(0)
    assert partner.client_id == client_id
    assert partner.acknowledge(job_id, nonce) == "InProgress"
    partner.succeed(job_id)
    assert partner.scene.statuses() == ["Succeeded"]


LONG = "Member must have length less than or equal to"
SHORT = "Member must have length greater than or equal to 1"


@pytest.mark.parametrize("operation", CALLS)
class TestLimits:
    def test_a_token_has_one_to_256_characters(self, partner: Partner, operation: str) -> None:
        job_id = handed_out(partner)
        call = getattr(partner.scene.aws, operation)
        given = {**CALLS[operation], "jobId": job_id}
        for length in (1, 256):
            assert code_of(call, **given, clientToken="x" * length) == "InvalidClientTokenException"
        for length, said in ((0, SHORT), (257, f"{LONG} 256")):
            assert code_of(call, **given, clientToken="x" * length) == "ValidationException"
            assert said in message_of(call, **given, clientToken="x" * length)

    def test_a_job_id_has_one_to_512_characters(self, partner: Partner, operation: str) -> None:
        call = getattr(partner.scene.aws, operation)
        given = {**CALLS[operation], "clientToken": partner.token}
        for length in (1, 512):
            assert code_of(call, **given, jobId="x" * length) == "JobNotFoundException"
        for length, said in ((0, SHORT), (513, f"{LONG} 512")):
            assert code_of(call, **given, jobId="x" * length) == "ValidationException"
            assert f"at 'jobId' failed to satisfy constraint: {said}" in message_of(call, **given, jobId="x" * length)


def test_a_nonce_has_one_to_50_characters(partner: Partner) -> None:
    call = partner.scene.aws.acknowledge_third_party_job
    given = {"jobId": handed_out(partner), "clientToken": partner.token}
    for length in (1, 50):
        assert code_of(call, **given, nonce="x" * length) == "InvalidNonceException"
    for length, said in ((0, SHORT), (51, f"{LONG} 50")):
        assert code_of(call, **given, nonce="x" * length) == "ValidationException"
        assert f"at 'nonce' failed to satisfy constraint: {said}" in message_of(call, **given, nonce="x" * length)


def test_a_continuation_token_has_one_to_2048_characters_and_comes_back_as_it_is(partner: Partner) -> None:
    call = partner.scene.aws.put_third_party_job_success_result
    longest = "ü{" * 1024
    job_id = partner.take()
    given = {"jobId": job_id, "clientToken": partner.token}
    for token, said in (("", SHORT), (longest + "x", f"{LONG} 2048")):
        assert code_of(call, **given, continuationToken=token) == "ValidationException"
        assert said in message_of(call, **given, continuationToken=token)
    for token in (longest, "x"):
        partner.succeed(job_id, continuationToken=token)
        (job,) = eventually(partner.poll)
        job_id = job["jobId"]
        details = partner.details(job_id)
        assert details["data"]["continuationToken"] == token
        partner.acknowledge(job_id, details["nonce"])


def own_refusal(partner: Partner, operation: str, keys: dict[str, str], **given: Any) -> tuple[str, str]:
    with pytest.raises(HTTPError) as raised:
        own_operation(partner.scene.server.url, keys, partner.scene.region, operation, **given)
    with raised.value as answer:
        told = json.load(answer)
    return told["__type"], told.get("message", "")


class TestWhoMay:
    @pytest.mark.parametrize("operation", ["RotatePartnerToken", "RevokePartner"])
    def test_another_account_reaches_only_links_of_its_own(self, partner: Partner, operation: str) -> None:
        keys = user_keys(partner.scene.server, f"{operation}-{partner.scene.region}", ["penstock:*"], "210987654321")
        place = {"provider": partner.provider, "version": "1"}
        code, said = own_refusal(partner, operation, keys, **place)
        assert (code, "'penstock partner link'" in said) == ("ResourceNotFoundException", True)
        linked = own_operation(partner.scene.server.url, keys, partner.scene.region, "LinkPartner", **place)
        own_operation(partner.scene.server.url, keys, partner.scene.region, operation, **place)
        assert linked["clientId"] != partner.client_id
        listed = own_operation(partner.scene.server.url, keys, partner.scene.region, "ListPartners")
        assert (linked["clientId"] in str(listed), partner.client_id in str(listed)) == (True, False)
        assert listed["actionTypes"] == []
        assert partner.details(handed_out(partner))

    def test_a_policy_names_the_types_that_a_link_is_to(self, partner: Partner) -> None:
        keys = user_keys(partner.scene.server, f"nobody-{partner.scene.region}", ["codepipeline:*"])
        for operation in ("LinkPartner", "RotatePartnerToken", "RevokePartner"):
            code, said = own_refusal(partner, operation, keys, provider=partner.provider, version="1")
            assert code == "AccessDeniedException"
            assert f"penstock:{operation} on resource: arn:aws:codepipeline:" in said
            assert f":actiontype:ThirdParty/*/{partner.provider}/1" in said

    @pytest.mark.parametrize("overlap", [-1, 2_592_001, "soon"])
    def test_an_overlap_is_a_number_of_seconds_up_to_a_month(self, partner: Partner, overlap: Any) -> None:
        keys = partner.scene.server.root_keys
        code, _ = own_refusal(
            partner, "RotatePartnerToken", keys, provider=partner.provider, version="1", overlapSeconds=overlap
        )
        assert code in ("ValidationException", "SerializationException")
        partner.rotate(2_592_000)


def test_an_unknown_job_is_not_found_whatever_the_token(partner: Partner) -> None:
    for token in (partner.token, wrong(partner)):
        assert refusal(partner, "get_third_party_job_details", jobId=UNKNOWN_ID, clientToken=token)[1]["Code"] == (
            "JobNotFoundException"
        )
