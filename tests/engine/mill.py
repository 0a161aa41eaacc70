"""A running load on a server that is killed again and again, and an account of everything that it has answered with 200."""

import http.client
import io
import random
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

from declarations import action, custom_source, custom_type, pipeline, stage
from engine.load import Client, kind
from serving import Server

BUCKET = "mill-source"
TARGET = "mill-target"
ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
WORKERS = 3


class Mill:
    """Starts executions and works their custom actions until it is told to finish; the built-in ones work themselves."""

    def __init__(
        self, server: Server, executions_max: int, *, caller: Callable[[], Client] | None = None, baking_every: int = 4
    ) -> None:
        """`caller` makes who calls, if it is not the one server. One in `baking_every` pipelines has built-in actions."""
        self.server, self.executions_max = server, executions_max
        self._caller = caller or partial(Client, server)
        self._baking_every = baking_every
        self.pipelines: set[str] = set()
        self.executions: dict[str, str] = {}
        self.acknowledged: dict[str, str] = {}
        self.results: dict[str, str] = {}
        self.draining = threading.Event()
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(WORKERS + 1)
        self._running: list[Future[None]] = []

    def prepare(self) -> None:
        """The source object, and the types."""
        box = io.BytesIO()
        with zipfile.ZipFile(box, "w") as archive:
            archive.writestr("word.txt", "flour")
        s3 = self.server.client("s3")
        for bucket in (BUCKET, TARGET):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=BUCKET, Key="app.zip", Body=box.getvalue())
        for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
            self.server.client("codepipeline").create_custom_action_type(**declared)

    def start(self) -> None:
        roles: list[Callable[[], None]] = [self._feed, *[self._work] * WORKERS]
        self._running = [self._threads.submit(role) for role in roles]

    def drain(self, seconds: float) -> None:
        """Start nothing more, and wait until everything has ended."""
        self.draining.set()
        client = self._caller()
        ends_at = time.monotonic() + seconds
        while open_ones := [each for each in self.statuses(client).items() if each[1] not in ENDED]:
            self._check_threads()
            assert time.monotonic() < ends_at, f"still going after {seconds} s: {open_ones[:5]}"
            self.ended.wait(0.05)
        self.ended.set()
        for thread in self._running:
            thread.result()
        client.close()
        self._threads.shutdown()

    def _check_threads(self) -> None:
        for thread in self._running:
            if thread.done():
                thread.result()

    def statuses(self, client: Client) -> dict[str, str]:
        """Of all executions of all pipelines, also of those whose start was never answered."""
        found = {}
        for name in sorted(self.pipelines):
            status, answer = client.call("ListPipelineExecutions", pipelineName=name)
            assert status == 200, answer
            found.update({each["pipelineExecutionId"]: each["status"] for each in answer["pipelineExecutionSummaries"]})
        return found

    def _feed(self) -> None:
        """One new pipeline after the other, its first execution started with it, and one more each."""
        client = self._caller()
        while not self.draining.is_set() and len(self.executions) < self.executions_max:
            name = f"mill-{len(self.pipelines)}"
            # Few bake with built-in actions; the others are quick, so that there is much to be killed.
            declared = baking(name) if self._bakes(name) else quick(name)
            status, answer = client.insist("CreatePipeline", self.ended, pipeline=declared)
            # Created by a call that was cut off before its answer.
            assert status == 200 or answer["__type"] == "PipelineNameInUseException", answer
            self.pipelines.add(name)
            token = str(uuid4())
            status, answer = client.insist("StartPipelineExecution", self.ended, name=name, clientRequestToken=token)
            assert status == 200, answer
            self.executions[answer["pipelineExecutionId"]] = name
            self.ended.wait(0.02)
        client.close()

    def _work(self) -> None:
        client = self._caller()
        while not self.ended.is_set():
            try:
                provider = random.choice(["Origin", "Builder", "Builder"])
                status, answer = client.call("PollForJobs", actionTypeId=kind(provider), maxBatchSize=2)
            except (OSError, http.client.HTTPException):
                self.ended.wait(0.02)
                continue
            assert status == 200, answer
            for job in answer["jobs"]:
                self._do(client, job)
            if not answer["jobs"]:
                self.ended.wait(0.005)
        client.close()

    def _do(self, client: Client, job: dict[str, Any]) -> None:
        status, answer = client.insist("AcknowledgeJob", self.ended, jobId=job["id"], nonce=job["nonce"])
        if status != 200:
            # Its time was over before it could be acknowledged: somebody else has it.
            assert answer["__type"] == "InvalidNonceException", answer
            return
        assert answer["status"] == "InProgress"
        with self._lock:
            assert self.acknowledged.get(job["id"]) != job["nonce"], "one hand-out of a job went to two workers"
            self.acknowledged[job["id"]] = job["nonce"]
        mark = str(uuid4())
        result = {"jobId": job["id"], "executionDetails": {"summary": mark}}
        status, answer = client.insist("PutJobSuccessResult", self.ended, **result)
        with self._lock:
            if status == 200:
                assert job["id"] not in self.results, "two results of one job were taken"
                self.results[job["id"]] = mark
            else:
                # The answer to a result that counted was lost, and it was sent again.
                assert answer["__type"] == "InvalidJobStateException", answer

    def check(self) -> None:
        """Nothing that was answered with 200 is missing, and every execution has succeeded."""
        client = self._caller()
        statuses = self.statuses(client)
        assert set(statuses.values()) == {"Succeeded"}
        assert self.executions.keys() <= statuses.keys()
        marks, attempts = set(), 0
        for name in sorted(self.pipelines):
            assert client.call("GetPipeline", name=name)[0] == 200
            for detail in self._history(client, name):
                attempts += 1
                marks.add(detail["output"]["executionResult"].get("externalExecutionSummary"))
                assert detail["status"] == "Succeeded"
        assert attempts == len(statuses) * 4, "every action ran once, and no attempt was lost"
        assert not set(self.results.values()) - marks
        for job_id, nonce in self.acknowledged.items():
            answer = client.call("AcknowledgeJob", jobId=job_id, nonce=nonce)
            assert answer == (200, {"status": "Succeeded"})
        client.close()
        self._check_deployed()

    def _bakes(self, name: str) -> bool:
        return self._baking_every > 0 and int(name.partition("-")[2]) % self._baking_every == 0

    def _history(self, client: Client, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.call("ListActionExecutions", pipelineName=name)[1][
            "actionExecutionDetails"
        ]
        return found

    def _check_deployed(self) -> None:
        s3 = self.server.client("s3")
        for name in (each for each in self.pipelines if self._bakes(each)):
            assert s3.get_object(Bucket=TARGET, Key=f"{name}/bread.txt")["Body"].read() == b"flour, baked\n"


def baking(name: str) -> dict[str, Any]:
    """An S3 source, commands beside a custom action, an S3 deployment."""
    source = {"S3Bucket": BUCKET, "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
    target = {"BucketName": TARGET, "Extract": "true", "ObjectKey": name}
    bake = action("Bake", "Compute", "AWS", "Commands", inputs=("Grain",))
    bake["commands"] = ["sleep 0.1", 'echo "$(cat word.txt), baked" > bread.txt']
    bake["outputArtifacts"] = [{"name": "Bread", "files": ["bread.txt"]}]
    return pipeline(
        name,
        stage("Source", action("Fetch", "Source", "AWS", "S3", source, outputs=("Grain",))),
        stage("Build", bake, action("Make", "Build", "Custom", "Builder")),
        stage("Deploy", action("Ship", "Deploy", "AWS", "S3", target, inputs=("Bread",))),
        pipelineType="V2",
        executionMode="QUEUED",
    )


def quick(name: str) -> dict[str, Any]:
    """Four custom actions, one after the other."""
    makes = [action(f"Make{number}", "Build", "Custom", "Builder", runOrder=number) for number in (1, 2, 3)]
    return pipeline(name, stage("Source", custom_source()), stage("Build", *makes), executionMode="QUEUED")
