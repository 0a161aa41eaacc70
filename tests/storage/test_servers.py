"""Several servers on one PostgreSQL: what one decides, the others see, and none gets what another has."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from declarations import action, stage
from engine import house as houses
from engine.house import House
from penstock.core.model import Execution, PipelineVersion
from penstock.ports.partners import ClientToken, Link
from penstock.ports.storage import (
    ActionTypeRow,
    Aggregate,
    Changes,
    ExecutionRow,
    TimerRow,
    Transaction,
)
from penstock.storage.postgres.adapter import PostgresStorage
from penstock.storage.postgres.reader import TIMER_LEASE_SECONDS
from penstock.wire import types as wire
from storage.samples import ACCOUNT, REGION, Store, add, execution, head, row, step_of, version
from storage.servers import WAIT_SECONDS, Pair
from waiting import eventually

LINE, OTHER = row(), row("other")


def load(store: Store, name: str = "line") -> Aggregate:
    found = store.commit(lambda transaction: transaction.load(ACCOUNT, row(name).id))
    assert found is not None
    return found


class TestPipelines:
    def test_what_one_has_kept_is_as_good_as_what_the_other_wrote_last(self, pair: Pair) -> None:
        add(pair.one, LINE)
        before = load(pair.two)
        pair.one.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1))))
        after = load(pair.two)
        assert (before.revision, list(before.pipeline.executions)) == (0, [])
        assert (after.revision, list(after.pipeline.executions)) == (1, ["execution-1"])
        assert load(pair.two) is after

    def test_a_change_that_leaves_the_head_alone_is_seen_too(self, pair: Pair) -> None:
        add(pair.one, LINE)
        pair.one.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1))))
        load(pair.two)

        def work(transaction: Transaction) -> None:
            known = transaction.load(ACCOUNT, LINE.id)
            assert known is not None
            stopping = execution(1, "Stopping")
            state = replace(known.pipeline, executions={stopping.id: stopping})
            changed = [ExecutionRow(ACCOUNT, LINE.id, stopping, "InProgress")]
            transaction.write(Changes(aggregates=[replace(known, pipeline=state)], executions=changed))
            again = transaction.load(ACCOUNT, LINE.id)
            assert again is not None
            assert again.pipeline == state

        pair.one.commit(work)
        assert load(pair.two).pipeline.executions["execution-1"].status == "Stopping"
        assert load(pair.two).revision == load(pair.one).revision == 2

    def test_what_was_rolled_back_is_not_kept(self, pair: Pair) -> None:
        add(pair.one, LINE)
        load(pair.one)

        def work(transaction: Transaction) -> None:
            transaction.load(ACCOUNT, LINE.id)
            transaction.write(step_of(LINE, 1, execution(1)))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            pair.one.commit(work)
        pair.two.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(2))))
        assert list(load(pair.one).pipeline.executions) == ["execution-2"]

    def test_a_part_that_fails_gives_its_locks_back_and_what_was_seen_under_them(self, pair: Pair) -> None:
        add(pair.one, LINE)
        may_write, has_written = threading.Event(), threading.Event()
        seen = []

        def failing(transaction: Transaction) -> None:
            with suppress(RuntimeError), transaction.part():
                transaction.load(ACCOUNT, LINE.id)
                raise RuntimeError
            may_write.set()
            assert has_written.wait(WAIT_SECONDS)
            known = transaction.load(ACCOUNT, LINE.id)
            assert known is not None
            seen.append(known.revision)

        async def both() -> None:
            async def write() -> None:
                await asyncio.to_thread(may_write.wait, WAIT_SECONDS)
                await pair.two.storage.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1))))
                has_written.set()

            await asyncio.gather(pair.one.storage.commit(failing), write())

        pair.one.read(both())
        assert seen == [1]

    def test_who_comes_second_waits_and_decides_on_what_the_first_one_made(self, pair: Pair) -> None:
        add(pair.one, LINE)
        is_locked, seen = threading.Event(), []

        def first(transaction: Transaction) -> None:
            transaction.load(ACCOUNT, LINE.id)
            is_locked.set()
            transaction.write(step_of(LINE, 1, execution(1)))

        def second(transaction: Transaction) -> None:
            assert is_locked.wait(WAIT_SECONDS)
            known = transaction.load(ACCOUNT, LINE.id)
            assert known is not None
            seen.append((known.revision, list(known.pipeline.executions)))

        assert pair.together(first, second) == [None, None]
        assert seen == [(1, ["execution-1"])]

    def test_two_that_lock_in_opposite_orders_both_get_through(self, pair: Pair) -> None:
        for each in (LINE, OTHER):
            add(pair.one, each)
        meet = threading.Barrier(2)

        def locking(*pipelines: Any) -> Callable[[Transaction], None]:
            def work(transaction: Transaction) -> None:
                for number, each in enumerate(pipelines):
                    transaction.load(ACCOUNT, each.id)
                    if number == 0 and meet.n_waiting + meet.broken < 2 and not met:
                        meet.wait(WAIT_SECONDS)
                        met.append(1)
                transaction.append_log(ACCOUNT, "run", "text", 1.0)

            return work

        met: list[int] = []
        assert pair.together(locking(LINE, OTHER), locking(OTHER, LINE)) == [None, None]
        assert len(pair.one.read(pair.one.reader.log(ACCOUNT, "run", 0, 9))) == 2

    def test_many_that_are_asked_for_at_once_never_wait_in_a_circle(self, pair: Pair) -> None:
        rows = [row(f"line-{number}") for number in range(6)]
        for each in rows:
            add(pair.one, each)
        keys = [(ACCOUNT, each.id) for each in rows]
        tries: list[int] = []

        def locking(wanted: list[tuple[str, str]]) -> Callable[[Transaction], None]:
            def work(transaction: Transaction) -> None:
                tries.append(1)
                transaction.load_many(wanted)

            return work

        for _ in range(10):
            assert pair.together(locking(keys), locking(keys[::-1])) == [None, None]
        assert len(tries) == 20

    def test_of_two_that_make_one_of_the_same_name_the_second_sees_the_first(self, pair: Pair) -> None:
        meet = threading.Barrier(2)

        def make(pipeline_id: str) -> Callable[[Transaction], str]:
            tries: list[int] = []

            def work(transaction: Transaction) -> str:
                tries.append(1)
                with transaction.part():
                    if transaction.pipeline(ACCOUNT, REGION, "line") is not None:
                        return "there is one"
                    if len(tries) == 1:
                        meet.wait(WAIT_SECONDS)
                    try:
                        transaction.add_pipeline(replace(LINE, id=pipeline_id), head(LINE))
                    except Exception:
                        pytest.fail("what another server did is no fault of this work")
                return "made"

            return work

        assert sorted(pair.together(make("a"), make("b"))) == ["made", "there is one"]

    def test_who_counts_in_order_to_add_counts_what_the_other_adds(self, pair: Pair) -> None:
        def make(name: str) -> Callable[[Transaction], int]:
            def work(transaction: Transaction) -> int:
                count = transaction.pipeline_count(ACCOUNT, REGION)
                transaction.add_pipeline(row(name), head(row(name)))
                return count

            return work

        for number in range(5):
            counted = pair.together(make(f"one-{number}"), make(f"two-{number}"))
            assert sorted(counted) == [2 * number, 2 * number + 1]

    def test_a_deleted_one_is_gone_for_the_other_too(self, pair: Pair) -> None:
        add(pair.one, LINE)
        load(pair.two)
        pair.one.commit(lambda transaction: transaction.delete_pipeline(LINE, 1.0))
        assert pair.two.commit(lambda transaction: transaction.load(ACCOUNT, LINE.id)) is None


class TestVersions:
    def test_secrets_that_one_has_sealed_anew_reach_what_the_other_has_kept(self, pair: Pair) -> None:
        mark = "penstock:v1:00000000:old"

        def fill(transaction: Transaction) -> None:
            transaction.add_pipeline(LINE, head(LINE))
            transaction.add_version(LINE, _sealed(mark), 1.0)

        pair.one.commit(fill)
        assert _secret(load(pair.two)) == mark
        (found,) = pair.one.read(pair.one.reader.sealed.slice("pipeline_versions", None, 9)).rows
        renewed = mark.replace("old", "new")
        value = found.value.replace(mark.encode(), renewed.encode())
        assert pair.one.commit(lambda transaction: transaction.sealed.replace("pipeline_versions", found, value))
        assert _secret(load(pair.two)) == renewed

    def test_a_link_that_one_has_made_is_known_to_the_other(self, pair: Pair) -> None:
        def fill(transaction: Transaction) -> None:
            transaction.add_pipeline(LINE, head(LINE))
            transaction.add_version(LINE, _partner(), 1.0)

        pair.one.commit(fill)
        assert load(pair.two).pipeline.client_ids == {}
        link = Link(ACCOUNT, "Tester", "1", "client", 1.0, (ClientToken(b"h", 1.0),))
        pair.one.commit(lambda transaction: transaction.partners.put_link(link))
        assert load(pair.two).pipeline.client_ids == {"ThirdParty/Test/Tester/1": "client"}

    def test_a_changed_action_type_is_read_at_once_where_it_was_changed_and_soon_elsewhere(self, pair: Pair) -> None:
        made = ActionTypeRow("key", ACCOUNT, REGION, "Custom", "Build", "P", "1", b"{}", 1.0)
        for stored in (made, replace(made, deleted_at=2.0)):
            pair.one.commit(lambda transaction, stored=stored: transaction.put_action_type(stored))
            assert pair.one.read(pair.one.reader.action_type("key")) == stored
            eventually(lambda stored=stored: pair.two.read(pair.two.reader.action_type("key")) == stored, 3.0)


def _sealed(text: str) -> PipelineVersion:
    plain = version()
    *before, last = plain.declaration.stages
    changed = replace(last, actions=(replace(last.actions[0], configuration={"Password": text}),))
    return replace(plain, declaration=replace(plain.declaration, stages=(*before, changed)))


def _secret(aggregate: Aggregate) -> str:
    return (aggregate.pipeline.versions[1].declaration.stages[-1].actions[0].configuration or {})["Password"]


def _partner() -> PipelineVersion:
    plain = version()
    *before, last = plain.declaration.stages
    identity = wire.ActionTypeId(category="Test", owner="ThirdParty", provider="Tester", version="1")
    changed = replace(last, actions=(replace(last.actions[0], action_type_id=identity),))
    bindings = {
        **plain.bindings,
        "Build/Make": replace(plain.bindings["Build/Make"], type_key="ThirdParty/Test/Tester/1"),
    }
    return replace(plain, declaration=replace(plain.declaration, stages=(*before, changed)), bindings=bindings)


class TestTimers:
    def test_a_timer_is_one_servers_until_it_must_have_failed(self, pair: Pair) -> None:
        rows = [TimerRow(ACCOUNT, "p", "Deadline", stamp, 10.0) for stamp in ("a", "b", "c")]
        pair.one.commit(lambda transaction: transaction.write(Changes(timers_set=rows)))

        def due(store: Store, now: float, rows_max: int = 9) -> list[str]:
            return [each.stamp for each in store.read(store.reader.due_timers(now, rows_max))]

        first, second = due(pair.one, 20.0, 2), due(pair.two, 20.0)
        assert sorted(first + second) == ["a", "b", "c"]
        assert due(pair.one, 20.0) == due(pair.two, 20.0) == []
        assert pair.one.read(pair.one.reader.next_due_at()) == 20.0 + TIMER_LEASE_SECONDS
        assert due(pair.two, 20.0 + TIMER_LEASE_SECONDS) == ["a", "b", "c"]

    def test_one_that_is_set_again_is_due_at_its_new_time(self, pair: Pair) -> None:
        timer = TimerRow(ACCOUNT, "p", "Deadline", "a", 10.0)
        pair.one.commit(lambda transaction: transaction.write(Changes(timers_set=[timer])))
        assert len(pair.one.read(pair.one.reader.due_timers(20.0, 9))) == 1
        pair.two.commit(lambda transaction: transaction.write(Changes(timers_set=[replace(timer, due_at=21.0)])))
        assert pair.one.read(pair.one.reader.next_due_at()) == 21.0


def test_two_servers_run_one_pipeline_to_its_end(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole engine, once a server, and every step of the work at the other one."""
    monkeypatch.setattr(houses, "SqliteStorage", lambda folder: PostgresStorage(url))

    async def check() -> None:
        async with houses.house(tmp_path) as one, houses.house(tmp_path) as two:
            await one.types()
            make = action("Make", "Build", "Custom", "Builder")
            await two.pipeline("line", stage("Build", make), stage("Again", make))
            for number in range(4):
                await both_work(one, two)
                assert (await two.statuses())[-1] == "Succeeded"
                assert len(await one.statuses()) == number + 1
                await one.ask("StartPipelineExecution", name="line")

    asyncio.run(check())


