"""`penstock env`: what makes every AWS client talk to a server on this machine."""

import json
import shlex
from pathlib import Path

import click

from penstock.cli.client import data_dir_option, json_option, local_server

__all__ = ["command"]


@click.command("env")
@data_dir_option
@json_option("Print a JSON object instead of export lines.")
def command(data_dir: Path | None, as_json: bool) -> None:
    """Print the address and root keys of a running server as export lines.

    \b
        eval "$(penstock env)"
        aws codepipeline list-pipelines
    """
    server = local_server(data_dir)
    assert server.keys is not None
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.keys.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
    }
    if as_json:
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
