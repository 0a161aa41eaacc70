"""The Commands action: a few lines of shell, run on the pipeline's artifacts."""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from penstock.providers.commands.log import LogStream
from penstock.providers.commands.sandbox import PATH, Child, Confinement
from penstock.providers.commands.shell import SCRIPT, Report, check_names, read_report, script, shell
from penstock.wire import types as wire
from penstock.worker import (
    Failure,
    JobContext,
    JobError,
    ProviderSettings,
    Success,
    declared_rule,
    declared_type,
    polled_type,
)

# UG, limits: an action of this type may take 55 minutes
DEADLINE_SECONDS = 55 * 60
LAST_OUTPUT_SECONDS = 5
TELLS_OF_SECRET = re.compile(r"(?i)password|passwd|secret|token|credential|(api|access|private)_?key")

DECLARATIONS = tuple(
    declared_type(Path(__file__).with_name(name).read_bytes()) for name in ("action_type.json", "build_type.json")
)
RULE = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())


class Plan(Struct, frozen=True):
    """What the action's declaration asks for."""

    commands: tuple[str, ...]
    environment: dict[str, str]
    variables: tuple[str, ...]
    primary: str
    output: wire.OutputArtifact | None


class Workspace(Struct, frozen=True):
    """The folders of one job: the primary input, the others, a home, and what the script says of itself."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "src"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def folders(self) -> tuple[Path, ...]:
        # Each for itself, not their parent: so none can be replaced by a link to elsewhere from within a sandbox.
        return (self.source, self.inputs, self.home, self.control)


class Commands:
    """Runs an action's or a rule's commands in one shell, in an environment built from nothing."""

    declarations = (*DECLARATIONS, RULE)
    action_types = (*(declaration.id for declaration in DECLARATIONS), polled_type(RULE))

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    async def run(self, job: JobContext) -> Success | Failure:
        executor = self._settings.executor
        if executor == "off":
            return Failure(
                "This server runs no commands. Its option --executor turns them on: bubblewrap, or process.",
                "ConfigurationError",
            )
        plan = plan_of(job)
        async with workspace(self._settings.work_dir) as folders:
            for name in job.inputs:
                await job.artifacts.extract(name, _folder_of(name, plan, folders))
            confinement = Confinement(executor, folders.folders, self._settings.hidden_dirs)
            log = LogStream(job.log, [*job.secrets(), *_secrets(plan.environment)])
            seconds = min(DEADLINE_SECONDS, job.deadline - time.time())
            report = await run_commands(plan, folders, confinement, environment(job, plan, folders), log, seconds)
            if plan.output is not None:
                files = plan.output.files
                for name in await job.artifacts.publish(plan.output.name, folders.source, files):
                    await log.line(f"Left out of artifact {plan.output.name}, for it leads elsewhere: {name}")
        count = len(plan.commands)
        summary = f"{count} command{'s' if count > 1 else ''} succeeded"
        return Success(summary, external_execution_id=job.id, output_variables=report.variables)


async def run_commands(
    plan: Plan,
    folders: Workspace,
    confinement: Confinement,
    given: Mapping[str, str],
    log: LogStream,
    seconds: float = DEADLINE_SECONDS,
) -> Report:
    """Run the plan's commands to their end; raises JobError when one fails or time is up. Nothing runs afterwards."""
    (folders.control / SCRIPT).write_text(script(plan.commands, plan.environment, plan.variables, folders.control))
    control = os.open(folders.control, os.O_RDONLY | os.O_DIRECTORY)
    try:
        argv = [shell(), str(folders.control / SCRIPT)]
        child = await Child.start(argv, confinement, folders.source, given)
        status = await _listened(child, log, seconds)
        report = read_report(control)
    finally:
        os.close(control)
    if status != 0:
        raise JobError(_told(plan.commands, report.current, status, seconds))
    return report


