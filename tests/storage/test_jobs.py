"""The board: jobs are handed out once, in order, under fresh nonces, and end once."""

import math

import pytest

from penstock.ports.storage import Acknowledged, Acknowledgement, Changes, Claim, ClaimedJob, EndedJob, Transaction
from storage.conftest import Reopening
from storage.samples import ACCOUNT, KIND, claim, new_job, offer, row, work_of

LINE = row()


@pytest.fixture(params=["kept in memory", "read anew"])
def board(store: Reopening, request: pytest.FixtureRequest) -> Reopening:
    """Three jobs; what a call sees must be the same whether it is remembered or read from the disk."""
    offer(store, *[new_job(number, LINE) for number in (1, 2, 3)])
    store.forgetful = request.param == "read anew"  # type: ignore[attr-defined]
    return store


def settle(store: Reopening) -> None:
    if getattr(store, "forgetful", False):
        store.reopen()


def claimed(store: Reopening, **more: object) -> list[ClaimedJob]:
    settle(store)
    return store.commit(lambda transaction: transaction.claim([claim(**more)]))[0]  # type: ignore[arg-type]


def acknowledge(
    store: Reopening, job_id: str, nonce: str, account: str | None = ACCOUNT, now: float = 100.0
) -> Acknowledged:
    settle(store)
    return store.commit(lambda transaction: transaction.acknowledge([Acknowledgement(job_id, nonce, account, now)]))[0]


def end(store: Reopening, job_id: str, status: str = "Succeeded") -> None:
    settle(store)
    store.commit(lambda transaction: transaction.write(Changes(jobs_ended=[EndedJob(job_id, status, 200.0)])))


class TestClaims:
    def test_each_job_is_handed_out_once_oldest_first(self, board: Reopening) -> None:
        assert [job.id for job in claimed(board, jobs_max=2)] == ["job-1", "job-2"]
        assert [job.id for job in claimed(board, jobs_max=2)] == ["job-3"]
        assert claimed(board, jobs_max=2) == []

    def test_what_is_handed_out_says_all_that_a_worker_needs(self, board: Reopening) -> None:
        (job,) = claimed(board)
        assert (job.account, job.region, job.work, job.client_id) == (LINE.account, LINE.region, work_of(), None)
        assert len(job.nonce) >= 16

    def test_claims_of_one_batch_share_what_there_is_first_come_first(self, board: Reopening) -> None:
        claims = [claim(2), claim(1, query_key="other"), claim(2), claim(1)]
        dealt = board.commit(lambda transaction: transaction.claim(claims))
        assert [[job.id for job in jobs] for jobs in dealt] == [["job-1", "job-2"], [], ["job-3"], []]

    def test_claims_with_and_without_a_lease_share_as_well(self, board: Reopening) -> None:
        dealt = board.commit(lambda transaction: transaction.claim([claim(2, lease="server"), claim(2)]))
        assert [len(jobs) for jobs in dealt] == [2, 1]
        assert [each.job.id for each in board.read(board.reader.leased_jobs())] == ["job-1", "job-2"]

    def test_kinds_and_query_keys_are_boards_of_their_own(self, store: Reopening) -> None:
        offer(store, new_job(1, LINE, query_key="a"), new_job(2, LINE, type_key="Another"))
        assert claimed(store) == []
        assert claimed(store, query_key="b") == []
        assert [job.id for job in claimed(store, query_key="a")] == ["job-1"]
        assert [job.id for job in claimed(store, type_key="Another")] == ["job-2"]

    def test_a_job_is_not_handed_out_before_its_time(self, store: Reopening) -> None:
        offer(store, new_job(1, LINE, visible_at=500.0))
        assert claimed(store, now=499.9) == []
        assert [job.id for job in claimed(store, now=500.0)] == ["job-1"]

    def test_an_unacknowledged_job_comes_back_at_its_time_under_another_nonce(self, board: Reopening) -> None:
        (first,) = claimed(board, now=100.0)
        again = claimed(board, jobs_max=3, now=160.0)
        assert sorted(job.id for job in again) == ["job-1", "job-2", "job-3"]
        (second,) = [job for job in again if job.id == first.id]
        assert second.nonce != first.nonce
        assert acknowledge(board, first.id, first.nonce) == "InvalidNonce"
        assert acknowledge(board, second.id, second.nonce) == "InProgress"


