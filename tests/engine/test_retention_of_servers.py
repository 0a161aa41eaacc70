"""Servers delete old history by themselves, on either database, for as many days as they are told."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from engine.load import kind
from postgres import Cluster
from serving import Server, serving
from waiting import eventually

# What an execution says of its age; the rest of it stays as it is.
_OLD = """'"started_at":1.0,"updated_at":1.0,"number"'"""
_PATTERN = r"""'"started_at":[0-9.]+,"updated_at":[0-9.]+,"number"'"""
IN_POSTGRES = f"""
UPDATE executions SET document = convert_to(regexp_replace(convert_from(document, 'UTF8'), {_PATTERN}, {_OLD}), 'UTF8')
"""
IN_SQLITE = """
UPDATE executions SET document = CAST(json_set(CAST(document AS TEXT), '$.started_at', 1.0, '$.updated_at', 1.0) AS BLOB)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[tuple[str, ...], Callable[[], Any]]]:
    """Options for a server, and what makes all that is in its database old."""
    if request.param == "sqlite":

        def age() -> None:
            with sqlite3.connect(tmp_path / "data" / "penstock.db") as connection:
                assert connection.execute(IN_SQLITE).rowcount > 0
            connection.close()

        yield (), age
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    with cluster.empty(has_tables=True) as url:

        def age_rows() -> None:
            with psycopg.connect(url) as connection:
                assert connection.execute(IN_POSTGRES).rowcount > 0
                # By then nobody leads any more.
                connection.execute("DELETE FROM leaders")

        yield ("--database-url", url), age_rows


def run_once(server: Server) -> None:
    """One more execution, to its end."""
    aws = server.client("codepipeline")
    for provider in ("Origin", "Builder"):
        (job,) = eventually(lambda: aws.poll_for_jobs(actionTypeId=kind(provider))["jobs"])  # noqa: B023
        aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        aws.put_job_success_result(jobId=job["id"])


def ids(server: Server) -> list[str]:
    found = server.client("codepipeline").list_pipeline_executions(pipelineName="line")
    return [each["pipelineExecutionId"] for each in found["pipelineExecutionSummaries"]]


@pytest.mark.long
def test_what_is_older_than_it_is_told_goes_after_a_start(
    tmp_path: Path, database: tuple[tuple[str, ...], Callable[[], Any]]
) -> None:
    options, age = database
    with serving(tmp_path / "data", *options) as server:
        aws = server.client("codepipeline")
        for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
            aws.create_custom_action_type(**declared)
        make = action("Make", "Build", "Custom", "Builder")
        aws.create_pipeline(pipeline=pipeline("line", stage("Source", custom_source()), stage("Build", make)))
        run_once(server)
        aws.start_pipeline_execution(name="line")
        run_once(server)
        newest, oldest = ids(server)
    age()
    with serving(tmp_path / "data", *options, "--retention-days", "0") as server:
        # It says what it knows once it has started; a server that deletes has begun to by then.
        assert ids(server) == [newest, oldest]
    with serving(tmp_path / "data", *options) as server:
        eventually(lambda: ids(server) == [newest])
        state = server.client("codepipeline").get_pipeline_state(name="line")
        assert [each["latestExecution"]["pipelineExecutionId"] for each in state["stageStates"]] == [newest, newest]
