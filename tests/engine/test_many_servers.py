"""Servers that share a PostgreSQL: what one begins another goes on with, whoever of them is killed or replaced."""

import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from engine.fleet import Balancer, Roving, Strict, fleet
from engine.load import Client, kind
from engine.mill import Mill
from postgres import Cluster
from serving import Server
from waiting import eventually

OPTIONS = ("--ack-timeout", "1", "--executor", "process")


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.empty(has_tables=True) as address:
        yield address


def line(server: Server, name: str = "line") -> None:
    """The types and a pipeline of custom actions, its first execution begun."""
    aws = server.client("codepipeline")
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        aws.create_custom_action_type(**declared)
    make = action("Make", "Build", "Custom", "Builder")
    aws.create_pipeline(pipeline=pipeline(name, stage("Source", custom_source()), stage("Build", make)))


def status_of(server: Server, name: str = "line") -> str:
    (execution,) = server.client("codepipeline").list_pipeline_executions(pipelineName=name)[
        "pipelineExecutionSummaries"
    ]
    status: str = execution["status"]
    return status


def test_a_pipeline_runs_to_its_end_over_any_of_them(tmp_path: Path, url: str) -> None:
    with fleet(tmp_path, url, 2, *OPTIONS) as (one, two):
        assert one.root_keys == two.root_keys
        line(one)
        for provider in ("Origin", "Builder"):
            polling, working = two.client("codepipeline"), one.client("codepipeline")
            (job,) = eventually(lambda: polling.poll_for_jobs(actionTypeId=kind(provider))["jobs"])  # noqa: B023
            assert working.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
            polling.put_job_success_result(jobId=job["id"])
        assert status_of(one) == status_of(two) == "Succeeded"


def kill_often(folder: Path, url: str, kills: int, pause: Callable[[random.Random], float], **load: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"the moments of the kills come from seed {seed}")
    chance = random.Random(seed)
    with fleet(folder, url, load["servers"], *OPTIONS) as servers:
        mill = Mill(
            servers[0],
            load["executions_max"],
            caller=lambda: Roving(servers),
            baking_every=load.get("baking_every", 0),
        )
        mill.prepare()
        mill.start()
        try:
            for number in range(kills):
                # The one place that must not wait for anything: the moment is to be any.
                time.sleep(pause(chance))
                server = chance.choice(servers)
                server.kill()
                print(f"kill {number + 1}, with {len(mill.results)} results accepted")
                server.start()
            began_at = time.monotonic()
            mill.drain(120)
            print(f"drained in {time.monotonic() - began_at:.1f} s")
        finally:
            mill.ended.set()
        print(f"{len(mill.executions)} executions started, {len(mill.acknowledged)} jobs, {len(mill.results)} results")
        assert mill.results
        mill.check()
        assert not [server.log() for server in servers if "Traceback" in server.log()]


def test_a_kill_of_one_of_two_loses_nothing(tmp_path: Path, url: str) -> None:
    kill_often(tmp_path, url, 1, lambda chance: chance.uniform(0.3, 0.8), servers=2, executions_max=16)


@pytest.mark.long
def test_kills_among_four_lose_nothing(tmp_path: Path, url: str) -> None:
    kill_often(
        tmp_path, url, 12, lambda chance: chance.uniform(0.2, 2.0), servers=4, executions_max=180, baking_every=12
    )


def restart(folder: Path, url: str, restarts: list[int], executions_max: int) -> None:
    failures: list[str] = []
    with fleet(folder, url, 2, *OPTIONS, "--drain-seconds", "0.6") as servers, Balancer(servers) as balancer:

        def caller() -> Client:
            return Strict(servers[0], balancer.url, failures)

        mill = Mill(servers[0], executions_max, caller=caller, baking_every=0)
        mill.prepare()
        mill.start()
        with ThreadPoolExecutor(2) as threads:
            others = [
                threads.submit(lists, balancer.url, servers[0].root_keys, mill.ended),
                threads.submit(held_polls, caller(), mill.ended),
            ]
            try:
                for each in restarts:
                    before = len(mill.results)
                    assert servers[each].stop() == 0
                    servers[each].start()
                    eventually(lambda: len(balancer.healthy) == 2 and len(mill.results) > before)  # noqa: B023
                mill.drain(60)
            finally:
                mill.ended.set()
            assert min(other.result() for other in others) > 1
        mill.check()
        assert failures == []
        assert all(balancer.passed.values())


