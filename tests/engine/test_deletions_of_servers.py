"""Servers take away what deleted pipelines leave, on either database, through kills as well."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from engine.load import kind
from operations.raw import Wire
from postgres import Cluster
from serving import Server, serving
from waiting import eventually

TIMES = 5000
# More of the pipeline's past than goes in one commit, and a log that went with it.
IN_SQLITE = f"""
WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {TIMES})
INSERT INTO executions SELECT account, pipeline_id, -n, 'old' || n, status, document FROM executions, counted
"""
IN_POSTGRES = f"""
INSERT INTO executions SELECT account, pipeline_id, -n, 'old' || n, status, document
FROM executions, generate_series(1, {TIMES}) AS n
"""
LINE = pipeline("line", stage("Source", custom_source()), stage("Build", action("Make", "Build", "Custom", "Builder")))
Ask = Callable[[str], list[Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[tuple[str, ...], Ask, str]]:
    """Options for a server, what asks its database while it is down or serves, and what makes a long past."""
    if request.param == "sqlite":

        def ask(sql: str) -> list[Any]:
            with closing(sqlite3.connect(tmp_path / "data" / "penstock.db", isolation_level=None)) as connection:
                return connection.execute(sql).fetchall()

        yield (), ask, IN_SQLITE
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    with cluster.empty(has_tables=True) as url, psycopg.connect(url, autocommit=True) as connection:

        def ask_there(sql: str) -> list[Any]:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []

        yield ("--database-url", url), ask_there, IN_POSTGRES


def number_in(ask: Ask, table: str) -> int:
    ((number,),) = ask(f"SELECT count(*) FROM {table}")
    return int(number)


def run_with_a_log(server: Server) -> None:
    aws = server.client("codepipeline")
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        aws.create_custom_action_type(**declared)
    aws.create_pipeline(pipeline=LINE)
    for provider in ("Origin", "Builder"):
        (job,) = eventually(lambda: aws.poll_for_jobs(actionTypeId=kind(provider))["jobs"])  # noqa: B023
        aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        body = json.dumps({"jobId": job["id"], "text": "a line\n"}).encode()
        logged = Wire(server, "us-east-1").ask(body=body, X_Amz_Target="Penstock.PutJobLog")
        assert logged.status == 200
        aws.put_job_success_result(jobId=job["id"])


def restarted(server: Server, ask: Ask) -> Any:
    """A client of the server after its start, which leads at once: by then the killed one would not any more."""
    if server.database_url:
        ask("DELETE FROM leaders")
    server.start()
    return server.client("codepipeline")


@pytest.mark.long
def test_a_kill_in_between_leaves_nothing_behind(tmp_path: Path, database: tuple[tuple[str, ...], Ask, str]) -> None:
    options, ask, make_old = database
    with serving(tmp_path / "data", *options) as server:
        run_with_a_log(server)
        server.kill()
        ask(make_old)
        aws = restarted(server, ask)
        aws.delete_pipeline(name="line")
        aws.create_pipeline(pipeline=LINE)
        (own,) = aws.list_pipeline_executions(pipelineName="line")["pipelineExecutionSummaries"]
        eventually(lambda: number_in(ask, "executions") - 1 < TIMES)
        server.kill()
        assert number_in(ask, "executions") > 1
        assert number_in(ask, "deleted_pipelines") == 1
        if server.database_url:
            assert ask("SELECT count(*) FROM leaders WHERE duty = 'deletions'") == [(1,)]
        aws = restarted(server, ask)
        eventually(lambda: number_in(ask, "deleted_pipelines") == 0)
        assert number_in(ask, "job_logs") == 0
        assert [number_in(ask, table) for table in ("executions", "action_executions", "pipeline_versions")] == [
            1,
            1,
            1,
        ]
        found = aws.list_pipeline_executions(pipelineName="line")["pipelineExecutionSummaries"]
        assert [each["pipelineExecutionId"] for each in found] == [own["pipelineExecutionId"]]
        assert [each["name"] for each in aws.list_pipelines()["pipelines"]] == ["line"]
        assert "Traceback" not in server.log()
