"""Versions: each put is kept, deletions are markers, and the newest is the current one."""


def put(s3, bucket, text, key="a"):
    return s3.put_object(Bucket=bucket, Key=key, Body=text)["VersionId"]


def get(s3, bucket, version_id=None):
    version = {"VersionId": version_id} if version_id else {}
    return s3.get_object(Bucket=bucket, Key="a", **version)["Body"].read()


def versions(s3, bucket, **options):
    """Version ids as listed, the current one marked, and delete markers by a minus."""
    listed = s3.list_object_versions(Bucket=bucket, **options)
    entries = [("", entry) for entry in listed.get("Versions", [])]
    entries += [("-", entry) for entry in listed.get("DeleteMarkers", [])]
    return {sign + entry["VersionId"]: entry["IsLatest"] for sign, entry in entries}


def test_each_put_is_a_version_of_its_own(s3, versioned):
    first, second = put(s3, versioned, b"1"), put(s3, versioned, b"2")
    assert first < second
    assert (get(s3, versioned), get(s3, versioned, first), get(s3, versioned, second)) == (b"2", b"1", b"2")
    assert s3.head_object(Bucket=versioned, Key="a")["VersionId"] == second
    assert s3.get_object(Bucket=versioned, Key="a")["VersionId"] == second
    assert versions(s3, versioned) == {second: True, first: False}


def test_a_deletion_hides_what_is_there(s3, versioned, refusal):
    first = put(s3, versioned, b"1")
    gone = s3.delete_object(Bucket=versioned, Key="a")
    marker = gone["VersionId"]
    assert gone["DeleteMarker"] is True
    assert refusal(s3.get_object, Bucket=versioned, Key="a") == ("NoSuchKey", 404)
    assert versions(s3, versioned) == {first: False, "-" + marker: True}
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert get(s3, versioned, first) == b"1"
    assert refusal(s3.get_object, Bucket=versioned, Key="a", VersionId=marker) == ("MethodNotAllowed", 405)
    assert refusal(s3.head_object, Bucket=versioned, Key="a", VersionId=marker) == ("405", 405)


def test_an_answer_tells_that_a_delete_marker_is_in_the_way(s3, versioned):
    put(s3, versioned, b"1")
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    try:
        s3.head_object(Bucket=versioned, Key="a")
    except s3.exceptions.ClientError as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)


def test_deleting_the_marker_brings_the_object_back(s3, versioned):
    first = put(s3, versioned, b"1")
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    gone = s3.delete_object(Bucket=versioned, Key="a", VersionId=marker)
    assert (gone["VersionId"], gone["DeleteMarker"]) == (marker, True)
    assert versions(s3, versioned) == {first: True}
    assert get(s3, versioned) == b"1"


def test_deleting_the_current_version_makes_the_one_before_current(s3, versioned, store):
    files = store.file_names()
    first, second, third = (put(s3, versioned, text) for text in (b"1", b"2", b"3"))
    s3.delete_object(Bucket=versioned, Key="a", VersionId=third)
    assert versions(s3, versioned) == {second: True, first: False}
    s3.delete_object(Bucket=versioned, Key="a", VersionId=first)
    assert get(s3, versioned) == b"2"
    s3.delete_object(Bucket=versioned, Key="a", VersionId=second)
    assert versions(s3, versioned) == {}
    assert store.file_names() == files


def test_a_version_that_is_not_there_is_not_found(s3, versioned, refusal):
    put(s3, versioned, b"1")
    missing = {"Bucket": versioned, "Key": "a", "VersionId": "0123"}
    assert refusal(s3.get_object, **missing) == ("NoSuchVersion", 404)
    assert s3.delete_object(**missing)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for nonsense in ("", "a\r\nb: c", "é"):
        for method in (s3.get_object, s3.delete_object):
            assert refusal(method, Bucket=versioned, Key="a", VersionId=nonsense) == ("InvalidArgument", 400)


def test_what_was_there_before_versioning_is_the_version_null(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.head_object(Bucket=bucket, Key="a")["VersionId"] == "null"
    new = put(s3, bucket, b"new")
    assert versions(s3, bucket) == {new: True, "null": False}
    assert get(s3, bucket, "null") == b"old"


def test_suspended_versioning_writes_the_version_null_and_keeps_the_others(s3, versioned, store):
    first = put(s3, versioned, b"1")
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    files = store.file_names()
    assert (put(s3, versioned, b"2"), put(s3, versioned, b"3")) == ("null", "null")
    assert len(store.file_names() - files) == 1
    assert versions(s3, versioned) == {"null": True, first: False}
    assert get(s3, versioned) == b"3"
    assert s3.delete_object(Bucket=versioned, Key="a")["VersionId"] == "null"
    assert versions(s3, versioned) == {"-null": True, first: False}
    assert store.file_names() == files


def test_a_missing_key_gets_a_delete_marker_all_the_same(s3, versioned):
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    assert versions(s3, versioned) == {"-" + marker: True}


def test_versions_are_listed_page_by_page_even_while_they_are_deleted(s3, versioned):
    kept = {put(s3, versioned, b"%d" % number, key) for key in "ab" for number in range(3)}
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": 2}))
    assert [len(page["Versions"]) for page in pages] == [2, 2, 2]
    assert {entry["VersionId"] for page in pages for entry in page["Versions"]} == kept
    seen, marker = [], {}
    while True:
        page = s3.list_object_versions(Bucket=versioned, MaxKeys=2, **marker)
        for entry in page["Versions"]:
            seen.append(entry["VersionId"])
            s3.delete_object(Bucket=versioned, Key=entry["Key"], VersionId=entry["VersionId"])
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}
    assert (len(seen), set(seen)) == (6, kept)


def test_a_listing_of_versions_goes_on_behind_a_version_that_has_gone(s3, versioned):
    ids = [put(s3, versioned, b"%d" % number) for number in range(4)]
    s3.delete_object(Bucket=versioned, Key="a", VersionId=ids[2])
    behind = {"KeyMarker": "a", "VersionIdMarker": ids[2]}
    assert list(versions(s3, versioned, **behind)) == [ids[1], ids[0]]
    assert versions(s3, versioned, KeyMarker="a") == {}


def test_versions_roll_up_at_a_delimiter(s3, versioned):
    for key in ("a/1", "a/2", "b"):
        put(s3, versioned, b"", key)
        put(s3, versioned, b"", key)
    listed = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [entry["Key"] for entry in listed["Versions"]] == ["b", "b"]
    assert listed["CommonPrefixes"] == [{"Prefix": "a/"}]
