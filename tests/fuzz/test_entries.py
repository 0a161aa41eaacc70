"""The entry points, given a few thousand changed inputs each; `make fuzz` gives them millions."""

import os
from pathlib import Path

import pytest

from fuzz.blind import feed
from fuzz.doors import Objects
from fuzz.entries import ENTRIES, entry
from fuzz.judging import Answer
from fuzz.messages import Message
from fuzz.scripts import pieces, read_script, script
from fuzz.signatures import Signatures
from fuzz.watching import Watch

INPUTS = {"signatures": 4000, "queries": 2500, "objects": 1500, "connections": 1000}
LONG_SECONDS = 8


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the entries keep their files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize("name", ENTRIES)
def test_changed_inputs_do_no_harm(name: str) -> None:
    fuzzed = entry(name)
    outcome = feed(fuzzed, seed=1, inputs_max=INPUTS[name])
    fuzzed.close()
    assert not outcome.faults, outcome.faults[:3]


@pytest.mark.long
@pytest.mark.parametrize("name", ENTRIES)
def test_many_changed_inputs_do_no_harm(name: str) -> None:
    fuzzed = entry(name)
    outcome = feed(fuzzed, seed=2, seconds_max=LONG_SECONDS)
    fuzzed.close()
    assert not outcome.faults, outcome.faults[:3]


def test_every_signed_seed_is_taken() -> None:
    fuzzed = Signatures()
    fuzzed.close()
    assert fuzzed.taken == len(fuzzed.seeds) // 2


def test_every_door_is_entered_by_the_seeds() -> None:
    """Or nothing would be shown of what lies behind it."""
    statuses = []

    class Noted(Objects):
        def check_answer(self, answer: Answer) -> None:
            super().check_answer(answer)
            statuses.append(answer.status)

    Noted().close()
    assert statuses.count(200) >= 20
    assert {204, 206, 404} <= set(statuses)


def test_a_script_is_read_as_it_was_written() -> None:
    message = Message("PUT", b"/a%20b/", b"c=d", [(b"host", b"h"), (b"x-amz-meta", b"1")], b"\n\nbody")
    text = script(message, cut=4)
    read = read_script(text)
    assert read == Message("PUT", b"/a%20b/", b"c=d", [*message.headers, (b"content-length", b"6")], b"\n\nbody")
    assert pieces(text, message.body) == [b"\n\nbo", b"dy"]
    assert read_script(b"no http at all") is None


def test_what_is_touched_outside_of_the_folder_is_seen(tmp_path: Path) -> None:
    inner, outside = tmp_path / "inner", tmp_path / "outside"
    inner.mkdir()
    with Watch(inner) as watch:
        (inner / "a").write_text("fine")
        (inner / ".." / "inner" / "a").read_text()
        Path(os.devnull).exists()
        assert watch.astray == []
        (inner / ".." / "outside").write_text("not fine")
        outside.rename(inner / "b")
        Path("/etc/passwd").read_text()
    assert [each.partition(" ")[0] for each in watch.astray] == ["open", "os.rename", "open"]
    outside.write_text("nobody watches any more")
    assert len(watch.astray) == 3
