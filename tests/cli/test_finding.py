"""Which server a command talks to, and what it says when there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import penstock, plain
from serving import Server

LINK = ("partner", "link", "--provider", "Nobody", "--version", "1")
# The server was found, and let us in: it only knows no such partner.
REFUSED = "penstock: ActionTypeNotFoundException: No partner action type with provider 'Nobody'"


def keys(server: Server) -> dict[str, str]:
    return {name: value for name, value in server.environment().items() if name.startswith("AWS_")}


def test_the_environment_names_the_server(shared_server: Server) -> None:
    ended = penstock(*LINK, environment=plain(**keys(shared_server)))
    assert ended.code == 1
    assert ended.line.startswith(REFUSED)


def test_an_option_names_the_server_and_a_profile_the_keys(shared_server: Server) -> None:
    credentials = str(shared_server.data_dir / "credentials")
    environment = plain(AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_SHARED_CREDENTIALS_FILE=credentials)
    ended = penstock(*LINK, "--endpoint-url", shared_server.url, environment=environment)
    assert ended.line.startswith(REFUSED)


@pytest.mark.parametrize("way", ["option", "PENSTOCK_DATA_DIR", "XDG_DATA_HOME"])
def test_the_data_directory_names_the_server(shared_server: Server, tmp_path: Path, way: str) -> None:
    folder = shared_server.data_dir
    if way == "option":
        ended = penstock(*LINK, "--data-dir", folder)
    elif way == "PENSTOCK_DATA_DIR":
        ended = penstock(*LINK, environment=plain(PENSTOCK_DATA_DIR=str(folder)))
    else:
        (tmp_path / "penstock").symlink_to(folder)
        ended = penstock(*LINK, environment=plain(XDG_DATA_HOME=str(tmp_path)))
    assert ended.line.startswith(REFUSED)


def test_an_endpoint_and_a_data_directory_of_one_server_agree(shared_server: Server) -> None:
    ended = penstock(*LINK, "--data-dir", shared_server.data_dir, environment=plain(**keys(shared_server)))
    assert ended.line.startswith(REFUSED)


def test_an_endpoint_and_the_data_directory_of_another_server_are_refused(shared_server: Server) -> None:
    environment = plain(**keys(shared_server) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    ended = penstock(*LINK, "--data-dir", shared_server.data_dir, environment=environment)
    assert ended.code == 2
    assert "unset the one or the other" in ended.line
    both = penstock(*LINK, "--data-dir", shared_server.data_dir, "--endpoint-url", shared_server.url)
    assert both.code == 2
    assert "give one of them" in both.line


def test_no_server_is_one_line(tmp_path: Path) -> None:
    ended = penstock(*LINK, "--data-dir", tmp_path)
    assert ended.code == 1
    assert ended.line.startswith(f"penstock: no server runs on the data directory {tmp_path}: start one with")


def test_an_address_left_by_a_server_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    address = f'{{"url": "http://127.0.0.1:1", "region": "us-east-1", "pid": {int(gone.stdout)}}}'
    (tmp_path / "server.json").write_text(address)
    assert "no server runs" in penstock("env", "--data-dir", tmp_path).line


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 1, "no answer from http://127.0.0.1:1: Could not connect"),
        ({"AWS_ENDPOINT_URL": "127.0.0.1:4570"}, 2, "'127.0.0.1:4570' is not the address of a server"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 1, "InvalidSignatureException: "),
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, 1, "UnrecognizedClientException: "),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 1, "no AWS credentials: "),
        ({"AWS_PROFILE": "nobody"}, 1, "nobody"),
    ],
)
def test_what_stands_between_is_one_line(shared_server: Server, changed: dict[str, str], code: int, said: str) -> None:
    ended = penstock(*LINK, environment=plain(**keys(shared_server) | changed))
    assert ended.code == code
    assert said in ended.line


def test_another_kind_of_server_is_told_apart(tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert serving.stdout is not None
        url = serving.stdout.readline().partition("(")[2].partition(")")[0]
        environment = plain(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
        ended = penstock(*LINK, environment=environment)
    finally:
        serving.terminate()
        serving.communicate()
    assert ended.code == 1
    assert "but not as a penstock server does" in ended.line
