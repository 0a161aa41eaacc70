"""`penstock access`: principals beside root."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from penstock.cli.client import Server, find_server, json_option, server_options

__all__ = ["command"]

account_option = click.option(
    "--account", metavar="ID", help="Another account, 12 digits; only root may.  [default: the caller's]"
)
trust_option = click.option(
    "--trust",
    metavar="ARN|ACCOUNT",
    multiple=True,
    help="Who may assume the role: a principal, or an account whose principals may if their policies say so; repeatable.",
)


@click.group("access", no_args_is_help=False)
def command() -> None:
    """Who may call the server."""


@command.command("create")
@click.argument("name")
@click.option(
    "--policy", type=click.File("rb"), required=True, help="IAM policy document, JSON; - reads it from stdin."
)
@click.option("--role", is_flag=True, help="A role, which others assume, in the place of a user with keys.")
@trust_option
@account_option
@server_options
@json_option("Print JSON, as it does anyway.")
def create(
    *,
    name: str,
    policy: BinaryIO,
    role: bool,
    trust: tuple[str, ...],
    account: str | None,
    endpoint_url: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Add a principal who may do what a policy allows; print its keys as JSON.

    The secret key is shown this once and cannot be read again. A role has no keys: those whom it trusts get temporary ones
    from 'aws sts assume-role'.
    """
    del as_json
    if role is not bool(trust):
        raise click.UsageError("--role and --trust go together: a role must say who may assume it, and nobody else can")
    members = {"name": name, "policy": _document(policy), "account": account, "trust": trust or None}
    answer = _call(find_server(endpoint_url, data_dir), "CreatePrincipal", members | ({"role": True} if role else {}))
    click.echo(json.dumps(answer, indent=2))


@command.command("list")
@account_option
@server_options
@json_option("Print JSON.")
def list_principals(account: str | None, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List the principals of an account, by name; root is none of them."""
    found = list(_listed(find_server(endpoint_url, data_dir), account))
    if as_json:
        click.echo(json.dumps({"principals": found}, indent=2))
        return
    table = [[each["name"], each["kind"], each["arn"], _moment(each["createdAt"])] for each in found]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command("show")
@click.argument("name")
@account_option
@server_options
@json_option("Print JSON.")
def show(name: str, account: str | None, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show a principal: what it may do, the ids of its keys, and who may assume it if it is a role."""
    server = find_server(endpoint_url, data_dir)
    answer = _call(server, "GetPrincipal", {"name": name, "account": account})
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for line in _lines(answer):
        click.echo(line)


@command.command("update")
@click.argument("name")
@click.option("--policy", type=click.File("rb"), help="IAM policy document in the place of the old; - is stdin.")
@trust_option
@account_option
@server_options
def update(
    *,
    name: str,
    policy: BinaryIO | None,
    trust: tuple[str, ...],
    account: str | None,
    endpoint_url: str | None,
    data_dir: Path | None,
) -> None:
    """Give a principal another policy, or a role another trust.

    Keys and open sessions stay, and follow within five seconds.
    """
    if policy is None and not trust:
        raise click.UsageError("nothing is to be changed: give --policy, or --trust for a role")
    document = None if policy is None else _document(policy)
    members = {"name": name, "policy": document, "trust": trust or None, "account": account}
    _call(find_server(endpoint_url, data_dir), "UpdatePrincipal", members)
    click.echo(f"updated {name}")


@command.command("revoke")
@click.argument("name")
@account_option
@server_options
def revoke(name: str, account: str | None, endpoint_url: str | None, data_dir: Path | None) -> None:
    """Take a principal away.

    Its keys and its sessions stop within five seconds, everywhere.
    """
    _call(find_server(endpoint_url, data_dir), "DeletePrincipal", {"name": name, "account": account})
    click.echo(f"revoked {name}")


def _document(policy: BinaryIO) -> str:
    try:
        return policy.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"the policy {policy.name} is not text in UTF-8") from None


def _call(server: Server, operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """The answer to an operation; members that are None are left out."""
    return server.call(operation, **{name: value for name, value in members.items() if value is not None})


def _listed(server: Server, account: str | None) -> Iterator[dict[str, Any]]:
    """The principals of all pages."""
    token = None
    while True:
        answer = _call(server, "ListPrincipals", {"account": account, "nextToken": token})
        yield from answer["principals"]
        token = answer.get("nextToken")
        if token is None:
            return


def _lines(principal: dict[str, Any]) -> Iterator[str]:
    yield f"{principal['kind']} {principal['name']}"
    yield f"  arn      {principal['arn']}"
    yield f"  created  {_moment(principal['createdAt'])}"
    for key in principal["keys"]:
        yield f"  key      {key['accessKeyId']}, created {_moment(key['createdAt'])}"
    for trusted in principal.get("trust", ()):
        yield f"  trusts   {trusted}"
    for policy in principal["policies"]:
        yield "  policy"
        yield from (f"    {line}" for line in json.dumps(json.loads(policy), indent=2).splitlines())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
