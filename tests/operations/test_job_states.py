"""What each job call answers in each state of a custom action's job."""

import pytest

from declarations import stage
from operations.partner import user_keys
from operations.scene import UNKNOWN_ID, Scene, approval, build, code_of, message_of
from waiting import eventually

FAILURE = {"type": "JobFailed", "message": "broken"}


def results(scene: Scene, job_id: str) -> list[str]:
    """The codes with which both results are refused."""
    return [
        code_of(scene.aws.put_job_success_result, jobId=job_id),
        code_of(scene.aws.put_job_failure_result, jobId=job_id, failureDetails=FAILURE),
    ]


def acknowledge(scene: Scene, job: dict, nonce: str | None = None) -> str:
    return scene.aws.acknowledge_job(jobId=job["id"], nonce=nonce or job["nonce"])["status"]


def queued(scene: Scene) -> dict:
    """A job that was handed out once and is on the board again: its id is known, its nonce is an old one's."""
    scene.line()
    return scene.poll()[0]


def test_a_poll_hands_each_job_out_once(scene: Scene) -> None:
    scene.line("line", stage("Build", build("One"), build("Two"), build("Three")))
    first, second = scene.poll(jobs_max=2)
    (third,) = scene.poll(jobs_max=2)
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert scene.poll(jobs_max=2) == []


def test_a_poll_that_names_no_number_gets_one_job(scene: Scene) -> None:
    scene.line("line", stage("Build", build("One"), build("Two")))
    identity = {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"}
    assert len(scene.aws.poll_for_jobs(actionTypeId=identity)["jobs"]) == 1


def test_an_unacknowledged_job_comes_back_under_a_new_nonce_and_the_old_nonce_is_refused(scene: Scene) -> None:
    first = queued(scene)
    again = scene.wait_for_job()
    assert again["id"] == first["id"]
    assert again["nonce"] != first["nonce"]
    assert code_of(scene.aws.acknowledge_job, jobId=first["id"], nonce=first["nonce"]) == "InvalidNonceException"
    assert acknowledge(scene, again) == "InProgress"
    assert code_of(scene.aws.acknowledge_job, jobId=first["id"], nonce=first["nonce"]) == "InvalidNonceException"


def test_nonces_are_random_and_fit_the_model(scene: Scene) -> None:
    scene.line("line", stage("Build", *[build(f"A{number}") for number in range(8)]))
    nonces = [job["nonce"] for job in scene.poll(jobs_max=8)]
    assert len(set(nonces)) == 8
    assert all(16 <= len(nonce) <= 50 for nonce in nonces)


class TestDispatched:
    def test_the_current_nonce_acknowledges(self, scene: Scene) -> None:
        assert acknowledge(scene, queued(scene)) == "InProgress"

    def test_another_nonce_is_refused_and_the_job_can_still_be_acknowledged(self, scene: Scene) -> None:
        job = queued(scene)
        assert code_of(scene.aws.acknowledge_job, jobId=job["id"], nonce="3") == "InvalidNonceException"
        assert acknowledge(scene, job) == "InProgress"

    def test_the_details_are_there_without_a_nonce(self, scene: Scene) -> None:
        job = queued(scene)
        details = scene.aws.get_job_details(jobId=job["id"])["jobDetails"]
        assert set(details) == {"id", "data", "accountId"}
        assert details["accountId"] == "123456789012"

    def test_results_are_refused_and_say_why(self, scene: Scene) -> None:
        job = queued(scene)
        assert results(scene, job["id"]) == ["InvalidJobStateException"] * 2
        assert "Dispatched" in message_of(scene.aws.put_job_success_result, jobId=job["id"])
        assert acknowledge(scene, job) == "InProgress"


class TestHandedBack:
    """Its time to be acknowledged is over, and nobody has polled since: it may still be acknowledged."""

    def test_a_late_acknowledgement_counts_until_the_job_is_handed_out_anew(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("One"), build("Two")))
        late = scene.poll()[0]
        scene.take()
        # The other one has come back: so has this one's time passed, but nobody was given it.
        assert acknowledge(scene, late) == "InProgress"
        assert scene.poll() == []


