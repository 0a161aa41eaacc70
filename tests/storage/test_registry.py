"""What is known of a partition beside its pipelines: types, tags, request tokens, logs, timers."""

from dataclasses import asdict, dataclass

import pytest

from penstock.ports.storage import ActionTypeRow, Changes, DueTimer, TimerRow, Transaction
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, add, row

LINE = row()


def custom(provider: str, account: str = ACCOUNT, deleted_at: float | None = None) -> ActionTypeRow:
    key = f"Custom/{account}/{REGION}/Build/{provider}/1"
    return ActionTypeRow(key, account, REGION, "Custom", "Build", provider, "1", b"{}", 1.0, deleted_at)


def partner(provider: str, account: str = "999999999999") -> ActionTypeRow:
    key = f"ThirdParty/Test/{provider}/1"
    return ActionTypeRow(key, account, REGION, "ThirdParty", "Test", provider, "1", b"{}", 1.0)


def put(store: Reopening, *types: ActionTypeRow) -> None:
    for each in types:
        store.commit(lambda transaction, each=each: transaction.put_action_type(each))


class TestTypes:
    def test_an_accounts_own_and_every_partners_are_listed_but_no_deleted_ones(self, store: Reopening) -> None:
        put(store, custom("B"), custom("A"), custom("C", deleted_at=2.0), custom("D", "888888888888"), partner("P"))
        found = store.read(store.reader.action_types(ACCOUNT, REGION, "", 9))
        assert [each.provider for each in found] == ["A", "B", "P"]
        after = store.read(store.reader.action_types(ACCOUNT, REGION, found[0].type_key, 1))
        assert [each.provider for each in after] == ["B"]
        assert store.commit(lambda transaction: transaction.custom_type_count(ACCOUNT, REGION)) == 2

    def test_they_are_walked_one_by_one_from_an_accounts_own_to_the_partners(self, store: Reopening) -> None:
        put(store, partner("P"), custom("B"), custom("D", "888888888888"), partner("A"), custom("A"), partner("Z"))
        found, after = [], ""
        while page := store.read(store.reader.action_types(ACCOUNT, REGION, after, 1)):
            found += [each.provider for each in page]
            after = page[-1].type_key
        assert found == ["A", "B", "A", "P", "Z"]
        before_all = store.read(store.reader.action_types(ACCOUNT, REGION, "AWS/Source/S3/1", 2))
        assert [each.provider for each in before_all] == ["A", "B"]

    def test_a_change_is_read_from_its_commit_on(self, store: Reopening) -> None:
        key = custom("A").type_key
        assert store.read(store.reader.action_type(key)) is None
        put(store, custom("A"))
        assert store.read(store.reader.action_type(key)) == custom("A")
        put(store, custom("A", deleted_at=5.0))
        assert store.read(store.reader.action_type(key)) == custom("A", deleted_at=5.0)
        assert store.commit(lambda transaction: transaction.action_type(key)) == custom("A", deleted_at=5.0)

    def test_what_was_rolled_back_is_not_remembered(self, store: Reopening) -> None:
        def work(transaction: Transaction) -> None:
            transaction.put_action_type(custom("A"))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.commit(work)
        assert store.read(store.reader.action_type(custom("A").type_key)) is None

    def test_partner_types_are_known_by_provider_and_version(self, store: Reopening) -> None:
        put(store, partner("P"), custom("Q"))
        found = [
            store.commit(lambda transaction, name=name: transaction.partner_types(name, "1")) for name in ("P", "Q")
        ]
        assert found == [[partner("P")], []]
        assert store.commit(lambda transaction: transaction.partner_types("P", "2")) == []


class TestTags:
    def test_a_set_of_tags_takes_the_place_of_the_last_one(self, store: Reopening) -> None:
        store.commit(lambda transaction: transaction.set_tags(ACCOUNT, "arn", {"b": "2", "a": "1"}))
        store.commit(lambda transaction: transaction.set_tags(ACCOUNT, "arn", {"c": "3", "a": "4"}))
        assert store.read(store.reader.tags(ACCOUNT, "arn")) == {"a": "4", "c": "3"}
        assert store.read(store.reader.tags(ACCOUNT, "other")) == {}
        assert store.read(store.reader.tags("999999999999", "arn")) == {}


