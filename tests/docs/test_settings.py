"""Every setting is an option, a variable and a row of the documentation, with the default that it has."""

import re
import tomllib

import click

from docs.pages import blocks, page, quoted, rows
from penstock.cli.main import program
from penstock.server.settings import ENVIRONMENT_PREFIX, Settings, load

PAGE = page("docs/reference/settings.md")
TABLE = {quoted(row[0])[0]: row for row in rows(PAGE) if len(row) == 4}


def option(field: str) -> str:
    return "--" + field.replace("_", "-")


def test_every_setting_has_a_row() -> None:
    assert sorted(TABLE) == sorted(option(field) for field in Settings.__struct_fields__)
    for field in Settings.__struct_fields__:
        assert quoted(TABLE[option(field)][1]) == [ENVIRONMENT_PREFIX + field.upper()]


def test_the_defaults_are_those_that_a_server_has() -> None:
    defaults = load({}, environment={})
    for field in Settings.__struct_fields__:
        said = TABLE[option(field)][2]
        value = getattr(defaults, field)
        if not value or field == "data_dir":
            assert re.search(r"data directory|first start|DATA_DIR|XDG_DATA_HOME|none", said), field
        else:
            assert quoted(said) == [f"{value:g}" if isinstance(value, float) else str(value)], field


def test_serve_takes_every_setting_as_an_option_and_says_its_default() -> None:
    assert isinstance(program, click.Group)
    serve = program.get_command(click.Context(program), "serve")
    assert serve is not None
    options = {each.opts[0]: each for each in serve.params if isinstance(each, click.Option)}
    assert sorted(options) == sorted([*(option(field) for field in Settings.__struct_fields__), "--config"])
    for name, each in options.items():
        said = re.search(r"\[default: (.*)\]$", each.help or "")
        assert said, name
        if name in TABLE and re.fullmatch(r"`[\w.]+`", TABLE[name][2]):
            assert said[1] == TABLE[name][2].strip("`")


def test_the_file_in_the_page_is_one_that_is_read() -> None:
    (example,) = blocks(PAGE, "toml")
    given = {name.replace("-", "_"): value for name, value in tomllib.loads(example).items()}
    assert load(given, environment={}).ack_timeout == given["ack_timeout"]
