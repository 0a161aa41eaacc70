"""Files of our own, and the sweep of those that nobody names."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from artifacts.store import Database, catalogue_of
from penstock.artifacts.files import LocalFiles, sweep
from penstock.ports.objects import BucketRow, ObjectName, ObjectRow, PartRow, UploadRow


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path)


@pytest.fixture
def catalogue(tmp_path):
    database = Database(tmp_path / "store.db")
    yield catalogue_of(database.reader, database.commit)
    database.close()


def write(files, text=b"text"):
    writing = files.begin()
    writing.write(text)
    return writing.keep()


def content(files, file):
    with files.open(file) as handle:
        return handle.read()


def on_disk(files):
    return sorted(path.name for path in files.folder.glob("*/*"))


def test_a_file_has_its_name_only_once_it_is_kept(files):
    writing = files.begin()
    writing.write(b"text")
    assert all(name.endswith(".part") for name in on_disk(files))
    file = writing.keep()
    assert on_disk(files) == [file]
    assert content(files, file) == b"text"
    assert (files.folder / file[:2] / file).stat().st_mode & 0o777 == 0o600
    writing.drop()
    assert on_disk(files) == [file]


def test_a_dropped_file_is_gone(files):
    writing = files.begin()
    writing.write(b"text")
    writing.drop()
    assert on_disk(files) == []


def test_the_bytes_and_then_the_name_are_synced(files, monkeypatch):
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    file = write(files)
    assert done[-2].endswith(f"{file}.part")
    assert done[-1].endswith(f"/objects/{file[:2]}")


def test_a_duplicate_stays_when_the_first_is_removed(files):
    first = write(files)
    second = files.duplicate(first)
    files.remove([first, first])
    assert on_disk(files) == [second]
    assert content(files, second) == b"text"
    with pytest.raises(FileNotFoundError):
        files.duplicate(first)


def test_a_duplicate_is_a_copy_where_there_are_no_links(files, monkeypatch):
    def no_links(*arguments, **options):
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", no_links)
    first = write(files)
    second = files.duplicate(first)
    assert (content(files, second), len(on_disk(files))) == (b"text", 2)


def test_an_open_file_stays_readable_when_it_is_removed(files):
    file = write(files)
    with files.open(file) as handle:
        files.remove([file])
        assert handle.read() == b"text"


def test_the_sweep_takes_what_no_row_names_once_it_is_old(files, catalogue):
    named, part, orphan = write(files), write(files), write(files)
    unfinished = files.begin()
    name = ObjectName("1", "bucket", "a")
    place = {"account": "1", "bucket": "bucket", "key": "a"}

    async def fill():
        await catalogue.create_bucket(BucketRow("1", "us-east-1", "bucket", 0.0))
        await catalogue.put_object(ObjectRow(**place, version_id="v", last_modified=0.0, file=named))
        await catalogue.create_upload(UploadRow(**place, upload_id="u", initiated_at=time.time()))
        await catalogue.put_part(name, PartRow(upload_id="u", number=1, size=4, etag="e", file=part, last_modified=0.0))

    asyncio.run(fill())
    assert asyncio.run(sweep(files, catalogue, time.time())) == 0
    assert len(on_disk(files)) == 4
    assert asyncio.run(sweep(files, catalogue, time.time() + 3601)) == 2
    assert on_disk(files) == sorted([named, part])
    assert orphan not in on_disk(files)
    unfinished.drop()


def test_a_second_name_for_old_bytes_counts_as_new(files, catalogue):
    old = write(files)
    os.utime(files.folder / old[:2] / old, (0, 0))
    second = files.duplicate(old)
    assert asyncio.run(sweep(files, catalogue, time.time())) == 0
    assert second in on_disk(files)
