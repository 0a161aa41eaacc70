"""Webhooks, connections, watched repositories and the log of deliveries."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from penstock.core.model import PipelineVersion
from penstock.core.triggers import RepositorySource
from penstock.ports.storage import Transaction
from penstock.ports.webhooks import ConnectionRow, DeliveryRow, Outcome, WatchedRepository, WebhookRow
from penstock.storage.sqlite.adapter import SqliteStorage
from penstock.wire import types as wire
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, Store, add, row, version

ARN = "arn:aws:codeconnections:eu-west-1:111122223333:connection/x"
KEY = "arn:aws:codestar-connections:eu-west-1:111122223333:connection/x"


def webhook(name: str = "hook", account: str = ACCOUNT, region: str = REGION, **more: Any) -> WebhookRow:
    definition = wire.WebhookDefinition(
        name=name,
        target_pipeline="line",
        target_action="Pull",
        filters=(wire.WebhookFilterRule(json_path="$.ref"),),
        authentication="GITHUB_HMAC",
        authentication_configuration=wire.WebhookAuthConfiguration(secret_token="****"),
    )
    given = WebhookRow(
        account,
        region,
        name,
        f"id-{name}",
        "sealed-token",
        f"{account}{region}{name}".encode(),
        definition,
        "sealed",
        1.0,
    )
    return replace(given, **more)


def put(store: Store, *rows: WebhookRow) -> None:
    for each in rows:
        store.commit(lambda transaction, each=each: transaction.webhooks.put_webhook(each))


def delivery(day: int, hook_id: str = "id-hook", **more: Any) -> DeliveryRow:
    given = DeliveryRow(ACCOUNT, hook_id, float(day), "127.0.0.1", f"d{day}", "push", "Ignored", "why")
    return replace(given, **more)


def log(store: Store, *rows: DeliveryRow, kept_max: int = 100) -> None:
    for each in rows:
        store.commit(lambda transaction, each=each: transaction.webhooks.log_delivery(each, kept_max))


def numbers(store: Store, hook_id: str = "id-hook", before: int | None = None) -> list[int]:
    return [each.number for each in store.read(store.reader.webhooks.deliveries(ACCOUNT, hook_id, before, 99))]


class TestWebhooks:
    def test_one_comes_back_as_it_was_put_and_changed(self, store: Reopening) -> None:
        put(store, webhook())
        changed = webhook(secret=None, registration="7", last_triggered=5.0, error_code="C", error_message="m")
        put(store, changed)
        store.reopen()
        assert store.read(store.reader.webhooks.webhook(ACCOUNT, REGION, "hook")) == changed
        assert store.commit(lambda transaction: transaction.webhooks.webhook(ACCOUNT, REGION, "hook")) == changed

    def test_a_change_leaves_id_and_token_alone(self, store: Reopening) -> None:
        put(store, webhook(), webhook(id="another", token="other", token_hash=b"other"))
        assert store.read(store.reader.webhooks.webhook(ACCOUNT, REGION, "hook")) == webhook()

    def test_its_token_finds_it(self, store: Reopening) -> None:
        put(store, webhook("a"), webhook("b"))
        assert store.read(store.reader.webhooks.webhook_of_token(webhook("b").token_hash)) == webhook("b")
        assert store.read(store.reader.webhooks.webhook_of_token(b"nobody")) is None

    def test_each_account_and_region_has_its_own_in_the_order_of_names(self, store: Reopening) -> None:
        put(store, webhook("b"), webhook("a"), webhook("c", region="eu-west-2"), webhook("d", account="9" * 12))
        found = store.read(store.reader.webhooks.webhooks(ACCOUNT, REGION, "", 9))
        assert [each.name for each in found] == ["a", "b"]
        assert [each.name for each in store.read(store.reader.webhooks.webhooks(ACCOUNT, REGION, "a", 9))] == ["b"]
        assert store.commit(lambda transaction: transaction.webhooks.webhook_count(ACCOUNT, REGION)) == 2

    def test_a_mark_keeps_the_last_time_it_triggered(self, store: Reopening) -> None:
        put(store, webhook())

        def marked(at: float | None, error: tuple[str, str] | None) -> tuple[float | None, str | None, str | None]:
            store.commit(lambda transaction: transaction.webhooks.mark_webhook(webhook(), at, error))
            found = store.read(store.reader.webhooks.webhook(ACCOUNT, REGION, "hook"))
            return found.last_triggered, found.error_code, found.error_message

        assert marked(5.0, None) == (5.0, None, None)
        assert marked(None, ("Code", "text")) == (5.0, "Code", "text")
        assert marked(None, None) == (5.0, None, None)

    def test_deleting_it_takes_its_log_along(self, store: Reopening) -> None:
        put(store, webhook(), webhook("other"))
        log(store, delivery(1), delivery(1, "id-other"))
        store.commit(lambda transaction: transaction.webhooks.delete_webhook(webhook()))
        assert store.read(store.reader.webhooks.webhook(ACCOUNT, REGION, "hook")) is None
        assert (numbers(store), numbers(store, "id-other")) == ([], [1])


class TestConnections:
    def test_again_keeps_id_and_token_and_changes_the_rest(self, store: Reopening) -> None:
        first = ConnectionRow(ACCOUNT, KEY, KEY, "id-1", "GitHub", "t1", b"h1", "s1", 1.0)
        second = ConnectionRow(ACCOUNT, KEY, ARN, "id-2", "GitLab", "t2", b"h2", "s2", 2.0)
        for each in (first, second):
            store.commit(lambda transaction, each=each: transaction.webhooks.put_connection(each))
        expected = replace(first, arn=ARN, provider="GitLab", secret="s2")
        assert store.read(store.reader.webhooks.connection(ACCOUNT, KEY)) == expected
        assert store.read(store.reader.webhooks.connection_of_token(b"h1")) == expected
        assert store.read(store.reader.webhooks.connection_of_token(b"h2")) is None
        assert store.read(store.reader.webhooks.connection("9" * 12, KEY)) is None


def source(action: str = "Pull", repository: str = "Owner/App", **more: Any) -> RepositorySource:
    return RepositorySource(action=action, connection_arn=ARN, repository=repository, branch="main", **more)


def watch(store: Store, pipeline: str, *sources: RepositorySource) -> None:
    store.commit(lambda transaction: transaction.webhooks.set_sources(ACCOUNT, row(pipeline).id, sources))


def watched(store: Store, repository: str = "owner/app") -> list[tuple[str, str]]:
    found = store.commit(lambda transaction: transaction.webhooks.watched(ACCOUNT, KEY, repository))
    return [(each.pipeline, each.source.action) for each in found]


class TestWatchedRepositories:
    def test_a_repository_finds_all_its_source_actions_and_no_others(self, store: Reopening) -> None:
        for name in ("b", "a"):
            add(store, row(name))
        git = wire.GitConfiguration(source_action_name="Two", push=(wire.GitPushFilter(),))
        watch(store, "b", source("Two", git=git), source("One"))
        watch(store, "a", source(), source("Other", "owner/else"))
        assert watched(store) == [("a", "Pull"), ("b", "One"), ("b", "Two")]
        store.reopen()
        found = store.commit(lambda transaction: transaction.webhooks.watched(ACCOUNT, KEY, "owner/app"))
        assert found[2] == WatchedRepository(row("b").id, "b", REGION, source("Two", git=git))

    def test_those_of_a_pipeline_are_replaced_and_go_with_it(self, store: Reopening) -> None:
        add(store, row("a"))
        watch(store, "a", source())
        watch(store, "a", source("New", "owner/new"))
        assert (watched(store), watched(store, "owner/new")) == ([], [("a", "New")])
        store.commit(lambda transaction: transaction.delete_pipeline(row("a"), 2.0))
        store.commit(lambda transaction: transaction.forget_deleted(ACCOUNT, row("a").id, 100))
        add(store, row("a"))
        assert watched(store, "owner/new") == []


class TestDeliveries:
    def test_they_come_back_newest_first_numbered_for_each_hook(self, store: Reopening) -> None:
        outcome = Outcome("line", REGION, "Started", execution_id="e")
        log(
            store,
            delivery(1),
            delivery(9, "id-other"),
            delivery(2, verdict="Started", reason=None, outcomes=(outcome,)),
        )
        store.reopen()
        found = store.read(store.reader.webhooks.deliveries(ACCOUNT, "id-hook", None, 9))
        assert found == [
            delivery(2, verdict="Started", reason=None, outcomes=(outcome,), number=2),
            delivery(1, number=1),
        ]
        assert numbers(store, before=2) == [1]

    def test_the_newest_are_kept(self, store: Reopening) -> None:
        log(store, *[delivery(number) for number in range(8)], kept_max=3)
        assert numbers(store) == [8, 7, 6]

    def test_what_a_delivery_did_is_found_by_the_senders_id(self, store: Reopening) -> None:
        one, two = Outcome("a", REGION, "Started", execution_id="e1"), Outcome("b", REGION, "Ignored", "why")
        log(store, delivery(1, outcomes=(one,)), delivery(2), delivery(1, outcomes=(two,)))
        found = store.commit(lambda transaction: transaction.webhooks.outcomes_of(ACCOUNT, "id-hook", "d1"))
        assert found == [one, two]

    def test_a_verdict_that_there_is_not_is_no_verdict(self, store: Reopening) -> None:
        with pytest.raises(Exception, match=r"(?i)check constraint"):
            log(store, delivery(1, verdict="Perhaps"))


def git_version() -> PipelineVersion:
    """A version whose source is a repository, as it was kept before there was a table of them."""
    made = version()
    identity = wire.ActionTypeId(category="Source", owner="AWS", provider="CodeStarSourceConnection", version="1")
    where = {"ConnectionArn": ARN, "FullRepositoryId": "Owner/App", "BranchName": "main", "DetectChanges": "False"}
    pull = wire.ActionDeclaration(name="Pull", action_type_id=identity, configuration=where)
    stages = (wire.StageDeclaration(name="Source", actions=(pull,)), *made.declaration.stages[1:])
    return replace(made, declaration=replace(made.declaration, stages=stages))


def test_pipelines_that_were_there_before_are_found_by_their_repository(tmp_path: Path, store: Reopening) -> None:
    add(store, row("plain"))

    def before(transaction: Transaction) -> None:
        connection: sqlite3.Connection = transaction.connection  # type: ignore[attr-defined]
        for table in ("webhooks", "connections", "repository_sources", "webhook_deliveries"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM migrations WHERE number = 3")
        document = msgspec.json.encode(git_version())
        connection.execute("UPDATE pipeline_versions SET document = ?", (document,))

    if not isinstance(store.storage, SqliteStorage):
        pytest.skip("an upgrade of SQLite's schema")
    store.commit(before)
    store.reopen()
    found = store.commit(lambda transaction: transaction.webhooks.watched(ACCOUNT, KEY, "owner/app"))
    assert found == [WatchedRepository(row("plain").id, "plain", REGION, source(detects_changes=False))]
