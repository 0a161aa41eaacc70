"""Going through sealed texts at rest, and putting others in their place."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from penstock.core.model import PipelineVersion
from penstock.ports.principals import KeyRow
from penstock.ports.sealed import PLACES, Place, RowKey, SealedRow, SealingKeyRow, Slice
from penstock.ports.storage import Aggregate, Changes, EndedJob, Transaction
from penstock.ports.webhooks import ConnectionRow
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, add, claim, new_job, offer, row, run_row, step_of, version, work_of
from storage.test_webhooks import webhook

OLD, NEW = "penstock:v1:00000000:old", "penstock:v1:11111111:new"


def rows_of(store: Reopening, place: Place, rows_max: int = 100) -> list[SealedRow]:
    """All of a place, slice by slice."""
    found: list[SealedRow] = []
    after: RowKey | None = None
    while True:
        piece = store.read(store.reader.sealed.slice(place, after, rows_max))
        found += piece.rows
        after = piece.last
        if after is None:
            return found


def renew(store: Reopening, place: Place, found: SealedRow) -> bool:
    value = found.value.replace(OLD.encode(), NEW.encode())
    return store.commit(lambda transaction: transaction.sealed.replace(place, found, value))


def sealed_version(number: int) -> PipelineVersion:
    """A version with a secret in the configuration of its last action."""
    plain = version(number)
    *before, last = plain.declaration.stages
    changed = replace(last, actions=(replace(last.actions[0], configuration={"Password": OLD}),))
    return replace(plain, declaration=replace(plain.declaration, stages=(*before, changed)))


def secret_of(found: PipelineVersion) -> str:
    return (found.declaration.stages[-1].actions[0].configuration or {})["Password"]


def keep_root_keys(transaction: Any) -> None:
    """As servers that share a database do, which have no transaction for it."""
    sql = f"INSERT INTO server_secrets (name, secret) VALUES ('root access key', '{OLD}')"
    if hasattr(transaction, "connection"):
        transaction.connection.execute(sql)
    else:
        transaction._session.run(sql, {})


@pytest.fixture
def filled(store: Reopening) -> Reopening:
    """Something sealed in each place, and something beside it that is not."""
    line = row()
    add(store, line)
    add(store, row("other"))
    work = replace(work_of(), configuration={"Password": OLD}, secret_keys=("Password",))

    def fill(transaction: Any) -> None:
        keep_root_keys(transaction)
        transaction.add_version(line, sealed_version(2), 2.0)
        transaction.principals.add_key(KeyRow("AKIA1", ACCOUNT, "somebody", OLD, 1.0))
        transaction.webhooks.put_webhook(webhook("hook", token=OLD, secret=OLD))
        transaction.webhooks.put_webhook(webhook("open", secret=None))
        connection = ConnectionRow(ACCOUNT, "arn:c", "arn:c", "id-c", "GitHub", OLD, b"hash", OLD, 1.0)
        transaction.webhooks.put_connection(connection)
        transaction.sealed.put_fingerprint_key(OLD)
        history = step_of(line, 1)
        secret, plain = run_row(line, 1, 1), run_row(line, 1, 2)
        assert secret.input is not None
        history.runs = [replace(secret, input=replace(secret.input, configuration={"Password": OLD})), plain]
        transaction.write(history)

    store.commit(fill)
    offer(store, new_job(1, line, work=work), new_job(2, line))
    return store


@pytest.mark.parametrize("place", PLACES)
def test_what_is_sealed_in_a_place_is_found_and_replaced(filled: Reopening, place: Place) -> None:
    (found,) = rows_of(filled, place)
    assert OLD.encode() in found.value
    assert renew(filled, place, found)
    (again,) = rows_of(filled, place)
    assert again == SealedRow(found.key, found.value.replace(OLD.encode(), NEW.encode()))


@pytest.mark.parametrize("place", PLACES)
def test_what_has_changed_meanwhile_is_left_as_it_is(filled: Reopening, place: Place) -> None:
    (found,) = rows_of(filled, place)
    assert not renew(filled, place, SealedRow(found.key, found.value + b" as it was"))
    assert rows_of(filled, place) == [found]
    gone = SealedRow((*found.key[:-1], "zz" if isinstance(found.key[-1], str) else 99), found.value)
    assert not renew(filled, place, gone)


def test_what_is_replaced_reads_back_in_its_own_form(filled: Reopening) -> None:
    for place in PLACES:
        for found in rows_of(filled, place):
            assert renew(filled, place, found)
    filled.reopen()
    hook = filled.read(filled.reader.webhooks.webhook(ACCOUNT, REGION, "hook"))
    key = filled.read(filled.reader.principals.access_key("AKIA1"))
    assert (hook.token, hook.secret, key.secret) == (NEW, NEW, NEW)
    assert filled.read(filled.reader.sealed.fingerprint_key()) == NEW
    assert secret_of(filled.read(filled.reader.version(ACCOUNT, row().id, 2))) == NEW
    (record, _) = sorted(
        filled.read(filled.reader.runs(ACCOUNT, row().id, None, None, 9)), key=lambda each: each.run.number
    )
    assert record.input.configuration == {"Password": NEW}


def test_slices_meet_every_row_once(store: Reopening) -> None:
    add(store, row())
    jobs = [
        new_job(number, row(), work=replace(work_of(f"Make{number}"), configuration={"K": OLD}))
        for number in range(1, 8)
    ]
    offer(store, *jobs)
    keys = [f"AKIA{number}" for number in range(7)]

    def fill(transaction: Any) -> None:
        keep_root_keys(transaction)
        for name in keys:
            transaction.principals.add_key(KeyRow(name, ACCOUNT, name, OLD, 1.0))

    store.commit(fill)
    for rows_max in (1, 3, 7, 8):
        assert [found.key for found in rows_of(store, "access_keys", rows_max)] == [(name,) for name in keys]
        work = [msgspec.json.decode(found.value)["action"] for found in rows_of(store, "jobs", rows_max)]
        assert work == [f"Make{number}" for number in range(1, 8)]


def test_a_slice_is_bounded_where_nothing_is_sealed(store: Reopening) -> None:
    add(store, row())
    offer(store, *(new_job(number, row()) for number in range(1, 6)))
    piece = store.read(store.reader.sealed.slice("jobs", None, 2))
    assert piece.rows == ()
    assert store.read(store.reader.sealed.slice("jobs", piece.last, 9)) == Slice((), None)
    assert store.read(store.reader.sealed.slice("jobs", piece.last, 3)).last is not None
    assert store.read(store.reader.sealed.slice("jobs", piece.last, 4)).last is None


def test_decoded_documents_that_are_kept_are_replaced_with_those_in_the_file(filled: Reopening) -> None:
    """A claim and a load after the change see the new texts, though both were decoded before it."""
    (before,) = filled.commit(lambda transaction: transaction.claim([claim(1)]))[0]
    assert before.work.configuration == {"Password": OLD}
    loaded = filled.commit(lambda transaction: transaction.load(ACCOUNT, row().id))
    assert 2 not in loaded.pipeline.versions
    move_head(filled, 2)
    assert secret_of(head_version(filled)) == OLD
    for place in ("pipeline_versions", "jobs"):
        for found in rows_of(filled, place):
            assert renew(filled, place, found)
    # By then what was handed out and not acknowledged is handed out again.
    (again,) = filled.commit(lambda transaction: transaction.claim([claim(9, now=1000.0)]))
    assert {job.id: job.work.configuration for job in again}[before.id] == {"Password": NEW}
    assert secret_of(head_version(filled)) == NEW


def move_head(store: Reopening, number: int) -> None:
    """Make a version the pipeline's current one, as a step does."""

    def work(transaction: Transaction) -> None:
        known = transaction.load(ACCOUNT, row().id)
        assert known is not None
        found = transaction.version(ACCOUNT, row().id, number)
        assert found is not None
        head = replace(known.pipeline.head, version=number)
        state = replace(known.pipeline, head=head, versions={number: found})
        changed = Aggregate(state, known.revision + 1, is_head_changed=True)
        transaction.write(Changes(aggregates=[changed]))

    store.commit(work)


