"""`penstock restore`: a new data directory from a backup."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from penstock.cli.backup import contents_words, counted
from penstock.cli.client import Failed, json_option
from penstock.core.wording import moment_words

if TYPE_CHECKING:
    from penstock.server.restoring import Restored
    from penstock.server.settings import Settings

__all__ = ["command"]


@click.command("restore")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory to fill, empty or not there yet.  [default: PENSTOCK_DATA_DIR, else $XDG_DATA_HOME/penstock]",
)
@click.option("--database-url", metavar="URL", help="As of 'penstock serve'.  [default: in the data directory]")
@click.option("--artifacts-url", metavar="URL", help="As of 'penstock serve'.  [default: in the data directory]")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="As of 'penstock serve'; a key that is there stays the one.  [default: DATA_DIR/key]",
)
@click.option("--config", type=click.Path(path_type=Path), envvar="PENSTOCK_CONFIG", help="As of 'penstock serve'.")
@json_option("Print a JSON object.")
def command(file: IO[bytes], *, config: Path | None, as_json: bool, **given: Any) -> None:
    """Fill a new data directory from FILE, which 'penstock backup' has written; - is standard input.

    No server is needed, and none may run there. All of it is restored or nothing: the folder must be empty, as must the
    database if it is a PostgreSQL, and every checksum is compared first. It does not matter which kind of database the backup
    was made of. What is in flight is told, and goes on with 'penstock serve'.
    """
    from penstock.server.settings import SettingsError, load

    try:
        settings = load(given, config=config)
    except SettingsError as problem:
        raise click.UsageError(str(problem)) from None
    restored = _restored(settings, file)
    if as_json:
        click.echo(json.dumps(_document(settings, restored), indent=2))
        return
    for line in _lines(settings, restored):
        click.echo(line)


def _restored(settings: "Settings", file: IO[bytes]) -> "Restored":
    from sqlite3 import DatabaseError

    from penstock.ports.backup import DatabaseFault
    from penstock.server.archive import Damaged
    from penstock.server.ground import NotEmpty
    from penstock.server.restoring import restore
    from penstock.server.settings import SettingsError

    try:
        return restore(settings, file, os.environ.get("PENSTOCK_KEY"))
    except SettingsError as problem:
        raise click.UsageError(str(problem)) from None
    except Damaged as problem:
        raise Failed(f"{file.name} cannot be restored: {problem}") from None
    except (NotEmpty, DatabaseFault, ValueError) as problem:
        raise Failed(str(problem)) from None
    except DatabaseError as problem:
        raise Failed(f"the database {settings.database} cannot be made: {problem}") from None
    except OSError as problem:
        where = problem.filename or settings.data_dir
        raise Failed(f"{where}: {(problem.strerror or str(problem)).lower()}") from None


def _document(settings: "Settings", restored: "Restored") -> dict[str, Any]:
    import msgspec

    return {
        "dataDir": str(settings.data_dir),
        **_contents(restored),
        "account": restored.manifest.account,
        "region": restored.manifest.region,
        "hasKey": restored.has_key,
        "hasCredentials": restored.has_credentials,
        "lostObjects": restored.lost_objects,
        "inFlight": msgspec.to_builtins(restored.in_flight),
    }


def _contents(restored: "Restored") -> dict[str, Any]:
    manifest = restored.manifest
    return {
        "takenAt": manifest.taken_at,
        "penstockVersion": manifest.penstock,
        "schema": manifest.schema,
        "pipelines": manifest.rows["pipelines"],
        "executions": manifest.rows["executions"],
        "executionsInFlight": manifest.in_flight,
        "hasArtifacts": manifest.has_artifacts,
        "objects": manifest.objects,
        "objectBytes": manifest.object_bytes,
    }


def _lines(settings: "Settings", restored: "Restored") -> Iterator[str]:
    contents = _contents(restored)
    place = f"the database and {settings.data_dir}" if settings.is_shared else settings.data_dir
    yield f"restored to {place}: {contents_words(contents)}, as of {moment_words(contents['takenAt'])}"
    for wait in restored.in_flight:
        yield f"in flight: {wait.pipeline_execution_id}: {wait.sentence}"
    if restored.lost_objects:
        lost, folder = counted(restored.lost_objects, "file"), settings.artifacts / "objects"
        yield f"not there: {lost} of objects; put them into {folder}, or what needs them fails"
    if not restored.has_key:
        yield f"not there: the sealing key; {_where_to_put_the_key(settings)}"
    if not restored.has_credentials:
        yield "not there: root's credentials; new ones are made at the start"
    if restored.manifest.account != settings.account_id:
        yield f"root's account was {restored.manifest.account}: serve with --account-id {restored.manifest.account}"
    same = ", and the same --database-url" if settings.is_shared else ""
    yield f"go on with: penstock serve --data-dir {shlex.quote(str(settings.data_dir))}{same}"


def _where_to_put_the_key(settings: "Settings") -> str:
    if settings.is_shared and settings.key_file is None:
        return "give the one of the backup to each server, as --key-file or in PENSTOCK_KEY"
    key = settings.key_file or settings.data_dir / "key"
    return f"put the one of the backup into {key} (mode 0600), or into PENSTOCK_KEY"
