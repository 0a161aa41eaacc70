"""An answer is a promise: system calls show that it waits for the disk; lost disks show that it is never given in vain."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from declarations import action, custom_type, pipeline, stage
from engine.load import Client, kind
from serving import Server, refusal, serving
from tracing import traced
from waiting import eventually

CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(?: resumed>|\()(.*)$")


def traced_writes(folder: Path) -> tuple[list[str], Path]:
    """The prefix that writes down what all threads write, and where."""
    return traced(folder, "pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg", "-f", "-yy", "-s", "24")


class Ledger:
    """Reads the calls in their order: `kept` counts answers that had their flush, `broken` are those that had not."""

    def __init__(self) -> None:
        self.kept, self.broken = 0, []
        self._unflushed = False
        self._flushes = 0
        self._pending: dict[str, str] = {}

    def read(self, line: str) -> None:
        match = CALL.match(line)
        if match is None:
            return
        thread, call, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            self._pending[thread] = rest
            if call.startswith("pwrite") and "-wal>" in rest:
                self._unflushed = True
            if "HTTP/1.1 200" in rest:
                self._answer(line)
            return
        begun = self._pending.pop(thread, "") if " resumed>" in line else ""
        self._whole(call, begun + rest, line, is_resumed=bool(begun))

    def _whole(self, call: str, text: str, line: str, *, is_resumed: bool) -> None:
        if call.startswith("pwrite") and "-wal>" in text:
            self._unflushed = True
        elif call in ("fdatasync", "fsync") and "-wal>" in text and text.endswith("= 0"):
            self._unflushed = False
            self._flushes += 1
        elif "HTTP/1.1 200" in text and not is_resumed:
            self._answer(line)

    def _answer(self, line: str) -> None:
        if self._unflushed or not self._flushes:
            self.broken.append(line)
        else:
            self.kept += 1
        self._flushes = 0


def write_often(client: Client, rounds: int) -> int:
    """Calls each of which changes something, one after the other; returns how many."""
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        assert client.call("CreateCustomActionType", **declared)[0] == 200
    sources = [action(f"Pull{number}", "Source", "Custom", "Origin") for number in range(rounds)]
    make = action("Make", "Build", "Custom", "Builder")
    declared = pipeline("line", stage("Source", *sources), stage("Build", make), executionMode="PARALLEL")
    assert client.call("CreatePipeline", pipeline=declared)[0] == 200
    for _ in range(rounds):
        (job,) = client.call("PollForJobs", actionTypeId=kind("Origin"))[1]["jobs"]
        assert client.call("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"])[0] == 200
        assert client.call("PutJobSuccessResult", jobId=job["id"])[0] == 200
        assert client.call("StartPipelineExecution", name="line")[0] == 200
    return 3 + 4 * rounds


def test_every_answered_write_was_written_ahead_and_flushed_before_its_answer(tmp_path: Path) -> None:
    prefix, log = traced_writes(tmp_path)
    server = Server(tmp_path / "data", "--executor", "off", prefix=prefix)
    try:
        client = Client(server)
        mark = "/a-mark-for-the-beginning"
        eventually(lambda: log.exists() and log.stat().st_size > 0)
        client._connection.request("GET", mark)
        client._connection.getresponse().read()
        writes = write_often(client, rounds=10)
        client.close()
    finally:
        assert server.stop() == 0
    eventually(lambda: "+++ exited with 0 +++" in log.read_text(errors="replace").splitlines()[-1])
    ledger = Ledger()
    lines = log.read_text(errors="replace").splitlines()
    # The answer to the mark is the first one that is not a 200: what is counted begins there.
    began = next(number for number, line in enumerate(lines) if "HTTP/1.1 4" in line)
    for line in lines[began:]:
        ledger.read(line)
    print(f"{ledger.kept} answers after their flush, {len(ledger.broken)} before it")
    assert not ledger.broken
    # CreatePipeline makes its bucket in a commit of its own; both are flushed before its one answer.
    assert ledger.kept == writes


def fill(server: Server) -> list[str]:
    """Start executions until the server refuses or goes away; gives the ids that were answered."""
    aws = server.client("codepipeline", retries={"total_max_attempts": 1}, parameter_validation=False)
    aws.create_custom_action_type(**custom_type("Origin", category="Source"))
    aws.create_custom_action_type(**custom_type("Builder"))
    names = [f"Pull{number}" for number in range(40)]
    sources = [action(name, "Source", "Custom", "Origin") for name in names]
    make = action("Make", "Build", "Custom", "Builder")
    answered: list[str] = []
    # Whatever ends it: a server that has lost its disk says so and goes away.
    with suppress(ClientError, EndpointConnectionError, HTTPClientError):
        aws.create_pipeline(pipeline=pipeline("line", stage("Source", *sources), stage("Build", make)))
        while len(answered) < 5_000:
            answered.append(aws.start_pipeline_execution(name="line")["pipelineExecutionId"])
    return answered


def check_stopped(server: Server, *words: str) -> None:
    """It has ended by itself, with one clear line and no trace of its inside."""
    assert server.wait() == 1
    last = server.log().strip().splitlines()[-1]
    assert last.startswith("penstock: ")
    for word in (*words, str(server.data_dir)):
        assert word in last
    assert "Traceback" not in server.log()


def check_kept(server: Server, answered: list[str]) -> None:
    aws = server.client("codepipeline")
    pages = aws.get_paginator("list_pipeline_executions").paginate(pipelineName="line")
    kept = {each["pipelineExecutionId"] for page in pages for each in page["pipelineExecutionSummaries"]}
    assert answered
    assert set(answered) <= kept


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of its own for the folder, of that size."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class TestAFullDisk:
    def test_stops_the_server_and_loses_nothing(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, "3m"):
            server = Server(disk / "data")
            answered = fill(server)
            check_stopped(server, "full")
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            server.start()
            try:
                check_kept(server, answered)
                assert server.client("codepipeline").start_pipeline_execution(name="line")
            finally:
                server.stop()

    def test_keeps_a_server_from_starting_with_a_clear_line(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, "64k"):
            code, words = refusal(disk / "data")
            assert code == 1
            assert words.startswith("penstock: ")
            assert "Traceback" not in words

    def test_refuses_an_object_that_does_not_fit_and_the_store_stays_whole(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, "8m"):
            server = Server(disk / "data")
            try:
                s3 = server.client("s3", retries={"total_max_attempts": 1})
                s3.create_bucket(Bucket="crowded")
                s3.put_object(Bucket="crowded", Key="small", Body=b"x" * 1000)
                with pytest.raises((ClientError, HTTPClientError)):
                    s3.put_object(Bucket="crowded", Key="large", Body=b"x" * (16 << 20))
                found = s3.list_objects_v2(Bucket="crowded")["Contents"]
                assert [each["Key"] for each in found] == ["small"]
                assert s3.get_object(Bucket="crowded", Key="small")["Body"].read() == b"x" * 1000
            finally:
                server.stop()


def test_a_file_that_may_grow_no_more_stops_the_server_and_loses_nothing(tmp_path: Path) -> None:
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    server = Server(tmp_path / "data", prefix=["prlimit", "--fsize=2000000"])
    answered = fill(server)
    check_stopped(server)
    server._prefix = ()
    server.start()
    try:
        check_kept(server, answered)
    finally:
        server.stop()


def test_a_lost_data_directory_stops_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    client = server.client("codepipeline", retries={"total_max_attempts": 1})
    client.create_custom_action_type(**custom_type("Before"))
    shutil.rmtree(server.data_dir)
    with pytest.raises((ClientError, EndpointConnectionError, HTTPClientError)):
        client.create_custom_action_type(**custom_type("After"))
    check_stopped(server)


def test_a_data_directory_that_was_moved_away_keeps_all_that_was_answered(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    client = server.client("codepipeline", retries={"total_max_attempts": 1})
    for number in range(20):
        client.create_custom_action_type(**custom_type(f"T{number}"))
    server.data_dir.rename(tmp_path / "elsewhere")
    with pytest.raises((ClientError, EndpointConnectionError, HTTPClientError)):
        client.create_custom_action_type(**custom_type("After"))
    check_stopped(server)
    (tmp_path / "elsewhere").rename(server.data_dir)
    server.start()
    try:
        types = server.client("codepipeline").list_action_types(actionOwnerFilter="Custom")["actionTypes"]
        assert {f"T{number}" for number in range(20)} <= {each["id"]["provider"] for each in types}
    finally:
        server.stop()


class TestStarting:
    def test_a_second_server_on_the_same_file_is_refused_with_a_clear_line(self, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            code, words = refusal(tmp_path / "data")
            assert code == 1
            assert words == (
                f"penstock: another penstock server (process {server.process.pid}) uses "
                f"{tmp_path / 'data' / 'penstock.db'}\n"
            )
            assert server.client("codepipeline").list_pipelines()["pipelines"] == []
            assert (tmp_path / "data" / "server.json").exists()

    def test_a_killed_server_does_not_keep_the_next_one_out(self, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            server.kill()
            server.start()
            assert server.client("codepipeline").list_pipelines()["pipelines"] == []

    def test_a_port_that_is_taken_is_refused_with_a_clear_line(self, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            port = server.url.rpartition(":")[2]
            code, words = refusal(tmp_path / "other", "--port", port)
            assert code == 1
            assert words.startswith("penstock: ")
            assert "Traceback" not in words

    def test_a_file_that_is_no_database_is_refused_with_a_clear_line(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "penstock.db").write_bytes(b"no database" * 1000)
        code, words = refusal(tmp_path / "data")
        assert code == 1
        assert words.startswith("penstock: ")
        assert "Traceback" not in words

    def test_sigterm_drains_and_exits_with_zero(self, tmp_path: Path) -> None:
        server = Server(tmp_path / "data")
        assert server.stop() == 0
        assert not (tmp_path / "data" / "server.json").exists()
        assert "Traceback" not in server.log()

    def test_it_is_quickly_there_and_small(self, tmp_path: Path) -> None:
        began = time.perf_counter()
        with serving(tmp_path / "data") as server:
            seconds = time.perf_counter() - began
            server.client("codepipeline").list_pipelines()
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            kibibytes = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]
            print(f"listening after {seconds:.2f} s, {kibibytes / 1024:.0f} MiB")
            assert kibibytes < 100 * 1024
