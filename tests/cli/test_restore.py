"""`penstock restore`: a whole data directory from a whole backup, or nothing and a line."""

import io
import json
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.backups import Members, Restore, back_up, furnish, manifest, rewritten, with_manifest
from cli.running import PENSTOCK, penstock, plain
from engine.test_durability import small_disk
from penstock.storage.migrate import newest_schema
from serving import refusal, serving
from waiting import eventually

KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with all that can be in it, one with as little as can be, and the key of both."""
    made = tmp_path_factory.mktemp("restores")
    with serving(made / "data") as server:
        furnish(server)
        assert back_up(server, made / "full.tar").code == 0
        assert back_up(server, made / "bare.tar", "--no-artifacts", "--no-key").code == 0
    return made


@pytest.fixture
def full(folder: Path) -> Path:
    return folder / "full.tar"


@pytest.fixture
def bare(folder: Path) -> Path:
    return folder / "bare.tar"


def check_serves(data_dir: Path, *options: str) -> None:
    """What was furnished is there, and can be worked with."""
    with serving(data_dir, *options) as server:
        codepipeline, s3 = server.client("codepipeline"), server.client("s3")
        assert s3.get_object(Bucket="furniture", Key="chair")["Body"].read() == b"four legs " * 10_000
        origin = {"category": "Source", "owner": "Custom", "provider": "Origin", "version": "1"}
        (job,) = codepipeline.poll_for_jobs(actionTypeId=origin)["jobs"]
        codepipeline.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        codepipeline.put_job_success_result(jobId=job["id"])
        keeper = {"category": "Build", "owner": "Custom", "provider": "Keeper", "version": "1"}
        (job,) = codepipeline.poll_for_jobs(actionTypeId=keeper)["jobs"]
        assert job["data"]["actionConfiguration"]["configuration"] == {"Password": "correct horse"}


class TestTheFolder:
    def test_it_has_everything_for_its_owner_alone(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        ended = restore(full, data_dir)
        assert (ended.code, ended.err) == (0, "")
        first, flight, last = ended.out.splitlines()
        assert first.startswith(
            f"restored to {data_dir}: 1 pipeline, 1 execution (1 in flight), 1 file of objects with"
        )
        assert flight.startswith("in flight: ")
        assert (
            "Action 'Pull' of stage 'Source' in pipeline 'line' waits for a worker of Source/Custom/Origin/1" in flight
        )
        assert last == f"go on with: penstock serve --data-dir {data_dir}"
        assert sorted(path.name for path in data_dir.iterdir()) == ["artifacts", "credentials", "key", "penstock.db"]
        for name in ("", "credentials", "key", "penstock.db"):
            assert (data_dir / name).stat().st_mode & 0o077 == 0, name
        check_serves(data_dir)

    def test_json_tells_what_was_restored(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        told = json.loads(restore(full, tmp_path / "new", "--json").out)
        assert told["dataDir"] == str(tmp_path / "new")
        assert (told["pipelines"], told["executions"], told["executionsInFlight"]) == (1, 1, 1)
        assert (told["hasArtifacts"], told["objects"], told["objectBytes"]) == (True, 1, 100_000)
        assert (told["hasKey"], told["hasCredentials"], told["lostObjects"]) == (True, True, 0)
        assert told["takenAt"] == manifest(full)["takenAt"]
        (waits,) = told["inFlight"]
        assert (waits["pipeline"], waits["stage"], waits["action"], waits["reason"]) == (
            "line",
            "Source",
            "Pull",
            "Worker",
        )

    def test_the_parts_go_where_a_server_looks_for_them(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        options = (
            *("--database-url", f"sqlite://{tmp_path}/db/penstock.db"),
            *("--artifacts-url", f"file://{tmp_path}/art"),
            *("--key-file", f"{tmp_path}/keys/key"),
        )
        for name in ("db", "art", "keys"):
            (tmp_path / name).mkdir()
        assert restore(full, tmp_path / "new", *options).code == 0
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["credentials"]
        assert [path.name for path in (tmp_path / "art").iterdir()] == ["objects"]
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]
        check_serves(tmp_path / "new", *options)

    def test_an_empty_folder_will_do_and_so_does_a_fresh_disk(
        self, full: Path, tmp_path: Path, restore: Restore
    ) -> None:
        (tmp_path / "new" / "lost+found").mkdir(parents=True)
        (tmp_path / "new" / "artifacts").mkdir()
        assert restore(full, tmp_path / "new").code == 0

    def test_standard_input_will_do(self, full: Path, tmp_path: Path) -> None:
        with full.open("rb") as file:
            command = [PENSTOCK, "restore", "-", "--data-dir", tmp_path / "new"]
            subprocess.run(command, stdin=file, check=True, capture_output=True, env=plain())
        assert (tmp_path / "new" / "penstock.db").exists()

    def test_another_account_of_root_is_told(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        other = rewritten(full, tmp_path / "other.tar", with_manifest(account="999999999999"))
        lines = restore(other, tmp_path / "new").out.splitlines()
        assert "root's account was 999999999999: serve with --account-id 999999999999" in lines


class TestWhatIsLeftOut:
    def test_what_is_missing_is_told(self, bare: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        ended = restore(bare, data_dir)
        assert ended.code == 0
        assert ended.out.splitlines()[2:5] == [
            f"not there: 1 file of objects; put them into {data_dir}/artifacts/objects, or what needs them fails",
            f"not there: the sealing key; put the one of the backup into {data_dir}/key (mode 0600), or into PENSTOCK_KEY",
            "not there: root's credentials; new ones are made at the start",
        ]
        code, words = refusal(data_dir)
        assert code == 1
        assert "secrets in the database are sealed under key" in words

    def test_key_and_artifacts_may_be_there_before(
        self, bare: Path, folder: Path, tmp_path: Path, restore: Restore
    ) -> None:
        data_dir = tmp_path / "new"
        data_dir.mkdir()
        shutil.copy(folder / "data" / "key", data_dir / "key")
        shutil.copytree(folder / "data" / "artifacts", data_dir / "artifacts")
        ended = restore(bare, data_dir)
        assert [line for line in ended.out.splitlines() if line.startswith("not there")] == [
            "not there: root's credentials; new ones are made at the start"
        ]
        check_serves(data_dir)

    def test_they_may_be_put_there_afterwards(self, bare: Path, folder: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        assert restore(bare, data_dir).code == 0
        shutil.copy(folder / "data" / "key", data_dir / "key")
        shutil.copytree(folder / "data" / "artifacts", data_dir / "artifacts")
        check_serves(data_dir)

    def test_another_key_is_refused(self, bare: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        data_dir.mkdir()
        (data_dir / "key").write_text(KEY)
        (data_dir / "key").chmod(0o600)
        ended = restore(bare, data_dir)
        assert ended.code == 1
        assert ended.line.startswith("penstock: the secrets in the backup are sealed under key ")
        assert f"and {data_dir}/key has " in ended.line
        assert [path.name for path in data_dir.iterdir()] == ["key"]

    def test_the_key_may_be_in_the_environment(
        self, full: Path, folder: Path, tmp_path: Path, restore: Restore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PENSTOCK_KEY", KEY)
        assert "and PENSTOCK_KEY has " in restore(full, tmp_path / "new").line
        monkeypatch.setenv("PENSTOCK_KEY", (folder / "data" / "key").read_text().strip())
        assert restore(full, tmp_path / "new").code == 0
        assert not (tmp_path / "new" / "key").exists()


def cut(at: float) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: int(len(raw) * at)]


def flipped(name: str, offset: int = 700) -> Callable[[bytes], bytes]:
    """One bit within a member, so far behind its head's beginning."""

    def change(raw: bytes) -> bytes:
        at = raw.index(name.encode() + b"\0") + offset
        return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]

    return change


