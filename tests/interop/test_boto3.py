"""boto3 as it comes, with no more than an endpoint: a custom and a partner action from create-pipeline to the object."""

import io
from typing import Any

import boto3
import pytest

from declarations import custom_type
from interop.conftest import Plant, unzipped, zipped
from waiting import eventually


@pytest.fixture
def session(plant: Plant) -> boto3.session.Session:
    keys = plant.server.root_keys
    return boto3.session.Session(**keys, region_name="us-east-1")


def worker_s3(session: boto3.session.Session, plant: Plant, credentials: dict[str, str]) -> Any:
    """An S3 client with a job's own credentials."""
    return session.client(
        "s3",
        endpoint_url=plant.server.url,
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"],
    )


def place(artifact: dict[str, Any]) -> dict[str, str]:
    where = artifact["location"]["s3Location"]
    return {"Bucket": where["bucketName"], "Key": where["objectKey"]}


def test_a_custom_and_a_partner_action_from_creation_to_the_deployed_object(
    plant: Plant, session: boto3.session.Session
) -> None:
    aws = session.client("codepipeline", endpoint_url=plant.server.url)
    aws.create_custom_action_type(**custom_type(plant.provider))
    aws.create_pipeline(pipeline=plant.declaration())

    (job,) = eventually(lambda: aws.poll_for_jobs(actionTypeId=plant.custom_id, maxBatchSize=1)["jobs"])
    assert aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
    data = job["data"]
    s3 = worker_s3(session, plant, data["artifactCredentials"])
    given = unzipped(s3.get_object(**place(data["inputArtifacts"][0]))["Body"].read())
    assert given == {"page.html": "hello"}
    # As the service's own clients upload: managed, encrypted, in parts if need be.
    made = io.BytesIO(zipped(page_html=given["page.html"] + ", world"))
    wanted = place(data["outputArtifacts"][0])
    s3.upload_fileobj(made, **wanted, ExtraArgs={"ServerSideEncryption": "aws:kms"})
    aws.put_job_success_result(jobId=job["id"], executionDetails={"summary": "made", "externalExecutionId": "1"})

    identity = {"actionTypeId": plant.partner_id, "maxBatchSize": 5}
    (offer,) = eventually(lambda: aws.poll_for_third_party_jobs(**identity)["jobs"])
    known = {"jobId": offer["jobId"], "clientToken": plant.token}
    details = aws.get_third_party_job_details(**known)["jobDetails"]
    assert aws.acknowledge_third_party_job(nonce=details["nonce"], **known)["status"] == "InProgress"
    s3 = worker_s3(session, plant, details["data"]["artifactCredentials"])
    seen = unzipped(s3.get_object(**place(details["data"]["inputArtifacts"][0]))["Body"].read())
    assert seen == {"page.html": "hello, world"}
    aws.put_third_party_job_success_result(**known, executionDetails={"summary": "fine", "percentComplete": 100})

    def ended() -> str | None:
        (execution,) = aws.list_pipeline_executions(pipelineName=plant.name)["pipelineExecutionSummaries"]
        return execution["status"] if execution["status"] != "InProgress" else None

    assert eventually(ended, 20) == "Succeeded"
    root_s3 = session.client("s3", endpoint_url=plant.server.url)
    deployed = root_s3.get_object(Bucket=plant.target, Key="page.html")
    assert (deployed["Body"].read(), deployed["ContentType"]) == (b"hello, world", "text/html")


def test_an_endpoint_in_the_environment_is_all_that_a_client_needs(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in plant.server.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert isinstance(boto3.client("codepipeline").list_pipelines()["pipelines"], list)
    assert plant.target in {each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]}


def test_a_changed_source_starts_a_run_that_carries_the_new_version(
    plant: Plant, session: boto3.session.Session
) -> None:
    aws = session.client("codepipeline", endpoint_url=plant.server.url)
    s3 = session.client("s3", endpoint_url=plant.server.url)
    aws.create_custom_action_type(**custom_type(plant.provider))
    declared = plant.declaration()
    del declared["stages"][0]["actions"][0]["configuration"]["PollForSourceChanges"]
    aws.create_pipeline(pipeline=declared)
    eventually(lambda: aws.poll_for_jobs(actionTypeId=plant.custom_id)["jobs"])
    version = s3.put_object(Bucket=plant.source, Key="app.zip", Body=zipped(page_html="news"))["VersionId"]

    def started() -> dict[str, Any] | None:
        newest = aws.list_pipeline_executions(pipelineName=plant.name)["pipelineExecutionSummaries"][0]
        return newest if newest["sourceRevisions"] and newest["trigger"]["triggerType"] != "CreatePipeline" else None

    newest = eventually(started)
    assert newest["trigger"]["triggerType"] == "PollForSourceChanges"
    (source,) = newest["sourceRevisions"]
    assert (source["revisionId"], source["revisionSummary"]) == (version, f"Amazon S3 version id: {version}")
