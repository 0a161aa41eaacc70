"""Several servers behind one port, each in a process of its own, and the process that keeps them running.

    bind ─► the first server ─► accepts ─► the others ─► all accept ─► "listening" ─► … signal ─► all drain ─► end

They share the listening socket, so that a connection which waits to be accepted is lost with none of them. What happens on
each failure:

- The first server does not start: it has said why, and nothing else is begun.
- A server dies: another one takes its place, after a pause that grows while they die young.
- Servers die before they accept, `STARTS_MAX` times in a row: the others drain, and the end is 1.
- The supervisor is killed: each server notices that nobody holds the other end of its lifeline any more, and drains.

What the supervisor does takes no locks and starts no threads, so that it may fork at any time.
"""

import gc
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from socket import socketpair
from types import FrameType
from typing import NoReturn

from msgspec import Struct

from penstock.server.front import Port
from penstock.server.main import Teller

__all__ = ["Supervisor"]

log = logging.getLogger("penstock.supervisor")

STARTS_MAX = 5
PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 10.0
# One that has lived for so long did not die of how it was started.
YOUNG_SECONDS = 30.0

# Runs a server and returns its exit code; it tells when it accepts, and ends with its lifeline.
Serve = Callable[[Teller, int], int]


class Child(Struct):
    """A server's process. `word` is where it says that it accepts; it ends with the process.

    One that `is_behind` was begun with a certificate that has been renewed since.
    """

    pid: int
    word: int
    started_at: float
    accepts: bool = False
    is_behind: bool = False


class Word:
    """What a server says to its supervisor."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def claim(self) -> None:
        """The supervisor has the data directory."""

    def tell(self) -> None:
        os.write(self._pipe, b"1")

    def take_back(self) -> None:
        """The supervisor knows."""


class Supervisor:
    """`run` it once, in the main thread."""

    def __init__(self, processes: int, port: Port, tidings: Teller, serve: Serve) -> None:
        self._processes = processes
        self._port = port
        self._tidings = tidings
        self._serve = serve
        self._children: dict[int, Child] = {}
        self._due: list[float] = []
        self._pause_seconds = 0.0
        self._failed_starts = 0
        self._has_told = self._is_ending = False
        self._code = 0
        self._selector = selectors.DefaultSelector()
        self._alarm, self._bell = socketpair()
        self._lifeline, self._held_end = os.pipe()

    def run(self) -> int:
        """Keep the servers running until a signal; returns the exit code. Raises what `Teller.claim` raises."""
        self._tidings.claim()
        # What is loaded by now stays, shared by all.
        gc.freeze()
        self._listen_to_signals()
        # The first one alone: what is wrong is said once, and the database is made ready by one.
        self._fork()
        while self._children or self._due:
            for key, _ in self._selector.select(self._seconds_to_next()):
                key.data()
            self._start_due()
        return self._code

    def _signals(self) -> list[signal.Signals]:
        renewing = [signal.SIGHUP] if self._port.certificate is not None else []
        return [signal.SIGTERM, signal.SIGINT, *renewing]

    def _listen_to_signals(self) -> None:
        self._alarm.setblocking(False)
        self._bell.setblocking(False)
        signal.set_wakeup_fd(self._bell.fileno())
        for number in self._signals():
            signal.signal(number, _noted)
        self._selector.register(self._alarm, selectors.EVENT_READ, self._signalled)

    def _signalled(self) -> None:
        for number in self._alarm.recv(4096):
            if number == signal.SIGHUP and self._port.certificate is not None:
                # For those that are yet to come; each reads it for itself.
                self._port.certificate.reload()
                self._renew()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._end(0)

    def _end(self, code: int) -> None:
        """Start none any more, and let those that run drain."""
        self._code = max(code, self._code)
        if self._is_ending:
            return
        self._is_ending = True
        self._due.clear()
        if self._has_told:
            self._tidings.take_back()
        self._port.close()
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: signal.Signals) -> None:
        for child in self._children.values():
            os.kill(child.pid, number)

    def _renew(self) -> None:
        """Have each server read the certificate: one that is not ready for the signal, which would end it, once it is."""
        for child in self._children.values():
            if child.accepts:
                os.kill(child.pid, signal.SIGHUP)
            else:
                child.is_behind = True

    def _fork(self) -> None:
        heard, said = os.pipe()
        # A signal that comes before the child has handlers of its own must end it, not be noted by ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals())
        pid = os.fork()
        if pid == 0:
            self._become_server(said)
        os.close(said)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals())
        child = Child(pid, heard, time.monotonic())
        self._children[pid] = child
        self._selector.register(heard, selectors.EVENT_READ, lambda: self._heard(child))

    def _become_server(self, said: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in self._signals():
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals())
            self._leave_behind()
            code = self._serve(Word(said), self._lifeline)
        except BaseException:
            log.exception("a server ends with a fault")
        finally:
            # Past the ends of what was begun before the fork: that is the supervisor's to end.
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _leave_behind(self) -> None:
        """Close what is the supervisor's alone."""
        self._selector.close()
        self._alarm.close()
        self._bell.close()
        os.close(self._held_end)
        for child in self._children.values():
            os.close(child.word)

    def _heard(self, child: Child) -> None:
        if os.read(child.word, 1):
            child.accepts = True
            self._failed_starts = 0
            if child.is_behind:
                os.kill(child.pid, signal.SIGHUP)
            self._one_accepts()
            return
        self._selector.unregister(child.word)
        os.close(child.word)
        del self._children[child.pid]
        _, status = os.waitpid(child.pid, 0)
        self._died(child, os.waitstatus_to_exitcode(status))

    def _one_accepts(self) -> None:
        if self._has_told or self._is_ending:
            return
        while len(self._children) + len(self._due) < self._processes:
            self._fork()
        if not self._due and all(child.accepts for child in self._children.values()):
            self._has_told = True
            self._tidings.tell()

    def _died(self, child: Child, code: int) -> None:
        if self._is_ending:
            is_well = code == 0 or (code == -signal.SIGTERM and not child.accepts)
            self._code = max(self._code, 0 if is_well else 1)
            return
        if not child.accepts:
            self._failed_starts += 1
            if not self._has_told:
                self._end(code if code > 0 else 1)
                return
            if self._failed_starts >= STARTS_MAX:
                log.error("%d servers in a row have not come to accept connections; all end", STARTS_MAX)
                self._end(1)
                return
        self._start_soon(child, code)

    def _start_soon(self, child: Child, code: int) -> None:
        now = time.monotonic()
        is_young = now - child.started_at < YOUNG_SECONDS
        self._pause_seconds = min(2 * self._pause_seconds, PAUSE_SECONDS_MAX) if is_young else 0.0
        self._pause_seconds = max(self._pause_seconds, PAUSE_SECONDS)
        self._due.append(now + self._pause_seconds)
        log.log(
            logging.INFO if code == 0 else logging.WARNING,
            "server %d has ended (%s); another one takes its place in %.1f s",
            child.pid,
            f"signal {-code}" if code < 0 else f"exit code {code}",
            self._pause_seconds,
        )

    def _seconds_to_next(self) -> float | None:
        return max(0.0, min(self._due) - time.monotonic()) if self._due else None

    def _start_due(self) -> None:
        now = time.monotonic()
        for due_at in [each for each in self._due if each <= now]:
            self._due.remove(due_at)
            self._fork()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The number has been written to the bell."""
