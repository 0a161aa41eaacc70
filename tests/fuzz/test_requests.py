"""Requests made from the server's OpenAPI document: each answer is one that it declares, and the server stays as it was."""

from pathlib import Path

import pytest

from fuzz.aftermath import run

SEED = 20150709


def test_whatever_is_asked_is_answered_as_the_document_says(tmp_path: Path) -> None:
    report = run(tmp_path, seed=SEED, count=3000)
    assert not report.findings, report.findings
    assert report.requests >= 3000
    assert report.statuses[200] > 400
    assert len(report.succeeded) > 40


@pytest.mark.long
def test_a_great_many_requests_leave_the_server_as_it_was(tmp_path: Path) -> None:
    report = run(tmp_path, seed=SEED + 1, count=50_000)
    assert not report.findings, report.findings
    assert len(report.succeeded) > 55
