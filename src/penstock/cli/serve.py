"""`penstock serve`: the server, in the foreground."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("serve")
@click.option("--host", help="Address to bind.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port; 0 picks a free one.  [default: 4570]")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Database, artifacts, credentials and key.")
@click.option("--database-url", help="sqlite:///PATH.  [default: in the data directory]")
@click.option("--artifacts-url", help="file:///PATH.  [default: in the data directory]")
@click.option("--key-file", type=click.Path(path_type=Path), help="Key that seals secrets.  [default: DATA_DIR/key]")
@click.option("--account-id", help="Account of the root credentials.  [default: 123456789012]")
@click.option("--region", help="Region of requests that carry none.  [default: us-east-1]")
@click.option("--root-access-key-id", help="Root credentials.  [default: made at the first start]")
@click.option("--root-secret-access-key", help="Root credentials.  [default: made at the first start]")
@click.option(
    "--ack-timeout", type=float, help="Seconds before an unacknowledged job is handed out anew.  [default: 60]"
)
@click.option("--continuation-delay", type=float, help="Seconds before the follow-up of a continued job.  [default: 5]")
@click.option("--executor", help="Where commands run: auto, bubblewrap, process, off.  [default: auto]")
@click.option("--auth", help="sigv4, or off: any caller is root, on loopback only.  [default: sigv4]")
@click.option(
    "--config", type=click.Path(path_type=Path), envvar="PENSTOCK_CONFIG", help="TOML file with these options."
)
def command(config: Path | None, **given: Any) -> None:
    """Serve pipelines until Ctrl-C or SIGTERM.

    Every option is also an environment variable, PENSTOCK_ and its name in capitals, and a key of the TOML file.
    """
    from penstock.server.settings import SettingsError, load

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        settings = load(given, config=config)
    except SettingsError as problem:
        raise click.UsageError(str(problem)) from None
    sys.exit(_serve(settings))


def _serve(settings: Any) -> int:
    from penstock.server.main import serve
    from penstock.storage.migrate import SchemaTooNew
    from penstock.storage.sqlite.connection import DatabaseInUse

    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(settings))
    except (DatabaseInUse, SchemaTooNew, OSError, ValueError) as problem:
        sys.stderr.write(f"penstock: {problem}\n")
        return 1
