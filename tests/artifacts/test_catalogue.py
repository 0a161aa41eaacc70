"""The rows by themselves: what is refused writes nothing, and what is announced is in the same transaction."""

import asyncio
import re

import msgspec
import pytest

from artifacts.store import Database, catalogue_of, migration
from penstock.ports.objects import (
    BucketRow,
    Checksum,
    Condition,
    Deletion,
    KeyRange,
    ObjectName,
    ObjectRow,
    PartRow,
    Refused,
    UploadRow,
)
from penstock.storage.queries import load

NAME = ObjectName("1", "bucket", "a")
PLACE = {"account": "1", "bucket": "bucket", "key": "a"}


class Changes:
    """Commits, and remembers whether a refused write had changed anything by then."""

    def __init__(self, database):
        self._database = database
        self.after_refusals = []

    async def __call__(self, work):
        def watched(connection):
            before = connection.total_changes
            try:
                return work(connection)
            except Refused:
                self.after_refusals.append(connection.total_changes - before)
                raise

        return await self._database.commit(watched)


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "store.db")
    yield opened
    opened.close()


def row(version_id="v1", **fields):
    return ObjectRow(**PLACE, version_id=version_id, last_modified=5.0, **fields)


def test_a_row_comes_back_as_it_was_written(database):
    full = row(
        size=3,
        etag="e",
        file="f",
        content_type="text/plain",
        metadata={"a": "b", "ü": "\x80"},
        headers={"expires": "0"},
        checksum=Checksum("SHA1", "s-2", "COMPOSITE"),
        part_sizes=(1, 2),
        upload_id="u",
    )
    upload = UploadRow(**PLACE, upload_id="u", initiated_at=1.0, metadata={"a": "b"}, checksum_algorithm="SHA1")
    part = PartRow(upload_id="u", number=1, size=1, etag="e", file="p", last_modified=2.0, checksum=full.checksum)

    async def round_trip():
        catalogue = catalogue_of(database.reader, database.commit)
        await catalogue.create_bucket(BucketRow("1", "us-east-1", "bucket", 7.0))
        assert await catalogue.find_bucket("1", "bucket") == BucketRow("1", "us-east-1", "bucket", 7.0)
        await catalogue.set_versioning("1", "bucket", "Enabled")
        stored = await catalogue.put_object(full)
        assert stored.row == msgspec.structs.replace(full, rank=-1)
        assert await catalogue.find_object(NAME) == await catalogue.find_object(NAME, "v1") == stored.row
        await catalogue.create_upload(upload)
        await catalogue.put_part(NAME, part)
        assert await catalogue.find_upload(NAME, "u") == upload
        assert await catalogue.list_uploads(KeyRange("1", "bucket"), "", 9) == [upload]
        assert await catalogue.list_parts("1", "u", 0, 9) == [part]
        assert await catalogue.named_files(["f", "p", "x", ""]) == {"f", "p"}

    asyncio.run(round_trip())


def test_a_refusal_comes_before_anything_is_written(database):
    changes = Changes(database)
    catalogue = catalogue_of(database.reader, changes)
    part = PartRow(upload_id="u", number=1, size=1, etag="e", file="p", last_modified=2.0)
    upload = UploadRow(**PLACE, upload_id="u", initiated_at=1.0)
    finished = row(upload_id="u")

    async def refuse():
        for code, write in (
            ("NoSuchBucket", catalogue.put_object(row())),
            ("NoSuchBucket", catalogue.create_upload(upload)),
            ("NoSuchBucket", catalogue.set_versioning("1", "bucket", "Enabled")),
            ("NoSuchBucket", catalogue.delete_objects("1", "bucket", [Deletion("a", None, "m", 1.0)])),
            ("NoSuchBucket", catalogue.delete_bucket("1", "bucket")),
            ("", catalogue.create_bucket(BucketRow("1", "us-east-1", "bucket", 0.0))),
            ("BucketAlreadyOwnedByYou", catalogue.create_bucket(BucketRow("1", "eu-west-1", "bucket", 0.0))),
            ("NoSuchUpload", catalogue.put_part(NAME, part)),
            ("NoSuchUpload", catalogue.complete_upload(finished, [part])),
            ("NoSuchUpload", catalogue.abort_upload(NAME, "u")),
            ("NoSuchKey", catalogue.put_object(row(), Condition(etag="e"))),
            ("", catalogue.put_object(row(etag="e"))),
            ("PreconditionFailed", catalogue.put_object(row(), Condition(absent=True))),
            ("PreconditionFailed", catalogue.put_object(row(), Condition(etag="other"))),
            ("BucketNotEmpty", catalogue.delete_bucket("1", "bucket")),
            ("", catalogue.create_upload(upload)),
            ("InvalidPart", catalogue.complete_upload(finished, [part])),
            ("", catalogue.put_part(NAME, part)),
            ("PreconditionFailed", catalogue.complete_upload(finished, [part], Condition(absent=True))),
        ):
            try:
                await write
                refused = ""
            except Refused as refusal:
                refused = refusal.code
            assert refused == code

    asyncio.run(refuse())
    assert set(changes.after_refusals) == {0}


def test_what_is_put_is_announced_once_and_with_its_final_id(database):
    announced = []

    def on_put(statements, stored):
        assert statements.connection.in_transaction
        found = statements.connection.execute("SELECT version_id FROM objects WHERE is_latest = 1").fetchall()
        announced.append((stored.version_id, found))

    catalogue = catalogue_of(database.reader, database.commit, on_put)
    part = PartRow(upload_id="u", number=1, size=1, etag="e", file="p", last_modified=2.0)

    async def put():
        await catalogue.create_bucket(BucketRow("1", "us-east-1", "bucket", 0.0))
        await catalogue.put_object(row("v1"))
        await catalogue.set_versioning("1", "bucket", "Enabled")
        await catalogue.put_object(row("v2"))
        await catalogue.create_upload(UploadRow(**PLACE, upload_id="u", initiated_at=1.0))
        await catalogue.put_part(NAME, part)
        await catalogue.complete_upload(row("v3", upload_id="u"), [part])
        await catalogue.delete_objects("1", "bucket", [Deletion("a", None, "m", 1.0)])

    asyncio.run(put())
    assert announced == [(one, [(one,)]) for one in ("null", "v2", "v3")]


@pytest.mark.parametrize("query", sorted(load("objects").keys() - {"named_files"}))
def test_no_query_reads_a_whole_table_or_sorts(database, query):
    text = load("objects")[query]
    plan = database.reader.execute("EXPLAIN QUERY PLAN " + text, dict.fromkeys(re.findall(r":(\w+)", text), ""))
    steps = [step[3] for step in plan]
    assert not [step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step]
    assert not [step for step in steps if "TEMP B-TREE" in step]


def test_a_listing_of_current_objects_does_not_meet_old_versions(database):
    text = load("objects")["list_objects"]
    plan = database.reader.execute("EXPLAIN QUERY PLAN " + text, dict.fromkeys(re.findall(r":(\w+)", text), ""))
    assert "USING INDEX objects_current (account=? AND bucket=? AND key>? AND key<?)" in plan.fetchall()[0][3]


def test_each_name_loads_its_own_queries():
    queries = load("objects")
    assert queries["find_bucket"].startswith("SELECT account, region, name")
    assert not any("-- name:" in text or text.endswith(";") for text in queries.values())
    with pytest.raises(FileNotFoundError):
        load("nothing of that name")


def test_the_migration_is_made_of_tables_and_indexes():
    assert migration().count("CREATE TABLE") == 4
    assert migration().count("WITHOUT ROWID") == 4
