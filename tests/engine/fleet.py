"""Several servers on one PostgreSQL, callers that go from one to the other, and a balancer that looks at their health."""

import asyncio
import contextlib
import http.client
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.load import Client
from serving import Server

LOOK_SECONDS = 0.05


@contextlib.contextmanager
def fleet(folder: Path, url: str, number: int, *options: str) -> Iterator[list[Server]]:
    """So many servers, each with a data directory of its own, the artifacts in one that they share."""
    shared = ("--database-url", url, "--artifacts-url", f"file://{folder / 'artifacts'}", *options)
    servers: list[Server] = []
    try:
        servers += [Server(folder / f"server-{each}", *shared) for each in range(number)]
        yield servers
    finally:
        with ThreadPoolExecutor(number) as threads:
            codes = list(threads.map(Server.stop, servers))
        assert set(codes) <= {0}


class Roving(Client):
    """Asks any of the servers, with each request anew."""

    def __init__(self, servers: list[Server]) -> None:
        self._clients = [Client(server) for server in servers]

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        return random.choice(self._clients).call(operation, **parameters)

    def close(self) -> None:
        for client in self._clients:
            client.close()


class Strict(Client):
    """Notes what fails: no answer, or one that says nothing about the request."""

    def __init__(self, server: Server, url: str, failures: list[str]) -> None:
        super().__init__(server, url)
        self.failures = failures

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        try:
            status, answer = super().call(operation, **parameters)
        except BaseException as problem:
            self.failures.append(f"{operation}: {problem!r}")
            raise
        if status >= 500:
            self.failures.append(f"{operation}: {answer}")
        return status, answer


class Balancer:
    """Passes connections on, in turn, to those servers that have just said that they are healthy. It never tries twice."""

    def __init__(self, servers: list[Server]) -> None:
        self._addresses = [urlsplit(server.url).netloc for server in servers]
        self.healthy: set[str] = set()
        self.passed = dict.fromkeys(self._addresses, 0)
        self._turn = 0
        self._is_open = threading.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Balancer":
        self._thread.start()
        assert self._is_open.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        looking = [asyncio.create_task(self._look(address)) for address in self._addresses]
        while len(self.healthy) < len(self._addresses):  # noqa: ASYNC110 - the first look tells nobody
            await asyncio.sleep(0.01)
        self._is_open.set()
        await self._ended.wait()
        server.close()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        # Whoever is still connected is not waited for.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _look(self, address: str) -> None:
        while True:
            if await asyncio.to_thread(_is_healthy, address):
                self.healthy.add(address)
            else:
                self.healthy.discard(address)
            await asyncio.sleep(LOOK_SECONDS)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        healthy = sorted(self.healthy)
        address = healthy[self._turn % len(healthy)]
        self.passed[address] += 1
        host, port = address.split(":")
        try:
            theirs, ours = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pour(reader, ours), _pour(theirs, writer))
        except ConnectionError:
            writer.close()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    finally:
        target.close()


def _is_healthy(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/_penstock/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
