"""Pipelines, their versions, executions and history, and the rule that all of a commit is there or nothing."""

from contextlib import suppress

import pytest
from msgspec.structs import replace

from penstock.core.model import ActionRun, StageRun
from penstock.ports.storage import Changes, Conflict, Transaction, Watch
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, add, execution, head, new_job, row, run_row, step_of, version

LINE = row()


class TestCommits:
    def test_what_was_committed_is_read_by_everybody_from_then_on(self, store: Reopening) -> None:
        add(store, LINE)
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) == LINE
        store.reopen()
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) == LINE
        assert store.read(store.reader.head(ACCOUNT, LINE.id)) == head(LINE)
        assert store.read(store.reader.version(ACCOUNT, LINE.id, 1)) == version()

    def test_readers_see_nothing_of_a_commit_before_it_is_one(self, store: Reopening) -> None:
        def work(transaction: Transaction) -> None:
            transaction.add_pipeline(LINE, head(LINE))
            assert transaction.pipeline(ACCOUNT, REGION, "line") == LINE
            assert store.read_within(store.reader.pipeline(ACCOUNT, REGION, "line")) is None

        store.commit(work)

    def test_what_raises_leaves_nothing_and_the_next_one_works(self, store: Reopening) -> None:
        def work(transaction: Transaction) -> None:
            transaction.add_pipeline(LINE, head(LINE))
            transaction.write(Changes(jobs_offered=[new_job(1, LINE)]))
            raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            store.commit(work)
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) is None
        assert store.commit(lambda transaction: transaction.jobs(["job-1"])) == {}
        add(store, LINE)

    def test_a_part_that_raises_is_undone_and_the_rest_stands(self, store: Reopening) -> None:
        other = row("other")

        def work(transaction: Transaction) -> None:
            transaction.add_pipeline(LINE, head(LINE))
            with suppress(RuntimeError), transaction.part():
                transaction.add_pipeline(other, head(other))
                raise RuntimeError
            with transaction.part():
                transaction.set_tags(ACCOUNT, "arn", {"a": "1"})

        store.commit(work)
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) == LINE
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "other")) is None
        assert store.read(store.reader.tags(ACCOUNT, "arn")) == {"a": "1"}

    def test_a_step_from_an_old_revision_is_a_conflict_and_writes_nothing(self, store: Reopening) -> None:
        add(store, LINE)
        store.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1))))
        with pytest.raises(Conflict):
            store.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(2))))
        assert store.read(store.reader.execution(ACCOUNT, LINE.id, "execution-2")) is None
        loaded = store.commit(lambda transaction: transaction.load(ACCOUNT, LINE.id))
        assert loaded is not None
        assert loaded.revision == 1


