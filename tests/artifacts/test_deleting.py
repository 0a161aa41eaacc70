"""Deletions, one by one and many at once."""

import json

ONLY_SMALL = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:CreateBucket", "s3:PutObject"], "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::*/small*"},
    ],
}


def fill(s3, bucket, keys):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")


def named(keys):
    return [{"Key": key} for key in keys]


def keys_of(s3, bucket):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_deleting_what_is_not_there_succeeds(s3, bucket):
    assert s3.delete_object(Bucket=bucket, Key="a")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_many_are_deleted_at_once(s3, bucket, store):
    files = store.file_names()
    fill(s3, bucket, ["a", "b/c", "d&<é", " "])
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": named(["a", "b/c", "d&<é", "missing"])})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["a", "b/c", "d&<é", "missing"]
    assert keys_of(s3, bucket) == [" "]
    assert len(store.file_names() - files) == 1
    s3.delete_objects(Bucket=bucket, Delete={"Objects": named([" "])})
    assert keys_of(s3, bucket) == []


def test_a_quiet_deletion_tells_only_what_went_wrong(s3, bucket):
    fill(s3, bucket, ["a"])
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": named(["a"]), "Quiet": True})
    assert "Deleted" not in answer
    assert keys_of(s3, bucket) == []


def test_a_thousand_are_the_most(s3, bucket, refusal):
    many = {"Objects": named(str(number) for number in range(1000))}
    assert len(s3.delete_objects(Bucket=bucket, Delete=many)["Deleted"]) == 1000
    many["Objects"] += named(["one more"])
    assert refusal(s3.delete_objects, Bucket=bucket, Delete=many) == ("MalformedXML", 400)
    assert refusal(s3.delete_objects, Bucket=bucket, Delete={"Objects": []}) == ("MalformedXML", 400)


def test_versions_and_markers_are_deleted_at_once(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": named(["a"])})["Deleted"][0]
    assert answer["DeleteMarker"] is True
    marker = answer["DeleteMarkerVersionId"]
    both = [{"Key": "a", "VersionId": first}, {"Key": "a", "VersionId": marker}]
    deleted = s3.delete_objects(Bucket=versioned, Delete={"Objects": both})["Deleted"]
    assert [entry["VersionId"] for entry in deleted] == [first, marker]
    assert deleted[1]["DeleteMarkerVersionId"] == marker
    s3.delete_bucket(Bucket=versioned)


def test_a_deletion_may_ask_for_what_it_deletes(s3, bucket, refusal):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    assert refusal(s3.delete_object, Bucket=bucket, Key="a", IfMatch='"other"') == ("PreconditionFailed", 412)
    two = [{"Key": "a", "ETag": '"other"'}, {"Key": "missing", "ETag": "*"}]
    errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": two})["Errors"]
    assert [(error["Key"], error["Code"]) for error in errors] == [
        ("a", "PreconditionFailed"),
        ("missing", "PreconditionFailed"),
    ]
    s3.delete_object(Bucket=bucket, Key="a", IfMatch=etag)
    assert keys_of(s3, bucket) == []


def test_each_key_is_allowed_or_refused_on_its_own(store):
    user = store.account(json.dumps(ONLY_SMALL))
    s3, root = store.client(user), store.client(store.account(account=user.principal.account))
    s3.create_bucket(Bucket="mixed")
    fill(s3, "mixed", ["small-1", "large"])
    answer = s3.delete_objects(Bucket="mixed", Delete={"Objects": named(["large", "small-1"])})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["small-1"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("large", "AccessDenied")]
    assert keys_of(root, "mixed") == ["large"]
