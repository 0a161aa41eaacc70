"""Buckets, and what is known of them."""

import pytest


def test_a_bucket_is_there_from_its_creation_to_its_deletion(s3, refusal):
    s3.create_bucket(Bucket="first")
    assert s3.head_bucket(Bucket="first")["BucketRegion"] == "us-east-1"
    s3.delete_bucket(Bucket="first")
    assert refusal(s3.head_bucket, Bucket="first") == ("404", 404)
    assert refusal(s3.delete_bucket, Bucket="first") == ("NoSuchBucket", 404)


def test_buckets_are_listed_by_name_and_page(store):
    s3 = store.client(store.account())
    for name in ("zoo", "abc", "mid"):
        s3.create_bucket(Bucket=name)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["abc", "mid", "zoo"]
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    assert [[bucket["Name"] for bucket in page["Buckets"]] for page in pages] == [["abc", "mid"], ["zoo"]]
    assert [bucket["Name"] for bucket in s3.list_buckets(Prefix="m")["Buckets"]] == ["mid"]


def test_two_accounts_have_buckets_of_the_same_name_and_do_not_see_each_others(store):
    ours, theirs = store.client(store.account()), store.client(store.account())
    ours.create_bucket(Bucket="shared")
    assert theirs.list_buckets()["Buckets"] == []
    theirs.create_bucket(Bucket="shared")
    ours.put_object(Bucket="shared", Key="a", Body=b"ours")
    assert "Contents" not in theirs.list_objects_v2(Bucket="shared")
    theirs.put_object(Bucket="shared", Key="a", Body=b"theirs")
    assert ours.get_object(Bucket="shared", Key="a")["Body"].read() == b"ours"


def test_the_region_is_that_of_the_constraint_or_of_the_signature(store, key):
    s3 = store.client(key, region="eu-west-1")
    constraint = {"LocationConstraint": "ap-south-1"}
    s3.create_bucket(Bucket="constrained", CreateBucketConfiguration=constraint)
    s3.create_bucket(Bucket="signed")
    assert s3.get_bucket_location(Bucket="constrained")["LocationConstraint"] == "ap-south-1"
    assert s3.get_bucket_location(Bucket="signed")["LocationConstraint"] == "eu-west-1"


def test_the_first_region_is_written_as_no_constraint(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_a_bucket_is_made_once_save_in_the_first_region(store, key, s3, bucket, refusal):
    s3.create_bucket(Bucket=bucket)
    elsewhere = store.client(key, region="eu-west-1")
    elsewhere.create_bucket(Bucket="elsewhere")
    assert refusal(elsewhere.create_bucket, Bucket="elsewhere") == ("BucketAlreadyOwnedByYou", 409)
    assert refusal(elsewhere.create_bucket, Bucket=bucket) == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("name", ["Upper-Case", "ends-with-", "192.168.0.1", "two..dots", "under_score"])
def test_names_that_are_no_bucket_names_are_refused(s3, refusal, name):
    assert refusal(s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_a_bucket_with_objects_or_versions_is_not_deleted(s3, versioned, refusal):
    s3.put_object(Bucket=versioned, Key="a", Body=b"")
    assert refusal(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    marker = s3.delete_object(Bucket=versioned, Key="a")["VersionId"]
    assert refusal(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    for version in s3.list_object_versions(Bucket=versioned)["Versions"]:
        s3.delete_object(Bucket=versioned, Key="a", VersionId=version["VersionId"])
    s3.delete_object(Bucket=versioned, Key="a", VersionId=marker)
    s3.delete_bucket(Bucket=versioned)


def test_versioning_is_off_then_enabled_then_suspended(s3, bucket, refusal):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    wrong = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Off"}}
    assert refusal(s3.put_bucket_versioning, **wrong) == ("MalformedXML", 400)
    wrong["VersioningConfiguration"] = {}
    assert refusal(s3.put_bucket_versioning, **wrong) == ("IllegalVersioningConfigurationException", 400)


@pytest.mark.parametrize("method", ["get_bucket_acl", "get_bucket_policy", "get_bucket_tagging", "get_bucket_cors"])
def test_what_is_not_built_says_so(s3, bucket, refusal, method):
    assert refusal(getattr(s3, method), Bucket=bucket) == ("NotImplemented", 501)


def test_an_unknown_bucket_is_named_as_such(s3, refusal):
    for method in (s3.list_objects_v2, s3.list_objects, s3.list_object_versions, s3.list_multipart_uploads):
        assert refusal(method, Bucket="missing") == ("NoSuchBucket", 404)
    assert refusal(s3.put_object, Bucket="missing", Key="a", Body=b"x") == ("NoSuchBucket", 404)
    assert refusal(s3.get_object, Bucket="missing", Key="a") == ("NoSuchBucket", 404)


def test_an_expected_owner_must_be_the_caller(s3, bucket, key, refusal):
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=key.principal.account)
    refused = refusal(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="999999999999")
    assert refused == ("AccessDenied", 403)
