"""The AWS command line as a client, unmodified."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1 << 20
PROGRAM = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(store, key):
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    surroundings |= {
        "AWS_ENDPOINT_URL": store.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_PAGER": "",
    }

    def run(*words):
        command = [sys.executable, str(PROGRAM), *map(str, words)]
        done = subprocess.run(command, check=False, env=surroundings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_files_go_up_and_down(aws, bucket, tmp_path):
    (tmp_path / "sent").write_bytes(b"x" * (9 * MIB))
    aws("s3", "cp", tmp_path / "sent", f"s3://{bucket}/folder/sent", "--no-progress")
    aws("s3", "cp", f"s3://{bucket}/folder/sent", tmp_path / "got", "--no-progress")
    assert (tmp_path / "got").read_bytes() == b"x" * (9 * MIB)


@pytest.mark.long
def test_folders_are_synced_both_ways(aws, bucket, tmp_path):
    names = ["a.txt", "deep/er/b.txt", "with space.txt", "ü.txt"]
    for name in names:
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(name)
    aws("s3", "sync", tmp_path / "here", f"s3://{bucket}/tree")
    assert aws("s3", "sync", tmp_path / "here", f"s3://{bucket}/tree") == ""
    aws("s3", "sync", f"s3://{bucket}/tree", tmp_path / "there")
    assert all((tmp_path / "there" / name).read_text() == name for name in names)
    (tmp_path / "here" / "a.txt").unlink()
    assert "delete: " in aws("s3", "sync", tmp_path / "here", f"s3://{bucket}/tree", "--delete")
    listed = aws("s3", "ls", f"s3://{bucket}/tree/", "--recursive", "--summarize")
    assert "Total Objects: 3" in listed
    assert "PRE tree/" in aws("s3", "ls", f"s3://{bucket}/")
    aws("s3", "rm", f"s3://{bucket}/tree", "--recursive")
    assert aws("s3", "ls", f"s3://{bucket}") == ""


@pytest.mark.long
def test_buckets_are_made_listed_and_removed(aws, bucket):
    name = f"{bucket}-made"
    aws("s3", "mb", f"s3://{name}")
    assert name in aws("s3", "ls")
    aws("s3api", "put-object", "--bucket", name, "--key", "a")
    aws("s3", "rb", f"s3://{name}", "--force")
    assert name not in aws("s3", "ls")


@pytest.mark.long
def test_large_objects_are_copied_and_moved_in_parts(aws, bucket, tmp_path):
    (tmp_path / "sent").write_bytes(b"y" * (17 * MIB))
    aws("s3", "mv", tmp_path / "sent", f"s3://{bucket}/a", "--no-progress")
    aws("s3", "cp", f"s3://{bucket}/a", f"s3://{bucket}/b", "--no-progress")
    aws("s3", "mv", f"s3://{bucket}/b", tmp_path / "got", "--no-progress")
    assert (tmp_path / "got").read_bytes() == b"y" * (17 * MIB)
    assert not (tmp_path / "sent").exists()
    assert aws("s3", "presign", f"s3://{bucket}/a").startswith("http://127.0.0.1")


@pytest.mark.long
def test_single_operations_answer_as_the_service_does(aws, bucket, tmp_path):
    def ask(*words):
        printed = aws("s3api", *words, "--bucket", bucket, "--output", "json")
        return json.loads(printed) if printed else None

    aws("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    assert ask("get-bucket-versioning") == {"Status": "Enabled"}
    assert ask("get-bucket-location") == {"LocationConstraint": None}
    (tmp_path / "text").write_text("some text")
    put = ask("put-object", "--key", "a", "--body", str(tmp_path / "text"), "--checksum-algorithm", "SHA256")
    head = ask("head-object", "--key", "a", "--checksum-mode", "ENABLED")
    assert (head["VersionId"], head["ChecksumSHA256"]) == (put["VersionId"], put["ChecksumSHA256"])
    got = ask("get-object", "--key", "a", "--range", "bytes=5-8", str(tmp_path / "part"))
    assert (got["ContentRange"], (tmp_path / "part").read_text()) == ("bytes 5-8/9", "text")
    assert ask("delete-object", "--key", "a")["DeleteMarker"] is True
    versions = ask("list-object-versions")
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (1, 1)
    assert ask("list-objects-v2", "--delimiter", "/").get("Contents") is None
