"""Where commands run: apart from the host as far as it allows, and ended as one, whatever they started.

Two executors. `bubblewrap` shows commands the job's own folders to write, the system to read, and nothing else of the
host but its network; they live in a process namespace that dies with the program that made it. `process` shows them
everything that this program can see.

Ending is harder without a namespace. Each job has a session of its own, which is signalled as a group. A watcher in
the group waits on a pipe whose other end this program holds: however this program ends, the pipe closes and the watcher
kills the group. And every process of the job carries a random mark in its environment, by which those are found that
have left the group.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from penstock.providers.commands.outlet import Outlet

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARK = "PENSTOCK_RUN"
GRACE_SECONDS = 2.0
TRIAL_SECONDS = 10

# The kernel's own settings: root may write them without any powers, and with them take over the host.
KERNEL = ("sys", "fs", "sysrq-trigger", "irq", "bus", "acpi", "scsi")
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
# What names resolve with, what linkers and tools look up, and which certificates are believed: nothing of this host's
# own secrets.
SETTINGS = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "fonts",
    "group",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)

# Forked twice, so that a `wait` among the commands does not wait for it; what comes after replaces this shell.
WATCHED = """
exec 3<&0 </dev/null
( ( trap '' HUP INT TERM; read -r _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & )
exec 3<&-
exec "$@"
"""


class Confinement(Struct, frozen=True):
    """What commands may touch: folders to write, and what stays hidden even where the system is readable."""

    executor: Literal["bubblewrap", "process"]
    folders: tuple[Path, ...]
    hidden_dirs: tuple[Path, ...] = ()


def detect() -> Literal["bubblewrap"] | None:
    """Whether bubblewrap is here and allowed to do all that is asked of it, found out by trying."""
    with tempfile.TemporaryDirectory() as folder:
        confinement = Confinement("bubblewrap", (Path(folder).resolve(),))
        trial = confined(["/bin/sh", "-c", "exit 0"], confinement, Path(folder).resolve())
        try:
            done = subprocess.run(
                trial,
                check=False,
                env={"PATH": PATH},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    return "bubblewrap" if done.returncode == 0 else None


def confined(argv: Sequence[str], confinement: Confinement, folder: Path) -> list[str]:
    """The command line that runs `argv` in `folder` under this confinement."""
    if confinement.executor == "process":
        return list(argv)
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"]
    # Root keeps all its powers in a sandbox that does not take them away.
    arguments += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"]  # noqa: S108
    for name in KERNEL:
        arguments += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    arguments += ["--symlink", "../tmp", "/var/tmp", "--ro-bind", "/usr", "/usr"]  # noqa: S108
    for path in SYSTEM:
        arguments += _system(path)
    for name in SETTINGS:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for hidden in confinement.hidden_dirs:
        # Elsewhere it is hidden by not being there.
        if hidden.is_dir() and any(hidden.resolve().is_relative_to(path) for path in ("/usr", *SYSTEM, "/etc")):
            arguments += ["--tmpfs", str(hidden.resolve())]
    for writable in confinement.folders:
        arguments += ["--bind", str(writable), str(writable)]
    return [shutil.which("bwrap") or "bwrap", *arguments, "--chdir", str(folder), "--", *argv]


class Child:
    """A running command and everything that it starts."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        confinement: Confinement,
        mark: str,
        lifeline: int,
        output: Outlet,
    ) -> None:
        self._process = process
        self._is_sandboxed = confinement.executor == "bubblewrap"
        self._mark = f"{MARK}={mark}".encode()
        self._lifeline = lifeline
        self.output = output

    @classmethod
    async def start(
        cls, argv: Sequence[str], confinement: Confinement, folder: Path, environment: Mapping[str, str]
    ) -> "Child":
        """Start `argv` with this environment and no other, in a session of its own, its input empty.

        `environment` reaches the sandbox's own program too: it must not hold what a stranger chose.
        """
        mark = secrets.token_hex(16)
        # Not asyncio's own pipes: with those, `wait` would not return before the last process has closed its end.
        outlet, inlet = os.pipe()
        watched, lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", WATCHED, "sh", *confined(argv, confinement, folder)),
                cwd=folder,
                env={**environment, MARK: mark},
                stdin=watched,
                stdout=inlet,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(outlet)
            os.close(lifeline)
            raise
        finally:
            os.close(inlet)
            os.close(watched)
        return cls(process, confinement, mark, lifeline, Outlet(outlet))

    async def wait(self) -> int:
        """The exit code of the command itself, negative for a signal. What it left behind may still run."""
        return await self._process.wait()

    async def end(self) -> None:
        """Ask all processes to end, kill them after GRACE_SECONDS, and leave none. To be called once, in any case."""
        try:
            if self._process.returncode is None:
                self._terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_SECONDS):
                        await self._process.wait()
        finally:
            self._kill()
            os.close(self._lifeline)
        await self._process.wait()

    def close(self) -> None:
        """Listen no more. To be called when the output has been read, or nobody cares for it."""
        self.output.close()

    def _terminate(self) -> None:
        if not self._is_sandboxed:
            self._signal_group(signal.SIGTERM)
        for pid in _marked(self._mark):
            # The sandbox's own program must live on until the commands in it have had their chance.
            if not (self._is_sandboxed and pid == self._process.pid):
                _signal(pid, signal.SIGTERM)

    def _kill(self) -> None:
        # The watcher has kept the group, and with it the group's number, from ending before this call.
        self._signal_group(signal.SIGKILL)
        if self._is_sandboxed:
            return
        # Twice: one that was just being forked is found the second time.
        for _ in range(2):
            for pid in _marked(self._mark):
                _signal(pid, signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _system(path: str) -> list[str]:
    if Path(path).is_symlink():
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind-try", path, path]


def _marked(mark: bytes) -> Iterator[int]:
    """The processes that carry the mark, of those that this program may look at; none where there is no /proc."""
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in Path(entry.path, "environ").read_bytes().split(b"\0"):
                        yield int(entry.name)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