class TestInProgress:
    def test_the_current_nonce_answers_in_progress_again(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        assert acknowledge(scene, job) == "InProgress"

    def test_another_nonce_is_refused(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        assert code_of(scene.aws.acknowledge_job, jobId=job["id"], nonce="3") == "InvalidNonceException"

    def test_it_is_never_handed_out_again(self, scene: Scene) -> None:
        scene.line("line", stage("Build", build("One"), build("Two")))
        job = scene.take()
        other = scene.poll()[0]
        # When the other one comes back, this one's time would be over as well.
        assert scene.wait_for_job(jobs_max=2)["id"] == other["id"] != job["id"]

    def test_the_details_are_there_with_fresh_credentials(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Make", inputs=("App",))))
        scene.work("Origin")
        job = scene.take()
        first, second = (
            scene.aws.get_job_details(jobId=job["id"])["jobDetails"]["data"]["artifactCredentials"] for _ in range(2)
        )
        tokens = {each["sessionToken"] for each in (first, second, job["data"]["artifactCredentials"])}
        assert len(tokens) == 3

    def test_one_result_counts_and_the_second_is_refused(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        scene.aws.put_job_success_result(jobId=job["id"])
        assert results(scene, job["id"]) == ["InvalidJobStateException"] * 2
        assert scene.statuses() == ["Succeeded"]


def succeeded(scene: Scene) -> dict:
    scene.line()
    return scene.work()


def failed(scene: Scene) -> dict:
    scene.line()
    return scene.fail()


def continued(scene: Scene) -> dict:
    scene.line()
    return scene.work(continuationToken="later")


def abandoned(scene: Scene) -> dict:
    scene.line()
    job = scene.take()
    scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest(), abandon=True)
    return job


ENDED = {"Succeeded": succeeded, "Failed": failed, "Succeeded with a token": continued, "Failed by a stop": abandoned}


@pytest.mark.parametrize("how", ENDED)
class TestEnded:
    def test_the_current_nonce_gets_its_status(self, scene: Scene, how: str) -> None:
        assert acknowledge(scene, ENDED[how](scene)) == how.split()[0]

    def test_another_nonce_is_refused(self, scene: Scene, how: str) -> None:
        job = ENDED[how](scene)
        assert code_of(scene.aws.acknowledge_job, jobId=job["id"], nonce="3") == "InvalidNonceException"

    def test_there_are_no_details_any_more(self, scene: Scene, how: str) -> None:
        job = ENDED[how](scene)
        assert code_of(scene.aws.get_job_details, jobId=job["id"]) == "JobNotFoundException"

    def test_results_are_refused(self, scene: Scene, how: str) -> None:
        job = ENDED[how](scene)
        before = scene.actions()
        assert results(scene, job["id"]) == ["InvalidJobStateException"] * 2
        assert scene.actions() == before


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("acknowledge_job", {"nonce": "1"}),
        ("get_job_details", {}),
        ("put_job_success_result", {}),
        ("put_job_failure_result", {"failureDetails": FAILURE}),
    ],
)
class TestUnknown:
    def test_a_job_that_never_was_is_not_found(self, scene: Scene, operation: str, more: dict) -> None:
        assert code_of(getattr(scene.aws, operation), jobId=UNKNOWN_ID, **more) == "JobNotFoundException"

    @pytest.mark.parametrize("job_id", ["nonsense", "", UNKNOWN_ID.upper().replace("0", "A"), UNKNOWN_ID + "\n"])
    def test_an_id_that_can_be_none_breaks_a_constraint(
        self, scene: Scene, operation: str, more: dict, job_id: str
    ) -> None:
        assert code_of(getattr(scene.aws, operation), jobId=job_id, **more) == "ValidationException"

    def test_no_id_breaks_a_constraint(self, scene: Scene, operation: str, more: dict) -> None:
        assert "'jobId'" in message_of(getattr(scene.aws, operation), **more)


class TestPolling:
    def test_a_type_that_nobody_made_is_refused(self, scene: Scene) -> None:
        assert code_of(scene.poll) == "ActionTypeNotFoundException"

    @pytest.mark.parametrize("owner", ["AWS", "ThirdParty"])
    def test_types_of_other_owners_are_refused_to_those_who_may_all_of_the_api(self, scene: Scene, owner: str) -> None:
        user = scene.client(user_keys(scene.server, f"poller-{owner}-{scene.region}", ["codepipeline:*"]))
        identity = {"category": "Deploy", "owner": owner, "provider": "S3", "version": "1"}
        assert code_of(user.poll_for_jobs, actionTypeId=identity) == "ActionTypeNotFoundException"

    @pytest.mark.parametrize("size", [0, -1])
    def test_a_batch_of_nothing_breaks_a_constraint(self, scene: Scene, size: int) -> None:
        scene.types()
        assert code_of(scene.poll, jobs_max=size) == "ValidationException"

    def test_approvals_put_no_job_on_any_board(self, scene: Scene) -> None:
        scene.line("line", stage("Gate", approval()))
        assert scene.action("Gate", "Ask")["status"] == "InProgress"
        assert scene.poll() == []

    def test_an_idle_board_answers_an_empty_list(self, scene: Scene) -> None:
        scene.types()
        assert scene.poll() == []

    def test_a_held_poll_is_answered_as_soon_as_there_is_a_job(self, scene: Scene) -> None:
        from concurrent.futures import ThreadPoolExecutor

        scene.types()

        def held(params: dict, **_: object) -> None:
            params["headers"]["x-penstock-wait-seconds"] = "15"

        waiting = scene.client()
        waiting.meta.events.register("before-call.codepipeline.PollForJobs", held)
        identity = {"category": "Source", "owner": "Custom", "provider": "Origin", "version": "1"}
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(waiting.poll_for_jobs, actionTypeId=identity)
            scene.pipeline()
            assert len(answer.result(timeout=10)["jobs"]) == 1


def test_a_job_dispatched_and_handed_back_shows_its_details_and_refuses_results_under_any_nonce(scene: Scene) -> None:
    first = queued(scene)
    second = scene.wait_for_job()
    assert second["id"] == first["id"]
    assert eventually(lambda: scene.aws.get_job_details(jobId=first["id"]))["jobDetails"]["id"] == first["id"]
    assert results(scene, first["id"]) == ["InvalidJobStateException"] * 2
