"""`penstock backup`: one file from a running server, whole or not there."""

import hashlib
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.backups import back_up, furnish, manifest, members
from cli.running import PENSTOCK, penstock, plain
from engine.test_durability import small_disk
from operations.partner import own_operation, user_keys
from operations.principals import ask_own
from operations.scene import code_of
from penstock.ports.backup import BACKUP_BUCKET
from serving import Server, serving

REGION = "us-east-1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("backups") / "data") as started:
        furnish(started)
        yield started


def buckets(server: Server) -> list[str]:
    return [each["Name"] for each in server.client("s3").list_buckets()["Buckets"]]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def own(server: Server, operation: str, **parameters: object) -> dict[str, object]:
    return own_operation(server.url, server.root_keys, REGION, operation, **parameters)


class TestTheFile:
    def test_it_has_everything_and_is_its_owners_alone(self, server: Server, tmp_path: Path) -> None:
        file = tmp_path / "backup.tar"
        ended = back_up(server, file)
        assert (ended.code, ended.err) == (0, "")
        moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        assert re.fullmatch(
            rf"backed up to {file}: 1 pipeline, 1 execution \(1 in flight\), 1 file of objects with 100,000 bytes, "
            rf"as of {moment}\n"
            "it holds the sealing key and root's credentials: keep it as you keep the server\n",
            ended.out,
        )
        assert file.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]
        found = members(file)
        assert next(iter(found)) == "manifest.json"
        assert found["secrets/key"] == (server.data_dir / "key").read_bytes()
        assert found["secrets/credentials"] == (server.data_dir / "credentials").read_bytes()
        assert [text for name, text in found.items() if name.startswith("objects/")] == [b"four legs " * 10_000]
        assert manifest(file)["rows"]["pipelines"] == 1

    def test_json_tells_what_is_in_it_and_the_server_keeps_nothing(self, server: Server, tmp_path: Path) -> None:
        before = files(server.data_dir / "artifacts")
        told = json.loads(back_up(server, tmp_path / "backup.tar", "--json").out)
        assert files(server.data_dir / "artifacts") == before
        assert BACKUP_BUCKET not in buckets(server)
        raw = (tmp_path / "backup.tar").read_bytes()
        assert (told["file"], told["size"]) == (str(tmp_path / "backup.tar"), len(raw))
        assert told["sha256"] == hashlib.sha256(raw).hexdigest()
        assert (told["pipelines"], told["executions"], told["executionsInFlight"]) == (1, 1, 1)
        assert (told["hasArtifacts"], told["objects"], told["objectBytes"]) == (True, 1, 100_000)
        assert (told["hasKey"], told["hasCredentials"]) == (True, True)
        subprocess.run(["tar", "xf", "backup.tar"], cwd=tmp_path, check=True)
        for sums in ("SHA256SUMS", "secrets/SHA256SUMS"):
            subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=tmp_path, check=True)

    def test_artifacts_and_keys_can_be_left_out(self, server: Server, tmp_path: Path) -> None:
        ended = back_up(server, tmp_path / "backup.tar", "--no-artifacts", "--no-key")
        assert ended.out.splitlines()[1:] == [
            "left out: the bytes of objects",
            "left out: the sealing key, without which it cannot be restored, and root's credentials",
        ]
        found = members(tmp_path / "backup.tar")
        assert [name for name in found if name.startswith(("objects/", "secrets/"))] == ["secrets/SHA256SUMS"]
        raw = (tmp_path / "backup.tar").read_bytes()
        for line in (server.data_dir / "key").read_text().split():
            assert line.encode() not in raw

    def test_standard_output_takes_it_too(self, server: Server, tmp_path: Path) -> None:
        command = [PENSTOCK, "backup", "-", "--data-dir", server.data_dir]
        done = subprocess.run(command, capture_output=True, check=True, env=plain())
        assert done.stderr.startswith(b"backed up to the standard output: 1 pipeline")
        (tmp_path / "backup.tar").write_bytes(done.stdout)
        assert "secrets/key" in members(tmp_path / "backup.tar")

    def test_a_file_that_is_there_is_replaced_by_force_alone(self, server: Server, tmp_path: Path) -> None:
        file = tmp_path / "backup.tar"
        file.write_text("yesterday's")
        ended = back_up(server, file)
        assert (ended.code, ended.line) == (1, f"penstock: {file} is there already; --force replaces it")
        assert file.read_text() == "yesterday's"
        assert back_up(server, file, "--force").code == 0
        assert file.stat().st_mode & 0o777 == 0o600
        assert "manifest.json" in members(file)


