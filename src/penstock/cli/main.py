"""`penstock`: its commands are found by name, and only the one that runs is imported."""

from importlib import import_module

import click

from penstock import __version__

__all__ = ["main"]

_COMMANDS = {
    "serve": "penstock.cli.serve",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock")
def main() -> None:
    """A self-hosted AWS CodePipeline."""
