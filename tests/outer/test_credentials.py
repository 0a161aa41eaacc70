"""The credentials of jobs whose artifacts lie in another store: what its STS is asked for, and what a no of it does."""

from typing import Any

import pytest

from declarations import ROLE, action, stage
from interop.test_job_credentials import keys_of, place
from operations.partner import Partner
from operations.scene import Scene, build, code_of, type_id
from outer.stores import AWAY, REFUSED, ROLES, OuterStore
from penstock.auth.policy import Decision, check, decide
from waiting import eventually

OWN_ROLE = f"{ROLES}of-the-action"


@pytest.fixture(scope="module", autouse=True)
def bucket(store: OuterStore) -> None:
    store.s3.create_bucket(Bucket="artifact-bucket")


def session_of(store: OuterStore, job: dict[str, Any]) -> dict[str, str]:
    """What STS was asked for last for a job."""
    return store.sts.sessions(f"penstock-{job['id']}")[-1]


def made(scene: Scene, store: OuterStore) -> dict[str, Any]:
    """A job with an input and an output."""
    scene.types()
    make = action("Make", "Build", "Custom", "Builder", inputs=("App",), outputs=("Box",))
    scene.pipeline("line", stage("Build", make))
    scene.work("Origin")
    return scene.take()


class TestSessions:
    def test_a_session_of_the_pipelines_role_is_for_one_job(self, scene: Scene, store: OuterStore) -> None:
        job = made(scene, store)
        asked = session_of(store, job)
        assert (asked["Action"], asked["RoleArn"]) == ("AssumeRole", ROLE)
        assert (asked["DurationSeconds"], asked["ExternalId"]) == ("900", "123456789012")

    def test_its_policy_opens_the_jobs_artifacts_and_nothing_else(self, scene: Scene, store: OuterStore) -> None:
        job = made(scene, store)
        document = session_of(store, job)["Policy"]
        check(document)
        given, wanted = (
            "arn:aws:s3:::{Bucket}/{Key}".format(**place(job["data"][kind][0]))
            for kind in ("inputArtifacts", "outputArtifacts")
        )

        def allows(verb: str, resource: str) -> bool:
            return decide((document,), f"s3:{verb}", resource, {}) is Decision.ALLOW

        assert allows("GetObject", given)
        assert allows("GetObjectVersion", given)
        assert all(allows(verb, wanted) for verb in ("PutObject", "AbortMultipartUpload", "ListMultipartUploadParts"))
        assert allows("GetBucketLocation", "arn:aws:s3:::artifact-bucket")
        assert not allows("PutObject", given)
        assert not allows("GetObject", wanted)
        assert not any(allows(verb, each) for verb in ("DeleteObject", "PutObjectAcl") for each in (given, wanted))
        assert not allows("GetObject", f"{given}x")
        assert not allows("PutObject", wanted[:-1])
        assert not allows("PutObject", wanted.replace("artifact-bucket", "another-bucket"))
        assert not allows("ListBucket", "arn:aws:s3:::artifact-bucket")
        assert len(document) <= 2048

    def test_each_answer_has_credentials_of_its_own(self, scene: Scene, store: OuterStore) -> None:
        job = made(scene, store)
        again = scene.aws.get_job_details(jobId=job["id"])["jobDetails"]["data"]
        first, second = job["data"]["artifactCredentials"], again["artifactCredentials"]
        assert first["accessKeyId"] != second["accessKeyId"]
        assert len(store.sts.sessions(f"penstock-{job['id']}")) == 2
        for keys in (first, second):
            store.client(keys_of(keys)).put_object(**place(job["data"]["outputArtifacts"][0]), Body=b"made")

    def test_an_actions_role_is_assumed_through_the_pipelines(self, scene: Scene, store: OuterStore) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Make", inputs=("App",), roleArn=OWN_ROLE)))
        scene.work("Origin")
        job = scene.take()
        first, second = store.sts.sessions(f"penstock-{job['id']}")
        assert (first["RoleArn"], second["RoleArn"]) == (ROLE, OWN_ROLE)
        assert decide((first["Policy"],), "sts:AssumeRole", OWN_ROLE, {}) is Decision.ALLOW
        assert decide((first["Policy"],), "s3:GetObject", "arn:aws:s3:::artifact-bucket/x", {}) is not Decision.ALLOW
        assert "s3:GetObject" in second["Policy"]

    def test_a_job_without_artifacts_asks_for_nothing(self, scene: Scene, store: OuterStore) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Make")))
        scene.work("Origin")
        job = scene.take()
        assert "artifactCredentials" not in job["data"]
        assert store.sts.sessions(f"penstock-{job['id']}") == []


class TestRefusals:
    def test_a_role_that_is_refused_fails_the_action_with_the_reason(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", roleArn=REFUSED)
        assert scene.poll("Origin") == []
        eventually(lambda: scene.statuses() == ["Failed"])
        error = scene.action("Source", "Pull")["errorDetails"]
        assert error["code"] == "PermissionError"
        assert error["message"].startswith(f"CodePipeline is not authorized to perform AssumeRole on role {REFUSED}")

    def test_a_refused_role_of_an_action_fails_that_action(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line", stage("Build", build("Make", inputs=("App",), roleArn=REFUSED)))
        scene.work("Origin")
        assert scene.poll() == []
        eventually(lambda: scene.statuses() == ["Failed"])
        assert REFUSED in scene.action("Build", "Make")["errorDetails"]["message"]

    def test_a_partners_job_fails_likewise_when_its_details_are_asked_for(self, scene: Scene) -> None:
        partner = Partner(scene)
        scene.types()
        scene.pipeline("line", stage("Check", partner.action(inputs=("App",), roleArn=REFUSED)))
        scene.work("Origin")
        (job,) = partner.poll()
        named = {"jobId": job["jobId"], "clientToken": partner.token}
        assert code_of(scene.aws.get_third_party_job_details, **named) == "AccessDeniedException"
        eventually(lambda: scene.statuses() == ["Failed"])
        assert REFUSED in scene.action("Check", "Check")["errorDetails"]["message"]

    def test_a_store_that_does_not_answer_lets_the_job_wait(self, scene: Scene, store: OuterStore) -> None:
        scene.types()
        scene.pipeline("line", roleArn=AWAY)
        # No operation declares the error, as any may have it, so nobody listens here.
        aws = scene.server.client("codepipeline", region=scene.region, retries={"total_max_attempts": 1})
        poll = {"actionTypeId": type_id("Origin")}
        assert code_of(aws.poll_for_jobs, **poll) == "ServiceUnavailable"
        assert scene.statuses() == ["InProgress"]
        store.sts.is_away = False
        try:
            job = scene.wait_for_job("Origin")
        finally:
            store.sts.is_away = True
        # It has credentials by now; new ones are not to be had, and the job goes on.
        assert scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
        assert code_of(aws.get_job_details, jobId=job["id"]) == "ServiceUnavailable"
        scene.aws.put_job_success_result(jobId=job["id"])
        assert scene.action("Source", "Pull")["status"] == "Succeeded"