def without_end(raw: bytes) -> bytes:
    return raw[: raw.index(b"secrets/SHA256SUMS\0")]


def other_tar(raw: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    return made.getvalue()


NO_BACKUP = "it is no backup of penstock"
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda raw: b"", NO_BACKUP),
    "text": (lambda raw: b"this is no archive\n" * 1000, NO_BACKUP),
    "noise": (lambda raw: bytes(range(256)) * 100, NO_BACKUP),
    "another archive": (other_tar, NO_BACKUP),
    "the server's part alone": (
        lambda raw: raw[: raw.index(b"secrets/credentials\0")],
        "secrets/SHA256SUMS is missing",
    ),
    "cut off before its end": (without_end, "it is cut off or damaged: secrets/SHA256SUMS is missing"),
    "cut off within an object": (cut(0.5), "it is cut off within objects/"),
    "cut off early": (cut(0.02), "cut off"),
    "a bit in the manifest": (flipped("manifest.json", 530), "manifest"),
    "a bit in a table": (flipped("tables/pipelines.gz"), "tables/pipelines.gz is not as it was written"),
    "a bit in an object": (lambda raw: raw.replace(b"four legs four", b"five legs four", 1), "objects/"),
    "a bit in the sums": (flipped("\0SHA256SUMS", 530), "is not as it was written"),
    "a bit in a secret": (flipped("secrets/key", 530), "secrets/key"),
    "a bit in a head": (flipped("tables/tags.gz", 3), "it is cut off or damaged: SHA256SUMS is missing"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_and_leaves_nothing(name: str, full: Path, tmp_path: Path, restore: Restore) -> None:
    damage, words = DAMAGES[name]
    broken = tmp_path / "broken.tar"
    broken.write_bytes(damage(full.read_bytes()))
    ended = restore(broken, tmp_path / "new")
    assert ended.code == 1
    assert ended.line.startswith(f"penstock: {broken} cannot be restored: ")
    assert words in ended.line
    assert not (tmp_path / "new").exists()


def drop(name: str) -> Callable[[Members], None]:
    def change(found: Members) -> None:
        del found[next(each for each in found if each.startswith(name))]

    return change


def add(name: str, text: bytes = b"") -> Callable[[Members], None]:
    def change(found: Members) -> None:
        found[name] = text

    return change


LIES: dict[str, tuple[Callable[[Members], None], str]] = {
    "a later format": (
        with_manifest(format=2),
        "it has format 2, and this release knows formats up to 1: take a later one",
    ),
    "a later schema": (
        with_manifest(schema=newest_schema() + 1, penstock="9.0"),
        f"penstock 9.0 made it with schema {newest_schema() + 1}, and this release knows those up to {newest_schema()}",
    ),
    "another form of rows": (with_manifest(dialect="oracle"), "its rows are in the form 'oracle', which this release"),
    "an earlier schema than the rows": (with_manifest(schema=1), "is not as it was written: there is no table"),
    "another number of rows": (with_manifest(rows={}), "its tables are not those that its manifest tells of"),
    "a manifest without its members": (with_manifest(rows=None), "its manifest cannot be read"),
    "a manifest that is a list": (add("manifest.json", b"[]"), "its manifest cannot be read"),
    "no table": (drop("tables/jobs"), "its tables are not those that its manifest tells of"),
    "no object": (drop("objects/"), "the bytes of 1 objects are missing"),
    "an object too many": (with_manifest(hasArtifacts=False), "its manifest says that artifacts were left out"),
    "a name that leads elsewhere": (add("objects/../../../etc/passwd"), "does not belong there"),
    "a table that is none": (add("tables/jobs.gz", b"not packed"), "tables/jobs.gz is not as it was written"),
    "credentials that are none": (add("secrets/credentials", b"?"), "the root credentials"),
    "a key that is none": (add("secrets/key", b"?"), "does not hold a key"),
    "another key": (add("secrets/key", KEY.encode()), "the secrets in the backup are sealed under key"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_is_not_what_it_says_is_refused(name: str, full: Path, tmp_path: Path, restore: Restore) -> None:
    lie, words = LIES[name]
    ended = restore(rewritten(full, tmp_path / "lie.tar", lie), tmp_path / "new")
    assert ended.code == 1
    assert words in ended.line
    assert not (tmp_path / "new").exists()


def test_one_that_was_put_together_again_is_as_good(full: Path, tmp_path: Path, restore: Restore) -> None:
    """Or the others would be refused for that alone."""
    assert restore(rewritten(full, tmp_path / "same.tar", lambda found: None), tmp_path / "new").code == 0


class TestNeverMixed:
    def test_a_folder_with_something_in_it(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        assert restore(full, data_dir).code == 0
        before = (data_dir / "penstock.db").read_bytes()
        ended = restore(full, data_dir)
        assert ended.code == 1
        assert ended.line == (
            f"penstock: the data directory {data_dir} is not empty (credentials, penstock.db): it takes an empty one"
        )
        assert (data_dir / "penstock.db").read_bytes() == before

    def test_artifacts_that_are_there(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        (tmp_path / "art" / "objects" / "ab").mkdir(parents=True)
        ended = restore(full, tmp_path / "new", "--artifacts-url", f"file://{tmp_path}/art")
        assert ended.line == (
            f"penstock: {tmp_path}/art/objects is there already: a backup is never mixed with anything"
        )
        assert not (tmp_path / "new").exists()

    def test_a_database_that_is_there(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        (tmp_path / "other.db").write_bytes(b"precious")
        ended = restore(full, tmp_path / "new", "--database-url", f"sqlite://{tmp_path}/other.db")
        assert ended.line == f"penstock: {tmp_path}/other.db is there already: a backup is never mixed with anything"
        assert (tmp_path / "other.db").read_bytes() == b"precious"

    def test_whoevers_folder_it_is_it_stays_as_it_was(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        (tmp_path / "home").mkdir(mode=0o755)
        (tmp_path / "home" / "letter").write_text("dear miller")
        assert "is not empty (letter)" in restore(full, tmp_path / "home").line
        assert [path.name for path in (tmp_path / "home").iterdir()] == ["letter"]
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o755

    def test_a_running_server(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        with serving(tmp_path / "data") as server:
            ended = restore(full, tmp_path / "data")
            assert "is not empty" in ended.line
            assert server.client("codepipeline").list_pipelines()["pipelines"] == []


class Halfway:
    """A restore that has had half of its backup, and waits for the rest."""

    def __init__(self, file: Path, data_dir: Path) -> None:
        self.raw = file.read_bytes()
        self.process = subprocess.Popen(
            [PENSTOCK, "restore", "-", "--data-dir", data_dir],
            env=plain(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        # The reader takes whole pieces: with less than all of the first one, it would not begin.
        self.process.stdin.write(self.raw)
        self.process.stdin.flush()
        eventually((data_dir / "penstock.db.restoring").exists)

    def end(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return err.decode()


@pytest.fixture
def long(full: Path, tmp_path: Path) -> Path:
    """The beginning of a backup that never comes to its end."""

    def grow(found: Members) -> None:
        for number in range(3):
            found[f"objects/{number:032x}"] = bytes(1 << 20)

    whole = rewritten(full, tmp_path / "long.tar", grow)
    raw = whole.read_bytes()
    whole.write_bytes(raw[: raw.index(b"\0SHA256SUMS\0") - 4096])
    return whole


class TestAKill:
    def test_keeps_a_server_out_and_another_restore_clears_it_away(
        self, long: Path, full: Path, tmp_path: Path, restore: Restore
    ) -> None:
        data_dir = tmp_path / "new"
        Halfway(long, data_dir).end(signal.SIGKILL)
        assert (data_dir / "penstock.db.restoring").exists()
        code, words = refusal(data_dir)
        assert code == 1
        assert words.startswith(f"penstock: a restore into {data_dir} is at work or was broken off: ")
        assert restore(full, data_dir).code == 0
        assert sorted(path.name for path in data_dir.iterdir()) == ["artifacts", "credentials", "key", "penstock.db"]
        check_serves(data_dir)

    def test_amid_the_naming_is_cleared_away_too(self, full: Path, tmp_path: Path, restore: Restore) -> None:
        data_dir = tmp_path / "new"
        assert restore(full, data_dir).code == 0
        mark = data_dir / "restoring"
        mark.mkdir()
        # As it stands when all has its name but the database.
        finals = [
            data_dir / "artifacts" / "objects",
            data_dir / "key",
            data_dir / "credentials",
            data_dir / "penstock.db",
        ]
        (data_dir / "penstock.db").rename(data_dir / "penstock.db.restoring")
        drafts = [path.with_name(path.name + ".restoring") for path in finals]
        (mark / "list.json").write_text(json.dumps([str(path) for path in (*finals, *drafts)]))
        assert "was broken off" in refusal(data_dir)[1]
        assert restore(full, data_dir).code == 0
        check_serves(data_dir)

    def test_another_restore_meanwhile_is_refused(
        self, long: Path, full: Path, tmp_path: Path, restore: Restore
    ) -> None:
        data_dir = tmp_path / "new"
        halfway = Halfway(long, data_dir)
        try:
            assert restore(full, data_dir).line == f"penstock: another restore is at work on {data_dir}"
            assert (data_dir / "penstock.db.restoring").exists()
        finally:
            halfway.end(signal.SIGKILL)

    def test_an_interrupt_leaves_nothing(self, long: Path, tmp_path: Path) -> None:
        assert "Traceback" not in Halfway(long, tmp_path / "new").end(signal.SIGINT)
        assert not (tmp_path / "new").exists()


def test_a_full_disk_is_a_line_and_leaves_nothing(full: Path, tmp_path: Path, restore: Restore) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "256k"):
        ended = restore(full, disk)
        assert ended.code == 1
        assert "full" in ended.line or "no space left on device" in ended.line
        assert list(disk.iterdir()) == []


def test_wrong_usage_is_one_line(tmp_path: Path, full: Path) -> None:
    for options in ([tmp_path / "none.tar"], [], [full, "--database-url", "mysql://x"]):
        ended = penstock("restore", *options, "--data-dir", tmp_path / "new")
        assert ended.code == 2
        assert ended.line
    assert not (tmp_path / "new").exists()
