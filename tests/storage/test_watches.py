"""Watched objects that are looked at: who looks when, and what was seen."""

import pytest

from penstock.ports.storage import Transaction
from penstock.ports.watches import Look, Watch
from storage.conftest import Reopening
from storage.samples import ACCOUNT, add, row
from storage.servers import Pair

LINE = row()


def watch(key: str = "key", action: str = "Pull") -> Watch:
    return Watch(ACCOUNT, "bucket", key, LINE.id, action)


def watched(store: Reopening, *watches: Watch) -> None:
    store.commit(lambda transaction: transaction.set_watches(ACCOUNT, LINE.id, watches))


def claimed(store: Reopening, now: float, again_at: float, rows_max: int = 9) -> list[Look]:
    return sorted(
        store.commit(lambda transaction: transaction.looks.claim(now, again_at, rows_max)),
        key=lambda look: look.watch.object_key,
    )


def kept(store: Reopening, look: Look, seen: str, again_at: float = 50.0) -> bool:
    return store.commit(lambda transaction: transaction.looks.keep(look, seen, again_at))


@pytest.fixture
def line(store: Reopening) -> Reopening:
    add(store, LINE)
    return store


def test_a_watch_is_due_at_once_and_then_when_it_was_said(line: Reopening) -> None:
    assert line.read(line.reader.next_look_at()) is None
    watched(line, watch())
    assert line.read(line.reader.next_look_at()) == 0.0
    assert claimed(line, 10.0, 70.0) == [Look(watch(), "")]
    assert claimed(line, 69.0, 99.0) == []
    assert line.read(line.reader.next_look_at()) == 70.0
    line.reopen()
    assert claimed(line, 70.0, 130.0) == [Look(watch(), "")]


def test_no_more_are_taken_than_were_asked_for_the_longest_due_first(line: Reopening) -> None:
    watched(line, watch("a"), watch("b"))
    for look, again_at in zip(claimed(line, 1.0, 9.0), (8.0, 7.0), strict=True):
        assert kept(line, look, "", again_at)
    assert claimed(line, 10.0, 70.0, rows_max=1) == [Look(watch("b"), "")]
    assert claimed(line, 10.0, 70.0, rows_max=1) == [Look(watch("a"), "")]


def test_what_was_seen_is_there_at_the_next_look(line: Reopening) -> None:
    watched(line, watch())
    (look,) = claimed(line, 10.0, 20.0)
    assert kept(line, look, "v1", 30.0)
    assert claimed(line, 29.0, 99.0) == []
    assert claimed(line, 30.0, 99.0) == [Look(watch(), "v1")]


def test_who_looked_second_keeps_nothing(line: Reopening) -> None:
    watched(line, watch())
    (look,) = claimed(line, 10.0, 20.0)
    assert kept(line, look, "v1")
    assert not kept(line, look, "v2")
    assert claimed(line, 99.0, 999.0) == [Look(watch(), "v1")]


def test_a_new_list_keeps_what_was_seen_of_those_that_stay(line: Reopening) -> None:
    watched(line, watch("a"), watch("b"))
    for look in claimed(line, 10.0, 20.0):
        assert kept(line, look, f"v-{look.watch.object_key}")
    watched(line, watch("b"), watch("c"))
    assert claimed(line, 99.0, 999.0) == [Look(watch("b"), "v-b"), Look(watch("c"), "")]
    watched(line)
    assert line.read(line.reader.next_look_at()) is None


def test_what_is_no_longer_watched_keeps_nothing(line: Reopening) -> None:
    watched(line, watch())
    (look,) = claimed(line, 10.0, 20.0)
    watched(line)
    assert not kept(line, look, "v1")

    def delete(transaction: Transaction) -> None:
        transaction.delete_pipeline(LINE, 1.0)

    watched(line, watch())
    line.commit(delete)
    assert line.read(line.reader.next_look_at()) is None


def test_of_two_servers_one_gets_a_look(pair: Pair) -> None:
    add(pair.one, LINE)
    pair.one.commit(lambda transaction: transaction.set_watches(ACCOUNT, LINE.id, [watch()]))
    assert len(pair.one.commit(lambda transaction: transaction.looks.claim(10.0, 70.0, 9))) == 1
    assert pair.two.commit(lambda transaction: transaction.looks.claim(11.0, 71.0, 9)) == []
