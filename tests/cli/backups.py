"""Backups as files for tests: making one, taking one apart, and putting it together again in another way."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.running import Ended, penstock
from declarations import action, custom_source, custom_type, pipeline, stage
from serving import Server

Members = dict[str, bytes]
Restore = Callable[..., Ended]
SUMS = ("SHA256SUMS", "secrets/SHA256SUMS")


def back_up(server: Server, file: Path | str, *options: str) -> Ended:
    return penstock("backup", file, "--data-dir", server.data_dir, *options)


def furnish(server: Server) -> None:
    """A pipeline whose source waits for a worker, an object, and a secret."""
    codepipeline, s3 = server.client("codepipeline"), server.client("s3")
    secret = {"name": "Password", "required": True, "key": False, "secret": True}
    for declared in (
        custom_type("Origin", category="Source"),
        {**custom_type("Keeper"), "configurationProperties": [secret]},
    ):
        codepipeline.create_custom_action_type(**declared)
    keep = action("Keep", "Build", "Custom", "Keeper", {"Password": "correct horse"})
    codepipeline.create_pipeline(pipeline=pipeline("line", stage("Source", custom_source()), stage("Build", keep)))
    s3.create_bucket(Bucket="furniture")
    s3.put_object(Bucket="furniture", Key="chair", Body=b"four legs " * 10_000)


def members(file: Path) -> Members:
    with tarfile.open(file) as archive:
        found = {}
        for head in archive:
            source = archive.extractfile(head)
            assert source is not None
            found[head.name] = source.read()
        return found


def manifest(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(members(file)["manifest.json"])
    return found


def rewritten(file: Path, target: Path, change: Callable[[Members], None]) -> Path:
    """Another backup, changed before its checksums were made: as a later release might write one, or a liar."""
    found = {name: text for name, text in members(file).items() if name not in SUMS}
    change(found)
    front = [name for name in found if not name.startswith("secrets/")]
    back = [name for name in found if name.startswith("secrets/")]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for names, sums in ((front, SUMS[0]), (back, SUMS[1])):
            listed = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in names)
            for name, text in (*((name, found[name]) for name in names), (sums, listed.encode())):
                head = tarfile.TarInfo(name)
                head.size = len(text)
                archive.addfile(head, io.BytesIO(text))
    return target


def with_manifest(**more: Any) -> Callable[[Members], None]:
    def change(found: Members) -> None:
        found["manifest.json"] = json.dumps({**json.loads(found["manifest.json"]), **more}).encode()

    return change
