"""`penstock access`: principals beside root."""

import json
from pathlib import Path
from typing import BinaryIO

import click

from penstock.cli.client import find_server, json_option, server_options

__all__ = ["command"]


@click.group("access", no_args_is_help=False)
def command() -> None:
    """Who may call the server."""


@command.command("create")
@click.argument("name")
@click.option(
    "--policy", type=click.File("rb"), required=True, help="IAM policy document, JSON; - reads it from stdin."
)
@click.option("--account", metavar="ID", help="Another account, 12 digits; only root may.  [default: the caller's]")
@server_options
@json_option("Print JSON, as it does anyway.")
def create(
    name: str, policy: BinaryIO, account: str | None, endpoint_url: str | None, data_dir: Path | None, as_json: bool
) -> None:
    """Add a principal who may do what a policy allows; print its keys as JSON.

    The secret key is shown this once and cannot be read again.
    """
    del as_json
    try:
        document = policy.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"the policy {policy.name} is not text in UTF-8") from None
    members = {"name": name, "policy": document} | ({"account": account} if account is not None else {})
    answer = find_server(endpoint_url, data_dir).call("CreatePrincipal", **members)
    click.echo(json.dumps(answer, indent=2))
