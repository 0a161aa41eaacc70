"""Every setting of `penstock serve`, from options, environment and file, checked once."""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from penstock.artifacts.address import OuterStore
from penstock.core import limits
from penstock.server.artifacts_url import FORM, outer_store

__all__ = ["Settings", "SettingsError", "data_dir_default", "load"]

ENVIRONMENT_PREFIX = "PENSTOCK_"
SECRET_NAMES = ("root_access_key_id", "root_secret_access_key", "database_url")
# What a browser sends as the origin of a page; `null`, which any page can make its own, is none.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
ANY_ORIGIN = "*"
# Balancers look every few seconds. Built-in jobs are waited for meanwhile, so that most ends take no longer for it.
PARTING_SECONDS = 5.0
PARTING_SECONDS_MAX = 300.0


class SettingsError(Exception):
    """A setting is wrong; the text is one line that says what to do."""


def data_dir_default(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the server keeps its data unless told otherwise: `$XDG_DATA_HOME/penstock`."""
    home = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "penstock"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a server is started with. The names are the options', with `_` for `-`."""

    host: str = "127.0.0.1"
    port: int = 4570
    data_dir: Path = field(default_factory=data_dir_default)
    database_url: str = ""
    artifacts_url: str = ""
    key_file: Path | None = None
    account_id: str = "123456789012"
    region: str = "us-east-1"
    root_access_key_id: str = ""
    root_secret_access_key: str = ""
    ack_timeout: float = 60.0
    continuation_delay: float = 5.0
    executor: Literal["auto", "bubblewrap", "container", "process", "off"] = "auto"
    auth: Literal["sigv4", "off"] = "sigv4"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    requests_per_second: int = 500
    connections_max: int = 10_000
    processes: int = 1
    retention_days: int = limits.HISTORY_DAYS
    drain_seconds: float | None = None
    cors_origin: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in SECRET_NAMES)
        return f"Settings({', '.join(shown)})"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_shared(self) -> bool:
        """Whether other servers may have the same database."""
        return is_postgres(self.database_url)

    @property
    def parting_seconds(self) -> float:
        """How long the server goes on once it was asked to end, for whoever sends it requests to notice."""
        if self.drain_seconds is not None:
            return self.drain_seconds
        return PARTING_SECONDS if self.is_shared and not self.is_loopback else 0.0

    @property
    def database(self) -> Path:
        if not self.database_url or self.is_shared:
            return self.data_dir / "penstock.db"
        return _path_of(self.database_url)

    @property
    def artifacts(self) -> Path:
        """Where the bytes of the server's own objects lie: of all of them, or of those that are never elsewhere."""
        if not self.artifacts_url or self.outer_store is not None:
            return self.data_dir / "artifacts"
        return _path_of(self.artifacts_url)

    @property
    def outer_store(self) -> OuterStore | None:
        """The store that artifacts lie in if it is not the server's own."""
        return outer_store(self.artifacts_url, self.region) if self.artifacts_url.startswith("s3:") else None


def _path_of(url: str) -> Path:
    """An absolute path, however many slashes it was given with: some programs want three in all, some four."""
    return Path("/" + urlsplit(url).path.lstrip("/"))


def is_postgres(database_url: str) -> bool:
    return database_url.startswith(("postgres://", "postgresql://"))


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ, config: Path | None = None) -> Settings:
    """Options win over the environment, the environment over the file. Raises SettingsError."""
    values: dict[str, Any] = _from_file(config) if config is not None else {}
    for name in Settings.__struct_fields__:
        text = environment.get(ENVIRONMENT_PREFIX + name.upper())
        if text:
            values[name] = text
    values.update({name: value for name, value in given.items() if value not in (None, ())})
    if "cors_origin" in values:
        values["cors_origin"] = _each(values["cors_origin"])
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as problem:
        raise SettingsError(_sentence(str(problem))) from None
    _check(settings)
    return settings


def _each(given: Any) -> Any:
    """Each of several texts, which commas may part."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return given
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _sentence(problem: str) -> str:
    """What is wrong with which option; the library names the field behind `$.`."""
    what, found, field_name = problem.partition(" - at `$.")
    name = field_name.rstrip("`").replace("_", "-")
    return f"--{name}: {what}" if found else what


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    if isinstance(value, Path):
        return value
    raise NotImplementedError


def _from_file(config: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise SettingsError(f"the configuration file {config} cannot be read: {problem}") from None
    return {name.replace("-", "_"): value for name, value in values.items()}


def _check(settings: Settings) -> None:
    if not (len(settings.account_id) == 12 and settings.account_id.isascii() and settings.account_id.isdigit()):
        raise SettingsError("--account-id takes the 12 digits of an account")
    if not 0 <= settings.port <= 65535:
        raise SettingsError("--port takes a number from 0 to 65535")
    if settings.ack_timeout <= 0 or settings.continuation_delay < 0:
        raise SettingsError("--ack-timeout takes more than 0 seconds, --continuation-delay 0 or more")
    if settings.auth == "off" and not settings.is_loopback:
        raise SettingsError("--auth off is for loopback addresses only: anybody could do anything from outside")
    if bool(settings.root_access_key_id) != bool(settings.root_secret_access_key):
        raise SettingsError("--root-access-key-id and --root-secret-access-key are given together or not at all")
    if settings.executor == "container":
        raise SettingsError("--executor container is not built yet: use bubblewrap, process or off")
    _check_limits(settings)
    _check_urls(settings)


def _check_limits(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("--tls-cert and --tls-key are given together or not at all")
    if settings.requests_per_second < 0:
        raise SettingsError("--requests-per-second takes 0, which means no limit, or more")
    if settings.connections_max < 1:
        raise SettingsError("--connections-max takes 1 or more")
    if settings.retention_days < 0:
        raise SettingsError("--retention-days takes 0, which means for ever, or more")
    if settings.processes < 1:
        raise SettingsError("--processes takes 1 or more")
    if settings.processes > 1 and not settings.is_shared:
        raise SettingsError(
            "--processes takes 1 with SQLite: a file has one server; more need --database-url postgresql://…"
        )
    if not 0 <= settings.parting_seconds <= PARTING_SECONDS_MAX:
        raise SettingsError(f"--drain-seconds takes a number from 0 to {PARTING_SECONDS_MAX:g}")
    for origin in settings.cors_origin:
        if origin != ANY_ORIGIN and not ORIGIN.fullmatch(origin):
            raise SettingsError(f"--cors-origin takes * or origins like https://example.org:8443, not '{origin}'")
    if ANY_ORIGIN in settings.cors_origin and len(settings.cors_origin) > 1:
        raise SettingsError("--cors-origin * stands for all origins: give it alone, or name each origin")


def _check_urls(settings: Settings) -> None:
    if settings.database_url and not (settings.is_shared or settings.database_url.startswith("sqlite:///")):
        raise SettingsError("--database-url takes sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    try:
        outer = settings.outer_store
    except ValueError as problem:
        raise SettingsError(str(problem)) from None
    if settings.artifacts_url and outer is None and not settings.artifacts_url.startswith("file:///"):
        raise SettingsError(FORM)