class TestRequestTokens:
    def test_a_token_counts_from_its_time_for_its_pipeline(self, store: Reopening) -> None:
        store.commit(lambda transaction: transaction.keep_request_token(ACCOUNT, "p", "t", b"f", "e", 100.0))

        def known(pipeline_id: str, since: float) -> object:
            return store.commit(lambda transaction: transaction.request_token(ACCOUNT, pipeline_id, "t", since))

        assert known("p", 100.0) == (b"f", "e")
        assert known("p", 100.1) is None
        assert known("q", 0.0) is None

    def test_an_expired_token_can_be_kept_anew(self, store: Reopening) -> None:
        for at, execution_id in ((100.0, "e1"), (900.0, "e2")):
            store.commit(
                lambda transaction, at=at, e=execution_id: transaction.keep_request_token(
                    ACCOUNT, "p", "t", b"f", e, at
                )
            )
        assert store.commit(lambda transaction: transaction.request_token(ACCOUNT, "p", "t", 500.0)) == (b"f", "e2")


class TestLogs:
    def test_pieces_are_numbered_in_order_and_read_after_a_number(self, store: Reopening) -> None:
        for text in ("one", "two\u0000\n", "three"):
            store.commit(lambda transaction, text=text: transaction.append_log(ACCOUNT, "run", text, 1.0))
        found = store.read(store.reader.log(ACCOUNT, "run", 1, 9))
        assert [(each.number, each.text) for each in found] == [(2, "two\u0000\n"), (3, "three")]
        assert len(store.read(store.reader.log(ACCOUNT, "run", 0, 2))) == 2
        assert store.read(store.reader.log(ACCOUNT, "other", 0, 9)) == []


@dataclass(frozen=True)
class At:
    stamp: str
    due_at: float
    kind: str = "JobTimeout"


def set_timers(store: Reopening, *timers: At) -> None:
    rows = [TimerRow(account=ACCOUNT, pipeline_id="p", **asdict(each)) for each in timers]
    store.commit(lambda transaction: transaction.write(Changes(timers_set=rows)))


class TestTimers:
    def due(self, store: Reopening, now: float) -> list[str]:
        return [each.stamp for each in store.read(store.reader.due_timers(now, 9))]

    def test_the_earliest_is_due_first(self, store: Reopening) -> None:
        assert store.read(store.reader.next_due_at()) is None
        set_timers(store, At("c", 30.0), At("a", 10.0), At("b", 20.0))
        assert store.read(store.reader.next_due_at()) == 10.0
        assert self.due(store, 20.0) == ["a", "b"]
        assert self.due(store, 9.9) == []
        assert store.read(store.reader.due_timers(99.0, 1)) == [DueTimer(ACCOUNT, "p", "JobTimeout", "a")]

    def test_setting_one_again_moves_it(self, store: Reopening) -> None:
        set_timers(store, At("a", 10.0))
        set_timers(store, At("a", 40.0))
        assert (self.due(store, 39.0), self.due(store, 40.0)) == ([], ["a"])

    def test_a_cleared_one_is_gone_and_its_namesake_of_another_kind_stays(self, store: Reopening) -> None:
        set_timers(store, At("a", 10.0), At("a", 11.0, "Deadline"))
        cleared = Changes(timers_cleared=[(ACCOUNT, "JobTimeout", "a"), (ACCOUNT, "JobTimeout", "nobody")])
        store.commit(lambda transaction: transaction.write(cleared))
        assert [each.kind for each in store.read(store.reader.due_timers(99.0, 9))] == ["Deadline"]
        store.commit(lambda transaction: transaction.clear_timer(ACCOUNT, "Deadline", "a"))
        assert store.read(store.reader.next_due_at()) is None

    def test_one_cleared_and_set_in_one_commit_is_set(self, store: Reopening) -> None:
        set_timers(store, At("a", 10.0))
        both = Changes(
            timers_cleared=[(ACCOUNT, "JobTimeout", "a")], timers_set=[TimerRow(ACCOUNT, "p", "JobTimeout", "a", 50.0)]
        )
        store.commit(lambda transaction: transaction.write(both))
        assert store.read(store.reader.next_due_at()) == 50.0

    def test_those_of_a_deleted_pipeline_are_gone(self, store: Reopening) -> None:
        add(store, LINE)
        timer = TimerRow(ACCOUNT, LINE.id, "Deadline", LINE.id, 10.0)
        store.commit(lambda transaction: transaction.write(Changes(timers_set=[timer])))
        store.commit(lambda transaction: transaction.delete_pipeline(LINE, 1.0))
        assert store.read(store.reader.next_due_at()) is None
