"""What `--artifacts-url` takes, and what becomes of it."""

import pytest

from penstock.artifacts.address import OuterStore
from penstock.auth.policy import Decision, decide
from penstock.auth.sessions import job_policy
from penstock.ports.artifacts import Location
from penstock.server.artifacts_url import outer_store
from penstock.server.settings import SettingsError, load

HERE = "http://127.0.0.1:9000"


def test_a_store_is_its_address_its_bucket_and_a_region() -> None:
    assert outer_store(f"s3://box?endpoint_url={HERE}/", "eu-west-1") == OuterStore(
        bucket="box", endpoint_url=HERE, sts_endpoint_url=HERE, region="eu-west-1", is_aws=False
    )
    given = outer_store(f"s3://box/?endpoint_url={HERE}&region=r-1&sts_endpoint_url=https://sts:1&poll_seconds=5", "x")
    assert (given.sts_endpoint_url, given.region, given.poll_seconds) == ("https://sts:1", "r-1", 5.0)


def test_percent_signs_stand_for_what_they_do_in_addresses() -> None:
    assert outer_store("s3://box?endpoint_url=http%3A%2F%2F127.0.0.1%3A9000", "x").endpoint_url == HERE


def test_without_an_address_it_is_awss_own_store_of_the_region() -> None:
    store = outer_store("s3://box?region=eu-west-1", "us-east-1")
    assert store.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    assert store.sts_endpoint_url == "https://sts.eu-west-1.amazonaws.com"
    assert store.is_aws


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        ("s3:box", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        (f"s3://Box_?endpoint_url={HERE}", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        (f"s3://user:word@box?endpoint_url={HERE}", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        (f"s3://box/folder?endpoint_url={HERE}", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        ("http://127.0.0.1:9000/box", "takes file:///PATH or s3://BUCKET?endpoint_url="),
        ("s3://box", "name the store by endpoint_url="),
        ("s3://box?endpoint_url=", "endpoint_url takes an address"),
        ("s3://box?endpoint_url=minio:9000", "endpoint_url takes an address"),
        ("s3://box?endpoint_url=http://host:wrong", "endpoint_url takes an address"),
        ("s3://box?endpoint_url=ftp://host", "endpoint_url takes an address"),
        ("s3://box?endpoint_url=http://key:secret@host", "takes no credentials"),
        (f"s3://box?endpoint_url={HERE}&sts_endpoint_url=x", "sts_endpoint_url takes an address"),
        (f"s3://box?endpoint_url={HERE}&access_key=x", "does not know the parameter 'access_key'"),
        (f"s3://box?endpoint_url={HERE}&region=a&region=b", "each parameter once"),
        (f"s3://box?endpoint_url={HERE}&region=A+b", "region takes the name of a region"),
        (f"s3://box?endpoint_url={HERE}&poll_seconds=0", "poll_seconds takes a number of seconds"),
        (f"s3://box?endpoint_url={HERE}&poll_seconds=nan", "poll_seconds takes a number of seconds"),
        (f"s3://box?endpoint_url={HERE}&poll_seconds=soon", "poll_seconds takes a number of seconds"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(url: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({"artifacts_url": url}, environment={})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_keys_of_kms_are_opened_through_s3_alone_and_only_at_aws() -> None:
    places = ((Location("box", "in"),), (Location("box", "out"),))
    plain, with_keys = job_policy(*places), job_policy(*places, with_keys=True)
    key = "arn:aws:kms:eu-west-1:123456789012:key/one"
    through_s3 = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
    assert decide((plain,), "kms:Decrypt", key, through_s3) is not Decision.ALLOW
    assert decide((with_keys,), "kms:Decrypt", key, through_s3) is Decision.ALLOW
    assert decide((with_keys,), "kms:GenerateDataKey", key, through_s3) is Decision.ALLOW
    assert (
        decide((with_keys,), "kms:Decrypt", key, {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"})
        is not Decision.ALLOW
    )
    assert decide((with_keys,), "kms:Decrypt", key, {}) is not Decision.ALLOW


def test_a_jobs_policy_has_room_for_ten_artifacts() -> None:
    bucket = "codepipeline-eu-west-1-012345678901"
    places = tuple(Location(bucket, f"{'p' * 20}/{'a' * 10}/{number:07}") for number in range(10))
    assert len(job_policy(places[:5], places[5:], with_keys=True)) <= 2048
