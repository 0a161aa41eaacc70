"""Whole pipelines whose artifacts lie in another store, worked by others and by the server itself."""

import io
import zipfile
from typing import Any

import pytest

from declarations import ROLE, action, custom_type, stage
from interop.test_job_credentials import keys_of, place
from operations.scene import Scene, build
from outer.stores import REFUSED, OuterStore
from waiting import eventually

FILES = {"index.html": b"<h1>one</h1>", "deep/a.txt": b"a"}


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            # Of no particular time: the same files are the same archive.
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def s3_source(bucket: str, key: str = "app.zip", **configuration: str) -> dict[str, Any]:
    return action(
        "Fetch", "Source", "AWS", "S3", {"S3Bucket": bucket, "S3ObjectKey": key, **configuration}, outputs=("App",)
    )


def s3_deploy(bucket: str, artifact: str) -> dict[str, Any]:
    return action("Put", "Deploy", "AWS", "S3", {"BucketName": bucket, "Extract": "true"}, inputs=(artifact,))


def declare(scene: Scene, *stages: dict[str, Any], **more: Any) -> None:
    declared = {
        "name": "line",
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": "artifacts-there"},
        "stages": list(stages),
        **more,
    }
    scene.aws.create_pipeline(pipeline=declared)


@pytest.fixture(scope="module", autouse=True)
def buckets(store: OuterStore) -> None:
    store.s3.create_bucket(Bucket="artifacts-there")
    store.s3.create_bucket(Bucket="artifact-bucket")


def test_a_pipeline_runs_from_source_to_deployment_in_the_other_store(scene: Scene, store: OuterStore) -> None:
    source, target = store.versioned(f"in-{scene.region}"), f"out-{scene.region}"
    store.s3.create_bucket(Bucket=target)
    version = store.put(source, "app.zip", zipped(FILES))
    scene.aws.create_custom_action_type(**custom_type())
    make = build("Make", inputs=("App",), outputs=("Box",))
    declare(scene, stage("Source", s3_source(source)), stage("Build", make), stage("Deploy", s3_deploy(target, "Box")))

    job = scene.wait_for_job()
    s3 = store.client(keys_of(job["data"]["artifactCredentials"]))
    given = s3.get_object(**place(job["data"]["inputArtifacts"][0]))["Body"].read()
    assert given == zipped(FILES)
    s3.put_object(**place(job["data"]["outputArtifacts"][0]), Body=given)
    assert scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
    scene.aws.put_job_success_result(jobId=job["id"])

    eventually(lambda: scene.statuses() == ["Succeeded"])
    assert sorted(store.keys(target)) == sorted(FILES)
    assert store.read(target, "deep/a.txt") == b"a"
    (fetched,) = scene.aws.list_pipeline_executions(pipelineName="line")["pipelineExecutionSummaries"]
    assert fetched["sourceRevisions"][0]["revisionId"] == version


def test_a_missing_object_fails_the_source_and_says_so(scene: Scene, store: OuterStore) -> None:
    source = store.versioned(f"empty-{scene.region}")
    scene.aws.create_custom_action_type(**custom_type())
    declare(scene, stage("Source", s3_source(source)), stage("Build", build("Make")))
    eventually(lambda: scene.statuses() == ["Failed"])
    assert "There is no object 'app.zip'" in scene.action("Source", "Fetch")["errorDetails"]["message"]


def test_a_refused_role_fails_the_servers_own_actions_too_and_is_told_in_the_log(
    scene: Scene, store: OuterStore
) -> None:
    source = store.versioned(f"closed-{scene.region}")
    scene.aws.create_custom_action_type(**custom_type())
    declare(scene, stage("Source", s3_source(source)), stage("Build", build("Make")), roleArn=REFUSED)
    eventually(lambda: scene.statuses() == ["Failed"])
    assert scene.action("Source", "Fetch")["errorDetails"]["code"] == "PermissionError"
    eventually(lambda: "cannot be looked at: CodePipeline is not authorized" in scene.server.log())


class TestChanges:
    def start(self, scene: Scene, store: OuterStore, **configuration: str) -> str:
        source = store.versioned(f"watched-{scene.region}")
        store.put(source, "app.zip", b"one")
        scene.aws.create_custom_action_type(**custom_type())
        declare(scene, stage("Source", s3_source(source, **configuration)), stage("Build", build("Make")))
        eventually(lambda: scene.action("Source", "Fetch").get("status") == "Succeeded")
        return source

    def revisions(self, scene: Scene) -> list[str]:
        """Of the sources of all executions, oldest first."""
        found = [each["sourceRevisions"] for each in reversed(scene.executions())]
        return [revisions[0]["revisionId"] for revisions in found if revisions]

    def test_a_new_version_starts_the_pipeline_once(self, scene: Scene, store: OuterStore) -> None:
        source = self.start(scene, store)
        version = store.put(source, "app.zip", b"two")
        eventually(lambda: self.revisions(scene)[1:] == [version])
        newest = scene.executions()[0]
        assert newest["trigger"] == {"triggerType": "PollForSourceChanges", "triggerDetail": "Fetch"}
        # A look later, what was seen is old.
        later = store.put(source, "app.zip", b"three")
        eventually(lambda: self.revisions(scene)[1:] == [version, later])

    def test_an_object_that_comes_late_starts_the_pipeline(self, scene: Scene, store: OuterStore) -> None:
        source = store.versioned(f"late-{scene.region}")
        scene.aws.create_custom_action_type(**custom_type())
        declare(scene, stage("Source", s3_source(source)), stage("Build", build("Make")))
        eventually(lambda: scene.statuses() == ["Failed"])
        version = store.put(source, "app.zip", b"one")
        eventually(lambda: self.revisions(scene) == [version])

    def test_a_source_that_does_not_poll_is_left_alone(self, scene: Scene, store: OuterStore) -> None:
        quiet = self.start(scene, store, PollForSourceChanges="false")
        store.put(quiet, "app.zip", b"two")
        other = Scene(scene.server, scene.witness)
        source = self.start(other, store)
        version = store.put(source, "app.zip", b"two")
        # The other one was looked at after the change, so the first would have been too.
        eventually(lambda: self.revisions(other)[1:] == [version])
        assert len(scene.executions()) == 1

    def test_an_update_forgets_nothing_that_was_seen(self, scene: Scene, store: OuterStore) -> None:
        source = self.start(scene, store)
        declared = scene.aws.get_pipeline(name="line")["pipeline"]
        scene.aws.update_pipeline(pipeline=declared)
        version = store.put(source, "app.zip", b"two")
        eventually(lambda: self.revisions(scene)[1:] == [version])
