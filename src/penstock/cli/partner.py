"""`penstock partner`: action types of partners, and accounts linked to them."""

import json
from pathlib import Path
from typing import Any, BinaryIO

import click

from penstock.cli.client import find_server, json_option, server_options

__all__ = ["command"]


@click.group("partner", no_args_is_help=False)
def command() -> None:
    """Partner (ThirdParty) action types."""


@command.command("register")
@click.argument("file", type=click.File("rb"))
@server_options
@json_option("Print the action type as the server keeps it.")
def register(file: BinaryIO, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Register the action type that FILE declares.

    FILE is an ActionTypeDeclaration as JSON; - reads it from stdin. A version keeps its definition: registering the
    same one again changes nothing, another one is refused.
    """
    declared = _document(file)
    kept = find_server(endpoint_url, data_dir).call("RegisterPartnerActionType", actionType=declared)["actionType"]
    if as_json:
        click.echo(json.dumps(kept, indent=2))
        return
    identity = kept["id"]
    named = "/".join(identity[part] for part in ("category", "owner", "provider", "version"))
    click.echo(f"registered {named}")


@command.command("link")
@click.option("--provider", metavar="P", required=True, help="Provider of the action type.")
@click.option("--version", metavar="V", required=True, help="Version of the action type.")
@server_options
@json_option("Print JSON, as it does anyway.")
def link(provider: str, version: str, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Link the calling account to a partner; print the client id and its token as JSON.

    The partner gets both: its polls return the client id, and all its other calls must present the token. Linking again
    keeps the client id and gives a new token.
    """
    del as_json
    answer = find_server(endpoint_url, data_dir).call("LinkPartner", provider=provider, version=version)
    click.echo(json.dumps(answer, indent=2))


def _document(file: BinaryIO) -> dict[str, Any]:
    try:
        document = json.loads(file.read())
    except ValueError as problem:
        raise click.UsageError(f"{file.name} is not JSON: {problem}") from None
    if not isinstance(document, dict):
        raise click.UsageError(f"{file.name} does not hold a JSON object")
    return document
