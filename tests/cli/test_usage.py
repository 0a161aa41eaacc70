"""Called wrongly: exit code 2, and one line that says what to do."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.running import Ended, penstock
from penstock.cli.main import COMMANDS, main, program


def commands(command: click.Command = program, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing command (see 'penstock --help')"),
        (("sreve",), "No such command 'sreve'"),
        (("access",), "Missing command (see 'penstock access --help')"),
        (("access", "create"), "Missing argument 'NAME' (see 'penstock access create --help')"),
        (("access", "create", "x"), "Missing option '--policy' (see 'penstock access create --help')"),
        (("access", "create", "x", "--policy", "/none"), "'/none': No such file or directory"),
        (("partner", "register"), "Missing argument 'FILE'"),
        (("partner", "link", "--provider", "P"), "Missing option '--version'"),
        (("worker", "run", "module"), "'module' is not MODULE:WORKER"),
        (("worker", "run", "no_such_module:worker"), "there is no module 'no_such_module'"),
        (("worker", "run", "json:nothing"), "the module 'json' has no 'nothing'"),
        (("worker", "run", "json:loads"), "that is no worker"),
        (("worker", "run", "json:loads", "--slots", "0"), "'--slots': 0 is not in the range"),
        (("env", "--format", "x"), "No such option '--format'"),
        (("serve", "--port", "many"), "'many' is not a valid integer"),
        (("serve", "--port", "70000"), "--port takes a number from 0 to 65535"),
        (("serve", "--account-id", "1"), "--account-id takes the 12 digits of an account"),
        (("serve", "--ack-timeout", "0"), "--ack-timeout takes more than 0 seconds"),
        (("serve", "--auth", "none"), "'none' is not one of 'sigv4', 'off'"),
        (("serve", "--auth", "off", "--host", "0.0.0.0"), "--auth off is for loopback addresses only"),
        (("serve", "--executor", "container"), "--executor container is not built yet"),
        (("serve", "--processes", "2"), "--processes takes 1 with SQLite"),
        (("serve", "--processes", "0"), "--processes takes 1 or more"),
        (("serve", "--retention-days", "-1"), "--retention-days takes 0"),
        (("serve", "--drain-seconds", "-1"), "--drain-seconds takes a number from 0 to 300"),
        (("serve", "--artifacts-url", "s3://bucket"), "--artifacts-url: name the store by endpoint_url="),
        (("serve", "--root-access-key-id", "AKIAX"), "are given together or not at all"),
        (("serve", "--config", "/none"), "the configuration file /none cannot be read"),
    ],
)
def test_wrong_usage_ends_with_two_and_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    ended = Ended(int(ending.value.code or 0), *capsys.readouterr())
    assert (ended.code, ended.out) == (2, "")
    assert ended.line.startswith("penstock: ")
    assert said in ended.line
    assert "--help')" in ended.line


def test_the_program_ends_with_the_same_code_and_line() -> None:
    ended = penstock("access", "create")
    assert (ended.code, ended.out) == (2, "")
    assert ended.line == "penstock: Missing argument 'NAME' (see 'penstock access create --help')"


@pytest.mark.parametrize("path", [path for path in commands() if len(path) < 2])
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    ended = penstock(*path, "--help")
    assert ended.code == 0
    assert ended.err == ""
    assert ended.out.startswith("Usage: penstock")


def test_help_of_inner_commands_says_what_each_option_means() -> None:
    for path in commands():
        command: click.Command = program
        for name in path:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), name) or program
        assert command.help
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (path, option.name)


def test_all_promised_commands_are_there() -> None:
    found = {" ".join(path) for path in commands()}
    assert found >= {
        "serve",
        "env",
        "access create",
        "partner register",
        "partner link",
        "worker run",
        "explain",
    }
    assert set(COMMANDS) <= found


def test_the_version_is_told() -> None:
    ended = penstock("--version")
    assert ended.code == 0
    assert ended.out.startswith("penstock, version ")


def test_text_that_is_no_json_is_wrong_usage(tmp_path: Path) -> None:
    broken = tmp_path / "partner.json"
    broken.write_text('{"id": ')
    ended = penstock("partner", "register", broken)
    assert ended.code == 2
    assert "is not JSON" in ended.line
    broken.write_text("[]")
    assert "does not hold a JSON object" in penstock("partner", "register", broken).line
