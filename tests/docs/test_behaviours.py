"""The table of behaviours says of each one of three things, and what it names is there."""

import re

import pytest

from docs.pages import ROOT, page, quoted, rows
from named_tests import is_there

PAGE = page("docs/reference/behaviours.md")
ROWS = list(rows(PAGE))
STATES = ("done", "deliberately different", "not yet")
SUBJECTS = (
    "Wire",
    "Declaration",
    "Execution",
    "Modes",
    "Retry",
    "Rollback",
    "Conditions",
    "Approvals",
    "Jobs",
    "Partner jobs",
    "Artifacts",
    "Variables",
    "Sources",
    "Webhooks",
    "Triggers",
    "Action types",
    "Events",
    "Limits",
)
REASON_WORDS_MIN = 3


def test_every_subject_has_its_table() -> None:
    assert tuple(re.findall(r"^## (.*)$", PAGE, re.MULTILINE)) == SUBJECTS


def test_each_behaviour_is_told_once_with_one_of_three_words() -> None:
    assert all(len(row) == 3 for row in ROWS)
    behaviours = [row[0] for row in ROWS]
    assert all(behaviours)
    assert len(set(behaviours)) == len(behaviours)
    assert {row[1] for row in ROWS} == set(STATES)


def named(cell: str) -> list[str]:
    return [each for each in quoted(cell) if each.startswith(("tests/", "src/"))]


def test_what_is_done_names_a_test_or_a_module() -> None:
    assert [behaviour for behaviour, state, where in ROWS if state == "done" and not named(where)] == []


def test_what_is_not_done_has_a_reason() -> None:
    for behaviour, state, why in ROWS:
        reason = re.sub(r"`(?:tests|src)/[^`]+`", "", why).split()
        assert state == "done" or len(reason) >= REASON_WORDS_MIN, behaviour


@pytest.mark.parametrize("name", sorted({name for row in ROWS for name in named(row[2])}))
def test_what_is_named_is_there(name: str) -> None:
    assert is_there(name) if name.startswith("tests/") else (ROOT / name).is_file()
