"""Filling a new data directory from a backup: all of it, or nothing.

    mark the ground ─► make everything as drafts ─► compare all checksums ─► sync ─► give the names ─► unmark the ground

Anything that can be told (a damaged backup, a full disk, Ctrl-C) leaves the ground as it was. After a kill, the next restore
clears away what was begun.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct

from penstock.artifacts.filling import FillingFiles
from penstock.auth.key_file import open_sealer
from penstock.core.waits import waits_of
from penstock.ports.backup import Filling, Manifest, UnlikeTable
from penstock.server.archive import OBJECT, SECRET, TABLE, Damaged, Member, opened, read_table
from penstock.server.credentials import read_root_keys
from penstock.server.ground import Ground, begin, marked
from penstock.server.settings import Settings
from penstock.storage.migrate import newest_schema
from penstock.storage.sqlite.backup import SqliteFilling

__all__ = ["InFlight", "Restored", "restore"]


class InFlight(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One thing that an open execution waits for. `sentence` says it as ExplainPipeline does."""

    account: str
    region: str
    pipeline: str
    pipeline_execution_id: str
    stage: str
    reason: str
    sentence: str
    action: str | None = None
    gate: str | None = None
    rule: str | None = None


class Restored(Struct, frozen=True):
    """What was filled in. `lost_objects` counts files of objects that are neither in the backup nor where they should be.

    Without a key, the one that the backup was sealed under must be put in its place before the server starts.
    """

    manifest: Manifest
    in_flight: tuple[InFlight, ...]
    has_key: bool
    has_credentials: bool
    lost_objects: int


def restore(settings: Settings, source: IO[bytes], environment_key: str | None = None) -> Restored:
    """Fill the places that the settings name. `environment_key` is the key, if it is not to come from a file.

    Raises Damaged, NotEmpty, ValueError (a sentence on keys) or OSError, and has left nothing then.
    """
    with opened(source) as (manifest, members):
        _check_schema(manifest)
        with marked(settings.data_dir):
            key_file = settings.key_file or settings.data_dir / "key"
            has_key = bool(environment_key) or key_file.exists()
            ground = Ground.of(settings, with_artifacts=manifest.has_artifacts, has_key=has_key)
            begin(ground)
            filling = SqliteFilling(ground.database.draft, manifest.schema)
            try:
                files = _take_in(members, manifest, ground, filling)
                lost = _lost(filling, manifest, files or FillingFiles(settings.artifacts / "objects"))
                key_file = ground.key.draft if ground.key is not None else key_file
                has_key = _check_key(filling, key_file, environment_key)
                restored = Restored(
                    manifest=manifest,
                    in_flight=tuple(_in_flight(filling, manifest.taken_at)),
                    has_key=has_key,
                    has_credentials=ground.credentials.draft.exists(),
                    lost_objects=lost,
                )
            finally:
                filling.close()
            ground.give_names()
    return restored


def _check_schema(manifest: Manifest) -> None:
    if manifest.dialect != SqliteFilling.dialect:
        raise Damaged(
            f"it was made of a database of the kind {manifest.dialect}, and this release fills those of the kind "
            f"{SqliteFilling.dialect} from their own kind alone"
        )
    newest = newest_schema()
    if manifest.schema > newest:
        raise Damaged(
            f"penstock {manifest.penstock} made it with schema {manifest.schema}, and this release knows those up to {newest}: "
            "take a later one"
        )


def _take_in(members: Iterator[Member], manifest: Manifest, ground: Ground, filling: Filling) -> FillingFiles | None:
    """Everything in the archive, as drafts; returns where objects went. Only at the end is it sure that all of it is right."""
    files = FillingFiles(ground.objects.draft) if ground.objects is not None else None
    filled: dict[str, int] = {}
    for member in members:
        if table := TABLE.match(member.name):
            filled[table[1]] = _fill(filling, table[1], member)
        elif (found := OBJECT.match(member.name)) and files is not None:
            files.put(found[1], member)
        elif secret := SECRET.match(member.name):
            _keep_secret(ground, secret[1], member)
        else:
            raise Damaged(f"{member.name} is in it, though its manifest says that artifacts were left out")
    if filled != manifest.rows:
        raise Damaged("its tables are not those that its manifest tells of")
    filling.finish()
    return files


def _fill(filling: Filling, table: str, member: Member) -> int:
    columns, batches = read_table(member)
    try:
        return filling.fill(table, columns, batches)
    except UnlikeTable as problem:
        raise Damaged(f"{member.name} is not as it was written: {problem}") from None


def _keep_secret(ground: Ground, name: str, member: Member) -> None:
    """What opens secrets is for the owner's eyes alone. A key that is there already stays the one."""
    place = ground.credentials if name == "credentials" else ground.key
    text = member.text()
    if place is None:
        return
    with os.fdopen(os.open(place.draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if name == "credentials":
        # A server could not start with what cannot be read.
        read_root_keys(place.draft.parent)


def _lost(filling: Filling, manifest: Manifest, files: FillingFiles) -> int:
    """How many files of objects are not there. Raises Damaged if the backup should have had one of them."""
    lost = [file for file in filling.files() if not files.has(file)]
    if manifest.has_artifacts and (missing := set(lost).difference(manifest.missing)):
        raise Damaged(f"the bytes of {len(missing)} objects are missing")
    return len(lost)


def _check_key(filling: Filling, key_file: Path, environment_key: str | None) -> bool:
    """Whether there is a key. Raises ValueError if it is another one than that of the backup."""
    if not environment_key and not key_file.exists():
        return False
    there = open_sealer(key_file, environment_key).key_ids
    if lacking := [key_id for key_id in filling.sealing_keys() if key_id not in there]:
        where = "PENSTOCK_KEY" if environment_key else key_file
        raise ValueError(
            f"the secrets in the backup are sealed under key {' and '.join(lacking)}, and {where} has {', '.join(there)}"
        )
    return True


def _in_flight(filling: Filling, now: float) -> Iterator[InFlight]:
    for pipeline in filling.open_pipelines():
        for wait in waits_of(pipeline, now, {}):
            yield InFlight(
                account=pipeline.head.account,
                region=pipeline.head.region,
                pipeline=pipeline.head.name,
                pipeline_execution_id=wait.execution_id,
                stage=wait.stage,
                reason=wait.reason,
                sentence=wait.sentence,
                action=wait.action,
                gate=wait.gate,
                rule=wait.rule,
            )
