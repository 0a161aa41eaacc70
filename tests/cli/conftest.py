"""Commands that are run in the process of the tests, each in a folder of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.backups import Restore
from cli.documents import Validate
from cli.running import Ended
from penstock.cli.main import main


@pytest.fixture
def validate(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Validate:
    """Runs the command over a document, or over text, in a file of that name."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(document: Any, *options: str, name: str = "file.json") -> Ended:
        (tmp_path / name).write_text(document if isinstance(document, str) else json.dumps(document))
        with pytest.raises(SystemExit) as ending:
            main(["validate", name, *options])
        return Ended(int(ending.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def restore(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Restore:
    """Runs the command in this process: most of what it refuses is refused at once."""
    for name in [name for name in os.environ if name.startswith(("PENSTOCK_", "AWS_"))]:
        monkeypatch.delenv(name)

    def run(file: Path, data_dir: Path, *options: object) -> Ended:
        with pytest.raises(SystemExit) as ending:
            main(["restore", str(file), "--data-dir", str(data_dir), *map(str, options)])
        return Ended(int(ending.value.code or 0), *capsys.readouterr())

    return run
