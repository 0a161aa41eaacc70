"""A worker of a partner (third-party) action, with nothing but boto3: it checks the links of a static site.

A partner works for the pipelines of other accounts. It learns nothing from a poll but the ids of a job and of the
client whose job it is; with the token that was agreed on with that client it may ask for the rest.

    penstock partner register examples/partner.json
    penstock partner link --provider LinkChecker --version 1 > client.json
    python examples/partner_worker.py --client client.json --endpoint-url http://127.0.0.1:4570

Without --endpoint-url it asks whom AWS_ENDPOINT_URL names, else AWS.
"""

import argparse
import io
import json
import posixpath
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Files = dict[str, bytes]


def main() -> None:
    options = parse()
    # A real partner keeps these in its own customer database.
    clients = [json.loads(path.read_text()) for path in options.client]
    tokens = {client["clientId"]: client["clientToken"] for client in clients}
    codepipeline = boto3.client("codepipeline", endpoint_url=options.endpoint_url)
    action_type = {"category": "Test", "owner": "ThirdParty", "provider": options.provider, "version": options.version}
    while True:
        jobs = codepipeline.poll_for_third_party_jobs(actionTypeId=action_type, maxBatchSize=1)["jobs"]
        for job in jobs:
            token = tokens.get(job["clientId"])
            if token is not None:
                work_on(codepipeline, job["jobId"], token, options.endpoint_url)
            if options.once:
                return
        if not jobs:
            time.sleep(options.poll_seconds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Works the jobs of a partner's Test action that checks links.")
    parser.add_argument("--provider", default="LinkChecker", help="provider of the action type (%(default)s)")
    parser.add_argument("--version", default="1", help="version of the action type (%(default)s)")
    parser.add_argument(
        "--client",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="what 'penstock partner link' printed; once for each client",
    )
    parser.add_argument("--endpoint-url", help="server to work for (AWS_ENDPOINT_URL, else AWS)")
    parser.add_argument("--poll-seconds", type=float, default=5.0, help="pause after an empty poll (%(default)s)")
    parser.add_argument("--once", action="store_true", help="end after one job")
    return parser.parse_args()


def work_on(codepipeline: Any, job_id: str, token: str, endpoint_url: str | None) -> None:
    """Ask what the job is, claim it, do it, and say how it went. Each call shows the client's token."""
    named = {"jobId": job_id, "clientToken": token}
    details = codepipeline.get_third_party_job_details(**named)["jobDetails"]
    if "nonce" not in details:
        # Another worker of ours has claimed it already.
        return
    try:
        status = codepipeline.acknowledge_third_party_job(**named, nonce=details["nonce"])["status"]
    except codepipeline.exceptions.InvalidNonceException:
        return
    if status != "InProgress":
        return
    try:
        count, broken = check_links(details["data"], endpoint_url)
    except (ClientError, ValueError, zipfile.BadZipFile) as problem:
        broken = [f"{type(problem).__name__}: {problem}"]
    if broken:
        failure = {"type": "JobFailed", "message": "; ".join(broken)[:5000]}
        codepipeline.put_third_party_job_failure_result(**named, failureDetails=failure)
        return
    report = {"summary": f"{count} links, none broken", "externalExecutionId": job_id, "percentComplete": 100}
    codepipeline.put_third_party_job_success_result(**named, executionDetails=report)


def check_links(data: dict[str, Any], endpoint_url: str | None) -> tuple[int, list[str]]:
    """How many links there are inside of the site, and which of them lead nowhere."""
    site = download(data["inputArtifacts"][0], data["artifactCredentials"], endpoint_url)
    pages = {name: Page(content.decode()) for name, content in site.items() if name.endswith(".html")}
    start = data["actionConfiguration"]["configuration"].get("StartPage", "index.html")
    broken = [] if start in pages else [f"there is no start page {start}"]
    count = 0
    for name, page in sorted(pages.items()):
        for link in page.links:
            if urlsplit(link).scheme or urlsplit(link).netloc:
                continue
            count += 1
            target, anchor = urldefrag(link)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
            if path not in site or (anchor and path in pages and anchor not in pages[path].anchors):
                broken.append(f"{name}: {link}")
    return count, broken


def download(artifact: dict[str, Any], keys: dict[str, str], endpoint_url: str | None) -> Files:
    """The files of an input artifact, read with the job's own credentials: they open nothing else."""
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    place = artifact["location"]["s3Location"]
    body = s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


class Page(HTMLParser):
    """The links of a page, and the places in it that links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("stopped")
