"""`penstock explain`: what a pipeline waits for."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from penstock.cli.client import find_server, json_option, server_options
from penstock.core.wording import span_words

__all__ = ["command"]

REASONS = {
    "DeploymentWindow": "deployment window",
    "EarlierExecution": "earlier execution",
}


@click.command("explain")
@click.argument("pipeline")
@click.option("--execution", metavar="ID", help="One execution.  [default: all open ones, else the last one]")
@server_options
@json_option("Print JSON.")
def command(
    pipeline: str, execution: str | None, endpoint_url: str | None, data_dir: Path | None, as_json: bool
) -> None:
    """Say why PIPELINE is waiting: for what, since when, what ends it, and who came near.

    An execution that has ended says how.
    """
    members = {"name": pipeline} | ({"pipelineExecutionId": execution} if execution is not None else {})
    answer = find_server(endpoint_url, data_dir).call("ExplainPipeline", **members)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for line in _lines(pipeline, answer):
        click.echo(line)


def _lines(pipeline: str, answer: dict[str, Any]) -> Iterator[str]:
    waits, ending = answer["waits"], answer.get("ending")
    if ending is not None:
        yield from _wrapped(ending["sentence"], "")
    elif not waits:
        yield f"No execution of pipeline '{pipeline}' is known."
    table = [[_place(wait), _reason(wait), span_words(answer["now"] - wait["since"])] for wait in waits]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = iter(table)
    for position, (execution_id, found) in enumerate(groupby(waits, itemgetter("executionId"))):
        if position:
            yield ""
        yield f"execution {execution_id}"
        for wait in found:
            cells = (cell.ljust(width) for cell, width in zip(next(rows), widths, strict=True))
            yield f"  {'  '.join(cells)}".rstrip()
            yield from _wrapped(wait["sentence"], "      ")
            for hint in wait["hints"]:
                yield from _wrapped(f"- {hint}", "      ")


def _place(wait: dict[str, Any]) -> str:
    """Where in the pipeline it waits; an execution that is in no action stands in front of its stage or leaves it."""
    return "/".join(wait[part] for part in ("stage", "gate", "rule", "action") if part in wait)


def _reason(wait: dict[str, Any]) -> str:
    reason: str = wait["reason"]
    return REASONS.get(reason, reason.lower())


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """As wide as the terminal; one line for whatever reads along."""
    if not _is_terminal():
        yield indent + text
        return
    width = max(60, shutil.get_terminal_size().columns)
    following = indent + ("  " if text.startswith("- ") else "")
    yield from textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=following, break_long_words=False, break_on_hyphens=False
    )


def _is_terminal() -> bool:
    return sys.stdout.isatty()
