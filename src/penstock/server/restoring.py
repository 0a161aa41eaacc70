"""Filling a new data directory from a backup: all of it, or nothing.

    mark the ground ─► make everything as drafts ─► compare all checksums ─► sync ─► give the names ─► unmark the ground

For PostgreSQL, rows go into an SQLite file first, which brings them to today's schema, and from there into the database: in one
transaction, whose end takes the place of the last name.

Anything that can be told (a damaged backup, a full disk, Ctrl-C) leaves the ground as it was. After a kill, the next restore
clears away what was begun.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

from msgspec import Struct

from penstock.artifacts.filling import FillingFiles
from penstock.auth.key_file import open_sealer
from penstock.auth.seal import Sealer
from penstock.core.waits import waits_of
from penstock.ports.backup import Filling, Manifest, Snapshot, UnlikeTable
from penstock.ports.server_secrets import ROOT_KEYS, SEALING_KEYS
from penstock.server.archive import OBJECT, SECRET, TABLE, Damaged, Member, opened, read_table
from penstock.server.credentials import read_root_keys, sealed_root_keys
from penstock.server.ground import Ground, begin, key_file_of, marked
from penstock.server.settings import Settings
from penstock.storage.form import FORM, form_schema
from penstock.storage.sqlite.backup import SqliteFilling, SqliteSnapshot

if TYPE_CHECKING:
    from penstock.storage.postgres.backup import PostgresFilling

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

    Raises Damaged, NotEmpty, DatabaseFault, SettingsError, ValueError (a sentence on keys) or OSError; nothing is left then.
    """
    with opened(source) as (manifest, members):
        _check_schema(manifest)
        if settings.is_shared:
            _check_database(settings.database_url)
        with marked(settings.data_dir):
            key_file = key_file_of(settings)
            has_key = bool(environment_key) or (key_file is not None and key_file.exists())
            ground = Ground.of(settings, with_artifacts=manifest.has_artifacts, has_key=has_key)
            begin(ground)
            filling = SqliteFilling(ground.database.draft, manifest.schema)
            try:
                files = _take_in(members, manifest, ground, filling)
                lost = _lost(filling, manifest, files or FillingFiles(settings.artifacts / "objects"))
                sealer = _opener(ground.key.draft if ground.key is not None else key_file, environment_key)
                _check_key(filling, sealer, "PENSTOCK_KEY" if environment_key else key_file)
                restored = Restored(
                    manifest=manifest,
                    in_flight=tuple(_in_flight(filling, manifest.taken_at)),
                    has_key=sealer is not None,
                    has_credentials=ground.credentials.draft.exists(),
                    lost_objects=lost,
                )
            finally:
                filling.close()
            if settings.is_shared:
                _name_with_database(ground, settings.database_url, sealer)
            else:
                ground.give_names()
    return restored


def _check_database(url: str) -> None:
    """Raises SettingsError or DatabaseFault unless there is a database that can be filled."""
    from penstock.server.database import check_driver

    check_driver()
    from penstock.storage.postgres.backup import check_empty

    check_empty(url)


def _name_with_database(ground: Ground, url: str, sealer: Sealer | None) -> None:
    """Fill a database from the file that was filled, give everything its name, and then let the database be seen."""
    from penstock.storage.postgres.backup import PostgresFilling

    with closing(PostgresFilling(url)) as database:
        with closing(SqliteSnapshot(ground.database.draft)) as snapshot:
            for table in snapshot.tables():
                _carry(database, snapshot, table)
        _keep_keys(database, ground, sealer)
        ground.give_names()
        database.commit()
    ground.clear_passing()


def _carry(database: "PostgresFilling", snapshot: Snapshot, table: str) -> None:
    try:
        database.fill(table, snapshot.columns(table), snapshot.rows(table))
    except UnlikeTable as problem:
        raise Damaged(f"what is in it does not fit PostgreSQL: {problem}") from None


def _keep_keys(database: "PostgresFilling", ground: Ground, sealer: Sealer | None) -> None:
    """Where servers share a database they look for keys there."""
    if ground.key is not None and ground.key.final is None and ground.key.draft.exists():
        database.keep(SEALING_KEYS, " ".join(ground.key.draft.read_text(encoding="ascii").split()))
    if sealer is not None and ground.credentials.draft.exists():
        keys = read_root_keys(ground.credentials.draft.parent)
        database.keep(ROOT_KEYS, sealed_root_keys(sealer, keys))


def _check_schema(manifest: Manifest) -> None:
    if manifest.dialect != FORM:
        raise Damaged(
            f"its rows are in the form '{manifest.dialect}', which this release does not know: take a later one"
        )
    newest = form_schema()
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


def _opener(key_file: Path | None, environment_key: str | None) -> Sealer | None:
    """What opens the secrets, if there is a key. Raises ValueError if it is none."""
    if environment_key or (key_file is not None and key_file.exists()):
        return open_sealer(key_file or Path(), environment_key)
    return None


def _check_key(filling: Filling, sealer: Sealer | None, where: Path | str | None) -> None:
    """Raises ValueError if it is another key than that of the backup."""
    there = sealer.key_ids if sealer is not None else ()
    if sealer is not None and (lacking := [key_id for key_id in filling.sealing_keys() if key_id not in there]):
        raise ValueError(
            f"the secrets in the backup are sealed under key {' and '.join(lacking)}, "
            f"and {where or 'the key in the backup'} has {', '.join(there)}"
        )


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
