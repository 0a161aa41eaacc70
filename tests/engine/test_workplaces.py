"""Folders of servers on one data directory: each has its own, and what the dead have left goes."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from penstock.server.workplace import Workplace, folder_of


def begin(data_dir: Path, server_id: str) -> "closing[Workplace]":
    return closing(Workplace(folder_of(data_dir, server_id)))


def job(data_dir: Path, server_id: str) -> Path:
    """A folder of a job of that server."""
    folder = folder_of(data_dir, server_id) / "job"
    folder.mkdir(parents=True)
    return folder


def test_one_that_begins_leaves_the_others_folders_alone(tmp_path: Path) -> None:
    with begin(tmp_path, "one"):
        at_work = job(tmp_path, "one")
        with begin(tmp_path, "two"):
            job(tmp_path, "two")
        assert at_work.exists()
        assert not folder_of(tmp_path, "two").exists()
    assert not folder_of(tmp_path, "one").exists()


def test_what_a_killed_one_has_left_is_cleared(tmp_path: Path) -> None:
    script = "import os, sys; from penstock.server.workplace import *; from pathlib import Path;"
    script += "kept = Workplace(folder_of(Path(sys.argv[1]), 'gone')); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    left, older = job(tmp_path, "gone"), job(tmp_path, "commands-of-an-earlier-release")
    with begin(tmp_path, "next"):
        assert not left.exists()
        assert not older.exists()
