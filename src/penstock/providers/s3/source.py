"""The S3 source: a version of an object becomes the execution's revision."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.providers.s3 import explained
from penstock.wire import types as wire
from penstock.worker import JobContext, JobError, ProviderSettings, Success, declared_type
from penstock.worker.threads import in_own_thread

DECLARATION = declared_type(Path(__file__).with_name("source.json").read_bytes())
SUMMARY_METADATA = "codepipeline-artifact-revision-summary"
# API: RevisionChangeIdentifier, RevisionSummary
CHANGE_IDENTIFIER_LENGTH_MAX = 100
REVISION_SUMMARY_LENGTH_MAX = 2048


class Wanted(Struct, frozen=True):
    """The object that an execution starts from; without a version, the newest."""

    bucket: str
    key: str
    version_id: str | None


class S3Source:
    """Copies an object of a versioned bucket to the output artifact, as it is.

    A job without an output artifact only asks for the newest revision.
    """

    declarations = (DECLARATION,)
    action_types = (DECLARATION.id,)

    def __init__(self, settings: ProviderSettings) -> None:
        """The settings are those of every provider; this one needs nothing of its host."""

    async def run(self, job: JobContext) -> Success:
        wanted = wanted_of(job)
        s3 = await job.service_client("s3")
        with explained(wanted.bucket, wanted.key):
            await in_own_thread(_check_versioning, s3, wanted.bucket)
            found = await in_own_thread(_get, s3, wanted)
        try:
            for name in job.outputs:
                content_type = found.get("ContentType") or "application/octet-stream"
                await job.artifacts.write(name, found["Body"], content_type)
        finally:
            found["Body"].close()
        return _success(wanted, found)


def wanted_of(job: JobContext) -> Wanted:
    """The object of the configuration, or what the execution was started with instead."""
    bucket, key = job.configuration.get("S3Bucket"), job.configuration.get("S3ObjectKey")
    if not bucket or not key:
        raise JobError("The action needs S3Bucket and S3ObjectKey.", "ConfigurationError")
    version_id: str | None = None
    for override in job.overrides:
        if override.action_name != job.action:
            continue
        if override.revision_type == "S3_OBJECT_VERSION_ID":
            version_id = override.revision_value
        elif override.revision_type == "S3_OBJECT_KEY":
            if job.configuration.get("AllowOverrideForS3ObjectKey", "false").lower() != "true":
                raise JobError(
                    "The action does not allow another object key: AllowOverrideForS3ObjectKey is not true.",
                    "ConfigurationError",
                )
            key = override.revision_value
    return Wanted(bucket, key, version_id)


def _check_versioning(s3: Any, bucket: str) -> None:
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise JobError(
            f"The bucket '{bucket}' is not versioned: an S3 source needs versioning to be enabled.",
            "ConfigurationError",
        )


def _get(s3: Any, wanted: Wanted) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    version = {"VersionId": wanted.version_id} if wanted.version_id else {}
    try:
        found: dict[str, Any] = s3.get_object(Bucket=wanted.bucket, Key=wanted.key, **version)
    except ClientError as error:
        # A version id that cannot be one is an invalid argument to S3; to the pipeline it is a version that is not there.
        if version and error.response.get("Error", {}).get("Code") in ("InvalidArgument", "NoSuchVersion", "400"):
            raise JobError(
                f"There is no version '{wanted.version_id}' of the object '{wanted.key}' in the bucket "
                f"'{wanted.bucket}'.",
                "RevisionUnavailable",
            ) from error
        raise
    return found


def _success(wanted: Wanted, found: dict[str, Any]) -> Success:
    version_id = str(found.get("VersionId") or wanted.version_id or "null")
    etag = str(found.get("ETag", "")).strip('"')
    said = str(found.get("Metadata", {}).get(SUMMARY_METADATA) or f"Amazon S3 version id: {version_id}")
    revision = wire.CurrentRevision(
        revision=version_id,
        change_identifier=(etag or version_id)[:CHANGE_IDENTIFIER_LENGTH_MAX],
        created=found["LastModified"].timestamp() if "LastModified" in found else None,
        revision_summary=said[:REVISION_SUMMARY_LENGTH_MAX],
    )
    variables = {"BucketName": wanted.bucket, "ETag": etag, "ObjectKey": wanted.key, "VersionId": version_id}
    return Success(said, output_variables=variables, current_revision=revision)
