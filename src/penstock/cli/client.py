"""Finding a server, and calling those of its operations that no AWS client knows.

A server is named by AWS_ENDPOINT_URL or --endpoint-url, and then the caller's keys come from where all AWS clients take
them. If none is named, it is the one that runs on the data directory, called with the root keys that lie there.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from msgspec import Struct

from penstock.server.credentials import RootKeys, read_address, read_root_keys
from penstock.server.settings import data_dir_default

__all__ = ["Failed", "Server", "data_dir_option", "find_server", "json_option", "local_server", "server_options"]

ANSWER_SECONDS_MAX = 30
DEFAULT_REGION = "us-east-1"

Command = TypeVar("Command", bound=Callable[..., Any])


class Failed(click.ClickException):
    """What was asked cannot be done: the program ends with 1 and this line."""


class Server(Struct, frozen=True):
    """A server and the caller's keys; without keys, those that AWS clients find by themselves."""

    url: str
    region: str
    keys: RootKeys | None = None

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer to one of penstock's own operations. Raises Failed if it is refused, or if no answer comes."""
        from botocore.exceptions import BotoCoreError

        try:
            status, body = self._post(f"Penstock.{operation}", json.dumps(members).encode())
        except BotoCoreError as error:
            raise Failed(f"no answer from {self.url}: {error}") from None
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failed(f"{self.url} answers with status {status}, but not as a penstock server does")
        if status != 200:
            code = str(answer.get("__type", status)).rpartition("#")[2]
            raise Failed(": ".join(filter(None, (code, answer.get("message")))))
        return answer

    def _post(self, target: str, body: bytes) -> tuple[int, bytes]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        from penstock.worker.client import trusted_roots

        url = self.url.rstrip("/") + "/"
        request = AWSRequest("POST", url, data=body)
        request.headers["Content-Type"] = "application/x-amz-json-1.1"
        request.headers["X-Amz-Target"] = target
        SigV4Auth(self._credentials(), "codepipeline", self.region).add_auth(request)
        http = URLLib3Session(trusted_roots(), get_environ_proxies(url), timeout=ANSWER_SECONDS_MAX)
        try:
            answer = http.send(request.prepare())
        finally:
            http.close()
        return answer.status_code, answer.content

    def _credentials(self) -> Any:
        from botocore.credentials import Credentials
        from botocore.session import Session

        if self.keys is not None:
            return Credentials(self.keys.access_key_id, self.keys.secret_access_key)
        found = Session().get_credentials()
        if found is None:
            raise Failed("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
        return found.get_frozen_credentials()


def find_server(endpoint_url: str | None, data_dir: Path | None) -> Server:
    """The server that the options name, else the environment, else the data directory. Raises UsageError or Failed."""
    if endpoint_url and data_dir:
        raise click.UsageError("--endpoint-url and --data-dir each name a server: give one of them")
    named = endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
    if not named:
        return local_server(data_dir)
    if data_dir and _address(data_dir) not in (None, named.rstrip("/")):
        raise click.UsageError(f"AWS_ENDPOINT_URL names {named}, --data-dir another server: unset the one or the other")
    if urlsplit(named).scheme not in ("http", "https") or not urlsplit(named).hostname:
        raise click.UsageError(f"'{named}' is not the address of a server: it looks like http://127.0.0.1:4570")
    return Server(named, _region())


def local_server(data_dir: Path | None) -> Server:
    """The server that runs on a data directory, with its root keys. Raises Failed if there is none."""
    folder = data_dir or Path(os.environ.get("PENSTOCK_DATA_DIR") or data_dir_default())
    try:
        address = read_address(folder)
    except ValueError:
        raise Failed(
            f"no server runs on the data directory {folder}: start one with 'penstock serve', or name it with --data-dir"
        ) from None
    try:
        return Server(address.url, address.region, read_root_keys(folder))
    except ValueError as problem:
        raise Failed(str(problem)) from None


def server_options(command: Command) -> Command:
    """The options by which a command finds its server."""
    named = click.option("--endpoint-url", metavar="URL", help="The server.  [default: AWS_ENDPOINT_URL]")
    return data_dir_option(named(command))


def data_dir_option(command: Command) -> Command:
    """--data-dir, for commands that find a server on this machine."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Data directory of a server on this machine.  [default: PENSTOCK_DATA_DIR, else $XDG_DATA_HOME/penstock]",
    )(command)


def json_option(text: str) -> Callable[[Command], Command]:
    """--json, for commands that print data."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def _address(data_dir: Path) -> str | None:
    try:
        return read_address(data_dir).url
    except ValueError:
        return None


def _region() -> str:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        return str(Session().get_config_variable("region") or DEFAULT_REGION)
    except BotoCoreError as error:
        raise Failed(str(error)) from None
