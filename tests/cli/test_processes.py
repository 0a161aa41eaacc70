"""`penstock serve --processes`: several servers behind one port, and the process that keeps them."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certificates import make_certificate
from cli.running import penstock
from declarations import custom_type
from engine.load import Client
from engine.mill import quick
from postgres import Cluster
from providers.served import deploy, source, zipped
from serving import LISTENING, Server, refusal, serving
from waiting import eventually


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.empty(has_tables=True) as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Iterator[Server]:
    with cluster.empty(has_tables=True) as url:
        options = ("--database-url", url, "--processes", "2")
        with serving(tmp_path_factory.mktemp("processes") / "data", *options) as made:
            yield made


def children(process_id: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def is_healthy(server: Server) -> bool:
    with urllib.request.urlopen(f"{server.url}/_penstock/health") as answer:
        return bool(json.load(answer)["status"] == "ok")


def connections(process_id: int) -> int:
    """How many sockets it has open."""
    found = 0
    for each in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def test_all_accept_on_one_port_and_have_one_data_directory(server: Server) -> None:
    both = children(server.process.pid)
    before = [connections(each) for each in both]
    assert len(both) == 2
    held = [http.client.HTTPConnection(server.url.removeprefix("http://")) for _ in range(40)]
    for each in held:
        each.request("GET", "/_penstock/health")
        assert each.getresponse().read().startswith(b'{"status":"ok"')
    assert all(now > then for now, then in zip(map(connections, both), before, strict=True))
    for each in held:
        each.close()
    assert penstock("env", "--data-dir", server.data_dir).code == 0
    ended = penstock("serve", "--port", "0", "--data-dir", server.data_dir)
    assert ended.line == f"penstock: another penstock server uses the data directory {server.data_dir}"
    assert penstock("env", "--data-dir", server.data_dir).code == 0
    assert "Traceback" not in server.log()


def test_one_that_is_killed_takes_no_answer_with_it_and_is_replaced(server: Server) -> None:
    ended = threading.Event()
    made: list[str] = []
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        server.client("codepipeline").create_custom_action_type(**declared)

    def make(writer: int) -> None:
        client = Client(server)
        for number in range(300):
            name = f"made-{writer}-{number}"
            status, answer = client.insist("CreatePipeline", ended, pipeline=quick(name))
            # One that was cut off before its answer may have been made.
            assert status == 200 or answer["__type"] == "PipelineNameInUseException", answer
            made.append(name)
            if ended.is_set():
                break
        client.close()

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(make, each) for each in range(3)]
        try:
            first = children(server.process.pid)
            for victim in first:
                before = len(made)
                eventually(lambda: len(made) > before + 20)  # noqa: B023
                os.kill(victim, signal.SIGKILL)
                eventually(lambda: len(set(children(server.process.pid)) - {victim}) == 2)  # noqa: B023
        finally:
            ended.set()
        for writer in writers:
            writer.result()
    pages = server.client("codepipeline").get_paginator("list_pipelines").paginate()
    kept = [each["name"] for page in pages for each in page["pipelines"]]
    assert set(made) <= set(kept)
    assert len(kept) == len(set(kept))
    assert not set(first) & set(children(server.process.pid))
    assert "another one takes its place" in server.log()


def test_one_that_is_told_to_end_drains_and_is_replaced(server: Server) -> None:
    first = children(server.process.pid)
    os.kill(first[0], signal.SIGTERM)
    eventually(lambda: first[0] not in (now := children(server.process.pid)) and len(now) == 2)
    assert is_healthy(server)


def test_they_end_with_the_process_that_keeps_them(tmp_path: Path, url: str) -> None:
    with serving(tmp_path / "data", "--database-url", url, "--processes", "2") as server:
        both = children(server.process.pid)
        server.kill()
        eventually(lambda: not [each for each in both if Path(f"/proc/{each}").exists()])
        server.start()
        both = children(server.process.pid)
        assert server.stop() == 0
        assert not [each for each in both if Path(f"/proc/{each}").exists()]
        assert "no server runs" in penstock("env", "--data-dir", server.data_dir).line


def test_what_keeps_the_first_from_starting_is_said_once(tmp_path: Path, cluster: Cluster) -> None:
    nowhere = cluster.url("nowhere")
    code, said = refusal(tmp_path / "data", "--database-url", nowhere, "--processes", "3")
    assert (code, said.count("\n")) == (1, said.count("penstock: "))
    assert said.startswith("penstock: the database cannot be reached: ")


# A server that starts twice, and never again.
SCRIPT = """
import signal, sys
from contextlib import closing
from pathlib import Path
from penstock.server import supervisor
from penstock.server.credentials import LeftAddress
from penstock.server.front import Port, Tidings
from penstock.server.settings import Settings

