"""What else changes in a server whose artifacts lie in another store."""

from pathlib import Path
from typing import Any

import pytest

from declarations import custom_type, stage
from operations.faithful import Witness
from operations.partner import own_operation
from operations.scene import Scene, build, code_of, message_of
from outer.stores import ENVIRONMENT, OuterStore
from outer.test_pipelines import declare, s3_source
from serving import Server, refusal
from waiting import eventually


def test_the_servers_own_address_has_no_objects_and_says_where_they_are(
    outer_server: Server, store: OuterStore
) -> None:
    s3 = outer_server.client("s3", retries={"total_max_attempts": 1})
    for call, given in ((s3.list_buckets, {}), (s3.get_object, {"Bucket": "artifact-bucket", "Key": "k"})):
        assert code_of(call, **given) == "NotImplemented"
        assert store.s3_url in message_of(call, **given)
    nobody = outer_server.client("s3", {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "wrong"})
    assert code_of(nobody.list_buckets) == "InvalidAccessKeyId"


def test_a_backup_can_still_be_fetched_from_it(outer_server: Server) -> None:
    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        return own_operation(outer_server.url, outer_server.root_keys, "us-east-1", operation, **parameters)

    begun = call("CreateBackup", withArtifacts=True, withKeys=False)
    ready = call("DescribeBackup", backupId=begun["backupId"], waitSeconds=10)
    assert ready["status"] == "Ready"
    s3 = outer_server.client("s3")
    body = s3.get_object(Bucket=ready["bucket"], Key=ready["objectKey"])["Body"].read()
    assert len(body) == ready["size"]
    call("DeleteBackup", backupId=begun["backupId"])


@pytest.mark.long
def test_a_change_while_the_server_was_away_is_found(store: OuterStore, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--artifacts-url", store.artifacts_url, prefix=ENVIRONMENT)
    try:
        scene = Scene(server, Witness())
        source = store.versioned(f"away-{scene.region}")
        store.put(source, "app.zip", b"one")
        scene.aws.create_custom_action_type(**custom_type())
        declare(scene, stage("Source", s3_source(source)), stage("Build", build("Make")))
        eventually(lambda: scene.action("Source", "Fetch").get("status") == "Succeeded")
        server.kill()
        version = store.put(source, "app.zip", b"two")
        server.start()
        eventually(lambda: _newest_revision(scene) == version)
    finally:
        server.stop()


def _newest_revision(scene: Scene) -> str | None:
    revisions = scene.executions()[0]["sourceRevisions"]
    return revisions[0]["revisionId"] if revisions else None


def test_a_server_without_credentials_for_the_store_does_not_start(store: OuterStore, tmp_path: Path) -> None:
    nothing = tuple(each for each in ENVIRONMENT if "OPERATOR" not in each and "operator" not in each)
    code, said = refusal(tmp_path / "data", "--artifacts-url", store.artifacts_url, prefix=nothing)
    assert code == 1
    assert said.count("\n") == 1
    assert "no AWS credentials for the artifact store" in said


@pytest.fixture(scope="module", autouse=True)
def bucket(store: OuterStore) -> None:
    store.s3.create_bucket(Bucket="artifacts-there")
