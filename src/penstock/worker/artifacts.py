"""A job's artifacts: inputs fetched, outputs published, with the job's own credentials."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from penstock.wire import types as wire
from penstock.worker.archive import matching, names_in, pack, unpack
from penstock.worker.client import is_aws
from penstock.worker.credentials import Clients
from penstock.worker.results import JobError
from penstock.worker.threads import in_own_thread


class Artifacts:
    """Reads inputs and writes outputs, each by its name in the pipeline. All failures are raised as JobError."""

    def __init__(
        self,
        inputs: Mapping[str, wire.Artifact],
        outputs: Mapping[str, wire.Artifact],
        key: wire.EncryptionKey | None,
        clients: Clients,
    ) -> None:
        self._inputs = inputs
        self._outputs = outputs
        self._key = key
        self._clients = clients

    async def fetch(self, name: str, file: Path) -> None:
        """Download an input, whatever it is, into a file."""
        place = _place(self._inputs, name, "input")
        s3 = await self._clients.artifacts()
        with _reported(f"Input artifact '{name}' cannot be read"):
            await in_own_thread(s3.download_file, place.bucket_name, place.object_key, str(file))

    async def extract(self, name: str, folder: Path) -> None:
        """Download an input and unpack it into a folder that is new or empty; `unpack` says what is refused."""
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            archive = Path(beside, "archive")
            await self.fetch(name, archive)
            await asyncio.to_thread(unpack, archive, folder)

    async def publish(self, name: str, folder: Path, files: Sequence[str] | None = None) -> list[str]:
        """Zip a folder, or what the patterns choose of it, and upload it as an output.

        Answers with the names that had to be left out, links that lead outside of the folder above all.
        """
        _place(self._outputs, name, "output")
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            archive = Path(beside, "archive.zip")
            left_out = await asyncio.to_thread(_packed, folder, archive, files)
            await self.upload(name, archive)
        return left_out

    async def upload(self, name: str, file: Path, content_type: str = "application/zip") -> None:
        """Upload a file as an output."""
        with file.open("rb") as content:
            await self.write(name, content, content_type)

    async def write(self, name: str, content: Any, content_type: str = "application/zip") -> None:
        """Upload an output from a file or a stream, in parts: its size need not be known, nor fit into memory."""
        from boto3.s3.transfer import TransferConfig

        place = _place(self._outputs, name, "output")
        s3 = await self._clients.artifacts()
        headers = {"ContentType": content_type}
        # At AWS the service's own key is always there. Elsewhere a store may have none, and would refuse to encrypt.
        if self._key is not None or is_aws(s3.meta.endpoint_url):
            headers["ServerSideEncryption"] = "aws:kms"
        if self._key is not None:
            headers["SSEKMSKeyId"] = self._key.id
        # Parts of a stream wait in memory, so they go one by one; those of a file are read when their turn comes.
        parts = TransferConfig(use_threads=content.seekable())
        upload = partial(s3.upload_fileobj, ExtraArgs=headers, Config=parts)
        with _reported(f"Output artifact '{name}' cannot be written"):
            await in_own_thread(upload, content, place.bucket_name, place.object_key)


def _packed(folder: Path, archive: Path, files: Sequence[str] | None) -> list[str]:
    chosen = None if files is None else matching(names_in(folder), files)
    return pack(folder, archive, chosen)


def _place(artifacts: Mapping[str, wire.Artifact], name: str, kind: str) -> wire.S3ArtifactLocation:
    artifact = artifacts.get(name)
    if artifact is None or artifact.location is None or artifact.location.s3_location is None:
        raise JobError(f"The job has no {kind} artifact '{name}'.", "ConfigurationError")
    return artifact.location.s3_location


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    """Errors of boto3, whose classes are only known once it is imported, told to the pipeline's owner."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        denied = code in ("AccessDenied", "403")
        raise JobError(f"{what}: {error}", "PermissionError" if denied else "JobFailed") from error
    except (Boto3Error, BotoCoreError) as error:
        raise JobError(f"{what}: {error}") from error
