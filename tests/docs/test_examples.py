"""Every example runs, as a process of its own."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from declarations import action, custom_type, pipeline, stage
from docs.pages import ROOT
from serving import Server
from waiting import eventually

EXAMPLES = ROOT / "examples"
DEMO_SECONDS_MAX = 90


def stranger(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}


def demo(home: Path, examples: Path = EXAMPLES) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(examples / "demo.py")],
        env=stranger(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_over(home: Path) -> list[str]:
    """What a demo has left: files in its temporary folder, and processes that were started in it."""
    found = [path.name for path in home.iterdir()]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(home) in command:
            found.append(command)
    return found


@pytest.mark.long
def test_the_demo_runs_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    process = demo(tmp_path)
    said, _ = process.communicate(timeout=DEMO_SECONDS_MAX)
    assert process.returncode == 0, said
    lines = said.splitlines()
    for run in ("Source/Site", "Build/Index", "Build/Bundle", "Test/Links", "Approve/Publish", "Deploy/Bucket"):
        assert any(re.search(rf"✓ {run} .* Succeeded", line) for line in lines), said
    assert any("│ index.html: " in line for line in lines)
    size = (EXAMPLES / "site" / "index.html").stat().st_size
    assert re.match(rf"✓ deployed to s3://low-weir-site, .*\bindex\.html {size}\b", lines[-1])
    assert left_over(tmp_path) == []


@pytest.mark.long
def test_the_demo_redraws_in_place_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = stranger(tmp_path) | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "demo.py")], env=environment, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait(timeout=DEMO_SECONDS_MAX) == 0
    assert written.count(b"\x1b[?25l") == written.count(b"\x1b[?25h") == 1
    assert re.search(rb"\x1b\[\d+F", written)


@pytest.mark.long
def test_the_demo_says_why_it_failed(tmp_path: Path) -> None:
    examples, home = tmp_path / "examples", tmp_path / "home"
    home.mkdir()
    subprocess.run(["cp", "-r", EXAMPLES, examples], check=True)
    page = examples / "site" / "visit.html"
    page.write_text(page.read_text().replace("water.html#penstock", "water.html#sluice"))
    process = demo(home, examples)
    said, _ = process.communicate(timeout=DEMO_SECONDS_MAX)
    assert process.returncode == 1
    assert said.splitlines()[-1] == ("✗ the execution is Failed: Test/Links Failed: visit.html: water.html#sluice")
    assert left_over(home) == []


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    process = demo(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "Build/Bundle" in line:
            break
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}[number]
    assert eventually(lambda: left_over(tmp_path) == [])


@pytest.mark.parametrize("name", ["custom_worker.py", "partner_worker.py"])
def test_a_worker_of_the_examples_says_how_it_is_used(name: str) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / name, "--help"], capture_output=True, text=True, check=True)
    assert "--endpoint-url" in done.stdout
    assert "--provider" in done.stdout


def test_the_custom_worker_reports_what_it_cannot_do(shared_server: Server, tmp_path: Path) -> None:
    codepipeline = shared_server.client("codepipeline")
    start(shared_server, "SiteIndexer", tmp_path, "Indexed", b"this is no archive")
    command = [sys.executable, EXAMPLES / "custom_worker.py", "--endpoint-url", shared_server.url, "--once"]
    keys = shared_server.environment()
    del keys["AWS_ENDPOINT_URL"]
    subprocess.run([*command, "--poll-seconds", "0.1"], env=keys, check=True, timeout=30)
    (run,) = work(codepipeline, "SiteIndexer")
    assert run["status"] == "Failed"
    assert run["output"]["executionResult"]["errorDetails"]["message"].startswith("BadZipFile")


def test_the_worker_of_the_sdk_does_its_job(shared_server: Server, tmp_path: Path) -> None:
    archive = tmp_path / "texts.zip"
    (tmp_path / "a.txt").write_text("quietly\n")
    subprocess.run([sys.executable, "-m", "zipfile", "-c", archive, "a.txt"], cwd=tmp_path, check=True)
    start(shared_server, "Shout", tmp_path, "Loud", archive.read_bytes())
    process = subprocess.Popen(
        [Path(sys.executable).with_name("penstock"), "worker", "run", "sdk_worker:shout"],
        cwd=EXAMPLES,
        env=shared_server.environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        (run,) = eventually(lambda: work(shared_server.client("codepipeline"), "Shout"))
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert run["status"] == "Succeeded"
    assert run["output"]["executionResult"]["externalExecutionSummary"] == "texts: 1"
    assert run["output"]["outputVariables"] == {"Files": "1"}


def start(server: Server, provider: str, folder: Path, output: str, source: bytes) -> None:
    """A pipeline that hands an object to one custom action."""
    codepipeline, s3 = server.client("codepipeline"), server.client("s3")
    bucket = f"{provider.lower()}-source"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="in.zip", Body=source)
    codepipeline.create_custom_action_type(**custom_type(provider))
    place = {"S3Bucket": bucket, "S3ObjectKey": "in.zip"}
    fetch = action("Fetch", "Source", "AWS", "S3", place, outputs=("Texts",))
    build = action("Work", "Build", "Custom", provider, inputs=("Texts",), outputs=(output,))
    codepipeline.create_pipeline(pipeline=pipeline(provider, stage("In", fetch), stage("Build", build)))


def work(codepipeline: Any, name: str) -> list[dict[str, Any]]:
    """The ended runs of the custom action."""
    time.sleep(0.02)
    runs = codepipeline.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    return [run for run in runs if run["actionName"] == "Work" and run["status"] != "InProgress"]
