"""Backups of servers that share a PostgreSQL, and moves from one kind of database to the other."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.backups import Restore, back_up, furnish, manifest, members
from operations.partner import own_operation
from operations.principals import ask_own
from penstock.ports.backup import BACKUP_BUCKET
from penstock.server.archive import Member, read_table
from postgres import Cluster
from serving import Server, refusal, serving

REGION = "us-east-1"
ORIGIN = {"category": "Source", "owner": "Custom", "provider": "Origin", "version": "1"}
KEEPER = {"category": "Build", "owner": "Custom", "provider": "Keeper", "version": "1"}


@pytest.fixture(scope="module")
def pair(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers on one database and one folder of artifacts; a pipeline waits for a worker."""
    folder = tmp_path_factory.mktemp("pair")
    with cluster.empty(has_tables=True) as url:
        same = ("--database-url", url, "--artifacts-url", f"file://{folder}/artifacts")
        with serving(folder / "one", *same) as one, serving(folder / "two", *same) as two:
            furnish(one)
            yield one, two


@pytest.fixture(scope="module")
def made(pair: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("made") / "backup.tar"
    ended = back_up(pair[0], file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(
        f"backed up to {file}: 1 pipeline, 1 execution (1 in flight), 1 file of objects with 100,000"
    )
    return file


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.empty() as address:
        yield address


def own(server: Server, operation: str, **parameters: object) -> dict[str, Any]:
    return own_operation(server.url, server.root_keys, REGION, operation, **parameters)


def secrets_of(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT name, secret FROM server_secrets").fetchall())


def take(server: Server, kind: dict[str, str]) -> str:
    """The id of the one job of that type, acknowledged."""
    client = server.client("codepipeline")
    (job,) = client.poll_for_jobs(actionTypeId=kind)["jobs"]
    client.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    found: str = job["id"]
    return found


def buckets(server: Server) -> list[str]:
    return [each["Name"] for each in server.client("s3").list_buckets()["Buckets"]]


def statuses(server: Server) -> list[str]:
    listed = server.client("codepipeline").list_pipeline_executions(pipelineName="line")
    return [each["status"] for each in listed["pipelineExecutionSummaries"]]


class TestTheFile:
    def test_it_is_like_one_of_sqlite_and_has_the_keys_at_its_end_alone(
        self, pair: tuple[Server, Server], made: Path
    ) -> None:
        found, secrets = members(made), secrets_of(pair[0].database_url)
        assert manifest(made)["dialect"] == "sqlite"
        assert found["secrets/key"].decode().split() == secrets["sealing keys"].split()
        assert found["secrets/credentials"] == (pair[0].data_dir / "credentials").read_bytes()
        raw = found["tables/server_secrets.gz"]
        _, batches = read_table(Member("server_secrets", len(raw), io.BytesIO(raw)))
        assert [row[0] for batch in batches for row in batch] == ["fingerprint key"]

    def test_nothing_of_it_is_kept(self, pair: tuple[Server, Server], made: Path) -> None:
        assert made.exists()
        assert [name for name in secrets_of(pair[0].database_url) if name.startswith("backup ")] == []
        assert BACKUP_BUCKET not in buckets(pair[1])


class TestSeveralServers:
    def test_any_of_them_tells_of_it_gives_it_and_deletes_it(self, pair: tuple[Server, Server]) -> None:
        one, two = pair
        begun = own(one, "CreateBackup")
        described = own(two, "DescribeBackup", backupId=begun["backupId"], waitSeconds=20)
        assert described["status"] == "Ready"
        assert described["secrets"]["key"].split() == secrets_of(one.database_url)["sealing keys"].split()
        place = {"Bucket": BACKUP_BUCKET, "Key": begun["objectKey"]}
        assert two.client("s3").get_object(**place)["ContentLength"] == described["size"]
        own(two, "DeleteBackup", backupId=begun["backupId"])
        for server in pair:
            assert BACKUP_BUCKET not in buckets(server)
        answer = ask_own(two, two.root_keys, "DescribeBackup", backupId=begun["backupId"])
        assert answer.code == "ResourceNotFoundException"

    def test_one_that_has_other_artifacts_says_where_the_backup_is(
        self, pair: tuple[Server, Server], tmp_path: Path
    ) -> None:
        begun = own(pair[0], "CreateBackup")
        with serving(tmp_path / "three", "--database-url", pair[0].database_url) as three:
            answer = ask_own(three, three.root_keys, "DescribeBackup", backupId=begun["backupId"], waitSeconds=20)
        own(pair[0], "DeleteBackup", backupId=begun["backupId"])
        assert answer.code == "ConflictException"
        assert answer.message.startswith("The backup is made, and lies on the machine '")

    @pytest.mark.long
    def test_processes_that_share_a_port_make_one(self, cluster: Cluster, tmp_path: Path) -> None:
        with cluster.empty(has_tables=True) as url:
            server = Server(tmp_path / "data", "--database-url", url, "--processes", "3")
            try:
                furnish(server)
                for number in range(3):
                    ended = back_up(server, tmp_path / f"{number}.tar")
                    assert (ended.code, ended.err) == (0, "")
            finally:
                server.stop()


class TestMoves:
    def test_a_backup_of_postgresql_fills_sqlite(self, made: Path, tmp_path: Path, restore: Restore) -> None:
        told = json.loads(restore(made, tmp_path / "new", "--json").out)
        assert (told["hasKey"], told["hasCredentials"], told["lostObjects"]) == (True, True, 0)
        assert [(each["pipeline"], each["action"], each["reason"]) for each in told["inFlight"]] == [
            ("line", "Pull", "Worker")
        ]

    @pytest.mark.long
    def test_from_sqlite_to_postgresql_and_back_in_the_midst_of_a_pipeline(
        self, url: str, tmp_path: Path, restore: Restore
    ) -> None:
        with serving(tmp_path / "old") as old:
            furnish(old)
            keys, source = old.root_keys, take(old, ORIGIN)
            assert back_up(old, tmp_path / "old.tar").code == 0
        ended = restore(tmp_path / "old.tar", tmp_path / "new", "--database-url", url)
        assert (ended.code, ended.err) == (0, "")
        first, flight, last = ended.out.splitlines()
        assert first.startswith(f"restored to the database and {tmp_path}/new: 1 pipeline, 1 execution (1 in flight)")
        assert flight.startswith("in flight: ")
        assert last == f"go on with: penstock serve --data-dir {tmp_path}/new, and the same --database-url"
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["artifacts", "credentials"]
        # A server that has never been here finds the key and root's credentials in the database.
        artifacts = f"file://{tmp_path}/new/artifacts"
        with serving(tmp_path / "other", "--database-url", url, "--artifacts-url", artifacts) as new:
            assert new.root_keys == keys
            assert new.client("s3").get_object(Bucket="furniture", Key="chair")["Body"].read() == b"four legs " * 10_000
            new.client("codepipeline").put_job_success_result(jobId=source)
            build = take(new, KEEPER)
            assert back_up(new, tmp_path / "new.tar").code == 0
        assert restore(tmp_path / "new.tar", tmp_path / "back").code == 0
        with serving(tmp_path / "back") as back:
            assert (back.root_keys, statuses(back)) == (keys, ["InProgress"])
            details = back.client("codepipeline").get_job_details(jobId=build)["jobDetails"]
            assert details["data"]["actionConfiguration"]["configuration"] == {"Password": "correct horse"}
            back.client("codepipeline").put_job_success_result(jobId=build)
            assert statuses(back) == ["Succeeded"]

    def test_from_one_postgresql_to_another_with_a_key_file(
        self, made: Path, url: str, tmp_path: Path, restore: Restore
    ) -> None:
        options = ("--database-url", url, "--key-file", str(tmp_path / "key"))
        told = json.loads(restore(made, tmp_path / "new", *options, "--json").out)
        assert (told["hasKey"], told["hasCredentials"], len(told["inFlight"])) == (True, True, 1)
        assert sorted(secrets_of(url)) == ["fingerprint key", "root access key"]
        with serving(tmp_path / "new", *options) as server:
            take(server, ORIGIN)


class TestRefusals:
    def test_what_holds_anything_stays_as_it_is(
        self, pair: tuple[Server, Server], made: Path, tmp_path: Path, restore: Restore
    ) -> None:
        ended = restore(made, tmp_path / "new", "--database-url", pair[0].database_url)
        assert ended.code == 1
        assert ended.line.startswith("penstock: the database is not empty (action_executions, action_types, ")
        assert not (tmp_path / "new").exists()

    def test_a_damaged_file_leaves_the_database_empty(
        self, made: Path, url: str, tmp_path: Path, restore: Restore
    ) -> None:
        raw = made.read_bytes()
        (tmp_path / "cut.tar").write_bytes(raw[: raw.index(b"secrets/SHA256SUMS\0")])
        assert "it is cut off" in restore(tmp_path / "cut.tar", tmp_path / "new", "--database-url", url).line
        assert not (tmp_path / "new").exists()
        assert restore(made, tmp_path / "new", "--database-url", url).code == 0

    def test_a_kill_leaves_what_the_next_one_clears_away(
        self, made: Path, url: str, tmp_path: Path, restore: Restore
    ) -> None:
        mark = tmp_path / "new" / "restoring"
        mark.mkdir(parents=True)
        for name in ("rows.db", "key"):
            (mark / name).write_bytes(b"half")
        (mark / "list.json").write_text(json.dumps([str(mark / "rows.db"), str(mark / "key")]))
        options = ("--database-url", url)
        assert "was broken off" in refusal(tmp_path / "new", *options)[1]
        assert restore(made, tmp_path / "new", *options).code == 0
        assert not mark.exists()

    @pytest.mark.long
    def test_without_the_key_it_says_where_the_key_goes(
        self, pair: tuple[Server, Server], url: str, tmp_path: Path, restore: Restore
    ) -> None:
        assert back_up(pair[1], tmp_path / "bare.tar", "--no-key", "--no-artifacts").code == 0
        lines = restore(tmp_path / "bare.tar", tmp_path / "new", "--database-url", url).out.splitlines()
        assert (
            "not there: the sealing key; give the one of the backup to each server, as --key-file or in PENSTOCK_KEY"
        ) in lines
        assert "root access key" not in secrets_of(url)
        code, words = refusal(tmp_path / "new", "--database-url", url)
        assert code == 1
        assert "secrets in the database are sealed under key" in words

    def test_a_database_that_is_away_is_a_line(
        self, cluster: Cluster, made: Path, tmp_path: Path, restore: Restore
    ) -> None:
        away = f"postgresql://penstock:hidden@/none?host={cluster.folder}"
        ended = restore(made, tmp_path / "new", "--database-url", away)
        assert ended.code == 1
        assert ended.line.startswith("penstock: the database cannot be reached: ")
        assert "hidden" not in ended.line
