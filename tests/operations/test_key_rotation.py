"""The sealing key is replaced while the server runs, is killed and starts again: no secret is lost and no token dies."""

import base64
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from declarations import action, custom_source, custom_type, pipeline, stage
from engine.load import Client
from git_hosts import github_push, send, signature
from operations.faithful import Witness
from operations.hooks import connect, definition, git_line, push, trigger
from operations.partner import Partner, own_operation, user_keys
from operations.scene import Scene
from penstock.operations.keys import KEYS_MAX
from serving import Server, refusal, serving
from waiting import eventually

PASSWORD = "correct horse battery staple"


def secretive(provider: str) -> dict[str, Any]:
    secret = {"name": "Password", "required": True, "key": False, "secret": True}
    return {**custom_type(provider), "configurationProperties": [secret]}


def keeping() -> dict[str, Any]:
    return action("Keep", "Build", "Custom", "Keeper", {"Password": PASSWORD}, outputs=("Box",))


def rotate(server: Server) -> str:
    key_id: str = own_operation(server.url, server.root_keys, "us-east-1", "RotateKey")["keyId"]
    return key_id


def described(server: Server) -> dict[str, int]:
    """How much each key seals, by its id, newest first."""
    told = own_operation(server.url, server.root_keys, "us-east-1", "DescribeKeys")
    assert told["isComplete"]
    return {key["keyId"]: key["sealedCount"] for key in told["keys"]}


def settled(server: Server) -> dict[str, int]:
    """The same once nothing is left under an older key."""
    return eventually(lambda: (counts := described(server)) and not sum([*counts.values()][1:]) and counts)