async def both_work(one: House, two: House) -> None:
    for place, provider in ((one, "Origin"), (two, "Builder"), (one, "Builder")):
        await place.work(provider)


def test_many_executions_at_two_servers_are_all_there(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(houses, "SqliteStorage", lambda folder: PostgresStorage(url))

    async def check() -> None:
        async with houses.house(tmp_path) as one, houses.house(tmp_path) as two:
            await one.types()
            await one.pipeline("line", executionMode="PARALLEL")
            await one.work()
            await two.work("Builder")
            asked = [place.ask("StartPipelineExecution", name="line") for place in (one, two) * 10]
            await asyncio.gather(*asked)

            async def drain(place: House, provider: str) -> int:
                jobs = 0
                while found := await place.poll(provider, 3):
                    for job in found:
                        await place.ask("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"])
                        await place.ask("PutJobSuccessResult", jobId=job["id"])
                        jobs += 1
                return jobs

            for provider in ("Origin", "Builder"):
                assert sum(await asyncio.gather(drain(one, provider), drain(two, provider))) == 20
            assert await two.statuses() == ["Succeeded"] * 21
            assert one.storage is not two.storage

    asyncio.run(check())


def test_an_execution_is_what_it_was_for_both(pair: Pair) -> None:
    add(pair.one, LINE)
    pair.one.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1, "Failed"))))
    found: Execution | None = pair.two.commit(
        lambda transaction: transaction.execution(ACCOUNT, LINE.id, "execution-1")
    )
    assert found == execution(1, "Failed")


def test_servers_know_who_of_them_is_there(url: str) -> None:
    async def check() -> None:
        one, two = (PostgresStorage(url, server_id=server_id) for server_id in ("one", "two"))
        assert await one.live_servers() == await two.live_servers() == ["one", "two"]
        await two.close()
        await left(one, "one")
        # One that dies leaves its row behind, and is not taken for alive.
        gone = PostgresStorage(url, server_id="gone")
        assert await one.live_servers() == ["gone", "one"]
        gone._writer.drop()
        await left(one, "one")
        await gone.close()
        assert abs(one.clock_ahead_seconds) < 1.0
        await one.close()

    asyncio.run(check())


async def left(storage: PostgresStorage, *servers: str) -> None:
    """Return once these alone are there: the database notices a moment later that a connection has ended."""
    async with asyncio.timeout(WAIT_SECONDS):
        while await storage.live_servers() != list(servers):
            pass
