"""`penstock env`: the lines that make every AWS client talk to a server."""

import json
import shlex
import subprocess
import sys

from cli.running import penstock, plain
from serving import Server

NAMES = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"]


def test_a_shell_that_evaluates_it_reaches_the_server_with_the_aws_command_line(shared_server: Server) -> None:
    script = 'eval "$(penstock env)" && aws codepipeline list-pipelines && aws sts get-caller-identity'
    environment = plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir))
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"pipelines":' in done.stdout
    assert '"arn:aws:iam::123456789012:root"' in done.stdout


def test_it_prints_export_lines_that_a_shell_reads_as_they_are(shared_server: Server) -> None:
    ended = penstock("env", "--data-dir", shared_server.data_dir)
    assert ended.code == 0
    exported = {}
    for line in ended.out.splitlines():
        export, assignment = shlex.split(line)
        assert export == "export"
        name, _, value = assignment.partition("=")
        exported[name] = value
    assert list(exported) == NAMES
    assert exported["AWS_ENDPOINT_URL"] == shared_server.url
    assert exported["AWS_SECRET_ACCESS_KEY"] == shared_server.root_keys["aws_secret_access_key"]


def test_it_prints_json_as_well(shared_server: Server) -> None:
    printed = json.loads(penstock("env", "--json", "--data-dir", shared_server.data_dir).out)
    assert list(printed) == NAMES
    assert printed["AWS_ACCESS_KEY_ID"] == shared_server.root_keys["aws_access_key_id"]


def test_it_needs_neither_the_server_nor_an_aws_library(shared_server: Server) -> None:
    """Or it would be slow, in every shell that evaluates it."""
    program = (
        "import sys\n"
        "from penstock.cli import main\n"
        "try:\n"
        f"    main(['env', '--data-dir', {str(shared_server.data_dir)!r}])\n"
        "finally:\n"
        "    print(sorted({'botocore', 'uvicorn', 'sqlite3', 'asyncio', 'penstock.worker'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_had_enough_gets_no_trace(shared_server: Server) -> None:
    script = "penstock env | true; penstock --help | head -1"
    environment = plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir))
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
