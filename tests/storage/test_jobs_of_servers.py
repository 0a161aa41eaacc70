"""Jobs on several servers: what one has handed out, seen acknowledged or ended, the others know."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from penstock.ports.storage import Acknowledgement, Changes, EndedJob, Transaction
from storage.samples import ACCOUNT, Store, add, claim, new_job, offer, row
from storage.servers import WAIT_SECONDS, WAITING, Pair
from waiting import eventually

LINE = row()


def nonce_of(store: Store) -> str:
    row = store.read(store.reader.job("job-1"))
    assert row is not None
    assert row.job.nonce is not None
    return row.job.nonce


def acknowledge(transaction: Transaction, nonce: str) -> None:
    assert transaction.acknowledge([Acknowledgement("job-1", nonce, ACCOUNT, 5.0)]) == ["InProgress"]


def acknowledged(store: Store, then: Callable[[], object] = lambda: None) -> None:
    """The job is handed out, and acknowledged in a transaction that ends with something else."""
    store.commit(lambda transaction: transaction.claim([claim()]))
    nonce = nonce_of(store)

    def work(transaction: Transaction) -> None:
        acknowledge(transaction, nonce)
        then()

    store.commit(work)


def held(store: Store) -> list[tuple[str, bool]]:
    """What a result saw of the job in each try."""
    seen = []

    def work(transaction: Transaction) -> None:
        job = transaction.jobs(["job-1"])["job-1"]
        seen.append((job.status, job.ended))
        transaction.load_many([(job.account, job.pipeline_id)])

    store.commit(work)
    return seen


class TestJobs:
    def test_no_job_is_handed_out_twice(self, pair: Pair) -> None:
        offer(pair.one, *(new_job(number, LINE) for number in range(40)))
        found: list[str] = []

        def take(transaction: Transaction) -> list[str]:
            return [job.id for jobs in transaction.claim([claim(2), claim(3)]) for job in jobs]

        for _ in range(6):
            for taken in pair.together(take, take):
                found += taken
        assert sorted(found) == sorted(f"job-{number}" for number in range(40))

    def test_a_claim_does_not_wait_for_one_that_is_under_way(self, pair: Pair) -> None:
        offer(pair.one, new_job(1, LINE), new_job(2, LINE))
        has_taken, may_end = threading.Event(), threading.Event()

        def first(transaction: Transaction) -> list[str]:
            jobs = [job.id for job in transaction.claim([claim(1)])[0]]
            has_taken.set()
            assert may_end.wait(WAIT_SECONDS)
            return jobs

        def second(transaction: Transaction) -> list[str]:
            assert has_taken.wait(WAIT_SECONDS)
            jobs = [job.id for job in transaction.claim([claim(2)])[0]]
            may_end.set()
            return jobs

        assert pair.together(first, second) == [["job-1"], ["job-2"]]

    def test_a_result_is_decided_on_what_the_job_is_once_its_pipeline_is_locked(self, pair: Pair) -> None:
        add(pair.one, LINE)
        offer(pair.one, new_job(1, LINE))
        has_read, has_ended = threading.Event(), threading.Event()
        seen = []

        def deciding(transaction: Transaction) -> None:
            job = transaction.jobs(["job-1"])["job-1"]
            has_read.set()
            assert has_ended.wait(WAIT_SECONDS)
            transaction.load_many([(job.account, job.pipeline_id)])
            seen.append(job.ended)

        async def both() -> None:
            async def end() -> None:
                await asyncio.to_thread(has_read.wait, WAIT_SECONDS)
                ended = Changes(jobs_ended=[EndedJob("job-1", "Failed", 1.0)])
                await pair.two.storage.commit(lambda transaction: transaction.write(ended))
                has_ended.set()

            await asyncio.gather(pair.one.storage.commit(deciding), end())

        pair.one.read(both())
        assert seen == [True]

    def test_one_that_was_acknowledged_here_is_held_as_it_is_and_not_as_it_was(self, pair: Pair) -> None:
        add(pair.one, LINE)
        offer(pair.one, new_job(1, LINE))
        acknowledged(pair.one)
        assert held(pair.one) == [("InProgress", False)]
        pair.two.commit(lambda transaction: transaction.write(Changes(jobs_ended=[EndedJob("job-1", "Failed", 1.0)])))
        # What it remembered was not so: it has asked once more.
        assert held(pair.one) == [("InProgress", False), ("Failed", True)]
        assert held(pair.one) == [("Failed", True)]

    def test_one_whose_acknowledgement_was_undone_is_as_it_was(self, pair: Pair) -> None:
        add(pair.one, LINE)
        offer(pair.one, new_job(1, LINE))
        with pytest.raises(ZeroDivisionError):
            acknowledged(pair.one, lambda: 1 / 0)
        assert held(pair.one) == [("Dispatched", False)]

        nonce = nonce_of(pair.one)

        def in_part(transaction: Transaction) -> None:
            with suppress(ZeroDivisionError), transaction.part():
                acknowledge(transaction, nonce)
                raise ZeroDivisionError

        pair.one.commit(in_part)
        assert held(pair.one) == [("Dispatched", False)]

    def test_one_that_is_just_being_handed_out_elsewhere_is_ended_all_the_same(self, pair: Pair) -> None:
        offer(pair.one, new_job(1, LINE))
        is_claimed = threading.Event()

        def hand_out(transaction: Any) -> None:
            assert transaction.claim([claim()])[0]
            is_claimed.set()
            eventually(lambda: transaction._session.run(WAITING, {}).fetchone()[0])

        def end(transaction: Transaction) -> None:
            assert is_claimed.wait(WAIT_SECONDS)
            transaction.write(Changes(jobs_ended=[EndedJob("job-1", "Failed", 9.0)]))

        assert pair.together(hand_out, end) == [None, None]
        ended = pair.one.read(pair.one.reader.job("job-1"))
        assert (ended.job.status, ended.job.ended) == ("Failed", True)

    def test_an_offer_of_one_is_seen_by_the_polls_of_the_other(self, pair: Pair) -> None:
        reader = pair.two.reader
        assert not pair.two.read(reader.has_claimable(claim().type_key, "", 100.0))
        offer(pair.one, new_job(1, LINE))
        assert pair.two.read(reader.has_claimable(claim().type_key, "", 100.0))

    def test_a_batch_of_all_kinds_of_calls_takes_three_trips(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        """Locking and loading, writing with handing out and taking in, and the commit."""
        store = pair.one
        add(store, LINE)
        offer(store, *(new_job(number, LINE) for number in (1, 2, 3)))
        acknowledged(store)
        (second,) = store.commit(lambda transaction: transaction.claim([claim()]))[0]
        trips = []
        pipeline = psycopg.Connection.pipeline
        monkeypatch.setattr(psycopg.Connection, "pipeline", lambda each: trips.append(each) or pipeline(each))

        def work(transaction: Transaction) -> None:
            job = transaction.jobs(["job-1"])["job-1"]
            transaction.load_many([(job.account, job.pipeline_id)])
            transaction.write(
                Changes(jobs_ended=[EndedJob("job-1", "Succeeded", 9.0)], jobs_offered=[new_job(4, LINE)])
            )
            taken = [Acknowledgement(second.id, second.nonce, ACCOUNT, 9.0)]
            jobs, statuses = transaction.exchange([claim()], taken)
            assert ([job.id for job in jobs[0]], statuses) == (["job-3"], ["InProgress"])

        store.commit(work)
        assert len(trips) == 3