class House:
    """A server with one of everything that is sealed, hashed or signed under its key, and what was told of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.scene = scene = Scene(server, Witness())
        self.partner = Partner(scene)
        scene.types(secretive("Keeper"))
        checked = self.partner.action(configuration={"Password": PASSWORD})
        scene.pipeline("line", stage("Build", keeping(), checked))
        scene.work("Origin")
        self.job = scene.take("Keeper")
        self.user = user_keys(server, "somebody", ["codepipeline:*"])
        self.hook = scene.aws.put_webhook(webhook=definition())["webhook"]["url"]
        self.connection, self.connection_secret = connect(scene)
        git_line(scene, "pushed", pipelineType="V2", triggers=[trigger(push=[{"branches": {"includes": ["main"]}}])])
        self.page = scene.aws.list_pipelines(maxResults=1)["nextToken"]
        (self.partner_job,) = self.partner.poll()

    def check(self) -> None:
        scene = self.scene
        self._check_jobs()
        user = scene.client(self.user)
        assert [each["name"] for each in user.list_pipelines(maxResults=1, nextToken=self.page)["pipelines"]]
        started = len(scene.executions())
        assert push(self.hook) == (200, {"result": "started", "executionId": scene.newest()})
        assert len(scene.executions()) == started + 1
        assert [each["url"] for each in scene.aws.list_webhooks()["webhooks"]] == [self.hook]
        body = json.dumps(github_push("owner/app", "main")).encode()
        proof = {"X-GitHub-Event": "push", "X-Hub-Signature-256": signature(self.connection_secret, body)}
        status, answer = send(self.connection, body, proof)
        assert (status, answer["result"]) == (200, "started")

    def _check_jobs(self) -> None:
        """What workers are told, and what they may do with what they were told before."""
        details = self.scene.aws.get_job_details(jobId=self.job["id"])["jobDetails"]["data"]
        assert details["actionConfiguration"]["configuration"] == {"Password": PASSWORD}
        for data in (self.job["data"], details):
            self._put(data)
        told = self.partner.details(self.partner_job["jobId"])["data"]
        assert told["actionConfiguration"]["configuration"] == {"Password": PASSWORD}
        with pytest.raises(ClientError, match="InvalidClientToken"):
            self.scene.aws.get_third_party_job_details(jobId=self.partner_job["jobId"], clientToken="another")

    def _put(self, data: dict[str, Any]) -> None:
        given, where = data["artifactCredentials"], data["outputArtifacts"][0]["location"]["s3Location"]
        keys = {
            "aws_access_key_id": given["accessKeyId"],
            "aws_secret_access_key": given["secretAccessKey"],
            "aws_session_token": given["sessionToken"],
        }
        s3 = self.server.client("s3", keys, self.scene.region)
        s3.put_object(Bucket=where["bucketName"], Key=where["objectKey"], Body=b"made")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("keys") / "data"
    with serving(folder, "--ack-timeout", "1") as server:
        yield House(server)


def test_everything_stays_good_when_the_key_is_replaced_and_after_a_start(house: House) -> None:
    before = described(house.server)
    (old,) = before
    assert before[old] > 10
    new = rotate(house.server)
    house.check()
    counts = settled(house.server)
    assert list(counts) == [new, old]
    assert counts[new] >= before[old]
    house.check()
    house.server.kill()
    house.server.start()
    assert list(described(house.server)) == [new, old]
    house.check()


def test_an_update_takes_over_a_secret_of_the_old_key(house: House) -> None:
    scene = Scene(house.server, Witness())
    scene.types(secretive("Keeper"))
    scene.pipeline("line", stage("Build", keeping()))
    rotate(house.server)
    scene.aws.update_pipeline(pipeline=scene.aws.get_pipeline(name="line")["pipeline"])
    scene.start()
    while not (jobs := scene.poll("Keeper")):
        scene.work("Origin")
    assert jobs[0]["data"]["actionConfiguration"]["configuration"] == {"Password": PASSWORD}


def test_root_alone_may_replace_or_see_the_keys(house: House) -> None:
    user = user_keys(house.server, "mighty", ["*"])
    for operation in ("RotateKey", "DescribeKeys"):
        with pytest.raises(HTTPError) as refused:
            own_operation(house.server.url, user, house.scene.region, operation)
        told = json.load(refused.value)
        assert told["__type"].endswith("AccessDeniedException")
        assert told["message"].endswith(f"to perform: penstock:{operation}: only the server's root may")


def test_so_many_keys_at_once_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        for _ in range(KEYS_MAX - 1):
            rotate(server)
        with pytest.raises(HTTPError) as refused:
            rotate(server)
        assert json.load(refused.value)["__type"].endswith("LimitExceededException")
        assert len(described(server)) == KEYS_MAX


def test_keys_of_the_environment_are_replaced_there(tmp_path: Path) -> None:
    first, second = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    server = Server(tmp_path / "data", prefix=("env", f"PENSTOCK_KEY={first}"))
    try:
        (old,) = described(server)
        keys = user_keys(server, "somebody", ["codepipeline:*"])
        with pytest.raises(HTTPError) as refused:
            rotate(server)
        told = json.load(refused.value)
        assert "put a new one in front of the others there" in told["message"]
        server.stop()
        server = Server(tmp_path / "data", prefix=("env", f"PENSTOCK_KEY={second},{first}"))
        new, kept = settled(server)
        assert kept == old
        assert server.client("codepipeline", keys).list_pipelines()["pipelines"] == []
        assert not (tmp_path / "data" / "key").exists()
    finally:
        server.stop()
    # A round that finds nothing comes ten minutes later: until then nobody can be sure that the old key is not needed.
    code, said = refusal(tmp_path / "data", prefix=("env", f"PENSTOCK_KEY={second}"))
    assert code == 1
    assert said.endswith(f"under key {old}, and PENSTOCK_KEY has {new}: put the missing key back behind the others\n")
    assert said.count("\n") == 1
    assert not [key for key in (first, second) if key in server.log() + said]


def test_a_key_file_of_another_server_is_refused_with_a_line(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        (old,) = described(server)
    (tmp_path / "data" / "key").rename(tmp_path / "kept")
    code, said = refusal(tmp_path / "data")
    assert code == 1
    assert f"sealed under key {old}, and the key file has " in said
    (tmp_path / "kept").rename(tmp_path / "data" / "key")
    with serving(tmp_path / "data") as server:
        assert list(described(server)) == [old]


class Crowd:
    """Many pipelines, the job of each with a secret of its own."""

    def __init__(self, server: Server, size: int) -> None:
        self.server, self.size = server, size
        aws = server.client("codepipeline")
        for declared in (custom_type("Origin", category="Source"), secretive("Builder")):
            aws.create_custom_action_type(**declared)
        client = Client(server)
        for number in range(size):
            make = action("Make", "Build", "Custom", "Builder", {"Password": self.secret(number)})
            declared = pipeline(f"line-{number}", stage("Source", custom_source()), stage("Build", make))
            assert client.call("CreatePipeline", pipeline=declared)[0] == 200
        client.close()
        sources = aws.poll_for_jobs(actionTypeId=kind("Source", "Origin"), maxBatchSize=size)["jobs"]
        for job in sources:
            aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
            aws.put_job_success_result(jobId=job["id"])
        found = aws.poll_for_jobs(actionTypeId=kind("Build", "Builder"), maxBatchSize=size)["jobs"]
        self.jobs = {job["id"]: job["data"]["pipelineContext"]["pipelineName"] for job in found}
        assert len(self.jobs) == size

    def secret(self, number: int | str) -> str:
        return f"the secret of line-{number}"

    def check(self) -> None:
        client = Client(self.server)
        for job_id, name in self.jobs.items():
            status, answer = client.call("GetJobDetails", jobId=job_id)
            assert status == 200, answer
            told = answer["jobDetails"]["data"]["actionConfiguration"]["configuration"]
            assert told == {"Password": self.secret(name.partition("-")[2])}
        client.close()


def kind(category: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": "Custom", "provider": provider, "version": "1"}


def kill_while_rotating(server: Server, after_seconds: float) -> None:
    """Ask for a new key, and kill the server so long after, whatever it does."""

    def ask() -> None:
        try:
            rotate(server)
        except OSError:
            return

    asking = threading.Thread(target=ask)
    asking.start()
    # The one place that must not wait for anything: the moment is to be any.
    time.sleep(after_seconds)
    server.kill()
    asking.join()
    server.start()


def kill_through_rotations(folder: Path, size: int, moments: list[float]) -> None:
    with serving(folder / "data", "--ack-timeout", "3600") as server:
        crowd = Crowd(server, size)
        for moment in moments:
            kill_while_rotating(server, moment)
            counts = described(server)
            print(f"killed after {moment:.3f} s; {counts}")
            assert sum(counts.values()) >= 3 * size
            crowd.check()
        settled(server)
        crowd.check()
        assert "Traceback" not in server.log()


@pytest.mark.long
def test_kills_at_several_moments_of_a_rotation_lose_nothing(tmp_path: Path) -> None:
    kill_through_rotations(tmp_path, 40, [0.004, 0.03, 0.08])


@pytest.mark.long
def test_fourteen_kills_at_any_moment_of_a_rotation_lose_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"the moments of the kills come from seed {seed}")
    chance = random.Random(seed)
    kill_through_rotations(tmp_path, 60, [chance.uniform(0.0, 0.3) for _ in range(14)])
