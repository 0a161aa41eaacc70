"""Ids: each is a UUID of its own, and those of one server sort as they were made."""

import time
import uuid

import pytest

from penstock.server.clock import COUNT_MAX, UuidIds


def test_they_are_uuids_of_version_7_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(UuidIds().new())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_they_sort_as_they_were_made_and_none_comes_twice() -> None:
    ids = UuidIds()
    made = [ids.new() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_they_sort_even_where_the_clock_stands_still_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, now = UuidIds(), 1_700_000_000_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    made = [ids.new() for _ in range(2 * COUNT_MAX)]
    now -= 10_000_000_000
    made += [ids.new() for _ in range(10)]
    assert made == sorted(made)
    assert all(uuid.UUID(each).version == 7 for each in made)


def test_two_servers_that_begin_at_the_same_time_make_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({UuidIds().new() for _ in range(500)}) == 500
