"""Deleting old history and that of deleted pipelines: on both databases, a little at a time, and with two servers at it."""

from collections.abc import Callable
from itertools import pairwise
from threading import Event

from msgspec.structs import replace

from penstock.core.model import Head, RuleRun
from penstock.ports.history import Oldest
from penstock.ports.storage import Changes, EndedJob, PipelineRow, RuleRow, RunInput, Transaction
from penstock.storage.history import LOG_PIECE_ROWS
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, Store, add, execution, head, new_job, offer, row, run_row, step_of, version
from storage.servers import Pair

LINE = row()
Work = Callable[[Transaction], int]


def ended(store: Store, *numbers: int) -> None:
    """Executions that have ended, each with two attempts, a run of a rule, and a log of both."""
    for number in numbers:
        store.commit(lambda transaction, number=number: _end(transaction, number))


def _end(transaction: Transaction, number: int) -> None:
    loaded = transaction.load(ACCOUNT, LINE.id)
    assert loaded is not None
    changes = step_of(LINE, loaded.revision + 1, execution(number, "Failed"))
    changes.runs = [run_row(LINE, number, each) for each in (1, 2)]
    rule = RuleRun(f"rule-{number}", "Failed", 1.0, 1.0, number=3)
    where = (number, f"execution-{number}", 1, "Build", "onSuccess", "Look")
    changes.rules = [RuleRow(ACCOUNT, LINE.id, *where, rule, RunInput())]
    transaction.write(changes)
    for run_id in (f"run-{number}-1", f"rule-{number}"):
        for _ in range(3):
            transaction.append_log(ACCOUNT, run_id, "a line\n", 1.0)


def left(store: Store, number: int) -> tuple[bool, int, int, int]:
    """Whether the execution is there, and how much of its attempts, rules and logs."""
    reader = store.reader
    logs = sum(len(store.read(reader.log(ACCOUNT, each, 0, 10))) for each in (f"run-{number}-1", f"rule-{number}"))
    return (
        store.read(reader.execution(ACCOUNT, LINE.id, f"execution-{number}")) is not None,
        len(store.read(reader.runs(ACCOUNT, LINE.id, number, None, 10))),
        len(store.read(reader.rule_runs(ACCOUNT, LINE.id, number, None, 10))),
        logs,
    )


def forget(number: int, rows_max: int = 1000) -> Work:
    return lambda transaction: transaction.forget_execution(ACCOUNT, LINE.id, number, rows_max)


class TestExecutions:
    def test_one_goes_with_all_its_parts_and_the_others_stay(self, store: Store) -> None:
        add(store, LINE)
        ended(store, 1, 2)
        whole = left(store, 2)
        assert store.commit(forget(1)) < 1000
        assert left(store, 1) == (False, 0, 0, 0)
        assert left(store, 2) == whole == (True, 2, 1, 6)

    def test_it_goes_last_however_few_rows_go_at_a_time(self, store: Store) -> None:
        add(store, LINE)
        ended(store, 1)
        seen = [left(store, 1)]
        while store.commit(forget(1, 2)) >= 2:
            seen.append(left(store, 1))
        assert left(store, 1) == (False, 0, 0, 0)
        parts = [sum(each[1:]) for each in seen]
        assert all(is_there or not any(rest) for is_there, *rest in seen)
        assert parts == sorted(parts, reverse=True)
        assert len(seen) > 4

    def test_what_is_not_there_takes_nothing(self, store: Store) -> None:
        add(store, LINE)
        assert store.commit(forget(7)) == 0

    def test_they_are_walked_from_the_oldest_on(self, store: Store) -> None:
        add(store, LINE)
        ended(store, 1, 2, 3)

        def numbers(transaction: Transaction) -> list[int]:
            return [each.number for each in transaction.executions_after(ACCOUNT, LINE.id, 1, 10)]

        assert store.commit(numbers) == [2, 3]

    def test_the_head_that_is_held_is_the_one_there_is(self, store: Store) -> None:
        add(store, LINE)

        def held(transaction: Transaction) -> tuple[Head | None, Head | None]:
            return transaction.held_head(ACCOUNT, LINE.id), transaction.held_head(ACCOUNT, "none")

        assert store.commit(held) == (head(LINE), None)


def delete(store: Store, pipeline: PipelineRow = LINE) -> None:
    store.commit(lambda transaction: transaction.delete_pipeline(pipeline, 9.0))


def forget_all(rows_max: int = 1000, pipeline: PipelineRow = LINE) -> Work:
    return lambda transaction: transaction.forget_deleted(pipeline.account, pipeline.id, rows_max)


def deleted(store: Store) -> list[tuple[str, str]]:
    return store.read(store.reader.deleted_pipelines(10))


def versions(store: Store) -> list[int]:
    numbers = (1, 2, 3)
    return [each for each in numbers if store.read(store.reader.version(ACCOUNT, LINE.id, each)) is not None]


