"""A proxy in front of PostgreSQL that cuts a connection at a word."""

import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit


class CuttingProxy:
    """Relays connections to the socket in a folder. Once told to, it cuts the next one that says the word: before the server
    hears it, or after it has answered."""

    def __init__(self, folder: Path) -> None:
        self._target = str(folder / ".s.PGSQL.5432")
        self._own = tempfile.TemporaryDirectory(prefix="proxy-", dir="/tmp")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{self._own.name}/.s.PGSQL.5432")
        self._listening.listen()
        self._word = b""
        self._lets_through = False
        self.cuts = 0

    def __enter__(self) -> "CuttingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, at: TracebackType | None
    ) -> None:
        self._listening.close()
        self._own.cleanup()

    def url(self, url: str) -> str:
        return f"postgresql://penstock@{urlsplit(url).path}?host={self._own.name}"

    def cut_at(self, word: bytes, *, lets_through: bool) -> None:
        self._word, self._lets_through = word, lets_through

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            is_cut = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, is_cut), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, is_cut), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        while said := _received(client):
            if self._word and self._word in said:
                self._word = b""
                self.cuts += 1
                is_cut.set()
                if not self._lets_through:
                    break
            if not _passed(server, said):
                break
        _shut(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        while said := _received(server):
            if is_cut.is_set():
                break
            if not _passed(client, said):
                break
        _shut(client, server)


def _passed(side: socket.socket, said: bytes) -> bool:
    try:
        side.sendall(said)
    except OSError:
        return False
    return True


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(1 << 20)
    except OSError:
        return b""


def _shut(*sides: socket.socket) -> None:
    for side in sides:
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
