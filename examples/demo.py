"""`make demo`: a throw-away server, and one whole pipeline run on real input, shown as it goes.

    S3 source ─► custom action ─► shell build ─► partner action ─► approval ─► S3 deploy

The custom action is worked by custom_worker.py, the partner action by partner_worker.py, each a process of its own that
knows nothing but boto3. Exits 0 only if the execution succeeded and the deployed objects have been read back.
"""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from custom_worker import create_action_type
from live_view import Action, LiveView, Picture

from penstock.cli.client import Failed, Server

HERE = Path(__file__).parent
SECONDS_MAX = 90
REFRESH_SECONDS = 0.1
# Long enough to be seen waiting.
APPROVAL_SECONDS = 1.0

PIPELINE, SOURCE_BUCKET, SITE_BUCKET = "low-weir", "low-weir-source", "low-weir-site"
# Each page gets a pause, for those who watch the log come in.
COMMANDS = [
    'for page in *.html; do echo "$page: $(wc -c < "$page") bytes"; sleep 0.3; done',
    'echo "#{Index.Words} words, source version #{Source.VersionId}" > build.txt',
    'sums=$(sha256sum *) && echo "$sums" > checksums.txt',
    "cat build.txt checksums.txt",
]


class DemoFailed(Exception):
    """The run did not come to a good end; the text says why."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    # SystemExit goes through every `except Exception` on its way, so nothing can swallow the end.
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"✗ no end after {SECONDS_MAX} seconds"))
    signal.alarm(SECONDS_MAX)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    isolate()
    try:
        with contextlib.ExitStack() as stack, LiveView(sys.stdout) as view:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-demo-")))
            deployed = run(view, folder, stack)
            seconds = view.seconds
    except BrokenPipeError:
        # Whoever watched has gone. The interpreter would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (DemoFailed, Failed) as problem:
        print(f"✗ {problem}")
        return 1
    except (BotoCoreError, ClientError, OSError) as problem:
        print(f"✗ {type(problem).__name__}: {problem}")
        return 1
    except KeyboardInterrupt:
        print("✗ interrupted")
        return 130
    print(f"✓ {deployed} · {seconds:.1f} s")
    return 0


def isolate() -> None:
    """Nothing of this machine's AWS or penstock settings may reach the demo, nor the demo anything of theirs."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "PENSTOCK_"))]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")


def run(view: LiveView, folder: Path, stack: contextlib.ExitStack) -> str:
    """From an empty folder to a deployed site; returns what was deployed. Raises DemoFailed."""
    data_dir = folder / "data"
    server = start(stack, folder, "server", "-m", "penstock", "serve", "--port", "0", "--data-dir", str(data_dir))
    url = listening(server, folder)
    # From here on, this process and those that it starts are AWS clients like any other.
    os.environ.update(json.loads(penstock("env", "--json", "--data-dir", str(data_dir))))
    view.say(f"penstock on {url}; in a browser: {url}/_penstock/console/")
    codepipeline, s3 = boto3.client("codepipeline"), boto3.client("s3")
    upload_source(s3)
    workers = start_workers(view, folder, stack)
    codepipeline.create_pipeline(pipeline=declaration())
    view.say("pipeline created: its first execution starts by itself")
    follow(view, codepipeline, {"server": server, **workers}, folder)
    return check_deployed(s3)


def start(stack: contextlib.ExitStack, folder: Path, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """A Python process whose output goes to a file, and which ends when the demo does."""
    with (folder / f"{name}.log").open("wb") as log:
        # A session of its own: Ctrl-C is for us, and we end it.
        process = subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, start_new_session=True)
    stack.callback(end, process)
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def listening(server: "subprocess.Popen[bytes]", folder: Path) -> str:
    """The address that the server says it listens on."""
    while True:
        for line in (folder / "server.log").read_text().splitlines():
            if line.startswith("penstock listening on "):
                return line.rpartition(" ")[2]
        check_alive("server", server, folder)
        time.sleep(0.02)