def plan_of(job: JobContext) -> Plan:
    """What this job is to do; raises JobError for a declaration that cannot be carried out."""
    declared = job.declaration
    if declared is None or not declared.commands:
        raise JobError("The action has no commands.", "ConfigurationError")
    variables = declared.environment_variables or ()
    for variable in variables:
        if variable.type == "SECRETS_MANAGER":
            raise JobError(
                f"The environment variable '{variable.name}' is of type SECRETS_MANAGER, which is not available here.",
                "ConfigurationError",
            )
    check_names((variable.name for variable in variables), "environment variable")
    check_names(declared.output_variables or (), "output variable")
    return Plan(
        commands=tuple(declared.commands),
        environment={variable.name: variable.value for variable in variables},
        variables=tuple(declared.output_variables or ()),
        primary=next(iter(job.inputs), ""),
        output=next(iter(declared.output_artifacts or ()), None),
    )


def environment(job: JobContext, plan: Plan, folders: Workspace) -> dict[str, str]:
    """What the commands find in their environment beside what the action declares."""
    given = {
        "PATH": PATH,
        "HOME": str(folders.home),
        "LANG": "C.UTF-8",
        "CI": "true",
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        "CODEBUILD_INITIATOR": f"codepipeline/{job.pipeline}",
        "CODEBUILD_SRC_DIR": str(folders.source),
        "PENSTOCK_PIPELINE": job.pipeline,
        "PENSTOCK_STAGE": job.stage,
        "PENSTOCK_ACTION": job.action,
        "PENSTOCK_EXECUTION_ID": job.execution_id or "",
    }
    for name in job.inputs:
        if name != plan.primary:
            variable = "CODEBUILD_SRC_DIR_" + re.sub(r"\W", "_", name, flags=re.ASCII)
            given[variable] = str(_folder_of(name, plan, folders))
    return given


@contextlib.asynccontextmanager
async def workspace(work_dir: Path) -> AsyncIterator[Workspace]:
    """Empty folders for one job, which are gone with all they hold when it has ended."""
    made = await asyncio.to_thread(_workspace, work_dir)
    try:
        yield made
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, made.root))


async def _listened(child: Child, log: LogStream, seconds: float) -> int | None:
    """The exit code, None if time was up; when this returns or raises, the child and all its children are gone."""
    following = asyncio.create_task(log.follow(child.output))
    status: int | None = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                status = await child.wait()
    finally:
        try:
            await child.end()
        finally:
            await asyncio.wait({following}, timeout=LAST_OUTPUT_SECONDS)
            following.cancel()
            # It may just be listening to what is closed.
            following.add_done_callback(lambda _: child.close())
    return status


def _workspace(work_dir: Path) -> Workspace:
    work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Workspace(Path(tempfile.mkdtemp(prefix="commands-", dir=work_dir)).resolve())
    for folder in made.folders:
        folder.mkdir()
    return made


def _told(commands: Sequence[str], current: int, status: int | None, seconds: float) -> str:
    """The sentence for commands that did not succeed; without a status, time was up."""
    has_begun = 0 < current <= len(commands)
    where = f"command {current}" if has_begun else "the shell"
    which = f": {commands[current - 1]}" if has_begun else ", before the first command began"
    if status is None:
        span = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
        return f"The commands were stopped after {span}, at {where}{which}"
    if status < 0:
        return f"{where} was ended by signal {-status}{which}"
    return f"{where} exited with code {status}{which}"


def _folder_of(name: str, plan: Plan, folders: Workspace) -> Path:
    return folders.source if name == plan.primary else folders.inputs / name


def _secrets(variables: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret: no type of theirs says so."""
    return [value for name, value in variables.items() if TELLS_OF_SECRET.search(name)]


def _remove(folder: Path) -> None:
    """Remove a folder, also what its maker has forbidden to remove."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inside = Path(path, name)
            if not inside.is_symlink():
                inside.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
