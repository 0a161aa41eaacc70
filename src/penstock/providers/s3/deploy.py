"""The S3 deploy: an artifact, or the files in it, go into a bucket."""

import asyncio
import datetime as dt
import mimetypes
import tempfile
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.providers.s3 import explained
from penstock.worker import JobContext, JobError, ProviderSettings, Success, declared_type
from penstock.worker.threads import in_own_thread

DECLARATION = declared_type(Path(__file__).with_name("deploy.json").read_bytes())
UPLOADS_AT_A_TIME = 8
UNKNOWN_CONTENT = "application/octet-stream"
# What a compressed file is served as: as itself, never as what is in it.
COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


class Target(Struct, frozen=True):
    """Where files go, and the headers that all of them get."""

    bucket: str
    key: str
    extract: bool
    headers: dict[str, str]


class S3Deploy:
    """Uploads an artifact under a key, or each of its files under a prefix, with content types guessed by name.

    Nothing is deleted from the bucket. A deployment that fails halfway leaves what it has already uploaded.
    """

    declarations = (DECLARATION,)
    action_types = (DECLARATION.id,)

    def __init__(self, settings: ProviderSettings) -> None:
        self._work_dir = settings.work_dir

    async def run(self, job: JobContext) -> Success:
        target = target_of(job.configuration)
        artifact = next(iter(job.inputs), None)
        if artifact is None:
            raise JobError("The action has no input artifact.", "ConfigurationError")
        s3 = await job.service_client("s3")
        await asyncio.to_thread(self._work_dir.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="deploy-", dir=self._work_dir, ignore_cleanup_errors=True) as folder:
            files = await _files(job, artifact, target, Path(folder))
            with explained(target.bucket, target.key):
                await in_own_thread(_upload_all, s3, target, files)
        place = f"s3://{target.bucket}/{target.key}"
        count = len(files)
        return Success(f"Deployed {count} file{'' if count == 1 else 's'} to {place}", external_execution_id=place)


def target_of(configuration: Mapping[str, str]) -> Target:
    """The target that a configuration names; raises JobError for one that names none."""
    bucket = configuration.get("BucketName", "")
    extract = configuration.get("Extract", "").lower()
    key = _filled(configuration.get("ObjectKey", ""))
    if not bucket or extract not in ("true", "false"):
        raise JobError("The action needs BucketName, and Extract as true or false.", "ConfigurationError")
    if extract == "false" and not key:
        raise JobError("The action needs ObjectKey, since Extract is false.", "ConfigurationError")
    headers = {}
    if acl := configuration.get("CannedACL"):
        headers["ACL"] = acl
    if cache_control := configuration.get("CacheControl"):
        headers["CacheControl"] = cache_control
    if encryption_key := configuration.get("KMSEncryptionKeyARN"):
        headers |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption_key}
    return Target(bucket, key, extract == "true", headers)


def content_type(name: str) -> str:
    """The media type that a file's name tells."""
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return COMPRESSED.get(encoding, UNKNOWN_CONTENT)
    return kind or UNKNOWN_CONTENT


def _filled(key: str) -> str:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d_%H-%M-%S")
    return key.replace("{datetime}", now).replace("{uuid}", str(uuid.uuid4()))


async def _files(job: JobContext, artifact: str, target: Target, folder: Path) -> dict[str, Path]:
    """The files to be uploaded, by key."""
    if not target.extract:
        whole = folder / "artifact"
        await job.artifacts.fetch(artifact, whole)
        return {target.key: whole}
    inside = folder / "files"
    await job.artifacts.extract(artifact, inside)
    prefix = target.key if not target.key or target.key.endswith("/") else f"{target.key}/"
    found = await asyncio.to_thread(lambda: sorted(path for path in inside.rglob("*") if path.is_file()))
    if not found:
        raise JobError(f"The artifact '{artifact}' has no files.")
    return {prefix + path.relative_to(inside).as_posix(): path for path in found}


def _upload_all(s3: Any, target: Target, files: Mapping[str, Path]) -> None:
    """Upload several at a time; the first that fails ends the deployment."""
    from boto3.s3.transfer import TransferConfig

    one_by_one = TransferConfig(use_threads=False)

    def upload(key: str) -> None:
        headers = {"ContentType": content_type(key), **target.headers}
        with explained(target.bucket, key):
            s3.upload_file(str(files[key]), target.bucket, key, ExtraArgs=headers, Config=one_by_one)

    with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
        uploads = [pool.submit(upload, key) for key in files]
        try:
            for done in uploads:
                done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