def check_alive(name: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    if process.poll() is not None:
        said = (folder / f"{name}.log").read_text().strip().splitlines() or ["nothing"]
        raise DemoFailed(f"the {name} ended with code {process.returncode}; its last words: {said[-1]}")


def penstock(*arguments: str) -> str:
    """What a command of penstock prints."""
    done = subprocess.run([sys.executable, "-m", "penstock", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"penstock {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def upload_source(s3: Any) -> None:
    """Zip examples/site and put it where the pipeline looks for its source: into a bucket with versions."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((HERE / "site").iterdir()):
            archive.write(path, path.name)
    s3.create_bucket(Bucket=SOURCE_BUCKET)
    s3.put_bucket_versioning(Bucket=SOURCE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=SOURCE_BUCKET, Key="site.zip", Body=packed.getvalue())
    s3.create_bucket(Bucket=SITE_BUCKET)


def start_workers(view: LiveView, folder: Path, stack: contextlib.ExitStack) -> "dict[str, subprocess.Popen[bytes]]":
    """The two workers from outside. Each finds the server by AWS_ENDPOINT_URL."""
    create_action_type(boto3.client("codepipeline"), "SiteIndexer", "1")
    polling = ("--poll-seconds", "0.2")
    custom = start(stack, folder, "custom worker", str(HERE / "custom_worker.py"), *polling)
    registered = penstock("partner", "register", str(HERE / "partner.json")).strip()
    client = folder / "client.json"
    client.write_text(penstock("partner", "link", "--provider", "LinkChecker", "--version", "1"))
    partner = start(stack, folder, "partner worker", str(HERE / "partner_worker.py"), "--client", str(client), *polling)
    view.say(f"custom action type Build/Custom/SiteIndexer/1 made, partner's {registered} and linked")
    return {"custom worker": custom, "partner worker": partner}


def declaration() -> dict[str, Any]:
    """Six actions in five stages; the artifacts are Site, Indexed and Bundle."""
    source = {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": "site.zip"}
    target = {"BucketName": SITE_BUCKET, "Extract": "true"}
    index = action("Index", "Build/Custom/SiteIndexer", "Site", "Indexed", namespace="Index")
    bundle = action("Bundle", "Compute/AWS/Commands", "Indexed", "Bundle", commands=COMMANDS, runOrder=2)
    stages = {
        "Source": [action("Site", "Source/AWS/S3", None, "Site", configuration=source, namespace="Source")],
        "Build": [index, bundle],
        "Test": [action("Links", "Test/ThirdParty/LinkChecker", "Bundle")],
        "Approve": [action("Publish", "Approval/AWS/Manual")],
        "Deploy": [action("Bucket", "Deploy/AWS/S3", "Bundle", configuration=target)],
    }
    return {
        "name": PIPELINE,
        "roleArn": "arn:aws:iam::123456789012:role/pipeline",
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "low-weir-artifacts"},
        "stages": [{"name": name, "actions": actions} for name, actions in stages.items()],
    }


def action(name: str, kind: str, reads: str | None = None, writes: str | None = None, **more: Any) -> dict[str, Any]:
    category, owner, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "inputArtifacts": [{"name": reads}] if reads else [],
        "outputArtifacts": [{"name": writes}] if writes else [],
        **more,
    }


def follow(view: LiveView, codepipeline: Any, processes: "dict[str, subprocess.Popen[bytes]]", folder: Path) -> None:
    """Show the execution until it has ended, and approve what waits for it. Raises DemoFailed unless it succeeds."""
    log, approval = BuildLog(), Approval(view, codepipeline)
    while True:
        # First whether it has ended: what is read afterwards is then the last that there is to show.
        execution = codepipeline.list_pipeline_executions(pipelineName=PIPELINE)["pipelineExecutionSummaries"][0]
        state = codepipeline.get_pipeline_state(name=PIPELINE)
        runs = codepipeline.list_action_executions(pipelineName=PIPELINE)["actionExecutionDetails"]
        view.show(picture(state, runs, log))
        if execution["status"] == "Succeeded":
            return
        if execution["status"] != "InProgress":
            raise DemoFailed(f"the execution is {execution['status']}: {reason(runs)}")
        approval.answer(state)
        for name, process in processes.items():
            check_alive(name, process, folder)
        time.sleep(REFRESH_SECONDS)


class Approval:
    """Says yes to the approval, once it has been seen waiting."""

    def __init__(self, view: LiveView, codepipeline: Any) -> None:
        self._view = view
        self._codepipeline = codepipeline
        self._answer_at: float | None = None

    def answer(self, state: dict[str, Any]) -> None:
        token = approval_token(state)
        if token is None:
            return
        if self._answer_at is None:
            self._answer_at = time.monotonic() + APPROVAL_SECONDS
            self._view.say("an approval waits: somebody would decide now, the demo says yes")
        elif time.monotonic() > self._answer_at:
            self._codepipeline.put_approval_result(
                pipelineName=PIPELINE,
                stageName="Approve",
                actionName="Publish",
                token=token,
                result={"status": "Approved", "summary": "approved by the demo"},
            )


class BuildLog:
    """The lines that the shell build has printed so far. No AWS operation reads a log while it grows; penstock's does."""

    def __init__(self) -> None:
        self._server = Server(os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_DEFAULT_REGION"])
        self._last = 0
        self._text = ""

    def lines(self, action_execution_id: str) -> tuple[str, ...]:
        answer = self._server.call("GetActionLog", actionExecutionId=action_execution_id, after=self._last)
        for piece in answer["pieces"]:
            self._last = piece["number"]
            self._text += piece["text"]
        return tuple(self._text.splitlines())


def picture(state: dict[str, Any], runs: list[dict[str, Any]], log: BuildLog) -> Picture:
    """What there is to see now."""
    by_name = {(run["stageName"], run["actionName"]): run for run in runs}
    actions = []
    lines: tuple[str, ...] = ()
    for stage in declaration()["stages"]:
        for declared in stage["actions"]:
            run = by_name.get((stage["name"], declared["name"]))
            actions.append(seen(stage["name"], declared, run))
            if run is not None and "commands" in declared:
                lines = log.lines(run["actionExecutionId"])
    stages = {each["stageName"]: each.get("latestExecution", {}).get("status", "") for each in state["stageStates"]}
    return Picture(tuple(actions), stages, lines)


def seen(stage: str, declared: dict[str, Any], run: dict[str, Any] | None) -> Action:
    identity = declared["actionTypeId"]
    kind = f"{identity['owner']} {identity['provider']}"
    if run is None:
        return Action(stage, declared["name"], kind)
    ended = run["lastUpdateTime"].timestamp() if run["status"] != "InProgress" else time.time()
    seconds = max(0.0, ended - run["startTime"].timestamp())
    return Action(stage, declared["name"], kind, run["status"], note(run), seconds)


def note(run: dict[str, Any]) -> str:
    result = run.get("output", {}).get("executionResult", {})
    failure = result.get("errorDetails", {}).get("message")
    return str(failure or result.get("externalExecutionSummary") or "")


def reason(runs: list[dict[str, Any]]) -> str:
    failed = [run for run in runs if run["status"] not in ("Succeeded", "InProgress")]
    return "; ".join(f"{run['stageName']}/{run['actionName']} {run['status']}: {note(run)}" for run in failed)


def approval_token(state: dict[str, Any]) -> str | None:
    """The token of the approval that waits, if one does."""
    for stage in state["stageStates"]:
        for each in stage["actionStates"]:
            token = each.get("latestExecution", {}).get("token")
            if token:
                return str(token)
    return None


def check_deployed(s3: Any) -> str:
    """Read every deployed object back and compare it to what the build wrote down. Raises DemoFailed."""
    listed = s3.list_objects_v2(Bucket=SITE_BUCKET).get("Contents", [])
    found = {each["Key"]: s3.get_object(Bucket=SITE_BUCKET, Key=each["Key"])["Body"].read() for each in listed}
    if "checksums.txt" not in found:
        raise DemoFailed(f"nothing was deployed to s3://{SITE_BUCKET}")
    expected = dict(checksums(found["checksums.txt"].decode()))
    for name, checksum in expected.items():
        if name not in found or hashlib.sha256(found[name]).hexdigest() != checksum:
            raise DemoFailed(f"s3://{SITE_BUCKET}/{name} is not what was built")
    for path in (HERE / "site").iterdir():
        if found.get(path.name) != path.read_bytes():
            raise DemoFailed(f"s3://{SITE_BUCKET}/{path.name} is not examples/site/{path.name}")
    sizes = ", ".join(f"{name} {len(content)}" for name, content in found.items())
    total = sum(len(content) for content in found.values())
    return f"deployed to s3://{SITE_BUCKET}, read back and compared: {len(found)} objects, {total} bytes ({sizes})"


def checksums(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        checksum, name = line.split()
        yield name, checksum


if __name__ == "__main__":
    sys.exit(main())