class TestExchanges:
    """Claims and acknowledgements of one batch go together."""

    def exchange(
        self, store: Reopening, claims: list[Claim], *asked: tuple[str, str]
    ) -> tuple[list[list[str]], list[str]]:
        settle(store)
        taken = [Acknowledgement(job_id, nonce, ACCOUNT, 100.0) for job_id, nonce in asked]
        jobs, statuses = store.commit(lambda transaction: transaction.exchange(claims, taken))
        return [[job.id for job in dealt] for dealt in jobs], list(statuses)

    def test_each_gets_what_it_would_get_alone(self, board: Reopening) -> None:
        (first,) = claimed(board)
        asked = [(first.id, "another"), (first.id, first.nonce), ("nobody", "")]
        dealt, statuses = self.exchange(board, [claim(1), claim(9, query_key="none"), claim(9)], *asked)
        assert dealt == [["job-2"], [], ["job-3"]]
        assert statuses == ["InvalidNonce", "InProgress", "JobNotFound"]

    def test_either_may_be_missing(self, board: Reopening) -> None:
        assert self.exchange(board, [claim(1)]) == ([["job-1"]], [])
        (second,) = claimed(board)
        assert self.exchange(board, [], (second.id, second.nonce)) == ([], ["InProgress"])

    def test_what_is_handed_out_anew_is_its_new_holders(self, board: Reopening) -> None:
        (first,) = claimed(board, jobs_max=1)
        dealt, statuses = self.exchange(board, [claim(9, now=1e6)], (first.id, first.nonce))
        assert first.id in dealt[0]
        assert statuses == ["InvalidNonce"]


class TestLooking:
    """Whether a claim is worth its transaction: a no must be sure."""

    def may(self, store: Reopening, now: float = 100.0, query_key: str = "") -> bool:
        found: bool = store.read(store.reader.has_claimable(KIND, query_key, now))
        return found

    def test_there_is_something_as_long_as_there_is(self, board: Reopening) -> None:
        assert self.may(board)
        claimed(board, jobs_max=2)
        assert self.may(board)
        claimed(board, jobs_max=2)
        assert not self.may(board)

    def test_there_is_nothing_where_nobody_offered(self, store: Reopening) -> None:
        assert not self.may(store)
        assert store.read(store.reader.next_visible_at(KIND, "")) == math.inf

    def test_an_offer_is_seen_after_a_look_that_found_nothing(self, store: Reopening) -> None:
        assert not self.may(store)
        offer(store, new_job(1, LINE))
        assert self.may(store)

    def test_what_is_offered_for_later_is_seen_at_its_time(self, store: Reopening) -> None:
        assert not self.may(store)
        offer(store, new_job(1, LINE, visible_at=500.0))
        claimed(store)
        assert not self.may(store, 499.0)
        assert self.may(store, 500.0)
        assert store.read(store.reader.next_visible_at(KIND, "")) <= 500.0

    def test_what_was_handed_out_is_seen_when_it_comes_back(self, board: Reopening) -> None:
        claimed(board, jobs_max=5, now=100.0)
        assert not self.may(board, 159.0)
        assert self.may(board, 160.0)

    def test_nothing_is_missed_after_a_commit_that_failed(self, store: Reopening) -> None:
        offer(store, new_job(1, LINE))

        def work(transaction: Transaction) -> None:
            assert len(transaction.claim([claim(5)])[0]) == 1
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.commit(work)
        assert self.may(store)
        assert [job.id for job in claimed(store)] == ["job-1"]

    def test_a_taken_batch_of_two_kinds_of_claims_leaves_nothing_unseen(self, board: Reopening) -> None:
        board.commit(lambda transaction: transaction.claim([claim(1, lease="server"), claim(1)]))
        assert self.may(board)
        assert [job.id for job in claimed(board, jobs_max=5)] == ["job-3"]