def token(store: Store) -> object:
    return store.commit(lambda transaction: transaction.request_token(ACCOUNT, LINE.id, "once", 0.0))


def filled(store: Store) -> None:
    """A pipeline with two versions, three executions and a request token."""
    add(store, LINE)
    ended(store, 1, 2, 3)

    def work(transaction: Transaction) -> None:
        transaction.add_version(LINE, version(2), 2.0)
        transaction.keep_request_token(ACCOUNT, LINE.id, "once", b"x", "e", 1e300)

    store.commit(work)


class TestDeletedPipelines:
    def test_what_one_leaves_goes_a_little_at_a_time_and_that_it_was_deleted_last(self, store: Store) -> None:
        filled(store)
        delete(store)
        seen = []
        while deleted(store):
            assert deleted(store) == [(ACCOUNT, LINE.id)]
            parts = [int(part) for number in (1, 2, 3) for part in left(store, number)]
            seen.append(sum(parts) + len(versions(store)) + (token(store) is not None))
            assert store.commit(forget_all(2)) <= 2 * LOG_PIECE_ROWS
        assert [left(store, number) for number in (1, 2, 3)] == [(False, 0, 0, 0)] * 3
        assert (versions(store), token(store)) == ([], None)
        assert seen[0] == 3 * (1 + 2 + 1 + 6) + 2 + 1
        assert all(after < before for before, after in pairwise(seen))
        assert len(seen) > 10

    def test_another_pipeline_and_a_namesake_keep_what_is_theirs(self, store: Store) -> None:
        namesake, other = replace(LINE, id="namesake"), row("other", account="999999999999")
        filled(store)
        delete(store)
        for each in (namesake, other):
            add(store, each)
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, LINE.name)) == namesake
        assert store.read(store.reader.executions(ACCOUNT, namesake.id, None, 9)) == []
        store.commit(forget_all())
        assert deleted(store) == []
        for each in (namesake, other):
            assert store.read(store.reader.standing(each.account, REGION, each.name)) == (
                each,
                head(each),
                version(1, each.name),
            )

    def test_it_is_still_known_after_a_restart(self, store: Reopening) -> None:
        filled(store)
        delete(store)
        store.commit(forget_all(1))
        store.reopen()
        assert deleted(store) == [(ACCOUNT, LINE.id)]
        while store.commit(forget_all(7)) >= 7:
            pass
        assert (deleted(store), left(store, 3), versions(store)) == ([], (False, 0, 0, 0), [])

    def test_what_is_not_there_any_more_takes_nothing(self, store: Store) -> None:
        assert store.commit(forget_all()) == 0

    def test_those_that_are_left_are_told_as_many_as_are_asked_for(self, store: Store) -> None:
        for name in "ba":
            add(store, row(name))
            delete(store, row(name))
        assert store.read(store.reader.deleted_pipelines(1)) == [(ACCOUNT, row("a").id)]
        assert len(deleted(store)) == 2


class TestPipelines:
    def test_each_is_told_by_its_oldest_execution_that_is_left(self, store: Store) -> None:
        add(store, LINE)
        add(store, row("other"))
        add(store, row("third", account="999999999999"))
        ended(store, 4, 5)
        told = [
            Oldest(ACCOUNT, LINE.id, 4.0, False),
            Oldest(ACCOUNT, row("other").id, None, False),
            Oldest("999999999999", row("third", account="999999999999").id, None, False),
        ]
        assert store.read(store.reader.oldest(("", ""), 0.0, 10)) == told
        assert store.read(store.reader.oldest((ACCOUNT, LINE.id), 0.0, 1)) == told[1:2]
        store.commit(forget(4))
        assert store.read(store.reader.oldest(("", ""), 0.0, 1)) == [Oldest(ACCOUNT, LINE.id, 5.0, False)]

    def test_old_request_tokens_are_seen_and_go(self, store: Store) -> None:
        add(store, LINE)

        def keep(transaction: Transaction) -> None:
            for number in range(5):
                transaction.keep_request_token(ACCOUNT, LINE.id, f"token-{number}", b"x", "e", float(number))

        store.commit(keep)
        assert store.read(store.reader.oldest(("", ""), 3.0, 1))[0].has_old_tokens
        gone = [
            store.commit(lambda transaction: transaction.forget_request_tokens(ACCOUNT, LINE.id, 3.0, 2))
            for _ in range(2)
        ]
        assert gone == [2, 1]
        assert not store.read(store.reader.oldest(("", ""), 3.0, 1))[0].has_old_tokens
        assert store.commit(lambda transaction: transaction.request_token(ACCOUNT, LINE.id, "token-3", 0.0))


