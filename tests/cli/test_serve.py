"""`penstock serve`: how it starts, how it ends, and what it says when it cannot."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cli.running import PENSTOCK, penstock, plain
from penstock.server.settings import load
from serving import LISTENING, Server, serving
from waiting import eventually


def test_it_says_where_it_listens_and_ends_well(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = Server(folder)
    with urllib.request.urlopen(f"{server.url}/_penstock/health") as answer:
        assert json.load(answer)["status"] == "ok"
    assert penstock("env", "--data-dir", folder).code == 0
    assert server.stop() == 0
    assert "no server runs" in penstock("env", "--data-dir", folder).line
    assert (folder / "credentials").stat().st_mode & 0o777 == 0o600


def test_environment_and_file_set_what_options_leave_open(tmp_path: Path) -> None:
    config = tmp_path / "penstock.toml"
    config.write_text('region = "eu-west-1"\naccount-id = "111122223333"\nport = 1\n')
    environment = plain(PENSTOCK_CONFIG=str(config), PENSTOCK_DATA_DIR=str(tmp_path / "data"), PENSTOCK_PORT="0")
    process = subprocess.Popen([PENSTOCK, "serve"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(LISTENING)
        exported = json.loads(penstock("env", "--json", environment=environment).out)
        assert exported["AWS_DEFAULT_REGION"] == "eu-west-1"
        identity = subprocess.run(
            [PENSTOCK.with_name("aws"), "sts", "get-caller-identity"],
            env=plain(**exported),
            capture_output=True,
            check=True,
        )
        assert json.loads(identity.stdout)["Account"] == "111122223333"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_second_server_on_the_same_data_is_refused(shared_server: Server) -> None:
    ended = penstock("serve", "--port", "0", "--data-dir", shared_server.data_dir)
    assert (ended.code, ended.out) == (1, "")
    assert ended.line.startswith("penstock: another penstock server")
    # The first one is still there to be found.
    assert penstock("env", "--data-dir", shared_server.data_dir).code == 0


def test_an_address_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = penstock("serve", "--port", port, "--data-dir", tmp_path / "data")
    assert ended.code == 1
    assert ended.line.startswith(f"penstock: cannot listen on 127.0.0.1, port {port}: address already in use")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_host_is_one_line(tmp_path: Path, host: str) -> None:
    ended = penstock("serve", "--host", host, "--port", "0", "--data-dir", tmp_path / "data")
    assert ended.code == 1
    assert ended.line.startswith(f"penstock: cannot listen on {host}, port 0: ")


def test_a_database_that_is_none_is_one_line_and_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "penstock.db"
    database.write_text("these are not the pages of a database, but somebody's notes")
    ended = penstock("serve", "--port", "0", "--data-dir", tmp_path)
    assert ended.code == 1
    assert ended.line.startswith(f"penstock: the database {database} cannot be used: ")
    assert database.read_text().startswith("these are not")


def test_a_key_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    ended = penstock("serve", "--port", "0", "--data-dir", tmp_path)
    assert ended.code == 1
    assert str(tmp_path / "key") in ended.line


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = penstock("serve", "--port", "0", "--data-dir", tmp_path / "file" / "data")
    assert ended.code == 1
    assert "not a directory" in ended.line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "permission denied" in penstock("serve", "--port", "0", "--data-dir", tmp_path / "data").line


def test_root_keys_that_are_given_are_those_of_the_command_line(tmp_path: Path) -> None:
    keys = {"aws_access_key_id": "AKIAGIVEN", "aws_secret_access_key": 'it\'s a "given" $ecret'}
    options = ("--root-access-key-id", keys["aws_access_key_id"], "--root-secret-access-key")
    with serving(tmp_path / "data", *options, keys["aws_secret_access_key"]) as server:
        script = 'eval "$(penstock env)" && printf %s "$AWS_SECRET_ACCESS_KEY" && aws codepipeline list-pipelines'
        environment = plain(PENSTOCK_DATA_DIR=str(server.data_dir))
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(keys["aws_secret_access_key"])


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 0.0),
        ({"host": "0.0.0.0"}, 0.0),
        ({"database_url": "postgresql://h/d"}, 0.0),
        ({"database_url": "postgresql://h/d", "host": "0.0.0.0"}, 5.0),
        ({"database_url": "postgresql://h/d", "host": "0.0.0.0", "drain_seconds": 0.0}, 0.0),
        ({"drain_seconds": 2.5}, 2.5),
    ],
)
def test_a_server_that_others_can_stand_in_for_waits_until_they_do(given: dict[str, Any], seconds: float) -> None:
    assert load(given, environment={}).parting_seconds == seconds


def test_a_server_that_waits_is_not_healthy_and_serves(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--drain-seconds", "20") as server:
        aws = server.client("codepipeline", retries={"total_max_attempts": 1})
        assert health(server) == 200
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: health(server) == 503)
        assert aws.list_pipelines()["ResponseMetadata"]["HTTPHeaders"]["connection"] == "close"
        assert "no server runs" in penstock("env", "--data-dir", server.data_dir).line
        server.kill()


def health(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"{server.url}/_penstock/health") as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_a_database_may_be_named_with_three_slashes_or_four(tmp_path: Path) -> None:
    for slashes in ("///", "////"):
        with serving(tmp_path / "data", "--database-url", f"sqlite:{slashes}{str(tmp_path / 'named.db').lstrip('/')}"):
            assert (tmp_path / "named.db").exists()