class TestAcknowledging:
    def test_the_current_nonce_counts_and_may_repeat(self, board: Reopening) -> None:
        (job,) = claimed(board)
        assert acknowledge(board, job.id, job.nonce) == "InProgress"
        assert acknowledge(board, job.id, job.nonce) == "InProgress"
        assert acknowledge(board, job.id, "x" * 32) == "InvalidNonce"
        assert claimed(board, now=1e9, jobs_max=1)[0].id != job.id

    @pytest.mark.parametrize("account", ["999999999999", "", "é"])
    def test_another_accounts_job_is_not_there(self, board: Reopening, account: str) -> None:
        (job,) = claimed(board)
        assert acknowledge(board, job.id, job.nonce, account) == "JobNotFound"
        assert acknowledge(board, job.id, job.nonce, None) == "InProgress"

    @pytest.mark.parametrize("nonce", ["", "é\u0000", "0" * 32])
    def test_a_queued_job_has_no_nonce_that_counts(self, board: Reopening, nonce: str) -> None:
        assert acknowledge(board, "job-1", nonce) == "InvalidNonce"
        assert acknowledge(board, "nobody", nonce) == "JobNotFound"

    def test_two_of_one_job_in_one_batch_are_both_the_holders(self, board: Reopening) -> None:
        (job,) = claimed(board)
        asked = [Acknowledgement(job.id, nonce, ACCOUNT, 100.0) for nonce in (job.nonce, job.nonce, "other")]
        answers = board.commit(lambda transaction: transaction.acknowledge(asked))
        assert answers == ["InProgress", "InProgress", "InvalidNonce"]

    def test_it_arms_the_time_of_a_job_that_has_one(self, store: Reopening) -> None:
        offer(store, new_job(1, LINE, timeout_seconds=30))
        (job,) = claimed(store)
        assert store.read(store.reader.next_due_at()) is None
        acknowledge(store, job.id, job.nonce, now=100.0)
        assert store.read(store.reader.next_due_at()) == 130.0
        (timer,) = store.read(store.reader.due_timers(130.0, 9))
        assert (timer.kind, timer.stamp, timer.pipeline_id) == ("JobTimeout", "job-1", LINE.id)

    def test_a_fresh_nonce_is_made_for_a_dispatched_job_alone(self, board: Reopening) -> None:
        assert board.commit(lambda transaction: transaction.redispatch("job-1")) is None
        (job,) = claimed(board)
        nonce = board.commit(lambda transaction: transaction.redispatch(job.id))
        assert nonce not in (None, job.nonce)
        assert acknowledge(board, job.id, job.nonce) == "InvalidNonce"
        assert acknowledge(board, job.id, nonce or "") == "InProgress"
        assert board.commit(lambda transaction: transaction.redispatch(job.id)) is None


class TestEnding:
    @pytest.mark.parametrize("status", ["Succeeded", "Failed", "TimedOut"])
    def test_an_ended_job_says_so_to_its_holder_and_keeps_no_work(self, board: Reopening, status: str) -> None:
        (job,) = claimed(board)
        acknowledge(board, job.id, job.nonce)
        end(board, job.id, status)
        assert acknowledge(board, job.id, job.nonce) == status
        row_of = board.read(board.reader.job(job.id))
        assert (row_of.job.status, row_of.job.ended, row_of.work) == (status, True, None)
        found = board.commit(lambda transaction: transaction.jobs([job.id, "nobody"]))
        assert (list(found), found[job.id].ended) == ([job.id], True)

    def test_a_queued_job_that_ends_is_never_handed_out(self, board: Reopening) -> None:
        end(board, "job-1", "Failed")
        assert [job.id for job in claimed(board, jobs_max=5)] == ["job-2", "job-3"]

    def test_a_leased_job_that_ends_is_no_longer_leased(self, board: Reopening) -> None:
        (job,) = claimed(board, lease="server")
        end(board, job.id)
        assert board.read(board.reader.leased_jobs()) == []

    def test_an_ended_job_does_not_end_again_in_another_way(self, board: Reopening) -> None:
        end(board, "job-1", "Failed")
        try:
            end(board, "job-1", "Succeeded")
        finally:
            assert board.read(board.reader.job("job-1")).job.status == "Failed"


def test_a_job_is_read_back_with_its_work_query_and_time(store: Reopening) -> None:
    offer(store, new_job(1, LINE, query_key="q", visible_at=7.0, client_id="client"))
    found = store.read(store.reader.job("job-1"))
    assert (found.work, found.query_key, found.visible_at) == (work_of(), "q", 7.0)
    assert (found.job.status, found.job.client_id, found.job.nonce) == ("Queued", "client", None)
    assert store.read(store.reader.job("nobody")) is None


def test_a_job_says_since_when_it_is_as_it_is_and_who_has_it(store: Reopening) -> None:
    def told() -> tuple[object, ...]:
        found = store.read(store.reader.job("job-1"))
        return found.job.status, found.status_at, found.claimant, found.lease

    offer(store, new_job(1, LINE))
    assert told() == ("Queued", 10.0, None, None)
    (job,) = claimed(store, now=100.0, claimant="Ann", lease="server")
    assert told() == ("Dispatched", 100.0, "Ann", "server")
    acknowledge(store, "job-1", job.nonce, now=130.0)
    acknowledge(store, "job-1", job.nonce, now=140.0)
    assert told() == ("InProgress", 130.0, "Ann", "server")
