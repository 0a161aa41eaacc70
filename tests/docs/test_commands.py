"""Every command has a section, and every option of it is there."""

import re
from collections.abc import Iterator

import click
import pytest

from docs.pages import page, section
from penstock.cli.main import program

PAGE = page("docs/reference/commands.md")


def commands(command: click.Command = program, path: str = "penstock") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, f"{path} {name}")


ALL = dict(commands())


@pytest.mark.parametrize("path", ALL)
def test_a_command_has_a_section_with_all_its_options_and_no_others(path: str) -> None:
    said = section(PAGE, f"## {path}")
    options = {name for each in ALL[path].params if isinstance(each, click.Option) for name in each.opts}
    mentioned = set(re.findall(r"`(--[\w-]+)", said))
    assert mentioned == options


def test_no_section_is_about_a_command_that_is_not_there() -> None:
    assert set(re.findall(r"^## (penstock .*)$", PAGE, re.MULTILINE)) == set(ALL)
