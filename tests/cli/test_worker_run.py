"""`penstock worker run`: a worker of one's own, found in the current folder."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.running import PENSTOCK, penstock, plain
from declarations import action, custom_source, custom_type, pipeline, stage
from serving import Server
from waiting import eventually

WORKER = """
from penstock.worker import Success, worker

@worker(category="Source", provider="{provider}", version="1")
def give(job):
    return Success("given", output_variables={{"Stage": job.stage}})
"""


@contextmanager
def running(folder: Path, *arguments: str, environment: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [PENSTOCK, "worker", "run", *arguments],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def start_pipeline(codepipeline: Any, provider: str) -> None:
    codepipeline.create_custom_action_type(**custom_type(provider, category="Source"))
    approval = action("Wait", "Approval", "AWS", "Manual")
    declaration = pipeline(provider, stage("In", custom_source(provider=provider)), stage("Out", approval))
    codepipeline.create_pipeline(pipeline=declaration)


@pytest.mark.parametrize("way", ["data directory", "environment"])
def test_a_worker_does_the_jobs_of_the_server_it_finds(shared_server: Server, tmp_path: Path, way: str) -> None:
    provider = "Giver" + way.title().replace(" ", "")
    (tmp_path / "giving.py").write_text(WORKER.format(provider=provider))
    codepipeline = shared_server.client("codepipeline")
    start_pipeline(codepipeline, provider)
    environment = plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir)) if way == "data directory" else None
    environment = environment or shared_server.environment()

    def runs() -> Any:
        found = codepipeline.list_action_executions(pipelineName=provider)["actionExecutionDetails"]
        return [run for run in found if run["status"] == "Succeeded"]

    with running(tmp_path, "giving:give", environment=environment) as process:
        (done,) = eventually(runs)
        assert done["output"]["executionResult"]["externalExecutionSummary"] == "given"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_module_that_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import json\n\n1 / 0\n")
    with running(tmp_path, "broken:give", environment=plain()) as process:
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1
    assert said.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in said
    assert "broken.py:3" in said


def test_no_server_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "giving.py").write_text(WORKER.format(provider="Nobody"))
    with running(tmp_path, "giving:give", "--data-dir", str(tmp_path), environment=plain()) as process:
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1
    assert said.startswith("penstock: no server runs on the data directory")


def test_a_class_that_cannot_be_made_is_one_line() -> None:
    ended = penstock("worker", "run", "subprocess:Popen")
    assert ended.code == 2
    assert "that is no worker" in ended.line
