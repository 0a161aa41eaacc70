"""A real server in a process of its own, and what a test does to it as any client would."""

import contextlib
import io
import itertools
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session

NUMBERS = itertools.count(1)
ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Cancelled", "Superseded"})
RUN_SECONDS_MAX = 20


class Served:
    """Clients of a running server, and pipelines on it."""

    def __init__(self, url, data_dir):
        self.url = url
        self.data_dir = data_dir
        self.session = boto3.Session("AKIATESTROOT", "root-secret", region_name="us-east-1")
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        self.codepipeline, self.s3 = (
            self.session.client(name, endpoint_url=url, config=config) for name in ("codepipeline", "s3")
        )

    def bucket(self, *, versioned=True):
        name = f"bucket-{next(NUMBERS)}"
        self.s3.create_bucket(Bucket=name)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def pipeline(self, *actions):
        """Create a pipeline with an action a stage, which starts it; its name."""
        name = f"pipeline-{next(NUMBERS)}"
        stages = [{"name": action["name"], "actions": [action]} for action in actions]
        declared = {
            "name": name,
            "roleArn": "arn:aws:iam::123456789012:role/pipeline",
            "artifactStore": {"type": "S3", "location": "artifacts-of-tests"},
            "stages": stages,
            "pipelineType": "V2",
        }
        self.codepipeline.create_pipeline(pipeline=declared)
        return name

    def ended(self, pipeline, execution_id=None):
        """The status of an execution, the newest unless named, once it has ended."""
        deadline = time.monotonic() + RUN_SECONDS_MAX
        while time.monotonic() < deadline:
            listed = self.codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]
            for each in listed:
                if execution_id in (None, each["pipelineExecutionId"]) and each["status"] in ENDED:
                    return each["status"]
            time.sleep(0.01)
        raise AssertionError(f"{pipeline} did not end: {self.codepipeline.get_pipeline_state(name=pipeline)}")

    def actions(self, pipeline):
        """The newest run of each action, by name."""
        listed = self.codepipeline.list_action_executions(pipelineName=pipeline)["actionExecutionDetails"]
        return {each["actionName"]: each for each in reversed(listed)}

    def log(self, action):
        """All that an action has logged."""
        answer = self.own("GetActionLog", {"actionExecutionId": action["actionExecutionId"]})
        return "".join(piece["text"] for piece in answer["pieces"])

    def own(self, operation, members):
        """The answer to an operation of penstock's own."""
        request = AWSRequest("POST", self.url + "/", data=json.dumps(members))
        request.headers["Content-Type"] = "application/x-amz-json-1.1"
        request.headers["X-Amz-Target"] = f"Penstock.{operation}"
        SigV4Auth(self.session.get_credentials(), "codepipeline", "us-east-1").add_auth(request)
        http = URLLib3Session()
        try:
            answer = http.send(request.prepare())
        finally:
            http.close()
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)


@contextlib.contextmanager
def serving(data_dir, *options):
    program = Path(sys.executable).with_name("penstock")
    keys = ("--root-access-key-id", "AKIATESTROOT", "--root-secret-access-key", "root-secret")
    command = [program, "serve", "--port", "0", "--data-dir", data_dir, *keys, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            first = process.stdout.readline()
            assert first.startswith("penstock listening on "), first
            yield Served(first.removeprefix("penstock listening on ").strip(), data_dir)
        finally:
            process.terminate()
            process.wait(20)


def source(bucket, key, **configuration):
    return {
        "name": "Source",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": bucket, "S3ObjectKey": key, **configuration},
        "outputArtifacts": [{"name": "Sources"}],
        "namespace": "source",
    }


def commands(*lines, files=None, **members):
    output = {"name": "Built"} | ({"files": files} if files else {})
    return {
        "name": "Build",
        "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"},
        "commands": list(lines),
        "inputArtifacts": [{"name": "Sources"}],
        "outputArtifacts": [output],
        "namespace": "build",
        **members,
    }


def deploy(bucket, artifact="Built", **configuration):
    return {
        "name": "Deploy",
        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"BucketName": bucket, "Extract": "true", **configuration},
        "inputArtifacts": [{"name": artifact}],
    }


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name, text in files.items():
            made.writestr(name.replace("__", "/").replace("_", "."), text)
    return content.getvalue()
