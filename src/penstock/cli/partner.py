"""`penstock partner`: action types of partners, and accounts linked to them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from penstock.cli.client import Server, find_server, json_option, server_options
from penstock.core.wording import moment_words

__all__ = ["command"]

OVERLAP_SECONDS = 3600
OVERLAP_SECONDS_MAX = 30 * 24 * 3600

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("partner", no_args_is_help=False)
def command() -> None:
    """Partner (ThirdParty) action types."""


def partner_options(command: Command) -> Command:
    """Whose action types an account is linked to."""
    version = click.option("--version", metavar="V", required=True, help="Version of the action type.")
    return click.option("--provider", metavar="P", required=True, help="Provider of the action type.")(version(command))


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
    click.echo(json.dumps(kept, indent=2) if as_json else f"registered {_named(kept['id'])}")


@command.command("link")
@partner_options
@server_options
@json_option("Print JSON, as it does anyway.")
def link(provider: str, version: str, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Link the calling account to a partner; print the client id and its token as JSON.

    The partner gets both: its polls return the client id, and all its other calls must present the token. Linking again
    keeps the client id and gives a new token in place of all others.
    """
    del as_json
    answer = find_server(endpoint_url, data_dir).call("LinkPartner", provider=provider, version=version)
    click.echo(json.dumps(answer, indent=2))


@command.command("rotate")
@partner_options
@click.option(
    "--overlap",
    metavar="SECONDS",
    type=click.IntRange(0, OVERLAP_SECONDS_MAX),
    default=OVERLAP_SECONDS,
    help=f"How long the token before stays valid.  [default: {OVERLAP_SECONDS}]",
)
@server_options
@json_option("Print JSON, as it does anyway.")
def rotate(
    provider: str, version: str, *, overlap: int, endpoint_url: str | None, data_dir: Path | None, as_json: bool
) -> None:
    """Give the account's link to a partner a new token; print it as JSON.

    The token before stays valid for a while, so that the partner's workers can change to the new one; any older token
    ends at once. With --overlap 0 all of them do.
    """
    del as_json
    answer = find_server(endpoint_url, data_dir).call(
        "RotatePartnerToken", provider=provider, version=version, overlapSeconds=overlap
    )
    until = answer.get("previousTokenValidUntil")
    click.echo(json.dumps(answer | {"previousTokenValidUntil": until}, indent=2))


@command.command("revoke")
@partner_options
@server_options
@json_option("Print JSON.")
def revoke(provider: str, version: str, endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """End all tokens of the account's link to a partner, at once.

    The partner's workers are refused from then on. Open jobs stay until their timeout; a new token, from rotate or
    link, opens them again.
    """
    answer = find_server(endpoint_url, data_dir).call("RevokePartner", provider=provider, version=version)
    click.echo(json.dumps(answer, indent=2) if as_json else f"revoked all tokens of client {answer['clientId']}")


@command.command("list")
@server_options
@json_option("Print JSON.")
def list_(endpoint_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List the account's links to partners, and the partner action types that it registered."""
    listed = _listed(find_server(endpoint_url, data_dir))
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    for line in _lines(listed):
        click.echo(line)


def _listed(server: Server) -> dict[str, list[Any]]:
    """All pages as one."""
    answer = server.call("ListPartners")
    listed = {"links": answer["links"], "actionTypes": answer["actionTypes"]}
    while "nextToken" in answer:
        answer = server.call("ListPartners", nextToken=answer["nextToken"])
        for name, rows in listed.items():
            rows.extend(answer[name])
    return listed


def _lines(listed: dict[str, list[Any]]) -> Iterator[str]:
    for each in listed["links"]:
        since = moment_words(each["createdAt"])
        yield f"linked to {each['provider']} version {each['version']} as client {each['clientId']} since {since}"
        yield from (f"  {_token_words(token)}" for token in each["tokens"])
        if not each["tokens"]:
            yield "  no valid token: the partner's workers are refused"
    yield from (f"registered {_named(each)}" for each in listed["actionTypes"])


def _token_words(token: dict[str, Any]) -> str:
    end = f", valid until {moment_words(token['validUntil'])}" if "validUntil" in token else ""
    return f"token of {moment_words(token['createdAt'])}{end}"


def _named(identity: dict[str, str]) -> str:
    return "/".join(identity[part] for part in ("category", "owner", "provider", "version"))


def _document(file: BinaryIO) -> dict[str, Any]:
    try:
        document = json.loads(file.read())
    except ValueError as problem:
        raise click.UsageError(f"{file.name} is not JSON: {problem}") from None
    if not isinstance(document, dict):
        raise click.UsageError(f"{file.name} does not hold a JSON object")
    return document