folder = Path(sys.argv[1])
settings = Settings(data_dir=folder, port=0)

def serve(teller, lifeline):
    (folder / "starts").open("a").write("x")
    if len((folder / "starts").read_text()) > 2:
        return 3
    teller.tell()
    signal.pause()

supervisor.PAUSE_SECONDS_MAX = 0.1
with Port(settings) as port, closing(LeftAddress(folder)) as left:
    sys.exit(supervisor.Supervisor(2, port, Tidings(settings, port, left), serve).run())
"""


def test_servers_that_keep_dying_at_their_start_end_the_one_that_keeps_them(tmp_path: Path) -> None:
    keeping = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert keeping.stdout is not None
    with keeping.stdout:
        assert keeping.stdout.readline().startswith(LISTENING)
        victim, other = children(keeping.pid)
        os.kill(victim, signal.SIGKILL)
        assert keeping.wait(20) == 1
    assert (tmp_path / "starts").read_text() == "x" * 7
    assert not Path(f"/proc/{other}").exists()


@pytest.mark.long
def test_if_none_can_take_the_place_of_the_dead_it_ends_with_one(tmp_path: Path, cluster: Cluster) -> None:
    with cluster.empty() as url:
        server = Server(tmp_path / "data", "--database-url", url, "--processes", "2")
    # Its database is gone.
    victim, other = children(server.process.pid)
    os.kill(victim, signal.SIGKILL)
    assert server.wait() == 1
    assert not Path(f"/proc/{other}").exists()
    assert server.log().count("penstock: the database cannot be reached: ") == 5


@pytest.mark.long
def test_over_tls_built_in_jobs_run_and_a_renewed_certificate_is_shown_by_all(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_certificate(tmp_path, "first")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(live[0]))
    options = ("--tls-cert", str(live[0]), "--tls-key", str(live[1]), "--processes", "2")
    server = Server(tmp_path / "data", "--database-url", url, *options)
    try:
        s3, aws = server.client("s3"), server.client("codepipeline")
        for bucket in ("sources", "target"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="sources", Key="app.zip", Body=zipped(a_txt="a"))
        actions = (source("sources", "app.zip"), deploy("target", "Sources"))
        stages = [{"name": each["name"], "actions": [each]} for each in actions]
        store = {"type": "S3", "location": "artifacts"}
        role = "arn:aws:iam::123456789012:role/any"
        aws.create_pipeline(pipeline={"name": "line", "roleArn": role, "artifactStore": store, "stages": stages})
        eventually(lambda: s3.list_objects_v2(Bucket="target")["KeyCount"])
        put(make_certificate(tmp_path, "second"), live)
        server.process.send_signal(signal.SIGHUP)
        address = server.url.removeprefix("https://").split(":")
        renewed = ssl.PEM_cert_to_DER_cert(live[0].read_text())

        def shown() -> bytes:
            return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((address[0], int(address[1])), timeout=10))

        eventually(lambda: all(shown() == renewed for _ in range(10)))
        # One that comes later knows it as well.
        (victim, _) = children(server.process.pid)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(set(children(server.process.pid)) - {victim}) == 2)
        assert all(shown() == renewed for _ in range(10))
    finally:
        assert server.stop() == 0


def put(pair: tuple[Path, Path], places: tuple[Path, Path]) -> None:
    for new, place in zip(pair, places, strict=True):
        new.replace(place)
