"""Many built-in jobs at once: they work on the server's own S3 surface, and must not wait for each other there."""

from pathlib import Path

import pytest

from declarations import action, pipeline, stage
from serving import Server, serving
from waiting import eventually


def begin(server: Server, crowd: int) -> None:
    """So many executions whose source is an object of the server's own store."""
    s3, aws = server.client("s3"), server.client("codepipeline")
    s3.create_bucket(Bucket="crowd")
    s3.put_bucket_versioning(Bucket="crowd", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="crowd", Key="app.zip", Body=b"x" * 100_000)
    where = {"S3Bucket": "crowd", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
    fetch = action("Fetch", "Source", "AWS", "S3", where, outputs=("App",))
    into = {"BucketName": "crowd", "Extract": "false", "ObjectKey": "deployed/{uuid}"}
    ship = action("Ship", "Deploy", "AWS", "S3", into, inputs=("App",))
    declared = pipeline("crowd", stage("Source", fetch), stage("Deploy", ship), executionMode="PARALLEL")
    aws.create_pipeline(pipeline=declared)
    for _ in range(crowd - 1):
        aws.start_pipeline_execution(name="crowd")


@pytest.mark.parametrize("crowd", [9, pytest.param(24, marks=pytest.mark.long)])
def test_sources_and_deployments_at_once_all_end(tmp_path: Path, crowd: int) -> None:
    with serving(tmp_path / "data") as server:
        begin(server, crowd)
        aws = server.client("codepipeline")

        def statuses() -> list[str]:
            listed = aws.list_pipeline_executions(pipelineName="crowd")["pipelineExecutionSummaries"]
            return [each["status"] for each in listed]

        try:
            assert eventually(lambda: "InProgress" not in statuses() and statuses(), 20) == ["Succeeded"] * crowd
        except AssertionError:
            # What hangs would make the drain wait for it as well.
            server.kill()
            raise
