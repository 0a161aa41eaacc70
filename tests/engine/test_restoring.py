"""A server that is backed up under load, killed and restored elsewhere goes on where the backup stood, and has all of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.running import penstock
from declarations import action, custom_type, stage
from engine.load import Client
from engine.mill import Mill
from operations.faithful import Witness
from operations.hooks import SECRET, push, put, webhook
from operations.partner import Partner, user_keys
from operations.principals import session_keys
from operations.scene import Scene, approval, build, code_of
from serving import Server, serving
from waiting import eventually

OPTIONS = ("--ack-timeout", "2", "--continuation-delay", "0.2", "--executor", "process")
KEEPER = {
    **custom_type("Keeper"),
    "configurationProperties": [{"name": "Password", "required": True, "key": False, "secret": True}],
}
TAGS = [{"key": "team", "value": "mill"}]


class Standing:
    """Everything that can be under way, in a region of its own, and looked at again on another server."""

    def __init__(self, server: Server, witness: Witness) -> None:
        self.scene = scene = Scene(server, witness)
        scene.types(KEEPER, custom_type("Giver"), custom_type("Pauser"))
        self.partner = Partner(scene)
        self._in_jobs()
        self._beside_pipelines()
        self._in_front_of_stages()
        self._in_buckets()

    def _in_jobs(self) -> None:
        scene = self.scene
        keep = action("Keep", "Build", "Custom", "Keeper", {"Password": "correct horse"}, inputs=("App",))
        for name, *later in (
            ("held", stage("Build", keep)),
            ("handed", stage("Build", action("Make", "Build", "Custom", "Giver"))),
            ("partner", stage("Test", self.partner.action())),
            ("paused", stage("Build", action("Make", "Build", "Custom", "Pauser"))),
        ):
            scene.pipeline(name, *later)
            scene.work("Origin")
            if name == "handed":
                (self.handed,) = scene.poll("Giver")
            if name == "paused":
                scene.work("Pauser", continuationToken="come back")
        self.held = scene.take("Keeper")
        self.partner_job = self.partner.take()

    def _in_front_of_stages(self) -> None:
        scene = self.scene
        scene.pipeline("asked", stage("Ask", approval()), stage("Build", build("Make")))
        scene.work("Origin")
        self.token = scene.action("Ask", "Ask", "asked")["token"]
        scene.pipeline("barred")
        scene.aws.disable_stage_transition(
            pipelineName="barred", stageName="Build", transitionType="Inbound", reason="ice on the weir"
        )
        scene.work("Origin")
        scene.pipeline("queue", stage("Ask", approval()), executionMode="QUEUED", pipelineType="V2")
        scene.work("Origin")
        self.queued = [scene.newest("queue"), *(scene.start("queue") for _ in range(2))]

    def _beside_pipelines(self) -> None:
        scene = self.scene
        scene.pipeline("line", executionMode="PARALLEL", pipelineType="V2")
        scene.work("Origin")
        put(scene)
        self.arn = scene.aws.get_pipeline(name="line")["metadata"]["pipelineArn"]
        scene.aws.tag_resource(resourceArn=self.arn, tags=TAGS)
        self.reader = user_keys(scene.server, "reader", ["codepipeline:List*"])
        sts = scene.server.client("sts", self.reader)
        self.session = session_keys(sts.get_session_token())

    def _in_buckets(self) -> None:
        s3 = self.scene.server.client("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        self.versions = [s3.put_object(Bucket="kept", Key="a/b", Body=text)["VersionId"] for text in (b"one", b"two")]
        s3.put_object(Bucket="kept", Key="gone", Body=b"x")
        s3.delete_object(Bucket="kept", Key="gone")
        self.upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
        part = s3.upload_part(Bucket="kept", Key="parts", UploadId=self.upload, PartNumber=1, Body=b"a part")
        self.part = {"PartNumber": 1, "ETag": part["ETag"]}

    def move_to(self, server: Server) -> None:
        self.scene.server = server
        self.scene.aws = self.scene.client()

    def check(self) -> None:
        """All of it is there and can be ended."""
        self._check_jobs()
        self._check_stages()
        self._check_rest()
        self._check_buckets()

    def _check_jobs(self) -> None:
        scene, aws = self.scene, self.scene.aws
        details = aws.get_job_details(jobId=self.held["id"])["jobDetails"]["data"]
        assert details["actionConfiguration"]["configuration"] == {"Password": "correct horse"}
        aws.put_job_success_result(jobId=self.held["id"])
        assert code_of(aws.acknowledge_job, jobId=self.handed["id"], nonce="00") == "InvalidNonceException"
        assert aws.acknowledge_job(jobId=self.handed["id"], nonce=self.handed["nonce"])["status"] == "InProgress"
        aws.put_job_success_result(jobId=self.handed["id"])
        self.partner.succeed(self.partner_job)
        again = scene.wait_for_job("Pauser")
        assert again["data"]["continuationToken"] == "come back"
        aws.acknowledge_job(jobId=again["id"], nonce=again["nonce"])
        aws.put_job_success_result(jobId=again["id"])
        for name in ("held", "handed", "partner", "paused"):
            assert scene.statuses(name) == ["Succeeded"], name

    def _check_stages(self) -> None:
        scene, aws = self.scene, self.scene.aws
        result = {"summary": "", "status": "Approved"}
        aws.put_approval_result(
            pipelineName="asked", stageName="Ask", actionName="Ask", result=result, token=self.token
        )
        barred = scene.stage("Build", "barred")["inboundTransitionState"]
        assert (barred["enabled"], barred["disabledReason"]) == (False, "ice on the weir")
        aws.enable_stage_transition(pipelineName="barred", stageName="Build", transitionType="Inbound")
        for _ in ("asked", "barred", "line"):
            scene.work()
        for execution in self.queued:
            token = scene.action("Ask", "Ask", "queue")["token"]
            assert scene.stage("Ask", "queue")["latestExecution"]["pipelineExecutionId"] == execution
            aws.put_approval_result(pipelineName="queue", stageName="Ask", actionName="Ask", result=result, token=token)
            if execution != self.queued[-1]:
                scene.work("Origin")
        assert scene.statuses("asked") == scene.statuses("barred") == ["Succeeded"]
        assert scene.statuses("queue") == ["Succeeded"] * 3

    def _check_rest(self) -> None:
        scene, server = self.scene, self.scene.server
        path = webhook(scene)["url"].partition("/_penstock/")[2]
        before = len(scene.executions())
        assert push(f"{server.url}/_penstock/{path}", secret=SECRET)[0] == 200
        assert len(scene.executions()) == before + 1
        assert scene.aws.list_tags_for_resource(resourceArn=self.arn)["tags"] == TAGS
        for keys in (self.reader, self.session):
            client = server.client("codepipeline", keys, scene.region)
            assert "line" in {each["name"] for each in client.list_pipelines()["pipelines"]}
            assert code_of(client.get_pipeline, name="line") == "AccessDeniedException"

    def _check_buckets(self) -> None:
        s3 = self.scene.server.client("s3")
        for version, text in zip(self.versions, (b"one", b"two"), strict=True):
            assert s3.get_object(Bucket="kept", Key="a/b", VersionId=version)["Body"].read() == text
        assert [each["Key"] for each in s3.list_objects_v2(Bucket="kept")["Contents"]] == ["a/b"]
        assert len(s3.list_object_versions(Bucket="kept")["DeleteMarkers"]) == 1
        s3.complete_multipart_upload(
            Bucket="kept", Key="parts", UploadId=self.upload, MultipartUpload={"Parts": [self.part]}
        )
        assert s3.get_object(Bucket="kept", Key="parts")["Body"].read() == b"a part"


class Answered:
    """What a mill had been told by some moment."""

    def __init__(self, mill: Mill) -> None:
        self.executions, self.acknowledged = dict(mill.executions), dict(mill.acknowledged)
        self.results = dict(mill.results)
        self.pipelines = set(self.executions.values())


def back_up(server: Server, file: Path) -> dict[str, Any]:
    ended = penstock("backup", file, "--data-dir", server.data_dir, "--json")
    assert (ended.code, ended.err) == (0, "")
    told: dict[str, Any] = json.loads(ended.out)
    return told


def restore(file: Path, data_dir: Path) -> dict[str, Any]:
    ended = penstock("restore", file, "--data-dir", data_dir, "--json")
    assert (ended.code, ended.err) == (0, "")
    told: dict[str, Any] = json.loads(ended.out)
    return told


def finish(server: Server, answered: Answered, all_acknowledged: dict[str, str]) -> None:
    """Work what is left to its end, as workers do who go on, and look whether anything that was answered is missing."""
    mill = Mill(server, executions_max=0)
    client = Client(server)
    names = [each["name"] for each in client.call("ListPipelines")[1]["pipelines"]]
    mill.pipelines = {name for name in names if name.startswith("mill-")}
    mill.executions, mill.acknowledged, mill.results = answered.executions, answered.acknowledged, answered.results
    for job_id in all_acknowledged:
        # Of what happened after the backup, the workers know and the server does not: they answer, and are told.
        status, answer = client.call("PutJobSuccessResult", jobId=job_id)
        assert status == 200 or answer["__type"] in ("InvalidJobStateException", "JobNotFoundException"), answer
    client.close()
    mill.start()
    try:
        mill.drain(30)
    finally:
        mill.ended.set()
    mill.check()


def go_on(folder: Path, executions_max: int, results_before: int) -> None:
    witness = Witness()
    with serving(folder / "data", *OPTIONS) as server:
        standing = Standing(server, witness)
        mill = Mill(server, executions_max)
        mill.prepare()
        mill.start()
        try:
            eventually(lambda: len(mill.results) > results_before, 60)
            answered = Answered(mill)
            made = back_up(server, folder / "backup.tar")
            later = len(mill.results)
            server.kill()
        finally:
            mill.ended.set()
            mill.draining.set()
    assert later > len(answered.results), "nobody was held up by the backup"
    shutil.rmtree(folder / "data")
    check_told(made, restore(folder / "backup.tar", folder / "new"))
    with serving(folder / "new", *OPTIONS) as server:
        standing.move_to(server)
        standing.check()
        finish(server, answered, mill.acknowledged)
        assert "Traceback" not in server.log()
    assert not witness.complaints


def check_told(made: dict[str, Any], restored: dict[str, Any]) -> None:
    """What is in flight is told by both commands, with what it waits for."""
    assert restored["executionsInFlight"] == made["executionsInFlight"]
    assert len({each["pipelineExecutionId"] for each in restored["inFlight"]}) == made["executionsInFlight"]
    waiting = {(each["pipeline"], each["stage"], each.get("action"), each["reason"]) for each in restored["inFlight"]}
    assert waiting >= {
        ("held", "Build", "Keep", "Worker"),
        ("handed", "Build", "Make", "Worker"),
        ("partner", "Test", "Check", "Worker"),
        ("asked", "Ask", "Ask", "Approval"),
        ("barred", "Build", None, "Transition"),
        ("queue", "Ask", "Ask", "Approval"),
    }


def test_a_restored_server_goes_on_where_the_backup_stood(tmp_path: Path) -> None:
    go_on(tmp_path, executions_max=6, results_before=3)


@pytest.mark.long
def test_a_restored_server_goes_on_with_a_long_history(tmp_path: Path) -> None:
    go_on(tmp_path, executions_max=400, results_before=600)
