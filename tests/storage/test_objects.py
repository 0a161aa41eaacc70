"""The rows of the embedded object store in every database: what is put is found, listed by its bytes, replaced in order."""

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.ports.objects import (
    BUCKET_UPLOADS_MAX,
    KEY_UPLOADS_MAX,
    BucketRow,
    Checksum,
    Condition,
    Deleted,
    Deletion,
    KeyRange,
    ObjectCatalogue,
    ObjectName,
    ObjectRow,
    PartRow,
    Refused,
    UploadRow,
)
from penstock.ports.storage import Transaction, Watch
from penstock.storage.catalogue import Catalogue, tell_watchers
from storage.conftest import Reopening
from storage.samples import ACCOUNT, REGION, Store, row
from storage.servers import WAIT_SECONDS, WAITING, Pair
from waiting import eventually

LINE = row()
NAME = ObjectName(ACCOUNT, "bucket", "key")
ALL = KeyRange(ACCOUNT, "bucket")
PLACE = {"account": ACCOUNT, "bucket": "bucket", "key": "key"}
BUCKET = BucketRow(ACCOUNT, REGION, "bucket", 1.0)


def catalogue_of(store: Store) -> Any:
    """The catalogue that goes with a storage."""
    storage: Any = store.storage

    async def commit(work: Any) -> Any:
        return await storage.commit(lambda transaction: work(transaction.statements))

    return storage.catalogue(commit)


def row_of(version_id: str, **more: Any) -> ObjectRow:
    return ObjectRow(**{**PLACE, "version_id": version_id, "last_modified": 5.0, "file": version_id, **more})


def upload_of(upload_id: str, **more: Any) -> UploadRow:
    return UploadRow(**{**PLACE, "upload_id": upload_id, "initiated_at": 1.0, **more})


def part_of(upload_id: str, number: int, file: str) -> PartRow:
    return PartRow(upload_id=upload_id, number=number, size=1, etag="e", file=file, last_modified=2.0)


