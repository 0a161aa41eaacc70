"""Many pollers over many jobs: each hand-out goes to one of them, each result is accepted once, nothing is left over."""

import queue
import random
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from declarations import action, custom_type, pipeline, stage
from engine.load import Client, kind
from serving import Server, serving

SOURCES = 49


class Race:
    """What the pollers have seen of each other's work."""

    def __init__(self, server: Server, jobs: int, pollers: int) -> None:
        self.server, self.jobs, self.pollers = server, jobs, pollers
        self.handed_out: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.results: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.line_up = threading.Barrier(pollers)

    def run(self) -> None:
        with ThreadPoolExecutor(self.pollers) as threads:
            list(threads.map(self._poll, range(self.pollers)))

    def _poll(self, number: int) -> None:
        client, chance = Client(self.server), random.Random(number)
        self.line_up.wait()
        while not self.done.is_set():
            provider = chance.choice(["Origin", "Origin", "Builder"])
            status, answer = client.call("PollForJobs", actionTypeId=kind(provider), maxBatchSize=chance.randint(1, 5))
            assert status == 200, answer
            for job in answer["jobs"]:
                self._work(client, job)
            self._echo(client)
        self._echo(client)
        client.close()

    def _work(self, client: Client, job: dict[str, str]) -> None:
        with self.lock:
            self.handed_out[job["id"]] += 1
        status, answer = client.call("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"])
        assert (status, answer) == (200, {"status": "InProgress"})
        # Whoever comes by posts the same result as well: one of the two must be refused.
        self.results.put(job["id"])
        self._post(client, job["id"])

    def _echo(self, client: Client) -> None:
        try:
            while True:
                self._post(client, self.results.get_nowait())
        except queue.Empty:
            return

    def _post(self, client: Client, job_id: str) -> None:
        status, answer = client.call("PutJobSuccessResult", jobId=job_id)
        with self.lock:
            if status == 200:
                self.accepted[job_id] += 1
            else:
                self.refusals[answer["__type"]] += 1
            if len(self.accepted) >= self.jobs:
                self.done.set()


def fill(server: Server, pipelines: int) -> None:
    """Pipelines with 49 jobs that wait, and one more each when these are done."""
    aws = server.client("codepipeline")
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        aws.create_custom_action_type(**declared)
    sources = [action(f"Pull{number}", "Source", "Custom", "Origin") for number in range(SOURCES)]
    make = action("Make", "Build", "Custom", "Builder")
    for number in range(pipelines):
        aws.create_pipeline(pipeline=pipeline(f"line{number}", stage("Source", *sources), stage("Build", make)))


def race(folder: Path, pollers: int, pipelines: int) -> None:
    jobs = pipelines * (SOURCES + 1)
    with serving(folder / "data") as server:
        fill(server, pipelines)
        racing = Race(server, jobs, pollers)
        racing.run()
        assert (len(racing.handed_out), set(racing.handed_out.values())) == (jobs, {1})
        assert (racing.accepted.keys(), set(racing.accepted.values())) == (racing.handed_out.keys(), {1})
        assert racing.refusals == {"InvalidJobStateException": jobs}
        client = Client(server)
        assert [client.call("PollForJobs", actionTypeId=kind(name))[1]["jobs"] for name in ("Origin", "Builder")] == [
            [],
            [],
        ]
        for number in range(pipelines):
            _, answer = client.call("ListPipelineExecutions", pipelineName=f"line{number}")
            assert [each["status"] for each in answer["pipelineExecutionSummaries"]] == ["Succeeded"]
        client.close()
    with sqlite3.connect(folder / "data" / "penstock.db") as database:
        assert database.execute("SELECT DISTINCT status FROM jobs").fetchall() == [("Succeeded",)]
        assert database.execute("SELECT count(*) FROM action_executions").fetchone() == (jobs,)


def test_sixteen_pollers_over_two_hundred_jobs(tmp_path: Path) -> None:
    race(tmp_path, pollers=16, pipelines=4)


@pytest.mark.long
def test_sixty_four_pollers_over_a_thousand_jobs(tmp_path: Path) -> None:
    race(tmp_path, pollers=64, pipelines=20)
