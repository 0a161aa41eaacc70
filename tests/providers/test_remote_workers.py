"""Workers of strangers, written with the SDK, against a real server over HTTP."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest

from penstock.worker import Continue, Failure, HttpBoard, Success, ThirdPartyBoard, Worker, worker
from providers.served import deploy, serving, source, zipped

INPUTS = {"inputArtifacts": [{"name": "Sources"}], "outputArtifacts": [{"name": "Built"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), "--continuation-delay", "60") as served:
        for provider in ("Patient", "Program", "Failing"):
            counts = {"minimumCount": 0, "maximumCount": 1}
            served.codepipeline.create_custom_action_type(
                category="Build",
                provider=provider,
                version="1",
                inputArtifactDetails=counts,
                outputArtifactDetails=counts,
            )
        yield served


@pytest.fixture
def sources(server):
    bucket = server.bucket()
    server.s3.put_object(Bucket=bucket, Key="app.zip", Body=zipped(page_html="one\n"))
    return bucket


def action(provider, owner="Custom", **members):
    kind = {"category": "Build", "owner": owner, "provider": provider, "version": "1"}
    return {"name": "Work", "actionTypeId": kind, "namespace": "work", **members}


async def working(provider, board, ended):
    """Run the provider's worker until `ended`, a blocking call, has come back."""
    made = Worker(provider, board)
    running = asyncio.create_task(made.run())
    try:
        return await asyncio.to_thread(ended)
    finally:
        await made.stop()
        await running


def test_a_custom_action_is_done_in_two_jobs_with_artifacts_and_a_log(server, sources, tmp_path):
    @worker(category="Build", provider="Patient")
    async def build(job):
        if job.continuation_token is None:
            await job.log("at work\n")
            return Continue("half", after_seconds=0, summary="half done", percent_complete=50)
        folder = tmp_path / "folder"
        await job.artifacts.extract("Sources", folder)
        (folder / "page.html").write_text("two\n")
        await job.artifacts.publish("Built", folder, ["*.html"])
        return Success(f"built in {job.pipeline}", output_variables={"A": job.continuation_token})

    target = server.bucket()
    pipeline = server.pipeline(source(sources, "app.zip"), action("Patient", **INPUTS), deploy(target))
    board = HttpBoard(server.session, endpoint_url=server.url)
    assert asyncio.run(working(build, board, lambda: server.ended(pipeline))) == "Succeeded"
    ran = server.actions(pipeline)["Work"]
    assert ran["output"]["outputVariables"] == {"A": "half"}
    assert ran["output"]["executionResult"]["externalExecutionSummary"] == f"built in {pipeline}"
    assert server.log(ran) == "at work\n"
    assert server.s3.get_object(Bucket=target, Key="page.html")["Body"].read() == b"two\n"


def test_a_failure_reaches_the_pipeline(server, sources):
    @worker(category="Build", provider="Failing")
    def build(job):
        return Failure("the tests are red", "ConfigurationError")

    pipeline = server.pipeline(source(sources, "app.zip"), action("Failing"))
    board = HttpBoard(server.session, endpoint_url=server.url)
    assert asyncio.run(working(build, board, lambda: server.ended(pipeline))) == "Failed"
    told = server.actions(pipeline)["Work"]["output"]["executionResult"]["errorDetails"]
    assert told == {"code": "ConfigurationError", "message": "the tests are red"}


def test_a_partners_action_is_done_with_its_client_token(server, sources, tmp_path):
    counts = {"minimumCount": 0, "maximumCount": 1}
    declared = {
        "description": "A partner's build",
        "executor": {
            "type": "JobWorker",
            "configuration": {"jobWorkerExecutorConfiguration": {"pollingAccounts": ["123456789012"]}},
        },
        "id": {"category": "Build", "owner": "ThirdParty", "provider": "Partner", "version": "1"},
        "inputArtifactDetails": counts,
        "outputArtifactDetails": counts,
        "permissions": {"allowedAccounts": ["*"]},
    }
    server.own("RegisterPartnerActionType", {"actionType": declared})
    link = server.own("LinkPartner", {"provider": "Partner", "version": "1"})
    tokens = {link["clientId"]: link["clientToken"]}

    @worker(category="Build", provider="Partner", owner="ThirdParty", client_tokens=tokens)
    async def build(job):
        await job.artifacts.extract("Sources", tmp_path / "folder")
        await job.artifacts.publish("Built", tmp_path / "folder")
        return Success("by a partner")

    target = server.bucket()
    partner_action = action("Partner", "ThirdParty", **INPUTS)
    del partner_action["namespace"]
    pipeline = server.pipeline(source(sources, "app.zip"), partner_action, deploy(target))
    board = ThirdPartyBoard(tokens.__getitem__, server.session, endpoint_url=server.url)
    assert asyncio.run(working(build, board, lambda: server.ended(pipeline))) == "Succeeded"
    assert server.s3.get_object(Bucket=target, Key="page.html")["Body"].read() == b"one\n"


PROGRAM = """
import time
from penstock.worker import Success, run, worker

@worker(category="Build", provider="Program")
def build(job):
    print("begun", flush=True)
    time.sleep(0.2)
    return Success("by a program")

print("ready", flush=True)
run(build)
"""


def test_a_program_that_is_asked_to_end_finishes_its_job_first(server, sources):
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "AKIATESTROOT",
        "AWS_SECRET_ACCESS_KEY": "root-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    pipeline = server.pipeline(source(sources, "app.zip"), action("Program"))
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
    with contextlib.closing(program.stdout):
        assert [program.stdout.readline() for _ in range(2)] == ["ready\n", "begun\n"]
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
    assert server.ended(pipeline) == "Succeeded"
    ran = server.actions(pipeline)["Work"]["output"]["executionResult"]
    assert ran["externalExecutionSummary"] == "by a program"