def test_one_is_restarted_and_no_request_fails(tmp_path: Path, url: str) -> None:
    restart(tmp_path, url, [0], executions_max=20)


@pytest.mark.long
def test_each_is_restarted_in_turn_and_no_request_fails(tmp_path: Path, url: str) -> None:
    restart(tmp_path, url, [0, 1] * 3, executions_max=100)


def lists(url: str, keys: dict[str, str], ended: threading.Event) -> int:
    """boto3, without a second try."""
    import boto3
    from botocore.config import Config

    aws = boto3.client(
        "codepipeline",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
        **keys,
    )
    asked = 0
    while not ended.is_set():
        aws.list_pipelines()
        asked += 1
    return asked


def held_polls(client: Client, ended: threading.Event) -> int:
    """Polls that wait, for what never comes: those that a server has begun end with an answer."""
    client.call("CreateCustomActionType", **custom_type("Nothing"))
    nothing = {**kind("Builder"), "provider": "Nothing"}
    asked = 0
    while not ended.is_set():
        client.headers = {"x-penstock-wait-seconds": "1"}
        assert client.call("PollForJobs", actionTypeId=nothing) == (200, {"jobs": []})
        asked += 1
    client.close()
    return asked


class Halfway:
    """Two servers, a pipeline, and a job that is handed out."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        line(servers[0])
        self._client = Roving(servers)
        self.job = self.poll("Origin")

    def poll(self, provider: str) -> dict[str, Any]:
        def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self._client.call("PollForJobs", actionTypeId=kind(provider))[1].get("jobs")
            return found

        return eventually(look)[0]

    def acknowledged(self) -> list[tuple[int, dict[str, Any]]]:
        """What each of the servers says when the job is acknowledged."""

        def acknowledge(server: Server) -> tuple[int, dict[str, Any]]:
            client = Client(server)
            try:
                return client.call("AcknowledgeJob", jobId=self.job["id"], nonce=self.job["nonce"])
            finally:
                client.close()

        with ThreadPoolExecutor(len(self.servers)) as threads:
            return list(threads.map(acknowledge, self.servers))

    def finish(self) -> None:
        self._client.call("PutJobSuccessResult", jobId=self.job["id"])
        job = self.poll("Builder")
        assert self._client.call("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"])[0] == 200
        assert self._client.call("PutJobSuccessResult", jobId=job["id"])[0] == 200
        self._client.close()
        assert [status_of(server) for server in self.servers] == ["Succeeded", "Succeeded"]


def test_a_database_that_is_killed_and_comes_back_at_once_fails_nobody(
    tmp_path: Path, cluster: Cluster, url: str
) -> None:
    with fleet(tmp_path, url, 2, "--ack-timeout", "60") as servers:
        halfway = Halfway(servers)
        cluster.kill()
        cluster.start()
        assert halfway.acknowledged() == [(200, {"status": "InProgress"})] * 2
        halfway.finish()


@pytest.mark.long
def test_a_database_that_stays_away_is_told_of_and_all_goes_on_once_it_is_back(
    tmp_path: Path, cluster: Cluster, url: str
) -> None:
    with fleet(tmp_path, url, 2, "--ack-timeout", "60") as servers:
        halfway = Halfway(servers)
        cluster.kill()
        try:
            assert [answer["__type"] for _, answer in halfway.acknowledged()] == ["ServiceUnavailable"] * 2
            with ThreadPoolExecutor(2) as threads:
                assert list(threads.map(health, servers)) == [503, 503]
        finally:
            cluster.start()
        eventually(lambda: halfway.acknowledged() == [(200, {"status": "InProgress"})] * 2)
        halfway.finish()
        assert not [server for server in servers if health(server) != 200]


def health(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"{server.url}/_penstock/health") as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
