"""Deleting old history: on both databases, a little at a time, and with two servers at it."""

from collections.abc import Callable
from threading import Event

from penstock.core.model import Head, RuleRun
from penstock.ports.history import Oldest
from penstock.ports.storage import Changes, EndedJob, RuleRow, RunInput, Transaction
from storage.samples import ACCOUNT, Store, add, execution, head, new_job, offer, row, run_row, step_of
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