class Box:
    """A catalogue with a bucket in it, spoken to without `await`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.catalogue: ObjectCatalogue = catalogue_of(store)
        self("create_bucket", BUCKET)

    def __call__(self, method: str, *arguments: Any) -> Any:
        return self.store.read(getattr(self.catalogue, method)(*arguments))

    def refusal(self, method: str, *arguments: Any) -> str:
        with pytest.raises(Refused) as refused:
            self(method, *arguments)
        return refused.value.code


@pytest.fixture
def box(store: Reopening) -> Box:
    return Box(store)


class TestBuckets:
    def test_they_are_listed_by_the_bytes_of_their_names_for_each_account(self, box: Box) -> None:
        for name in ("b", "a", "c-1"):
            box("create_bucket", replace(BUCKET, name=name))
        box("create_bucket", replace(BUCKET, account="9" * 12))
        names = [each.name for each in box("list_buckets", ACCOUNT, "a", "bz", 9)]
        assert names == ["a", "b", "bucket"]
        assert box("list_buckets", ACCOUNT, "b", "z", 1) == [replace(BUCKET, name="b")]
        assert box("find_bucket", ACCOUNT, "bucket") == BUCKET
        assert box("find_bucket", ACCOUNT, "none") is None
        assert box.refusal("create_bucket", BUCKET) == "BucketAlreadyOwnedByYou"

    def test_one_goes_when_it_is_empty_with_its_unfinished_uploads(self, box: Box) -> None:
        box("put_object", row_of("v"))
        box("create_upload", upload_of("u"))
        box("put_part", NAME, part_of("u", 1, "part"))
        assert box.refusal("delete_bucket", ACCOUNT, "bucket") == "BucketNotEmpty"
        box("delete_objects", ACCOUNT, "bucket", [Deletion("key", None, "m", 1.0)])
        assert box("delete_bucket", ACCOUNT, "bucket") == ["part"]
        assert box.refusal("delete_bucket", ACCOUNT, "bucket") == "NoSuchBucket"
        assert box.refusal("put_object", row_of("v")) == "NoSuchBucket"
        assert box("find_upload", NAME, "u") is None


class TestObjects:
    def test_a_row_comes_back_as_it_was_written(self, box: Box) -> None:
        full = row_of(
            "v",
            size=3,
            etag="e",
            content_type="text/plain",
            metadata={"a": "b", "ü": "\x80\x00"},
            headers={"expires": "0"},
            checksum=Checksum("SHA1", "s-2", "COMPOSITE"),
            part_sizes=(1, 2),
            upload_id="u",
        )
        box("set_versioning", ACCOUNT, "bucket", "Enabled")
        stored = box("put_object", full)
        assert stored.row == replace(full, rank=-1)
        box.store.reopen()  # type: ignore[attr-defined]
        again = Box.__new__(Box)
        again.store, again.catalogue = box.store, catalogue_of(box.store)
        assert again("find_object", NAME) == again("find_object", NAME, "v") == stored.row

    def test_keys_are_listed_by_their_bytes_and_hidden_ones_left_out(self, box: Box) -> None:
        keys = ["b", "B", "a/b", "a", "é", "\U0001f600", "z", "_", "a\x00"]
        for key in keys:
            box("put_object", row_of("v", key=key, file=key))
        ordered = sorted((key for key in keys if key != "a\x00"), key=str.encode)
        found = [each.key for each in box("list_objects", ALL, 99)]
        assert [key for key in found if key != "a\x00"] == ordered
        assert sorted(found) == sorted(keys)
        middle = KeyRange(ACCOUNT, "bucket", "_", "b")
        assert [each.key for each in box("list_objects", middle, 2)] == ["_", "a"]
        box("delete_objects", ACCOUNT, "bucket", [Deletion("z", None, "m", 1.0)])
        assert "z" not in [each.key for each in box("list_objects", ALL, 99)]

    def test_where_versions_are_kept_the_newest_is_first_and_a_marker_hides_them(self, box: Box) -> None:
        box("put_object", row_of("ignored"))
        box("set_versioning", ACCOUNT, "bucket", "Enabled")
        for version_id in ("v1", "v2"):
            assert box("put_object", row_of(version_id)).dropped == []
        (deleted,) = box("delete_objects", ACCOUNT, "bucket", [Deletion("key", None, "v3", 1.0)])
        assert deleted == Deleted("key", "v3", is_delete_marker=True)
        versions = [(each.version_id, each.is_latest) for each in box("list_versions", ALL, "", 9)]
        assert versions == [("v3", True), ("v2", False), ("v1", False), ("null", False)]
        after = KeyRange(ACCOUNT, "bucket", "key")
        assert [each.version_id for each in box("list_versions", after, "v2", 9)] == ["v1", "null"]
        assert box("list_objects", ALL, 9) == []
        (undone,) = box("delete_objects", ACCOUNT, "bucket", [Deletion("key", "v3", "", 1.0)])
        assert undone.is_delete_marker
        assert [each.version_id for each in box("list_objects", ALL, 9)] == ["v2"]

    def test_suspended_versioning_replaces_the_one_called_null(self, box: Box) -> None:
        box("set_versioning", ACCOUNT, "bucket", "Enabled")
        box("put_object", row_of("v1"))
        box("set_versioning", ACCOUNT, "bucket", "Suspended")
        assert box("put_object", row_of("x", file="one")).dropped == []
        assert box("put_object", row_of("y", file="two")).dropped == ["one"]
        assert [each.version_id for each in box("list_versions", ALL, "", 9)] == ["null", "v1"]

    def test_conditions_hold_or_nothing_is_written(self, box: Box) -> None:
        assert box.refusal("put_object", row_of("v"), Condition(etag="e")) == "NoSuchKey"
        box("put_object", row_of("v", etag="e"))
        assert box.refusal("put_object", row_of("w"), Condition(absent=True)) == "PreconditionFailed"
        assert box.refusal("put_object", row_of("w"), Condition(etag="other")) == "PreconditionFailed"
        (kept,) = box("delete_objects", ACCOUNT, "bucket", [Deletion("key", None, "m", 1.0, etag="other")])
        assert kept.refused == "PreconditionFailed"
        assert box("put_object", row_of("w", etag="f"), Condition(etag="e")).dropped == ["v"]
        assert box("find_object", NAME).etag == "f"

    def test_a_change_is_told_to_those_who_watch(self, box: Box) -> None:
        watch = Watch(ACCOUNT, "bucket", "key", LINE.id, "Pull")
        box.store.commit(lambda transaction: transaction.set_watches(ACCOUNT, LINE.id, [watch]))
        box("put_object", row_of("v", key="another"))
        assert box.store.read(box.store.reader.next_due_at()) is None
        for version_id in ("v", "w"):
            box("put_object", row_of(version_id))
        (timer,) = box.store.read(box.store.reader.due_timers(9.0, 9))
        assert (timer.kind, timer.stamp, timer.pipeline_id) == ("SourceChanged", f"{LINE.id}/Pull", LINE.id)

    def test_files_that_a_row_names_are_known(self, box: Box) -> None:
        box("put_object", row_of("f"))
        box("create_upload", upload_of("u"))
        box("put_part", NAME, part_of("u", 1, "p"))
        assert box("named_files", ["f", "p", "x", ""]) == {"f", "p"}
        assert box("named_files", []) == set()


class TestUploads:
    def test_one_is_listed_completed_and_gone_with_its_parts(self, box: Box) -> None:
        upload = upload_of("u", metadata={"a": "b"}, checksum_algorithm="SHA1")
        box("create_upload", upload)
        assert box("find_upload", NAME, "u") == upload
        parts = [part_of("u", number, f"p{number}") for number in (1, 2)]
        assert [box("put_part", NAME, part) for part in parts] == [[], []]
        assert box("put_part", NAME, replace(parts[0], file="new")) == ["p1"]
        assert box("list_parts", ACCOUNT, "u", 1, 9) == [parts[1]]
        assert box.refusal("complete_upload", row_of("v", upload_id="u"), parts) == "InvalidPart"
        stored = box("complete_upload", row_of("v", upload_id="u"), [replace(parts[0], file="new"), parts[1]])
        assert sorted(stored.dropped) == ["new", "p2"]
        assert box("find_upload", NAME, "u") is None
        assert box("list_parts", ACCOUNT, "u", 0, 9) == []
        assert box.refusal("abort_upload", NAME, "u") == "NoSuchUpload"
        assert box.refusal("put_part", NAME, parts[0]) == "NoSuchUpload"

    def test_they_are_listed_by_key_and_id_and_by_age(self, box: Box) -> None:
        given = [("b", "1", 3.0), ("a", "2", 1.0), ("a", "1", 2.0)]
        for key, upload_id, at in given:
            box("create_upload", upload_of(upload_id, key=key, initiated_at=at))
        found = [(each.key, each.upload_id) for each in box("list_uploads", ALL, "", 9)]
        assert found == [("a", "1"), ("a", "2"), ("b", "1")]
        after = KeyRange(ACCOUNT, "bucket", "a")
        assert [each.upload_id for each in box("list_uploads", after, "1", 1)] == ["2"]
        assert [each.initiated_at for each in box("stale_uploads", 3.0, 9)] == [1.0, 2.0]
        assert box("abort_upload", ObjectName(ACCOUNT, "bucket", "a"), "2") == []

    def test_there_is_an_end_to_how_many_are_under_way_for_a_key(self, box: Box) -> None:
        assert KEY_UPLOADS_MAX < BUCKET_UPLOADS_MAX
        for number in range(KEY_UPLOADS_MAX):
            box("create_upload", upload_of(f"u{number:03}"))
        assert box.refusal("create_upload", upload_of("more")) == "TooManyUploads"
        box("create_upload", upload_of("more", key="another"))


class TestManyServers:
    @pytest.fixture
    def both(self, pair: Pair) -> list[Catalogue]:
        one, two = catalogue_of(pair.one), catalogue_of(pair.two)
        pair.one.read(one.create_bucket(BucketRow(ACCOUNT, REGION, "bucket", 1.0)))
        return [one, two]

    @pytest.mark.parametrize("versioning", ["", "Enabled", "Suspended"])
    def test_puts_of_one_key_come_one_after_the_other(self, pair: Pair, both: list[Catalogue], versioning: Any) -> None:
        async def put_all() -> list[Any]:
            await both[0].set_versioning(ACCOUNT, "bucket", versioning)
            puts = [both[number % 2].put_object(row_of(f"v{number}")) for number in range(12)]
            return [await done for done in [asyncio.ensure_future(each) for each in puts]]

        stored = pair.one.read(put_all())
        rows = pair.one.read(both[0].list_versions(ALL, "", 99))
        current = pair.one.read(both[0].list_objects(ALL, 99))
        assert [each.is_latest for each in rows] == [True] + [False] * (len(rows) - 1)
        assert current == rows[:1]
        if versioning == "Enabled":
            assert len(rows) == 12
        else:
            # Each file but the last was dropped by the put that came after it.
            dropped = [file for each in stored for file in each.dropped]
            assert sorted([*dropped, rows[0].file]) == sorted(f"v{number}" for number in range(12))

    def test_a_version_that_goes_while_another_comes_leaves_one_current(
        self, pair: Pair, both: list[Catalogue]
    ) -> None:
        async def race() -> None:
            await both[0].set_versioning(ACCOUNT, "bucket", "Enabled")
            await both[0].put_object(row_of("v0"))
            for number in range(1, 15):
                gone = Deletion("key", f"v{number - 1}", "", 5.0)
                await asyncio.gather(
                    both[0].delete_objects(ACCOUNT, "bucket", [gone]), both[1].put_object(row_of(f"v{number}"))
                )
                rows = await both[0].list_versions(ALL, "", 99)
                assert [(each.version_id, each.is_latest) for each in rows] == [(f"v{number}", True)]

        pair.one.read(race())

    def test_of_two_that_want_to_be_the_first_one_is(self, pair: Pair, both: list[Catalogue]) -> None:
        async def race() -> list[Any]:
            puts = [each.put_object(row_of("v"), Condition(absent=True)) for each in both]
            return await asyncio.gather(*puts, return_exceptions=True)

        outcomes = pair.one.read(race())
        assert sorted(isinstance(each, Refused) for each in outcomes) == [False, True]

    def test_a_bucket_goes_only_while_nobody_puts_anything_into_it(self, pair: Pair, both: list[Catalogue]) -> None:
        async def race() -> None:
            for number in range(10):
                name = f"bucket-{number}"
                await both[0].create_bucket(BucketRow(ACCOUNT, REGION, name, 1.0))
                put, _ = await asyncio.gather(
                    both[0].put_object(row_of("v", bucket=name)),
                    both[1].delete_bucket(ACCOUNT, name),
                    return_exceptions=True,
                )
                is_there = await both[0].find_bucket(ACCOUNT, name) is not None
                found = await both[0].find_object(ObjectName(ACCOUNT, name, "key"))
                assert is_there == (found is not None) == (not isinstance(put, Refused))

        pair.one.read(race())

    def test_a_change_sets_off_those_who_watch_and_is_not_missed_by_who_is_just_looking(
        self, pair: Pair, both: list[Catalogue]
    ) -> None:
        """A timer that was there when the object came: whoever fires it waits until the object can be seen."""
        watch = Watch(ACCOUNT, "bucket", "key", LINE.id, "Pull")
        pair.one.commit(lambda transaction: transaction.set_watches(ACCOUNT, LINE.id, [watch]))
        pair.one.read(both[0].put_object(row_of("v1")))
        (timer,) = pair.one.read(pair.one.reader.due_timers(9.0, 9))
        assert (timer.kind, timer.pipeline_id) == ("SourceChanged", LINE.id)
        has_put, has_fired, seen = threading.Event(), threading.Event(), []

        def put(transaction: Any) -> None:
            tell_watchers(transaction.statements, row_of("v2"))
            transaction.set_tags(ACCOUNT, "arn", {"object": "v2"})
            has_put.set()
            # Until the other one waits for this commit; if it does not wait, it gets past it.
            eventually(lambda: has_fired.is_set() or transaction._session.run(WAITING, {}).fetchone()[0])

        def fire(transaction: Transaction) -> None:
            assert has_put.wait(WAIT_SECONDS)
            transaction.clear_timer(timer.account, timer.kind, timer.stamp)
            seen.append(transaction.tags(ACCOUNT, "arn"))
            has_fired.set()

        assert pair.together(put, fire) == [None, None]
        assert seen == [{"object": "v2"}]
