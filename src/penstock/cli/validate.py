"""`penstock validate`: what a server would say of a pipeline, without one."""

import json
import os
from typing import TYPE_CHECKING, BinaryIO

import click

from penstock.cli.client import DEFAULT_REGION, json_option

if TYPE_CHECKING:
    from penstock.cli.findings import Finding

__all__ = ["command"]

# Nothing depends on which it is.
ACCOUNT = "123456789012"


@click.command("validate")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--custom-action-types",
    "types",
    metavar="FILE",
    type=click.File("rb"),
    multiple=True,
    help="Action types that there are beside a template's own, as list-action-types prints them; may be repeated.",
)
@click.option("--region", metavar="REGION", help="Region of the pipelines.  [default: the file's, else AWS_REGION]")
@json_option("Print the findings as JSON.")
def command(file: BinaryIO, types: tuple[BinaryIO, ...], region: str | None, as_json: bool) -> int:
    """Check pipelines by a server's rules, in its words, without a server.

    FILE is a CloudFormation or CDK template, or a pipeline as 'aws codepipeline get-pipeline' prints it, in JSON or YAML;
    - reads stdin. Ends with 0 if nothing is found, with 1 if something is, and with 2 if FILE cannot be read.
    """
    from penstock.cli.findings import Known, Place, check_pipelines, check_types
    from penstock.cli.templates import Unreadable, read_action_types, read_document

    presumed = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    try:
        document = read_document(file.read(), file.name, ACCOUNT, presumed)
        declared = [(each.name, read_action_types(each.read(), each.name, ACCOUNT, presumed)) for each in types]
    except Unreadable as problem:
        raise click.UsageError(str(problem)) from None
    if not document.pipelines and not document.action_types:
        raise click.UsageError(f"{file.name} describes no pipeline")
    known: Known = {}
    findings = [finding for name, described in declared for finding in check_types(described, name, known)]
    findings += check_types(document.action_types, file.name, known)
    findings += check_pipelines(document, file.name, known, Place(ACCOUNT, presumed, region or document.region))
    _tell(findings, len(document.pipelines), file.name, as_json=as_json)
    return 1 if findings else 0


def _tell(findings: "list[Finding]", pipelines: int, name: str, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(json.dumps({"pipelines": pipelines, "findings": msgspec.to_builtins(findings)}, indent=2))
        return
    for finding in findings:
        click.echo(finding.told())
    if not findings:
        click.echo(f"{name}: nothing wrong with {pipelines} pipeline{'s' if pipelines != 1 else ''}")
