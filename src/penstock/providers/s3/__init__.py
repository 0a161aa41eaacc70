"""The built-in S3 actions: a source that takes a version of an object, a deploy that puts files into a bucket."""

import contextlib
from collections.abc import Iterator

from penstock.worker import JobError

MISSING_OBJECT = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound", "MethodNotAllowed", "405"})
DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})


@contextlib.contextmanager
def explained(bucket: str, key: str) -> Iterator[None]:
    """Turn what S3 refuses into a failure that names the bucket and the object."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _failure(error.response, bucket, key, str(error)) from error
    except Boto3Error as error:
        # The transfer of a large object wraps what S3 has said.
        cause = error.__context__
        if isinstance(cause, ClientError):
            raise _failure(cause.response, bucket, key, str(cause)) from error
        raise JobError(f"s3://{bucket}/{key}: {error}") from error
    except BotoCoreError as error:
        raise JobError(f"s3://{bucket}/{key}: {error}", "SystemUnavailable") from error


def _failure(response: object, bucket: str, key: str, said: str) -> JobError:
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    if code == "NoSuchBucket":
        return JobError(f"There is no bucket '{bucket}'.", "ConfigurationError")
    if code in MISSING_OBJECT:
        return JobError(f"There is no object '{key}' in the bucket '{bucket}'.", "RevisionUnavailable")
    if code in DENIED:
        return JobError(f"Access to s3://{bucket}/{key} is denied: {said}", "PermissionError")
    return JobError(f"s3://{bucket}/{key}: {said}")
