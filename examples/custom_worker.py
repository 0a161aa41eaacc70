"""A worker of a custom action, with nothing but boto3: it indexes a static site.

Each job brings a zip of HTML pages. The worker counts the words of each page, puts the counts into the site as
`words.json`, and hands the site on. It works the same against penstock and against AWS:

    python examples/custom_worker.py --provider SiteIndexer --endpoint-url http://127.0.0.1:4570

Without --endpoint-url it asks whom AWS_ENDPOINT_URL names, else AWS. `--create` makes the action type first.
"""

import argparse
import io
import json
import time
import zipfile
from html.parser import HTMLParser
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Files = dict[str, bytes]


def main() -> None:
    options = parse()
    codepipeline = boto3.client("codepipeline", endpoint_url=options.endpoint_url)
    if options.create:
        create_action_type(codepipeline, options.provider, options.version)
    action_type = {"category": "Build", "owner": "Custom", "provider": options.provider, "version": options.version}
    while True:
        jobs = codepipeline.poll_for_jobs(actionTypeId=action_type, maxBatchSize=1)["jobs"]
        for job in jobs:
            work_on(codepipeline, job, options.endpoint_url)
            if options.once:
                return
        if not jobs:
            # A poll answers at once, with nothing if there is nothing to do.
            time.sleep(options.poll_seconds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Works the jobs of a custom Build action that indexes static sites.")
    parser.add_argument("--provider", default="SiteIndexer", help="provider of the action type (%(default)s)")
    parser.add_argument("--version", default="1", help="version of the action type (%(default)s)")
    parser.add_argument("--endpoint-url", help="server to work for (AWS_ENDPOINT_URL, else AWS)")
    parser.add_argument("--poll-seconds", type=float, default=5.0, help="pause after an empty poll (%(default)s)")
    parser.add_argument("--create", action="store_true", help="make the action type first")
    parser.add_argument("--once", action="store_true", help="end after one job")
    return parser.parse_args()


def create_action_type(codepipeline: Any, provider: str, version: str) -> None:
    """Tell the service about the action. Making the very same type again changes nothing."""
    codepipeline.create_custom_action_type(
        category="Build",
        provider=provider,
        version=version,
        inputArtifactDetails={"minimumCount": 1, "maximumCount": 1},
        outputArtifactDetails={"minimumCount": 1, "maximumCount": 1},
    )


def work_on(codepipeline: Any, job: dict[str, Any], endpoint_url: str | None) -> None:
    """Claim the job, do it, and say how it went."""
    try:
        status = codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"]
    except codepipeline.exceptions.InvalidNonceException:
        # The job was handed out again in the meantime, and somebody else has it.
        return
    if status != "InProgress":
        return
    try:
        summary, variables = index_site(job["data"], endpoint_url)
    except (ClientError, ValueError, zipfile.BadZipFile) as problem:
        # Without a word from us the action would wait for a day. The pipeline's owner reads this message.
        failure = {"type": "JobFailed", "message": f"{type(problem).__name__}: {problem}"}
        codepipeline.put_job_failure_result(jobId=job["id"], failureDetails=failure)
        return
    # A worker in front of a build server would name the build's number as the external id.
    details = {"summary": summary, "externalExecutionId": job["id"], "percentComplete": 100}
    codepipeline.put_job_success_result(jobId=job["id"], executionDetails=details, outputVariables=variables)


def index_site(data: dict[str, Any], endpoint_url: str | None) -> tuple[str, dict[str, str]]:
    """The work itself: the one input is read, the one output is written. Returns what to report."""
    s3 = artifact_client(data["artifactCredentials"], endpoint_url)
    site = download(s3, data["inputArtifacts"][0])
    words = {name: count_words(page) for name, page in sorted(site.items()) if name.endswith(".html")}
    if not words:
        raise ValueError("there is no HTML page in the input artifact")
    site["words.json"] = json.dumps(words, indent=2).encode()
    upload(s3, data["outputArtifacts"][0], site, data.get("encryptionKey"))
    total = sum(words.values())
    return f"{len(words)} pages, {total} words", {"Pages": str(len(words)), "Words": str(total)}


def artifact_client(keys: dict[str, str], endpoint_url: str | None) -> Any:
    """S3 with the job's own credentials: they open this job's artifacts, for a quarter of an hour, and nothing else."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def download(s3: Any, artifact: dict[str, Any]) -> Files:
    place = artifact["location"]["s3Location"]
    body = s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def upload(s3: Any, artifact: dict[str, Any], files: Files, encryption_key: dict[str, str] | None) -> None:
    """Write the output exactly where the job says: the next action will look for it there."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    place = artifact["location"]["s3Location"]
    key = {"SSEKMSKeyId": encryption_key["id"]} if encryption_key else {}
    s3.put_object(
        Bucket=place["bucketName"],
        Key=place["objectKey"],
        Body=packed.getvalue(),
        ContentType="application/zip",
        ServerSideEncryption="aws:kms",
        **key,
    )


class Text(HTMLParser):
    """Counts the words between the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words = 0

    def handle_data(self, data: str) -> None:
        self.words += len(data.split())


def count_words(page: bytes) -> int:
    text = Text()
    text.feed(page.decode())
    return text.words


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("stopped")
