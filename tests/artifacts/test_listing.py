"""Listings in order, in pages, and rolled up at a delimiter."""

import pytest

from penstock.http.s3.pages import successor

TREE = ["a", "b/1", "b/2", "b/c/3", "d", "z+ &", "é/1", "é/2"]


@pytest.fixture(scope="module")
def tree(s3):
    s3.create_bucket(Bucket="tree")
    for key in TREE:
        s3.put_object(Bucket="tree", Key=key, Body=key.encode())
    return "tree"


def shown(answer):
    keys = [entry["Key"] for entry in answer.get("Contents", [])]
    return keys, [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]


LISTINGS = [
    ({}, TREE, []),
    ({"Prefix": "b/"}, ["b/1", "b/2", "b/c/3"], []),
    ({"Delimiter": "/"}, ["a", "d", "z+ &"], ["b/", "é/"]),
    ({"Delimiter": "/", "Prefix": "b/"}, ["b/1", "b/2"], ["b/c/"]),
    ({"Delimiter": "/", "Prefix": "b"}, [], ["b/"]),
    ({"Delimiter": "c/"}, ["a", "b/1", "b/2", "d", "z+ &", "é/1", "é/2"], ["b/c/"]),
    ({"Prefix": "missing"}, [], []),
    ({"MaxKeys": 0}, [], []),
    ({"EncodingType": "url", "Prefix": "z"}, ["z%2B%20%26"], []),
]


@pytest.mark.parametrize(("asked", "keys", "prefixes"), LISTINGS)
@pytest.mark.parametrize("method", ["list_objects", "list_objects_v2"])
def test_a_listing_is_in_the_order_of_bytes(s3, tree, method, asked, keys, prefixes):
    answer = getattr(s3, method)(Bucket=tree, **asked)
    assert shown(answer) == (keys, prefixes)
    assert answer["IsTruncated"] is False


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("method", ["list_objects", "list_objects_v2"])
def test_pages_of_any_size_show_everything_once(s3, tree, method, size):
    for asked, keys, prefixes in LISTINGS[:6]:
        pages = s3.get_paginator(method).paginate(Bucket=tree, **asked, PaginationConfig={"PageSize": size})
        seen = [shown(page) for page in pages]
        assert ([key for page in seen for key in page[0]], [one for page in seen for one in page[1]]) == (
            keys,
            prefixes,
        )
        assert all(len(page[0]) + len(page[1]) <= size for page in seen)


def test_a_listing_starts_behind_a_key(s3, tree):
    assert shown(s3.list_objects_v2(Bucket=tree, StartAfter="b/2"))[0] == TREE[3:]
    assert shown(s3.list_objects(Bucket=tree, Marker="b/2"))[0] == TREE[3:]
    assert shown(s3.list_objects_v2(Bucket=tree, StartAfter="b/", Delimiter="/")) == (["d", "z+ &"], ["é/"])
    assert shown(s3.list_objects_v2(Bucket=tree, StartAfter="b/1", Delimiter="/")) == (["d", "z+ &"], ["b/", "é/"])


def test_an_entry_tells_size_etag_and_checksum(s3, tree):
    entry = s3.list_objects_v2(Bucket=tree, MaxKeys=1, FetchOwner=True)["Contents"][0]
    head = s3.head_object(Bucket=tree, Key="a")
    assert (entry["Size"], entry["ETag"], entry["LastModified"].replace(microsecond=0)) == (
        1,
        head["ETag"],
        head["LastModified"],
    )
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["CRC32"], "FULL_OBJECT")
    assert entry["Owner"]["ID"]
    assert "Owner" not in s3.list_objects_v2(Bucket=tree, MaxKeys=1)["Contents"][0]


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("list_objects_v2", {"ContinuationToken": "no token!"}),
        ("list_objects_v2", {"MaxKeys": -1}),
        ("list_objects", {"EncodingType": "rot13"}),
        ("list_object_versions", {"VersionIdMarker": "1"}),
    ],
)
def test_nonsense_is_refused(s3, tree, refusal, method, asked):
    assert refusal(getattr(s3, method), Bucket=tree, **asked) == ("InvalidArgument", 400)


def test_many_keys_below_one_prefix_are_jumped_over(s3, bucket, store, key, monkeypatch):
    account = key.principal.account
    for folder in "ab":
        insert_many(store, account, bucket, [f"{folder}/{number:04}" for number in range(1500)])
    limits = []
    listed = store.catalogue.list_objects

    async def counting(keys, limit):
        limits.append(limit)
        return await listed(keys, limit)

    monkeypatch.setattr(store.catalogue, "list_objects", counting)
    assert shown(s3.list_objects_v2(Bucket=bucket, Delimiter="/")) == ([], ["a/", "b/"])
    assert len(limits) <= 3
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    assert [page["KeyCount"] for page in pages] == [1000] * 3


def insert_many(store, account, bucket, keys):
    columns = (
        "account, bucket, key, version_id, last_modified, size, etag, file, content_type, metadata, headers, "
        "checksum_algorithm, checksum_value, checksum_kind, part_sizes, upload_id, is_latest, is_delete_marker, rank"
    )
    row = "?, ?, ?, 'null', 0, 0, '', '', '', x'7b7d', x'7b7d', '', '', '', x'5b5d', '', 1, 0, -1"
    writer = store.database._writer
    with store.database._lock:
        writer.execute("BEGIN")
        writer.executemany(f"INSERT INTO objects ({columns}) VALUES ({row})", [(account, bucket, key) for key in keys])
        writer.execute("COMMIT")


@pytest.mark.parametrize(
    ("prefix", "following"),
    [("a", "b"), ("a/", "a0"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("\uffff", "\U00010000")],
)
def test_the_successor_is_the_first_text_behind_all_that_begin_so(prefix, following):
    assert successor(prefix) == following