class TestPipelines:
    def test_a_pipeline_is_read_at_once_with_its_head_and_its_newest_version(self, store: Reopening) -> None:
        for each in (LINE, row("other"), row(region="eu-west-2")):
            add(store, each)
        found = store.read(store.reader.standing(ACCOUNT, REGION, "line"))
        assert found == (LINE, head(LINE), version())
        store.commit(lambda transaction: transaction.add_version(LINE, replace(version(), number=2), 9.0))
        found = store.read(store.reader.standing(ACCOUNT, REGION, "line"))
        assert found == (replace(LINE, version=2, updated_at=9.0), head(LINE), replace(version(), number=2))
        assert store.read(store.reader.standing(ACCOUNT, REGION, "lin")) is None
        assert store.read(store.reader.standing("999999999999", REGION, "line")) is None

    def test_names_are_apart_by_account_and_region(self, store: Reopening) -> None:
        rows = [row(), row(region="eu-west-2"), row(account="999999999999"), row("another")]
        for each in rows:
            add(store, each)
        for each in rows:
            assert store.read(store.reader.pipeline(each.account, each.region, each.name)) == each
        assert store.read(store.reader.regions(ACCOUNT)) == ["eu-west-1", "eu-west-2"]
        assert store.commit(lambda transaction: transaction.pipeline_count(ACCOUNT, REGION)) == 2

    def test_they_are_listed_by_name_after_a_name(self, store: Reopening) -> None:
        for name in ("b", "a", "c", "B"):
            add(store, row(name))
        found = store.read(store.reader.pipelines(ACCOUNT, REGION, "a", 2))
        assert [each.row.name for each in found] == ["b", "c"]
        assert [each.row.name for each in store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))] == [
            "B",
            "a",
            "b",
            "c",
        ]

    def test_a_listing_tells_the_kind_of_the_newest_version(self, store: Reopening) -> None:
        add(store, LINE)
        second = version(2)
        declared = replace(second.declaration, pipeline_type="V2", execution_mode="QUEUED")
        store.commit(lambda transaction: transaction.add_version(LINE, replace(second, declaration=declared), 5.0))
        (found,) = store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))
        assert (found.pipeline_type, found.execution_mode, found.row.version) == ("V2", "QUEUED", 2)

    def test_a_new_version_is_the_current_one_and_the_old_ones_stay(self, store: Reopening) -> None:
        add(store, LINE)
        store.commit(lambda transaction: transaction.add_version(LINE, version(2), 5.0))
        found = store.read(store.reader.pipeline(ACCOUNT, REGION, "line"))
        assert (found.version, found.updated_at, found.created_at) == (2, 5.0, 1.0)
        assert store.read(store.reader.version(ACCOUNT, LINE.id, 1)) == version(1)
        assert store.read(store.reader.version(ACCOUNT, LINE.id, 2)) == version(2)
        assert store.read(store.reader.version(ACCOUNT, LINE.id, 3)) is None
        assert store.read(store.reader.version_created_at(ACCOUNT, LINE.id, 2)) == 5.0

    def test_open_executions_are_read_oldest_first(self, store: Reopening) -> None:
        add(store, LINE)
        executions = [execution(3), execution(1, "Stopping"), execution(2, "Failed")]
        store.commit(lambda transaction: transaction.write(step_of(LINE, 1, *executions)))
        found = store.read(store.reader.open_executions(ACCOUNT, LINE.id))
        assert found == [executions[1], executions[0]]
        assert store.read(store.reader.open_executions(ACCOUNT, "nothing")) == []

    def test_a_deleted_one_is_gone_with_all_that_was_its_own(self, store: Reopening) -> None:
        add(store, LINE)
        add(store, row("other"))

        def fill(transaction: Transaction) -> None:
            run = ActionRun("run-1", "InProgress", 1.0, 1.0, job_id="job-1")
            passage = StageRun("InProgress", 1.0, {"Make": run})
            changes = step_of(LINE, 1, execution(1, stages={"Build": passage}))
            changes.runs.append(run_row(LINE, 1, 1))
            changes.jobs_offered.append(new_job(1, LINE))
            transaction.write(changes)
            transaction.set_watches(ACCOUNT, LINE.id, [Watch(ACCOUNT, "bucket", "key", LINE.id, "Pull")])
            transaction.keep_request_token(ACCOUNT, LINE.id, "token", b"f", "execution-1", 1.0)

        store.commit(fill)
        store.commit(lambda transaction: transaction.delete_pipeline(LINE, 9.0))
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "line")) is None
        assert store.read(store.reader.head(ACCOUNT, LINE.id)) is None
        assert store.read(store.reader.standing(ACCOUNT, REGION, "line")) is None
        assert [each.row.name for each in store.read(store.reader.pipelines(ACCOUNT, REGION, "", 9))] == ["other"]
        assert store.read(store.reader.pipeline_of_run(ACCOUNT, "run-1-1")) is None
        assert store.commit(lambda transaction: transaction.load(ACCOUNT, LINE.id)) is None
        assert not store.commit(lambda transaction: transaction.has_pipeline(ACCOUNT, LINE.id))
        assert store.commit(lambda transaction: transaction.has_pipeline(ACCOUNT, row("other").id))
        job = store.read(store.reader.job("job-1"))
        assert (job.job.status, job.work) == ("Failed", None)
        assert store.read(store.reader.pipeline(ACCOUNT, REGION, "other")) == row("other")


