"""Commands for real: what they see, what is told of them, and that nothing of them is left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock.providers.commands import sandbox
from penstock.providers.commands.action import Plan, run_commands, workspace
from penstock.providers.commands.log import LogStream
from penstock.providers.commands.sandbox import Confinement, confined, detect
from penstock.worker import JobError

HAS_BUBBLEWRAP = detect() == "bubblewrap"
BUBBLEWRAP = pytest.param(
    "bubblewrap", marks=pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="bubblewrap does not work on this host")
)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
GIVEN = {"PATH": sandbox.PATH, "LANG": "C.UTF-8"}


class Ran:
    """What came of commands: a report or an error, and the log."""

    def __init__(self):
        self.report = None
        self.error = ""
        self.log = ""
        self.heard = asyncio.Event()

    async def send(self, text):
        self.log += text
        self.heard.set()


async def running(executor, folder, *commands, ran, variables=(), environment=None, hidden=(), seconds=20, secrets=()):
    async with workspace(folder / "work") as folders:
        plan = Plan(commands, environment or {}, tuple(variables), "", None)
        confinement = Confinement(executor, folders.folders, tuple(hidden))
        log = LogStream(ran.send, secrets)
        try:
            ran.report = await run_commands(plan, folders, confinement, GIVEN, log, seconds)
        except JobError as error:
            ran.error = str(error)


@pytest.fixture(params=[BUBBLEWRAP, "process"])
def run(request, tmp_path):
    """Runs commands to their end, in each of the executors."""

    def go(*commands, **options):
        async def session():
            ran = Ran()
            await running(request.param, tmp_path, *commands, ran=ran, **options)
            return ran

        ran = asyncio.run(session())
        assert list((tmp_path / "work").iterdir()) == []
        return ran

    go.executor = request.param
    return go


def with_mark(mark):
    """The processes, other than zombies, with this in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
    return found


