"""`penstock key`: the keys that seal the server's secrets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from penstock.cli.client import find_server, json_option, server_options

__all__ = ["command"]


@click.group("key", no_args_is_help=False)
def command() -> None:
    """The keys that seal the server's secrets."""


@command.command("rotate")
@server_options
@json_option("Print the ids of the new key and of the one that it replaces.")
def rotate(endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Seal with a new key from now on; for the server's root alone.

    What the old key has sealed opens as before. The server seals it anew in the background, and drops the old key once nothing
    needs it any more.
    """
    answer = find_server(endpoint_url, data_dir).call("RotateKey")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(f"sealing with key {answer['keyId']}; key {answer['replacedKeyId']} goes once nothing needs it")


@command.command("status")
@server_options
@json_option("Print what the server answers.")
def status(endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Say which keys there are, and how much each still seals; for the server's root alone."""
    answer = find_server(endpoint_url, data_dir).call("DescribeKeys")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for key in answer["keys"]:
        click.echo(_line(key, answer["heldIn"], "" if answer["isComplete"] else " or more"))


def _line(key: dict[str, Any], held_in: str, more: str) -> str:
    count = f"{key['sealedCount']}{more} secret{'' if key['sealedCount'] == 1 and not more else 's'}"
    if "replacedAt" not in key:
        return f"{key['keyId']}  since {_moment(key['since'])}  seals {count}, and all that comes"
    seals = "seals nothing any more" if "unusedSince" in key else f"still seals {count}"
    goes = "can be left out of PENSTOCK_KEY" if held_in == "Environment" else "goes"
    return f"{key['keyId']}  replaced {_moment(key['replacedAt'])}  {seals}; {goes} after {_moment(key['neededUntil'])}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