class TestExecutions:
    def test_open_ones_are_loaded_with_the_versions_that_they_need(self, store: Reopening) -> None:
        add(store, LINE)
        changes = step_of(LINE, 1, execution(1), execution(2, "Succeeded"), execution(3, "Stopping"))
        store.commit(lambda transaction: transaction.write(changes))
        for _ in range(2):
            loaded = store.commit(lambda transaction: transaction.load(ACCOUNT, LINE.id))
            assert loaded is not None
            assert list(loaded.pipeline.executions) == ["execution-1", "execution-3"]
            assert loaded.pipeline.versions == {1: version()}
            assert loaded.revision == 1
            store.reopen()

    def test_they_are_listed_newest_first_before_a_number(self, store: Reopening) -> None:
        add(store, LINE)
        store.commit(lambda transaction: transaction.write(step_of(LINE, 1, *[execution(n) for n in range(1, 6)])))
        found = store.read(store.reader.executions(ACCOUNT, LINE.id, 5, 2))
        assert [each.number for each in found] == [4, 3]
        assert len(store.read(store.reader.executions(ACCOUNT, LINE.id, None, 9))) == 5

    def test_a_change_takes_the_place_of_what_was_there(self, store: Reopening) -> None:
        add(store, LINE)
        store.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1))))
        ended = execution(1, "Succeeded", status_summary="done")
        store.commit(lambda transaction: transaction.write(step_of(LINE, 2, ended, before="InProgress")))
        assert store.read(store.reader.execution(ACCOUNT, LINE.id, "execution-1")) == ended

    def test_a_change_from_another_status_than_the_one_there_is_a_conflict(self, store: Reopening) -> None:
        add(store, LINE)
        store.commit(lambda transaction: transaction.write(step_of(LINE, 1, execution(1, "Succeeded"))))
        changes = step_of(LINE, 2, execution(1, "Failed"), before="InProgress")
        with pytest.raises(Conflict):
            store.commit(lambda transaction: transaction.write(changes))
        assert store.read(store.reader.execution(ACCOUNT, LINE.id, "execution-1")).status == "Succeeded"


class TestHistory:
    def fill(self, store: Reopening) -> None:
        add(store, LINE)
        changes = step_of(LINE, 1, execution(1), execution(2))
        changes.runs = [run_row(LINE, number, attempt) for number in (1, 2) for attempt in (1, 2, 3)]
        store.commit(lambda transaction: transaction.write(changes))

    def places(self, store: Reopening, *given: object) -> list[tuple[int, int]]:
        found = store.read(store.reader.runs(ACCOUNT, LINE.id, *given))
        return [(each.execution_number, each.run.number) for each in found]

    def test_runs_are_listed_newest_first_before_a_place(self, store: Reopening) -> None:
        self.fill(store)
        assert self.places(store, None, None, 9) == [(2, 3), (2, 2), (2, 1), (1, 3), (1, 2), (1, 1)]
        assert self.places(store, None, (2, 2), 2) == [(2, 1), (1, 3)]
        assert self.places(store, 1, None, 2) == [(1, 3), (1, 2)]
        assert self.places(store, 1, (1, 2), 9) == [(1, 1)]

    def test_a_run_that_ends_keeps_what_it_began_with(self, store: Reopening) -> None:
        self.fill(store)
        changes = step_of(LINE, 2, execution(1), before="InProgress")
        changes.runs = [run_row(LINE, 1, 2, "Succeeded")]
        store.commit(lambda transaction: transaction.write(changes))
        record = store.read(store.reader.runs(ACCOUNT, LINE.id, 1, (1, 3), 1))[0]
        assert record.run.status == "Succeeded"
        assert record.input == run_row(LINE, 1, 2).input
        assert (record.execution_id, record.version, record.stage, record.action) == ("execution-1", 1, "Build", "Make")
