"""What each job call answers in each state of a partner action's job."""

import pytest

from declarations import stage
from operations.partner import Partner, declaration
from operations.scene import UNKNOWN_ID, Scene, code_of
from waiting import eventually

FAILURE = {"type": "JobFailed", "message": "broken"}
CALLS = {
    "get_third_party_job_details": {},
    "acknowledge_third_party_job": {"nonce": "1"},
    "put_third_party_job_success_result": {},
    "put_third_party_job_failure_result": {"failureDetails": FAILURE},
}


@pytest.fixture
def partner(scene: Scene) -> Partner:
    made = Partner(scene)
    scene.types()
    return made


def begin(partner: Partner, actions: int = 1) -> None:
    """A pipeline whose partner actions have begun."""
    partner.scene.pipeline("line", stage("Check", *[partner.action(f"Check{number}") for number in range(actions)]))
    partner.scene.work("Origin")


def refused(partner: Partner, job_id: str, operation: str, token: str | None = None, **more: str) -> str:
    call = getattr(partner.scene.aws, operation)
    parameters = {**CALLS[operation], **more}
    return code_of(call, jobId=job_id, clientToken=partner.token if token is None else token, **parameters)


def test_a_poll_tells_the_job_and_the_client_and_nothing_else(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    assert set(job) == {"clientId", "jobId"}
    assert job["clientId"] == partner.client_id


def test_the_details_give_the_data_and_a_nonce_but_not_the_pipelines_arn_or_execution(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    details = partner.details(job["jobId"])
    assert set(details) == {"id", "data", "nonce"}
    context = details["data"]["pipelineContext"]
    assert context["pipelineName"] == "line"
    assert (context["stage"], context["action"]["name"]) == ({"name": "Check"}, "Check0")
    assert "pipelineArn" not in context
    assert "pipelineExecutionId" not in context
    assert details["data"]["actionTypeId"] == partner.type_id


def test_each_look_at_a_dispatched_job_makes_a_fresh_nonce_and_the_earlier_one_is_refused(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    first, second = partner.details(job["jobId"])["nonce"], partner.details(job["jobId"])["nonce"]
    assert first != second
    nonce = {"nonce": first}
    assert refused(partner, job["jobId"], "acknowledge_third_party_job", **nonce) == "InvalidNonceException"
    assert partner.acknowledge(job["jobId"], second) == "InProgress"


def test_a_refused_look_leaves_the_nonce_as_it_is(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    nonce = partner.details(job["jobId"])["nonce"]
    assert refused(partner, job["jobId"], "get_third_party_job_details", token="x") == "InvalidClientTokenException"
    assert partner.acknowledge(job["jobId"], nonce) == "InProgress"


def test_an_acknowledged_job_shows_no_nonce_and_only_its_holder_may_repeat(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    nonce = partner.details(job["jobId"])["nonce"]
    assert partner.acknowledge(job["jobId"], nonce) == "InProgress"
    assert "nonce" not in partner.details(job["jobId"])
    assert partner.acknowledge(job["jobId"], nonce) == "InProgress"
    assert refused(partner, job["jobId"], "acknowledge_third_party_job") == "InvalidNonceException"


def test_an_unacknowledged_job_comes_back(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    nonce = {"nonce": partner.details(job["jobId"])["nonce"]}
    assert eventually(partner.poll)[0] == job
    assert refused(partner, job["jobId"], "acknowledge_third_party_job", **nonce) == "InvalidNonceException"
    assert partner.acknowledge(job["jobId"], partner.details(job["jobId"])["nonce"]) == "InProgress"


def test_two_pollers_get_different_jobs(partner: Partner) -> None:
    begin(partner, actions=2)
    (one,), (two,) = partner.poll(), partner.poll()
    assert one["jobId"] != two["jobId"]
    assert partner.poll() == []


def test_results_before_the_acknowledgement_are_refused(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    for operation in ("put_third_party_job_success_result", "put_third_party_job_failure_result"):
        assert refused(partner, job["jobId"], operation) == "InvalidJobStateException"


def test_a_success_takes_the_action_on_and_a_second_result_is_refused(partner: Partner) -> None:
    begin(partner)
    job_id = partner.take()
    partner.succeed(
        job_id, executionDetails={"summary": "fine", "externalExecutionId": "run-7", "percentComplete": 100}
    )
    shown = partner.scene.action("Check", "Check0")
    assert (shown["status"], shown["summary"], shown["externalExecutionId"]) == ("Succeeded", "fine", "run-7")
    assert partner.scene.statuses() == ["Succeeded"]
    for operation in ("put_third_party_job_success_result", "put_third_party_job_failure_result"):
        assert refused(partner, job_id, operation) == "InvalidJobStateException"
    assert refused(partner, job_id, "get_third_party_job_details") == "JobNotFoundException"


def test_a_failure_fails_the_action_with_its_type_and_message(partner: Partner) -> None:
    begin(partner)
    job_id = partner.take()
    partner.fail(job_id, "no")
    shown = partner.scene.action("Check", "Check0")
    assert (shown["status"], shown["errorDetails"]) == ("Failed", {"code": "JobFailed", "message": "no"})


def test_an_ended_job_answers_its_holder_with_its_status(partner: Partner) -> None:
    begin(partner)
    (job,) = partner.poll()
    nonce = partner.details(job["jobId"])["nonce"]
    partner.acknowledge(job["jobId"], nonce)
    partner.succeed(job["jobId"])
    assert partner.acknowledge(job["jobId"], nonce) == "Succeeded"
    assert refused(partner, job["jobId"], "acknowledge_third_party_job") == "InvalidNonceException"


def test_a_continuation_brings_another_job_of_the_same_action_with_the_token(partner: Partner) -> None:
    begin(partner)
    first = partner.take()
    partner.succeed(first, continuationToken="page-2")
    (job,) = eventually(partner.poll)
    assert job["jobId"] != first
    data = partner.details(job["jobId"])["data"]
    assert data["continuationToken"] == "page-2"
    assert partner.scene.action("Check", "Check0")["status"] == "InProgress"


@pytest.mark.parametrize("operation", CALLS)
class TestWhoMay:
    def test_a_wrong_client_token_is_refused(self, partner: Partner, operation: str) -> None:
        begin(partner)
        (job,) = partner.poll()
        assert refused(partner, job["jobId"], operation, token="wrong") == "InvalidClientTokenException"

    def test_an_unknown_job_is_not_found(self, partner: Partner, operation: str) -> None:
        assert refused(partner, UNKNOWN_ID, operation) == "JobNotFoundException"

    def test_a_custom_actions_job_is_none(self, partner: Partner, operation: str) -> None:
        partner.scene.pipeline()
        (job,) = partner.scene.poll("Origin")
        expected = "InvalidJobException" if operation == "get_third_party_job_details" else "JobNotFoundException"
        assert refused(partner, job["id"], operation) == expected

    def test_a_token_of_another_client_is_refused(self, partner: Partner, operation: str) -> None:
        begin(partner)
        (job,) = partner.poll()
        other = Partner(Scene(partner.scene.server, partner.scene.witness))
        assert refused(partner, job["jobId"], operation, token=other.token) == "InvalidClientTokenException"

    def test_a_missing_token_breaks_a_constraint(self, partner: Partner, operation: str) -> None:
        assert refused(partner, UNKNOWN_ID, operation, token="") == "ValidationException"


class TestPolling:
    def test_a_type_that_nobody_registered_is_refused(self, scene: Scene) -> None:
        identity = {"category": "Test", "owner": "ThirdParty", "provider": "Nobody", "version": "1"}
        assert code_of(scene.aws.poll_for_third_party_jobs, actionTypeId=identity) == "ActionTypeNotFoundException"

    @pytest.mark.parametrize("owner", ["AWS", "Custom"])
    def test_types_of_other_owners_are_refused(self, scene: Scene, owner: str) -> None:
        scene.types()
        identity = {"category": "Build", "owner": owner, "provider": "Builder", "version": "1"}
        assert code_of(scene.aws.poll_for_third_party_jobs, actionTypeId=identity) == "ActionTypeNotFoundException"

    def test_who_is_not_named_may_not_poll(self, scene: Scene) -> None:
        nobody = {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["999999999999"]}}
        partner = Partner(scene, configuration=nobody)
        assert code_of(partner.poll) == "ActionTypeNotFoundException"


class TestLinking:
    def test_an_account_without_a_link_fails_with_a_sentence_that_says_so(self, scene: Scene) -> None:
        scene.types()
        partner = Partner.__new__(Partner)
        partner.scene, partner.provider = scene, "Unlinked" + scene.region.replace("-", "_")
        partner.call("RegisterPartnerActionType", actionType=declaration(partner.provider))
        scene.pipeline("line", stage("Check", partner.action()))
        scene.work("Origin")
        error = scene.action("Check", "Check")["errorDetails"]
        assert error["code"] == "ConfigurationError"
        assert "not linked" in error["message"]

    def test_an_account_that_links_later_goes_on_from_there(self, scene: Scene) -> None:
        scene.types()
        partner = Partner.__new__(Partner)
        partner.scene, partner.provider = scene, "Later" + scene.region.replace("-", "_")
        partner.call("RegisterPartnerActionType", actionType=declaration(partner.provider))
        scene.pipeline("line", stage("Check", partner.action()))
        scene.work("Origin")
        assert scene.statuses() == ["Failed"]
        partner.link()
        scene.aws.retry_stage_execution(
            pipelineName="line",
            stageName="Check",
            pipelineExecutionId=scene.newest(),
            retryMode="FAILED_ACTIONS",
        )
        partner.succeed(partner.take())
        assert scene.statuses() == ["Succeeded"]

    def test_linking_again_keeps_the_client_id_and_gives_a_new_token(self, partner: Partner) -> None:
        begin(partner)
        (job,) = partner.poll()
        client_id, old = partner.client_id, partner.token
        partner.link()
        assert partner.client_id == client_id
        assert partner.token != old
        assert refused(partner, job["jobId"], "get_third_party_job_details", token=old) == "InvalidClientTokenException"
        assert partner.details(job["jobId"])["id"] == job["jobId"]

    def test_no_client_token_looks_like_an_option_to_a_command_line(self, partner: Partner) -> None:
        for _ in range(256):
            partner.link()
            assert not partner.token.startswith("-")
