"""The AWS CLI as it comes, with no more than an environment: a custom and a partner action to the deployed object."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from declarations import custom_type
from interop.conftest import Plant, unzipped, zipped
from waiting import eventually

AWS = Path(sys.executable).with_name("aws")


class Cli:
    def __init__(self, plant: Plant, folder: Path) -> None:
        self.environment = {**plant.server.environment(), "HOME": str(folder), "AWS_PAGER": ""}
        self.folder = folder

    def run(self, *words: str, credentials: dict[str, str] | None = None) -> Any:
        """The JSON that a command prints; with a job's credentials if they are given."""
        environment = dict(self.environment)
        if credentials is not None:
            environment["AWS_ACCESS_KEY_ID"] = credentials["accessKeyId"]
            environment["AWS_SECRET_ACCESS_KEY"] = credentials["secretAccessKey"]
            environment["AWS_SESSION_TOKEN"] = credentials["sessionToken"]
        ended = subprocess.run(
            [str(AWS), *words],
            capture_output=True,
            env=environment,
            text=True,
            cwd=self.folder,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        is_json = ended.stdout.lstrip().startswith(("{", "["))
        return json.loads(ended.stdout) if is_json else ended.stdout

    def codepipeline(self, command: str, **options: Any) -> Any:
        words = []
        for name, value in options.items():
            text = value if isinstance(value, str) else json.dumps(value)
            words += [f"--{name.replace('_', '-')}", text]
        return self.run("codepipeline", command, *words)


@pytest.fixture
def cli(plant: Plant, tmp_path: Path) -> Cli:
    return Cli(plant, tmp_path)


def place(artifact: dict[str, Any]) -> str:
    where = artifact["location"]["s3Location"]
    return f"s3://{where['bucketName']}/{where['objectKey']}"


def work_custom(cli: Cli, plant: Plant) -> None:
    """The custom worker: fetch, change, upload, report."""
    poll = {"action_type_id": plant.custom_id, "max_batch_size": "1"}
    (job,) = eventually(lambda: cli.codepipeline("poll-for-jobs", **poll)["jobs"], 20)
    assert cli.codepipeline("acknowledge-job", job_id=job["id"], nonce=job["nonce"]) == {"status": "InProgress"}
    data = job["data"]
    keys = data["artifactCredentials"]
    cli.run("s3", "cp", place(data["inputArtifacts"][0]), "in.zip", credentials=keys)
    given = unzipped((cli.folder / "in.zip").read_bytes())
    (cli.folder / "out.zip").write_bytes(zipped(page_html=given["page.html"] + " from the shell"))
    cli.run("s3", "cp", "out.zip", place(data["outputArtifacts"][0]), "--sse", "aws:kms", credentials=keys)
    details = {"summary": "made", "externalExecutionId": "7", "percentComplete": 100}
    assert cli.codepipeline("put-job-success-result", job_id=job["id"], execution_details=details) == ""


def work_partner(cli: Cli, plant: Plant) -> None:
    poll = {"action_type_id": plant.partner_id}
    (offer,) = eventually(lambda: cli.codepipeline("poll-for-third-party-jobs", **poll)["jobs"], 20)
    known = {"job_id": offer["jobId"], "client_token": plant.token}
    details = cli.codepipeline("get-third-party-job-details", **known)["jobDetails"]
    status = cli.codepipeline("acknowledge-third-party-job", nonce=details["nonce"], **known)
    assert status == {"status": "InProgress"}
    cli.codepipeline("put-third-party-job-success-result", **known)


@pytest.mark.long
def test_a_custom_and_a_partner_action_from_creation_to_the_deployed_object(cli: Cli, plant: Plant) -> None:
    cli.codepipeline("create-custom-action-type", cli_input_json=custom_type(plant.provider))
    (cli.folder / "pipeline.json").write_text(json.dumps({"pipeline": plant.declaration()}))
    made = cli.codepipeline("create-pipeline", cli_input_json="file://pipeline.json")
    assert made["pipeline"]["version"] == 1
    work_custom(cli, plant)
    work_partner(cli, plant)

    def state() -> str | None:
        listed = cli.codepipeline("list-pipeline-executions", pipeline_name=plant.name)
        status = listed["pipelineExecutionSummaries"][0]["status"]
        return status if status != "InProgress" else None

    assert eventually(state, 30) == "Succeeded"
    cli.run("s3", "cp", f"s3://{plant.target}/page.html", "page.html")
    assert (cli.folder / "page.html").read_text() == "hello from the shell"


@pytest.mark.long
def test_what_get_pipeline_prints_can_be_changed_and_given_to_update_pipeline(cli: Cli, plant: Plant) -> None:
    cli.codepipeline("create-custom-action-type", cli_input_json=custom_type(plant.provider))
    cli.codepipeline("create-pipeline", pipeline=plant.declaration())
    printed = cli.codepipeline("get-pipeline", name=plant.name)["pipeline"]
    printed["executionMode"] = "QUEUED"
    printed["pipelineType"] = "V2"
    changed = cli.codepipeline("update-pipeline", pipeline=printed)["pipeline"]
    assert (changed["version"], changed["executionMode"]) == (2, "QUEUED")
    cli.codepipeline("delete-pipeline", name=plant.name)


def test_an_error_is_shown_with_its_code_and_message(cli: Cli) -> None:
    with pytest.raises(AssertionError, match=r"PipelineNotFoundException.*does not have a pipeline with name 'nobody'"):
        cli.codepipeline("get-pipeline", name="nobody")
