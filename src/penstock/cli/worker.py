"""`penstock worker`: workers that are written with `penstock.worker`."""

import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from penstock.cli.client import Failed, Server, find_server, server_options

__all__ = ["command"]

logger = logging.getLogger("penstock.worker")


@click.group("worker", no_args_is_help=False)
def command() -> None:
    """Job workers written with penstock.worker."""


@command.command("run")
@click.argument("target", metavar="MODULE:WORKER")
@click.option("--slots", type=click.IntRange(1), default=4, show_default=True, help="Jobs done at the same time.")
@server_options
def run(target: str, slots: int, endpoint_url: str | None, data_dir: Path | None) -> None:
    """Do jobs until Ctrl-C or SIGTERM.

    WORKER is a function with the decorator 'worker', a provider or a Worker in MODULE, which is looked for in the
    current folder first. The first signal lets running jobs finish, a second one cuts them off.
    """
    from penstock.worker import Worker, run

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    found = _made(_found(target))
    if isinstance(found, Worker):
        # It was made with a board of its own.
        run(found)
        return
    server = find_server(endpoint_url, data_dir)
    for kind in found.action_types:
        logger.info("jobs of %s/%s/%s/%s from %s", kind.category, kind.owner, kind.provider, kind.version, server.url)
    run(found, _board(found, server), slots=slots)


def _found(target: str) -> Any:
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise click.UsageError(f"'{target}' is not MODULE:WORKER: name a module, a colon and a worker in it")
    # A console script does not look for modules where it was started; `python -m` does.
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module_name}.".startswith(f"{problem.name}."):
            raise Failed(_reason(module_name, problem)) from None
        raise click.UsageError(f"there is no module '{problem.name}' here or among the installed packages") from None
    except Exception as problem:
        raise Failed(_reason(module_name, problem)) from None
    found: Any = getattr(module, name, None)
    if found is None:
        raise click.UsageError(f"the module '{module_name}' has no '{name}'")
    return found


def _reason(module: str, problem: Exception) -> str:
    last = traceback.extract_tb(problem.__traceback__)[-1]
    return (
        f"the module '{module}' cannot be imported: {type(problem).__name__}: {problem} ({last.filename}:{last.lineno})"
    )


def _made(found: Any) -> Any:
    """A Worker or a provider; a class is made into one."""
    from penstock.worker import ProviderSettings, Worker

    if isinstance(found, type) and hasattr(found, "run"):
        try:
            found = found(ProviderSettings())
        except Exception as problem:
            raise Failed(_reason(found.__module__, problem)) from None
    if isinstance(found, Worker) or (hasattr(found, "run") and hasattr(found, "action_types")):
        return found
    raise click.UsageError("that is no worker: give a function the decorator 'penstock.worker.worker'")


def _board(provider: Any, server: Server) -> Any:
    from boto3 import Session

    from penstock.worker import HttpBoard, ThirdPartyBoard

    keys = server.keys
    session = Session(keys.access_key_id, keys.secret_access_key) if keys is not None else Session()
    tokens = getattr(provider, "client_tokens", None)
    if tokens is None:
        return HttpBoard(session, endpoint_url=server.url, region=server.region)
    find_token = tokens if callable(tokens) else tokens.__getitem__
    return ThirdPartyBoard(find_token, session, endpoint_url=server.url, region=server.region)
