"""Other implementations forget at a restart: approvals, the place of an execution, its history, its jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from declarations import stage
from operations.faithful import Witness
from operations.scene import Scene, approval, build
from serving import serving


@pytest.fixture
def mortal(tmp_path: Path, witness: Witness) -> Iterator[Scene]:
    """A scene on a server of its own, which the test may kill."""
    with serving(tmp_path / "data") as server:
        yield Scene(server, witness)


def test_a_killed_server_goes_on_where_it_was_with_its_tokens_its_history_and_its_jobs(mortal: Scene) -> None:
    mortal.line("line", stage("Build", build("Make")), stage("Gate", approval()))
    mortal.pipeline("gated", stage("Gate", approval()))
    mortal.work("Origin")
    job, before = mortal.take(), mortal.actions()
    token = mortal.action("Gate", "Ask", "gated")["token"]
    mortal.server.kill()
    mortal.server.start()
    assert mortal.actions() == before
    assert (mortal.poll("Origin"), mortal.poll()) == ([], [])
    mortal.aws.put_job_success_result(jobId=job["id"])
    assert mortal.stage("Gate")["latestExecution"]["status"] == "InProgress"
    assert len(mortal.actions()) == len(before) + 1
    result = {"summary": "go", "status": "Approved"}
    mortal.aws.put_approval_result(pipelineName="gated", stageName="Gate", actionName="Ask", result=result, token=token)
    assert mortal.statuses("gated") == ["Succeeded"]
