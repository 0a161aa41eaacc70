"""`penstock backup`: a backup of a running server as one file."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click

from penstock.cli.client import Failed, Server, find_server, json_option, server_options
from penstock.core.wording import moment_words

__all__ = ["command", "contents_words", "counted"]

STDOUT = "-"
# Shorter than the wait for any answer.
HELD_SECONDS = 15
PIECE_BYTES = 1 << 20
# In a row, without a byte in between.
TRIES_MAX = 6
PAUSE_SECONDS = 0.5


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--no-artifacts", is_flag=True, help="Leave the bytes of objects out.")
@click.option(
    "--no-key", is_flag=True, help="Leave out what opens the secrets: the sealing key and root's credentials."
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@server_options
@json_option("Print a JSON object.")
def command(
    file: Path,
    *,
    no_artifacts: bool,
    no_key: bool,
    force: bool,
    endpoint_url: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Back up a running server into FILE; for its root alone.

    The server goes on serving meanwhile. Everything that it answered before is in the backup, which is as secret as the server
    itself unless --no-key is given. With - as FILE, the backup goes to standard output.
    """
    to_stdout = str(file) == STDOUT
    if to_stdout and (as_json or sys.stdout.isatty()):
        raise click.UsageError("the standard output is wanted for something else: name a file")
    server = find_server(endpoint_url, data_dir)
    try:
        with _stdout() if to_stdout else _target(file, force=force) as target:
            fetched = _fetched(server, target, with_artifacts=not no_artifacts, with_keys=not no_key)
    except BrokenPipeError:
        raise
    except OSError as problem:
        named = "the standard output" if to_stdout else file
        raise Failed(f"{named} cannot be written: {(problem.strerror or str(problem)).lower()}") from None
    if as_json:
        click.echo(json.dumps({"file": str(file), **fetched}, indent=2))
        return
    for line in _lines(file, fetched):
        click.echo(line, err=to_stdout)


class _Target:
    """The file, and the checksum of what went there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._sum.update(piece)
        self.size += len(piece)


@contextmanager
def _target(path: Path, *, force: bool) -> Iterator[_Target]:
    """The file has its name only once all of it is on disk, and nobody but its owner may read it."""
    if path.exists() and not (force and path.is_file()):
        raise Failed(f"{path} is there already; --force replaces it" if path.is_file() else f"{path} is not a file")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _private(draft) as file:
            yield _Target(file)
            file.flush()
            os.fsync(file.fileno())
        _name(draft, path, force=force)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _stdout() -> Iterator[_Target]:
    # Closed here, so that nothing is left to be written when the program ends.
    with open(sys.stdout.fileno(), "wb", closefd=False) as file:
        yield _Target(file)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def _name(draft: Path, path: Path, *, force: bool) -> None:
    """Give the file its name; without force, never in the place of one that came meanwhile."""
    try:
        if not force:
            os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no second names.
        force = not path.exists()
    if force:
        draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fetched(server: Server, target: _Target, *, with_artifacts: bool, with_keys: bool) -> dict[str, Any]:
    """Have the server make a backup, get it, and have it deleted there, however that ends."""
    from penstock.ports.backup import BackupKeys
    from penstock.server.archive import Archive, write_secrets

    begun = server.call("CreateBackup", withArtifacts=with_artifacts, withKeys=with_keys)
    try:
        ready = _ready(server, begun["backupId"])
        _download(server, ready, target)
        if target.digest != ready["sha256"]:
            raise Failed("the backup has changed on its way: its checksum is another one; try again")
    finally:
        # If it cannot be deleted, it goes by itself after a day.
        with suppress(Failed):
            server.call("DeleteBackup", backupId=begun["backupId"])
    secrets = ready.get("secrets")
    write_secrets(Archive(target), BackupKeys(**secrets) if secrets is not None else None)
    has = {"hasKey": bool(secrets and "key" in secrets), "hasCredentials": secrets is not None}
    return {"size": target.size, "sha256": target.digest, **ready["contents"], **has}


def _ready(server: Server, backup_id: str) -> dict[str, Any]:
    while True:
        told = server.call("DescribeBackup", backupId=backup_id, waitSeconds=HELD_SECONDS)
        if told["status"] == "Failed":
            raise Failed(f"the server could not make a backup: {told['reason']}")
        if told["status"] == "Ready":
            return told


def _download(server: Server, ready: dict[str, Any], target: _Target) -> None:
    """All of the object; a connection that breaks is begun anew where it was."""
    s3, tries, before = _client(server), 0, 0
    while (problem := _get(s3, ready, target)) is not None:
        tries = 1 if target.size > before else tries + 1
        before = target.size
        if tries >= TRIES_MAX:
            raise Failed(f"the backup cannot be fetched from {server.url}: {problem}")
        time.sleep(PAUSE_SECONDS * tries)


def _get(s3: Any, ready: dict[str, Any], target: _Target) -> str | None:
    """As much as comes; what has gone wrong, if anything has."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        answer = s3.get_object(Bucket=ready["bucket"], Key=ready["objectKey"], Range=f"bytes={target.size}-")
        for piece in answer["Body"].iter_chunks(PIECE_BYTES):
            target.write(piece)
    except ClientError as refused:
        if refused.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise Failed(f"the backup cannot be fetched: {refused}") from None
        return str(refused)
    except (BotoCoreError, HTTPError) as broken:
        return str(broken)
    return None if target.size == ready["size"] else "the connection was closed before the end"


def _client(server: Server) -> Any:
    import boto3
    from botocore.config import Config

    keys = server.keys
    known = {"aws_access_key_id": keys.access_key_id, "aws_secret_access_key": keys.secret_access_key} if keys else {}
    settings = Config(s3={"addressing_style": "path"}, response_checksum_validation="when_required")
    return boto3.session.Session().client(
        "s3", endpoint_url=server.url, region_name=server.region, config=settings, **known
    )


def _lines(file: Path, fetched: dict[str, Any]) -> Iterator[str]:
    named = "the standard output" if str(file) == STDOUT else str(file)
    yield f"backed up to {named}: {contents_words(fetched)}, as of {moment_words(fetched['takenAt'])}"
    if not fetched["hasArtifacts"]:
        yield "left out: the bytes of objects"
    if fetched["missingObjects"]:
        yield f"not in it: {counted(fetched['missingObjects'], 'file')} of objects that the server has lost"
    if fetched["hasKey"]:
        yield "it holds the sealing key and root's credentials: keep it as you keep the server"
    elif fetched["hasCredentials"]:
        yield "it holds root's credentials, and not the sealing key, which the server has from PENSTOCK_KEY"
    else:
        yield "left out: the sealing key, without which it cannot be restored, and root's credentials"


def contents_words(contents: dict[str, Any]) -> str:
    """What a backup holds, counted."""
    executions = f"{counted(contents['executions'], 'execution')} ({contents['executionsInFlight']} in flight)"
    words = [counted(contents["pipelines"], "pipeline"), executions]
    if contents["hasArtifacts"]:
        words.append(f"{counted(contents['objects'], 'file')} of objects with {contents['objectBytes']:,} bytes")
    return ", ".join(words)


def counted(number: int, noun: str) -> str:
    """One thing, or several."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