def gone(mark):
    """Whether the processes with this mark have all ended, or do soon: the kernel takes a moment."""
    deadline = time.monotonic() + 5
    while with_mark(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_commands_share_one_shell(run):
    ran = run("export A=1 && cd /", "B=2", 'echo "$A$B in $PWD"')
    assert ran.error == ""
    assert "\n12 in /\n" in ran.log


def test_the_first_command_that_fails_ends_them_all_and_is_named(run):
    ran = run("echo one", "(exit 7)", "echo three")
    assert ran.error == "command 2 exited with code 7: (exit 7)"
    assert "\none\n" in ran.log
    assert "three" not in ran.log


@pytest.mark.parametrize(
    ("command", "code"),
    [("no-such-program", 127), ("exit 9", 9), ("if then", 2), ("set -e; false; true", 1), ("exec false", 1)],
)
def test_however_a_command_fails_its_code_is_told(run, command, code):
    told = run(": ", command).error
    assert told.startswith("command 2 exited with code ")
    # Shells differ in the code of what they cannot parse.
    assert command == "if then" or told == f"command 2 exited with code {code}: {command}"


def test_a_shell_that_is_killed_is_told_by_its_signal(run):
    told = run("true", "kill -KILL $$").error
    # Inside of a sandbox the signal becomes a code.
    assert told in ("command 2 was ended by signal 9: kill -KILL $$", "command 2 exited with code 137: kill -KILL $$")


def test_the_environment_is_built_from_nothing(run, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-server")
    ran = run("env", environment={"MINE": "it's $HOME `date`"})
    seen = {line.partition("=")[0] for line in ran.log.splitlines() if not line.startswith("$")}
    assert seen - {"PATH", "LANG", "MINE", "PWD", "OLDPWD", "SHLVL", "_", sandbox.MARK} == set()
    assert "MINE=it's $HOME `date`\n" in ran.log


def test_a_loader_variable_reaches_the_commands_but_not_what_starts_them(run, tmp_path):
    ran = run("echo $LD_PRELOAD", environment={"LD_PRELOAD": "/nowhere/evil.so"})
    assert ran.error == ""
    assert "\n/nowhere/evil.so\n" in ran.log


def test_commands_have_no_input(run):
    ran = run("read line || echo nothing to read", "cat")
    assert ran.error == ""
    assert "\nnothing to read\n" in ran.log


def test_output_variables_are_those_of_the_shell_with_all_their_lines(run):
    ran = run("export A='two\nlines '", 'B="ü"; unset C', "set -eux", variables=["A", "B", "C"])
    assert ran.error == ""
    assert ran.report.variables == {"A": "two\nlines ", "B": "ü"}


def test_output_variables_do_not_leak_into_the_log(run):
    ran = run("set -x", "{ A=$(printf s3; printf cret); } 2>/dev/null", variables=["A"])
    assert ran.report.variables == {"A": "s3cret"}
    assert "s3cret" not in ran.log.replace("A=s3cret", "")


def test_output_variables_come_also_from_commands_that_end_early(run):
    assert run("A=1", "exit 0", "A=2", variables=["A"]).report.variables == {"A": "1"}


def test_secrets_are_masked_in_the_log(run):
    ran = run('echo "the $TOKEN"', environment={"TOKEN": "very-secret"}, secrets=["very-secret"])
    assert "\nthe ***\n" in ran.log
    assert "very-secret" not in ran.log


def test_errors_and_output_are_logged_in_their_order(run):
    ran = run("echo one; echo two >&2; echo three")
    assert ran.log.endswith("one\ntwo\nthree\n")


@ON_LINUX
def test_nothing_outlives_the_deadline(run):
    mark = f"mark-{os.getpid()}-{run.executor}"
    ran = run(
        "sleep 100 & setsid sleep 101 & (trap '' TERM; sleep 102) & sleep 103",
        environment={"OURS": mark},
        seconds=0.3,
    )
    assert ran.error.startswith("The commands were stopped after 0 seconds, at command 1: sleep 100")
    assert gone(mark)


@ON_LINUX
def test_commands_may_clean_up_before_they_are_killed(run):
    ran = run("trap 'echo cleaned up; exit 1' TERM", "sleep 100 & wait", seconds=0.3)
    assert "\ncleaned up\n" in ran.log


@ON_LINUX
def test_what_commands_leave_behind_is_killed(run):
    mark = f"left-{os.getpid()}-{run.executor}"
    started = time.monotonic()
    ran = run("sleep 100 & setsid sleep 101 & disown -a", environment={"OURS": mark})
    assert ran.error == ""
    assert time.monotonic() - started < 4
    assert gone(mark)


def test_a_wait_among_the_commands_waits_for_their_own_children_only(run):
    assert run("true & wait").error == ""


@ON_LINUX
@pytest.mark.parametrize("executor", [BUBBLEWRAP, "process"])
def test_cancelling_ends_the_commands(executor, tmp_path, monkeypatch):
    mark = f"cancelled-{os.getpid()}-{executor}"

    async def go():
        ran = Ran()
        job = running(executor, tmp_path, "trap '' TERM; echo started; sleep 100", ran=ran, environment={"OURS": mark})
        task = asyncio.create_task(job)
        while "\nstarted\n" not in ran.log:
            ran.heard.clear()
            await ran.heard.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    monkeypatch.setattr(sandbox, "GRACE_SECONDS", 0.1)
    asyncio.run(go())
    assert gone(mark)
    assert list((tmp_path / "work").iterdir()) == []


PROGRAM = """
import asyncio, sys
from pathlib import Path
from providers.test_sandboxes import Ran, running

class Told(Ran):
    async def send(self, text):
        print(text, end="", flush=True)

asyncio.run(running(sys.argv[1], Path(sys.argv[2]), "sleep 100 & echo started; sleep 100", ran=Told(),
                    environment={"OURS": sys.argv[3]}))
"""


@ON_LINUX
@pytest.mark.parametrize("executor", [BUBBLEWRAP, "process"])
def test_commands_die_with_the_program_that_runs_them(executor, tmp_path):
    mark = f"orphaned-{os.getpid()}-{executor}"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, executor, str(tmp_path), mark],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with program:
        while b"started" not in program.stdout.readline().split():
            pass
        assert with_mark(f"OURS={mark}")
        program.send_signal(signal.SIGKILL)
    assert gone(f"OURS={mark}")


@pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="bubblewrap does not work on this host")
class TestBubblewrap:
    """What only a sandbox can promise."""

    @pytest.fixture
    def sandboxed(self, tmp_path):
        def go(*commands, **options):
            async def session():
                ran = Ran()
                await running("bubblewrap", tmp_path, *commands, ran=ran, **options)
                return ran

            return asyncio.run(session())

        return go

    def test_the_data_directory_is_not_to_be_seen(self, sandboxed, tmp_path):
        (tmp_path / "key").write_text("the server's own")
        ran = sandboxed(f"ls {tmp_path}", f"cat {tmp_path}/key", hidden=[tmp_path])
        assert ran.error == f"command 2 exited with code 1: cat {tmp_path}/key"
        assert "the server's own" not in ran.log

    def test_a_hidden_directory_within_the_system_is_empty(self, sandboxed):
        hidden = Path("/usr/share/doc")
        if not hidden.is_dir() or not any(hidden.iterdir()):
            pytest.skip("this host has no folder to hide in /usr")
        assert sandboxed(f'test -z "$(ls -A {hidden})"', hidden=[hidden]).error == ""

    def test_the_system_cannot_be_written_to(self, sandboxed):
        ran = sandboxed("for place in /usr /etc/hosts /proc/sys/kernel/hostname; do ! touch -c $place || exit 3; done")
        assert ran.error == ""

    def test_the_kernels_settings_cannot_be_written_to(self, sandboxed):
        setting = "/proc/sys/vm/swappiness"
        assert sandboxed(f"value=$(cat {setting})", f"echo $value > {setting}").error.startswith("command 2 exited")

    def test_other_processes_are_not_to_be_seen(self, sandboxed):
        ran = sandboxed(f"test ! -e /proc/{os.getpid()}/environ || test $(ls -d /proc/[0-9]* | wc -l) -lt 9")
        assert ran.error == ""

    def test_no_powers_are_left(self, sandboxed):
        assert "CapEff:\t0000000000000000" in sandboxed("grep CapEff /proc/self/status").log

    def test_secret_files_of_the_host_are_not_there(self, sandboxed):
        ran = sandboxed("for file in /root /home /etc/shadow /etc/ssl/private; do test ! -e $file || exit 3; done")
        assert ran.error == ""

    def test_a_report_that_was_made_a_link_is_not_followed(self, sandboxed, tmp_path):
        (tmp_path / "key").write_text("A\0the server's own\0")
        folder = '"$(dirname "$0")"'
        ran = sandboxed(
            f"trap - EXIT; cd {folder}", f"rm -f variables; ln -s {tmp_path}/key variables", variables=["A"]
        )
        assert ran.error == ""
        assert ran.report.variables == {}

    def test_a_work_folder_cannot_be_replaced(self, sandboxed):
        ran = sandboxed("cd /; rm -rf $OLDPWD; ln -s /etc $OLDPWD")
        assert ran.error.startswith("command 1 exited") or ran.log

    def test_it_is_found_to_work(self):
        assert detect() == "bubblewrap"


def test_without_bubblewrap_none_is_detected(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda *_, **__: "/nowhere/bwrap")
    assert detect() is None


def test_a_plain_process_is_started_as_it_is(tmp_path):
    assert confined(["/bin/sh", "script"], Confinement("process", (tmp_path,)), tmp_path) == ["/bin/sh", "script"]


def test_a_shell_that_never_began_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr("penstock.providers.commands.action.shell", lambda: "/nowhere/sh")

    async def go():
        ran = Ran()
        await running("process", tmp_path, "true", ran=ran)
        return ran

    assert asyncio.run(go()).error == "the shell exited with code 127, before the first command began"