class TestJobs:
    def test_those_that_ended_before_go_a_few_at_a_time(self, store: Store) -> None:
        add(store, LINE)
        offer(store, *(new_job(number, LINE, created_at=float(number)) for number in range(9)))
        ends = [EndedJob(f"job-{number}", "Succeeded", 10.0 + number) for number in range(8) if number != 1]
        store.commit(lambda transaction: transaction.write(Changes(jobs_ended=ends)))
        after: int | None = 0
        turns = 0
        while after is not None:
            after = store.commit(lambda transaction, after=after: transaction.forget_jobs(15.0, after, 2))
            turns += 1
        there = [number for number in range(9) if store.read(store.reader.job(f"job-{number}")) is not None]
        assert there == [1, 5, 6, 7, 8]
        assert turns > 1

    def test_an_open_job_stays_and_can_still_end(self, store: Store) -> None:
        add(store, LINE)
        offer(store, new_job(1, LINE, created_at=1.0), new_job(2, LINE, created_at=1.0))
        end = [EndedJob("job-2", "Succeeded", 2.0)]
        store.commit(lambda transaction: transaction.write(Changes(jobs_ended=end)))
        store.commit(lambda transaction: transaction.forget_jobs(1e9, 0, 10))
        assert store.commit(lambda transaction: set(transaction.jobs(["job-1", "job-2"]))) == {"job-1"}
        end = [EndedJob("job-1", "Succeeded", 3.0)]
        store.commit(lambda transaction: transaction.write(Changes(jobs_ended=end)))
        assert store.read(store.reader.job("job-1")).job.status == "Succeeded"


class TestTwoServers:
    def test_both_delete_the_same_execution_and_nothing_else_goes(self, pair: Pair) -> None:
        add(pair.one, LINE)
        ended(pair.one, 1, 2)
        taken = pair.together(forget(1), forget(1))
        assert all(isinstance(each, int) for each in taken), taken
        assert left(pair.one, 1) == (False, 0, 0, 0)
        assert left(pair.two, 2) == (True, 2, 1, 6)

    def test_both_delete_old_jobs(self, pair: Pair) -> None:
        add(pair.one, LINE)
        offer(pair.one, *(new_job(number, LINE) for number in range(40)))
        ends = [EndedJob(f"job-{number}", "Succeeded", 5.0) for number in range(39)]
        pair.one.commit(lambda transaction: transaction.write(Changes(jobs_ended=ends)))
        for _ in range(3):
            pair.together(*[lambda transaction: transaction.forget_jobs(9.0, 0, 10)] * 2)
        there = [number for number in range(40) if pair.two.read(pair.two.reader.job(f"job-{number}")) is not None]
        assert there == [39]

    def test_both_take_what_a_deleted_pipeline_has_left(self, pair: Pair) -> None:
        filled(pair.one)
        delete(pair.one)
        for _ in range(20):
            taken = pair.together(forget_all(5), forget_all(5))
            assert all(isinstance(each, int) for each in taken), taken
        assert deleted(pair.two) == []
        assert [left(pair.two, number) for number in (1, 2, 3)] == [(False, 0, 0, 0)] * 3
        assert (versions(pair.two), token(pair.two)) == ([], None)

    def test_a_deletion_waits_for_whoever_is_writing_for_the_pipeline(self, pair: Pair) -> None:
        """So what was written before it is there to be found, and nothing is written after it."""
        filled(pair.one)

        def write(transaction: Transaction) -> bool:
            is_there = transaction.has_pipeline(ACCOUNT, LINE.id)
            held.set()
            assert not gone.wait(0.3)
            transaction.append_log(ACCOUNT, "run-1-1", "late\n", 1.0)
            return is_there

        def go(transaction: Transaction) -> None:
            held.wait(10)
            found = transaction.pipeline(ACCOUNT, REGION, LINE.name)
            assert found is not None
            transaction.delete_pipeline(found, 9.0)
            gone.set()

        held, gone = Event(), Event()
        assert pair.together(write, go) == [True, None]
        assert not pair.one.commit(lambda transaction: transaction.has_pipeline(ACCOUNT, LINE.id))
        pair.two.commit(forget_all())
        assert left(pair.one, 1) == (False, 0, 0, 0)

    def test_whoever_holds_the_head_keeps_the_pipeline_to_itself(self, pair: Pair) -> None:
        """A retry that loads the pipeline waits until the deletion has ended, and then finds that there is nothing to retry."""
        add(pair.one, LINE)
        ended(pair.one, 1)

        def delete(transaction: Transaction) -> int:
            assert transaction.held_head(ACCOUNT, LINE.id) is not None
            held.set()
            asked.wait(10)
            return forget(1)(transaction)

        def retry(transaction: Transaction) -> bool:
            held.wait(10)
            asked.set()
            transaction.load(ACCOUNT, LINE.id)
            return transaction.execution(ACCOUNT, LINE.id, "execution-1") is not None

        held, asked = Event(), Event()
        taken, found = pair.together(delete, retry)
        assert taken > 0
        assert found is False
