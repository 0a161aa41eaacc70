"""Many built-in jobs at once: they work on the server's own S3 surface, and must not wait for each other there."""

from pathlib import Path

from declarations import action, pipeline, stage
from serving import Server, serving
from waiting import eventually

CROWD = 24


def begin(server: Server) -> None:
    """Two dozen executions whose source is an object of the server's own store."""
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
    for _ in range(CROWD - 1):
        aws.start_pipeline_execution(name="crowd")


def test_two_dozen_sources_and_deployments_at_once_all_end(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        begin(server)
        aws = server.client("codepipeline")

        def statuses() -> list[str]:
            listed = aws.list_pipeline_executions(pipelineName="crowd")["pipelineExecutionSummaries"]
            return [each["status"] for each in listed]

        try:
            assert eventually(lambda: "InProgress" not in statuses() and statuses(), 20) == ["Succeeded"] * CROWD
        except AssertionError:
            # What hangs would make the drain wait for it as well.
            server.kill()
            raise
