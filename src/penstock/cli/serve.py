"""`penstock serve`: the server, in the foreground."""

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.client import Failed

if TYPE_CHECKING:
    from penstock.server.front import Port
    from penstock.server.main import Teller
    from penstock.server.settings import Settings

__all__ = ["command"]

EXECUTORS = ["auto", "bubblewrap", "container", "process", "off"]

# What bind says of an address that cannot be had, and what a disk says without naming a file
_OF_ADDRESSES = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@click.command("serve")
@click.option("--host", help="Address to bind.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port; 0 picks a free one and prints it.  [default: 4570]")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Database, artifacts, credentials and key.  [default: $XDG_DATA_HOME/penstock]",
)
@click.option(
    "--database-url",
    metavar="URL",
    help="sqlite:///PATH, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE.  [default: in the data directory]",
)
@click.option(
    "--artifacts-url",
    metavar="URL",
    help="file:///PATH, or s3://BUCKET?endpoint_url=http://HOST:PORT.  [default: in the data directory]",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="Key that seals secrets and session tokens; PENSTOCK_KEY may hold the key itself.  [default: DATA_DIR/key]",
)
@click.option("--account-id", metavar="ID", help="Account of the root credentials.  [default: 123456789012]")
@click.option("--region", help="Region of requests that carry none.  [default: us-east-1]")
@click.option("--root-access-key-id", metavar="ID", help="Root credentials.  [default: made at the first start]")
@click.option("--root-secret-access-key", metavar="KEY", help="Root credentials.  [default: made at the first start]")
@click.option(
    "--ack-timeout",
    type=float,
    metavar="SECONDS",
    help="How long a polled job waits for its acknowledgement before it is handed out again.  [default: 60]",
)
@click.option(
    "--continuation-delay",
    type=float,
    metavar="SECONDS",
    help="Between a success with a continuation token and the follow-up job.  [default: 5]",
)
@click.option(
    "--executor",
    type=click.Choice(EXECUTORS),
    help="Where build commands run; auto takes bubblewrap where it works, else a plain process on a loopback address, "
    "else none.  [default: auto]",
)
@click.option(
    "--auth",
    type=click.Choice(["sigv4", "off"]),
    help="With off, any caller is root; on a loopback address only.  [default: sigv4]",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Certificate, and those that lead to its root, in PEM form; read again on SIGHUP.  [default: none]",
)
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key.  [default: none]")
@click.option(
    "--requests-per-second",
    type=int,
    metavar="N",
    help="Calls a second of one principal, twice as many at once; 0 for no limit. Root has none.  [default: 500]",
)
@click.option("--connections-max", type=int, metavar="N", help="Connections at a time.  [default: 10000]")
@click.option(
    "--processes",
    type=int,
    metavar="N",
    help="Servers that share the port, each in a process of its own; more than one with PostgreSQL only.  [default: 1]",
)
@click.option(
    "--drain-seconds",
    type=float,
    metavar="SECONDS",
    help="How long it goes on, unhealthy, once it is to end, so that a balancer notices.  "
    "[default: 5; none with SQLite or on a loopback address]",
)
@click.option(
    "--retention-days",
    type=int,
    metavar="DAYS",
    help="How long finished executions and jobs are kept; 0 for ever.  [default: 366]",
)
@click.option(
    "--cors-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose web pages may call, such as https://example.org, or *; may be repeated.  [default: none]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PENSTOCK_CONFIG",
    help="TOML file with these options.  [default: PENSTOCK_CONFIG, else none]",
)
def command(config: Path | None, **given: Any) -> None:
    """Serve pipelines until Ctrl-C or SIGTERM.

    The first line on standard output says where, once requests are accepted; 'penstock env' says how to use it.

    Every option is also an environment variable, PENSTOCK_ and its name in capitals with _ for -, and a key of the TOML
    file. Options win over the environment, the environment over the file.
    """
    from penstock.server.settings import SettingsError, load

    try:
        settings = load(given, config=config)
    except SettingsError as problem:
        raise click.UsageError(str(problem)) from None
    whose = "" if settings.processes == 1 else " %(process)d"
    style = f"%(asctime)s{whose} %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=style)
    sys.exit(_serve(settings))


def _serve(settings: "Settings") -> int:
    from penstock.server.credentials import LeftAddress
    from penstock.server.front import Port, Tidings
    from penstock.server.ground import check_finished

    with _one_line(settings), Port(settings) as port, closing(LeftAddress(settings.data_dir)) as left:
        tidings = Tidings(settings, port, left)
        if settings.processes == 1:
            return _in_loop(settings, port, tidings)
        from penstock.server.supervisor import Supervisor

        check_finished(settings.data_dir)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Supervisor(settings.processes, port, tidings, partial(_child, settings, port)).run()


def _in_loop(settings: "Settings", port: "Port", teller: "Teller", lifeline: int | None = None) -> int:
    import asyncio

    import uvloop

    from penstock.server.main import serve

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, port, teller, lifeline))


def _child(settings: "Settings", port: "Port", teller: "Teller", lifeline: int) -> int:
    """One of several servers, in a process of its own; whatever keeps it from serving is told in a line."""
    try:
        with _one_line(settings):
            return _in_loop(settings, port, teller, lifeline)
    except click.ClickException as problem:
        click.echo(f"penstock: {problem.format_message()}", err=True)
        return problem.exit_code


@contextmanager
def _one_line(settings: "Settings") -> Iterator[None]:
    """What the operator can mend ends the program with a line."""
    from sqlite3 import DatabaseError

    from penstock.ports.storage import StorageLost
    from penstock.server.settings import SettingsError
    from penstock.storage.migrate import SchemaTooNew
    from penstock.storage.sqlite.connection import DatabaseInUse
    from penstock.wire.errors import ServiceUnavailable

    try:
        yield
    except SettingsError as problem:
        raise click.UsageError(str(problem)) from None
    except DatabaseError as problem:
        raise Failed(f"the database {settings.database} cannot be used: {problem}") from None
    except OSError as problem:
        raise Failed(_reason(problem, settings)) from None
    except (DatabaseInUse, SchemaTooNew, StorageLost, ServiceUnavailable, ValueError) as problem:
        raise Failed(str(problem)) from None


def _reason(problem: OSError, settings: "Settings") -> str:
    said = (problem.strerror or str(problem)).lower()
    if problem.filename is not None:
        return f"{problem.filename}: {said}"
    if problem.errno in _OF_ADDRESSES or "name or service not known" in said:
        return f"cannot listen on {settings.host}, port {settings.port}: {said}; choose with --host and --port"
    return f"the data directory {settings.data_dir}: {said}" if problem.errno in _OF_DISKS else said
