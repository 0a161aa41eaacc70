"""What the pages tell people to type is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, blocks, page
from operations.scene import code_of
from penstock.auth.policy import check
from serving import Server, serving


def typed(script: str, server: Server, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script as somebody would who has just started that server with a data directory that is not the default."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PENSTOCK_DATA_DIR": str(server.data_dir),
    }
    # A session of its own, so that what a script left in the background ends with it.
    process = subprocess.Popen(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        raise AssertionError(f"no end: {process.communicate()}") from None
    assert process.returncode == 0, f"{out}\n{err}"
    return subprocess.CompletedProcess(script, process.returncode, out, err)


def test_the_quick_start_of_the_readme_works(shared_server: Server, tmp_path: Path) -> None:
    (shell,) = blocks(page("README.md"), "sh")
    (program,) = blocks(page("README.md"), "python")
    (tmp_path / "hello.py").write_text(program)
    done = typed(f"{shell}\npython hello.py", shared_server, tmp_path)
    assert '"pipelines"' in done.stdout
    assert done.stdout.splitlines()[-1] == "Succeeded b'HELLO FROM THE SOURCE\\n'"


@pytest.mark.long
def test_the_tutorial_works(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        done = typed("\n".join(blocks(page("docs/tutorial.md"), "sh")), server, tmp_path)
    assert "arn:aws:iam::123456789012:root" in done.stdout
    assert "THE MILL STANDS STILL" in done.stdout
    assert "THE WATER IS COMING" in done.stdout
    assert "Build\tShout\tSucceeded\tshouted" in done.stdout


@pytest.mark.long
def test_principals_are_made_changed_and_revoked_as_the_page_says(shared_server: Server, tmp_path: Path) -> None:
    making, changing, assuming = blocks(page("docs/how-to/let-others-in.md"), "sh")
    typed(making, shared_server, tmp_path)
    printed = json.loads((tmp_path / "keys.json").read_text())
    keys = {"aws_access_key_id": printed["accessKeyId"], "aws_secret_access_key": printed["secretAccessKey"]}
    call = shared_server.client("codepipeline", keys).list_pipelines
    assert "pipelines" in call()
    assert ":user/reader" in typed(changing, shared_server, tmp_path).stdout
    assert code_of(call) == "UnrecognizedClientException"
    assert ":assumed-role/deployer/tonight" in typed(assuming, shared_server, tmp_path).stdout


def test_a_backup_goes_through_pipes_as_the_page_says(shared_server: Server, tmp_path: Path) -> None:
    making, restoring = blocks(page("docs/how-to/back-up.md"), "sh")
    typed(making, shared_server, tmp_path)
    assert "go on with: penstock serve --data-dir restored" in typed(restoring, shared_server, tmp_path).stdout


@pytest.mark.parametrize(
    "path", [path for path in PAGES if blocks(path.read_text(), "json")], ids=lambda path: path.stem
)
def test_policies_in_the_pages_are_ones_that_the_server_takes(path: Path) -> None:
    for text in blocks(path.read_text(), "json"):
        if "Statement" in json.loads(text):
            check(text)


def test_what_is_typed_at_a_prompt_names_files_that_are_there() -> None:
    for path in PAGES:
        for block in blocks(path.read_text(), "console"):
            words = [word for line in block.splitlines() if line.startswith("$ ") for word in line.split()]
            for word in words:
                assert not word.startswith("examples/") or (ROOT / word).exists(), f"{path}: {word}"
