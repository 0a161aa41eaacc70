"""Where a server is reached: its port, and what it says of it to people, to commands and to its own workers."""

import logging
import os
import resource
import signal
import sys
from contextlib import ExitStack, suppress
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

from penstock.http.cors import Cors
from penstock.http.listener import Listener
from penstock.server.compose import Installation
from penstock.server.credentials import Address, LeftAddress
from penstock.server.settings import Settings
from penstock.server.tls import certificate_of

__all__ = ["Front", "Port", "Tidings"]

log = logging.getLogger("penstock.server")

LOOPBACK = "127.0.0.1"
# For the database, the files of workers, and what is opened beside connections.
RESERVED_FILES = 256


class Port:
    """The port, bound from the start on, and its certificate; `url` is what this machine reaches it by.

    Several servers may accept connections on it, each in a process of its own that was forked from the one that bound it.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises OSError if the address is taken, SettingsError if the certificate is not good."""
        self._settings = settings
        self.certificate = certificate_of(settings)
        self.socket = bind(settings.host, settings.port)
        self.url = self._url(self._reachable_host())

    def __enter__(self) -> "Port":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more, as far as this process goes."""
        self.socket.close()

    @property
    def spoken_url(self) -> str:
        """The address as people gave it."""
        return self._url(self._host())

    def _url(self, host: str) -> str:
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{host}:{self.socket.getsockname()[1]}"

    def _host(self) -> str:
        return f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host

    def _reachable_host(self) -> str:
        """What clients on this machine call the host."""
        host = self._host()
        local = {"0.0.0.0": LOOPBACK, "[::]": "[::1]"}.get(host, host)  # noqa: S104 - these mean every address
        return local if self.certificate is None else self.certificate.name_for(local)


class Tidings:
    """Says where the server listens, to the command line and to people, and takes it back when it ends."""

    def __init__(self, settings: Settings, port: Port, left: LeftAddress) -> None:
        self._settings = settings
        self._port = port
        self._left = left

    def claim(self) -> None:
        """Take the data directory. Raises ValueError, with a sentence, if a server that runs has it."""
        self._left.claim()

    def tell(self) -> None:
        """Requests are accepted."""
        settings, url = self._settings, self._port.spoken_url
        if self._port.certificate is None and not settings.is_loopback:
            log.warning(
                "on %s everybody on the way can read what is sent, secrets among it: give --tls-cert and --tls-key, or let "
                "a proxy that speaks TLS stand in front",
                settings.host,
            )
        self._left.leave(Address(self._port.url, settings.region, os.getpid()))
        sys.stdout.write(f"penstock listening on {url}\nconsole: {url}/_penstock/console/\n")
        sys.stdout.flush()

    def take_back(self) -> None:
        """Soon they are not."""
        self._left.forget()


class Front:
    """A server at its port.

    With TLS there is a second, plain one for the server's own workers, on the loopback address and of a number that nobody
    else is told: they need not trust the certificate, whoever signed it and whatever name it is made out to.
    """

    def __init__(self, settings: Settings, port: Port) -> None:
        self._settings = settings
        self._port = port
        self._sockets = ExitStack()
        self._listeners: list[Listener] = []
        self._own = None if port.certificate is None else self._sockets.enter_context(bind(LOOPBACK, 0))
        self.url = port.url
        self.worker_url = self.url if self._own is None else f"http://{LOOPBACK}:{self._own.getsockname()[1]}"

    def __enter__(self) -> "Front":
        return self

    def __exit__(self, *_: object) -> None:
        self._sockets.close()

    async def open(self, installation: Installation) -> None:
        """Accept connections."""
        settings, certificate = self._settings, self._port.certificate
        connections_max = _make_room(settings.connections_max)
        listener = Listener(
            installation.app,
            installation.api,
            connections_max=connections_max,
            throttle=installation.throttle,
            cors=Cors(settings.cors_origin) if settings.cors_origin else None,
        )
        self._listeners = [listener]
        await listener.open(self._port.socket, None if certificate is None else certificate.context)
        if self._own is not None:
            self._listeners.append(Listener(installation.app, installation.api, connections_max=connections_max))
            await self._listeners[-1].open(self._own)
        if certificate is not None:
            listener.loop.add_signal_handler(signal.SIGHUP, certificate.reload)

    def part(self) -> None:
        """Ask clients to make their next connections, which somebody else may accept."""
        for listener in self._listeners:
            listener.part()

    async def drain(self, seconds_max: float) -> None:
        """Accept nothing more, and let connections end."""
        for listener in self._listeners:
            await listener.drain(seconds_max)


def bind(host: str, port: int) -> socket:
    """Raises OSError if the address is taken, or none of this machine's."""
    # With the protocol named, the event loop turns off the delay that gathers small packets.
    bound = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM, IPPROTO_TCP)
    bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _make_room(connections_max: int) -> int:
    """How many connections there can be, at most so many: the process may open only so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A connection may have a file of the object store open besides.
    needed = 2 * connections_max + RESERVED_FILES
    if resource.RLIM_INFINITY != soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    room = connections_max if soft == resource.RLIM_INFINITY else max(1, soft - RESERVED_FILES)
    if room < connections_max:
        log.warning("at most %d connections at a time: the process may open %d files (ulimit -n)", room, soft)
    return min(room, connections_max)
