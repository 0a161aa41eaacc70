"""A worker somewhere else, written with the SDK, on jobs whose artifacts lie in another store."""

import asyncio
from pathlib import Path
from typing import Any

import boto3
import pytest

from declarations import ROLE
from operations.scene import Scene
from outer.stores import OuterStore
from penstock.wire import types as wire
from penstock.worker import HttpBoard, JobContext

ORIGIN = wire.ActionTypeId(category="Source", owner="Custom", provider="Origin", version="1")
KEY = {"id": "arn:aws:kms:us-east-1:123456789012:key/one", "type": "KMS"}


@pytest.fixture(scope="module", autouse=True)
def bucket(store: OuterStore) -> None:
    store.s3.create_bucket(Bucket="artifact-bucket")


def uploaded(scene: Scene, store: OuterStore, file: Path) -> dict[str, Any]:
    """The head of the output that a worker has made of a file; its board was told where the server is."""
    keys = scene.server.root_keys
    session = boto3.Session(**keys, region_name=scene.region)

    async def work() -> wire.Artifact:
        board = HttpBoard(session, endpoint_url=scene.server.url)
        (offer,) = await board.poll(ORIGIN, 1, 0)
        job = JobContext(offer, board)
        await job.artifacts.upload("App", file)
        return job.outputs["App"]

    location = asyncio.run(work()).location
    assert location is not None
    assert location.s3_location is not None
    head: dict[str, Any] = store.s3.head_object(
        Bucket=location.s3_location.bucket_name, Key=location.s3_location.object_key
    )
    return head


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app"
    path.write_bytes(b"made")
    return path


@pytest.fixture(autouse=True)
def told_where_objects_are(monkeypatch: pytest.MonkeyPatch, store: OuterStore) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.s3_url)


def test_it_finds_the_store_by_the_variable_of_every_aws_client(scene: Scene, store: OuterStore, file: Path) -> None:
    scene.types()
    scene.pipeline("line")
    head = uploaded(scene, store, file)
    assert head["ContentLength"] == 4
    # A store that has no key would refuse to encrypt.
    assert "ServerSideEncryption" not in head


def test_it_encrypts_with_the_key_of_the_artifact_store(scene: Scene, store: OuterStore, file: Path) -> None:
    scene.types()
    where = {"type": "S3", "location": "artifact-bucket", "encryptionKey": KEY}
    scene.pipeline("line", artifactStore=where, roleArn=ROLE)
    head = uploaded(scene, store, file)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY["id"])
