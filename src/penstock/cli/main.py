"""`penstock`: its commands are found by name, and only the one that runs is imported."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from penstock import __version__

__all__ = ["COMMANDS", "main", "program"]

COMMANDS = {
    "serve": "penstock.cli.serve",
    "env": "penstock.cli.env",
    "access": "penstock.cli.access",
    "key": "penstock.cli.key",
    "partner": "penstock.cli.partner",
    "backup": "penstock.cli.backup",
    "restore": "penstock.cli.restore",
    "worker": "penstock.cli.worker",
    "explain": "penstock.cli.explain",
    "validate": "penstock.cli.validate",
}

INTERRUPTED = 130


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command


@click.group("penstock", cls=_Commands, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock")
def program() -> None:
    """A self-hosted AWS CodePipeline.

    Commands that talk to a server find it by AWS_ENDPOINT_URL and the usual AWS credentials; without them, by the data
    directory of a 'penstock serve' on this machine.
    """


def main(arguments: Sequence[str] | None = None, prog_name: str = "penstock") -> NoReturn:
    """Run one command and exit: 0 when done, 1 when it could not be done, 2 when it was called wrongly.

    Whatever goes wrong is one line on standard error that says what it was, or what to do.
    """
    status: int | None
    try:
        status = program.main(arguments, prog_name=prog_name, standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as problem:
        context = problem.ctx.command_path if problem.ctx is not None else prog_name
        status = _complain(f"{_line(problem).rstrip('.')} (see '{context} --help')", problem.exit_code)
    except click.ClickException as problem:
        status = _complain(_line(problem), problem.exit_code)
    except click.Abort:
        status = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough. The interpreter would flush it once more, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def _line(problem: click.ClickException) -> str:
    return " ".join(problem.format_message().split())


def _complain(text: str, status: int) -> int:
    click.echo(f"penstock: {text}", err=True)
    return status