def head_version(store: Reopening) -> Any:
    aggregate = store.commit(lambda transaction: transaction.load(ACCOUNT, row().id))
    return aggregate.pipeline.versions[aggregate.pipeline.head.version]


def test_an_ended_job_has_nothing_sealed(filled: Reopening) -> None:
    filled.commit(lambda transaction: transaction.write(Changes(jobs_ended=[EndedJob("job-1", "Succeeded", 5.0)])))
    assert rows_of(filled, "jobs") == []


def test_keys_are_noted_marked_and_forgotten(store: Reopening) -> None:
    first, second = SealingKeyRow("aaaa0000", 1.0), SealingKeyRow("bbbb0000", 2.0)

    def note(transaction: Transaction) -> None:
        for each in (second, first):
            transaction.sealed.put_sealing_key(each)

    store.commit(note)
    assert store.read(store.reader.sealed.sealing_keys()) == [first, second]
    # Noted again, a key keeps the time since when it has been known.
    marked = replace(first, unused_since=3.0)
    store.commit(lambda transaction: transaction.sealed.put_sealing_key(replace(marked, since=9.0)))
    assert store.read(store.reader.sealed.sealing_keys()) == [marked, second]
    store.commit(lambda transaction: transaction.sealed.delete_sealing_key("aaaa0000"))
    assert store.read(store.reader.sealed.sealing_keys()) == [second]
