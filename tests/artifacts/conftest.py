"""One served store for all tests; each test has a bucket of its own in it."""

import itertools

import pytest

from artifacts.store import Store

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("store")).served() as served:
        yield served


@pytest.fixture(scope="session")
def key(store):
    return store.account()


@pytest.fixture(scope="session")
def s3(store, key):
    return store.client(key)


@pytest.fixture
def bucket(s3):
    name = f"bucket-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def refusal():
    """Calls a client's method and gives the code and the status that it is refused with."""
    from botocore.exceptions import ClientError

    def call(method, **arguments):
        with pytest.raises(ClientError) as refused:
            method(**arguments)
        answer = refused.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    return call