class TestRefusals:
    @pytest.mark.parametrize("options", [["-", "--json"], ["folder"], []])
    def test_wrong_usage_is_one_line(self, server: Server, tmp_path: Path, options: list[str]) -> None:
        (tmp_path / "folder").mkdir()
        given = [str(tmp_path / each) if each == "folder" else each for each in options]
        ended = penstock("backup", *given, "--data-dir", server.data_dir)
        assert ended.code == 2
        assert ended.line

    def test_what_is_no_file_is_never_replaced(self, server: Server, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        ended = back_up(server, tmp_path / "pipe", "--force")
        assert (ended.code, ended.line) == (1, f"penstock: {tmp_path}/pipe is not a file")

    def test_a_folder_that_is_not_there_is_told(self, server: Server, tmp_path: Path) -> None:
        ended = back_up(server, tmp_path / "none" / "backup.tar")
        assert ended.code == 1
        assert ended.line == f"penstock: {tmp_path}/none/backup.tar cannot be written: no such file or directory"

    def test_nobody_but_root_makes_one_or_gets_at_one(self, server: Server, tmp_path: Path) -> None:
        keys = user_keys(server, "mighty", ["*"])
        environment = plain(AWS_ENDPOINT_URL=server.url, **{name.upper(): value for name, value in keys.items()})
        ended = penstock("backup", tmp_path / "backup.tar", environment=environment)
        assert ended.code == 1
        assert ended.line.endswith("is not authorized to perform: penstock:CreateBackup: only the server's root may")
        assert list(tmp_path.iterdir()) == []

    def test_the_bucket_is_closed_to_whoever_may_do_everything(self, server: Server) -> None:
        keys = user_keys(server, "mightier", ["*"])
        begun = own(server, "CreateBackup")
        try:
            place = {"Bucket": BACKUP_BUCKET, "Key": begun["objectKey"]}
            assert own(server, "DescribeBackup", backupId=begun["backupId"], waitSeconds=20)["status"] == "Ready"
            s3 = server.client("s3", keys)
            assert code_of(s3.get_object, **place) == "AccessDenied"
            assert code_of(s3.head_object, **place) == "403"
            assert code_of(s3.delete_object, **place) == "AccessDenied"
            assert code_of(s3.list_objects_v2, Bucket=BACKUP_BUCKET) == "AccessDenied"
            assert code_of(s3.copy_object, Bucket="furniture", Key="copy", CopySource=place) == "AccessDenied"
            assert code_of(s3.put_object, **place, Body=b"another") == "AccessDenied"
            several = s3.delete_objects(Bucket=BACKUP_BUCKET, Delete={"Objects": [{"Key": place["Key"]}]})
            assert [each["Code"] for each in several["Errors"]] == ["AccessDenied"]
            assert server.client("s3").get_object(**place)["ContentType"] == "application/x-tar"
        finally:
            own(server, "DeleteBackup", backupId=begun["backupId"])
        assert code_of(server.client("s3").create_bucket, Bucket=BACKUP_BUCKET) == "InvalidBucketName"

    def test_one_that_is_not_there_is_told_and_can_be_deleted(self, server: Server) -> None:
        answer = ask_own(server, server.root_keys, "DescribeBackup", backupId="nobody's")
        assert (answer.code, answer.message) == ("ResourceNotFoundException", "This server has no backup 'nobody's'")
        assert own(server, "DeleteBackup", backupId="nobody's") == {}


def test_a_key_in_the_environment_stays_there(tmp_path: Path) -> None:
    key = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="
    server = Server(tmp_path / "data", prefix=["env", f"PENSTOCK_KEY={key}"])
    try:
        ended = back_up(server, tmp_path / "backup.tar")
    finally:
        server.stop()
    assert ended.out.splitlines()[1] == (
        "it holds root's credentials, and not the sealing key, which the server has from PENSTOCK_KEY"
    )
    assert [name for name in members(tmp_path / "backup.tar") if name.startswith("secrets/")] == [
        "secrets/credentials",
        "secrets/SHA256SUMS",
    ]


@pytest.mark.long
def test_without_authentication_anybody_is_root(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--auth", "off") as server:
        environment = plain(AWS_ENDPOINT_URL=server.url, AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any")
        assert penstock("backup", tmp_path / "backup.tar", environment=environment).code == 0
    assert "secrets/key" in members(tmp_path / "backup.tar")


class Breaking:
    """A way to a server that breaks off each long answer in the middle."""

    def __init__(self, server: Server, bytes_max: int) -> None:
        self._address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
        self._bytes_max = bytes_max
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.broken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._address)
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, self._bytes_max), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, left: int = 1 << 40) -> None:
        try:
            while left > 0 and (piece := source.recv(min(65536, left))):
                target.sendall(piece)
                left -= len(piece)
        except OSError:
            pass
        self.broken += left <= 0
        for each in (source, target):
            # Both ends are told, whichever has ended.
            each.close() if left > 0 else each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


@pytest.mark.long
def test_a_connection_that_breaks_is_taken_up_where_it_was(server: Server, tmp_path: Path) -> None:
    keys = {name.upper(): value for name, value in server.root_keys.items()}
    breaking = Breaking(server, 50_000)
    try:
        ended = penstock("backup", tmp_path / "backup.tar", "--endpoint-url", breaking.url, environment=plain(**keys))
    finally:
        breaking.close()
    assert (ended.code, ended.err) == (0, "")
    assert breaking.broken >= 2
    assert [text for name, text in members(tmp_path / "backup.tar").items() if name.startswith("objects/")] == [
        b"four legs " * 10_000
    ]


class TestFullDisks:
    def test_a_full_disk_at_the_server_is_a_line_and_the_server_goes_on(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, "16m"):
            server = Server(disk / "data")
            try:
                furnish(server)
                before = files(disk / "data")
                ended = back_up(server, tmp_path / "backup.tar")
                assert ended.code == 1
                assert (
                    "the server could not make a backup: there is no room for it where the artifacts are" in ended.line
                )
                assert not (tmp_path / "backup.tar").exists()
                assert files(disk / "data") == before
                assert server.client("codepipeline").start_pipeline_execution(name="line")
            finally:
                server.stop()

    def test_a_full_disk_here_is_a_line_and_leaves_nothing_anywhere(self, server: Server, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, "64k"):
            ended = back_up(server, disk / "backup.tar")
            assert ended.code == 1
            assert ended.line == f"penstock: {disk}/backup.tar cannot be written: no space left on device"
            assert list(disk.iterdir()) == []
        assert BACKUP_BUCKET not in buckets(server)

    def test_a_full_standard_output_is_a_line(self, server: Server) -> None:
        command = [PENSTOCK, "backup", "-", "--data-dir", server.data_dir]
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=plain(), text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "penstock: the standard output cannot be written: no space left on device\n"
        assert BACKUP_BUCKET not in buckets(server)
