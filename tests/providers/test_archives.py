"""Archives out of strangers' hands, and those that are made of output folders."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from penstock.worker import JobError
from penstock.worker.archive import matching, names_in, pack, unpack

LINK = (stat.S_IFLNK | 0o777) << 16


def zipped(path, *entries):
    """A zip of (name, content) or (name, content, external attributes)."""
    with zipfile.ZipFile(path, "w") as made:
        for name, content, *attributes in entries:
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = attributes[0] if attributes else (stat.S_IFREG | 0o644) << 16
            made.writestr(info, content)
    return path


def tarred(path, *members, mode="w"):
    """A tar of (name, content) or (name, tar type, link target)."""
    with tarfile.open(path, mode) as made:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            if len(rest) == 1:
                info.size = len(rest[0])
                made.addfile(info, io.BytesIO(rest[0]))
            else:
                info.type, info.linkname = rest
                made.addfile(info)
    return path


@pytest.fixture
def folder(tmp_path):
    """An empty folder to unpack into, beside a file that nothing may touch."""
    (tmp_path / "outside").write_text("untouched")
    return tmp_path / "inside"


def refused(archive, folder):
    with pytest.raises(JobError) as refusal:
        unpack(archive, folder)
    assert (folder.parent / "outside").read_text() == "untouched"
    assert {path.name for path in folder.parent.iterdir()} == {"outside", "inside", archive.name}
    return str(refusal.value)


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "a/b/../../../evil", "..\\evil", "C:\\evil", "C:/evil", "\\evil"]
)
def test_an_entry_that_leads_outside_refuses_the_archive(folder, name):
    archive = zipped(folder.parent / "a.zip", ("good", b"1"), (name, b"2"))
    assert refused(archive, folder) == f"The archive's entry '{name}' leads outside of its folder."


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_a_tar_entry_that_leads_outside_refuses_the_archive(folder, name, mode):
    archive = tarred(folder.parent / "a.tar", ("good", b"1"), (name, b"2"), mode=mode)
    assert "leads outside of its folder" in refused(archive, folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "..", "."])
def test_a_link_may_not_lead_outside(folder, target):
    archive = zipped(folder.parent / "a.zip", ("link", target.encode(), LINK))
    if target == ".":
        unpack(archive, folder)
    else:
        assert "leads outside of its folder" in refused(archive, folder)


def test_nothing_is_written_through_a_link(folder):
    archive = zipped(folder.parent / "a.zip", ("door", b"..", LINK), ("door/outside", b"overwritten"))
    assert refused(archive, folder)


def test_a_link_that_another_link_turns_outside_is_refused(folder):
    archive = zipped(folder.parent / "a.zip", ("out", b"turn/..", LINK), ("turn", b".", LINK), ("file", b""))
    assert "leads outside of its folder" in refused(archive, folder)
    assert not (folder / "out").is_symlink()


def test_a_hard_link_may_not_lead_outside(folder):
    archive = tarred(folder.parent / "a.tar", ("link", tarfile.LNKTYPE, "../outside"))
    assert "leads outside of its folder" in refused(archive, folder)


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_are_refused(folder, kind):
    archive = tarred(folder.parent / "a.tar", ("thing", kind, ""))
    assert "neither file, folder nor link" in refused(archive, folder)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", ("a", b"x" * 600), ("b", b"x" * 600))
    with pytest.raises(JobError, match="more than is allowed, at 'b'"):
        unpack(archive, tmp_path / "inside", bytes_max=1000)


@pytest.mark.parametrize("content", [b"", b"just text", b"PK\x03\x04 broken", b"\x1f\x8bbroken"])
def test_what_is_no_archive_is_refused_in_words(folder, content):
    archive = folder.parent / "a"
    archive.write_bytes(content)
    assert "archive" in refused(archive, folder)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_is_told_by_its_content(tmp_path, mode):
    archive = tarred(
        tmp_path / "named.zip",
        ("a/b", b"content"),
        ("same", tarfile.LNKTYPE, "a/b"),
        ("link", tarfile.SYMTYPE, "a/b"),
        mode=mode,
    )
    unpack(archive, tmp_path / "inside")
    assert [(tmp_path / "inside" / name).read_bytes() for name in ("a/b", "same", "link")] == [b"content"] * 3


def test_a_folder_comes_back_as_it_was_packed(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "sub" / "tool").write_text("#!/bin/sh\n")
    (folder / "sub" / "tool").chmod(0o755)
    (folder / "süß\\name").write_text("text")
    (folder / "latest").symlink_to("sub/tool")
    assert pack(folder, tmp_path / "a.zip") == []
    unpack(tmp_path / "a.zip", tmp_path / "copy")
    copy = tmp_path / "copy"
    assert names_in(copy, with_folders=True) == names_in(folder, with_folders=True)
    assert os.access(copy / "sub" / "tool", os.X_OK)
    assert not os.access(copy / "süß\\name", os.X_OK)
    assert (copy / "latest").readlink().as_posix() == "sub/tool"


def test_the_same_files_make_the_same_archive(tmp_path):
    made = []
    for number, names in enumerate((["b", "a/c"], ["a/c", "b"])):
        folder = tmp_path / f"folder{number}"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
            os.utime(folder / name, (number * 1000, number * 1000))
        pack(folder, tmp_path / f"{number}.zip")
        made.append((tmp_path / f"{number}.zip").read_bytes())
    assert made[0] == made[1]


def test_what_leads_elsewhere_is_left_out_and_named(tmp_path):
    (tmp_path / "secret").write_text("key")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("ok")
    (folder / "absolute").symlink_to(tmp_path / "secret")
    (folder / "relative").symlink_to("../secret")
    (folder / "all").symlink_to("..")
    os.mkfifo(folder / "pipe")
    assert pack(folder, tmp_path / "a.zip") == ["absolute", "all", "pipe", "relative"]
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == ["file"]


def test_a_folder_that_became_a_link_is_not_packed(tmp_path):
    (tmp_path / "folder").symlink_to("/etc")
    with pytest.raises(JobError, match="replaced by a link"):
        pack(tmp_path / "folder", tmp_path / "a.zip")


NAMES = ["a.txt", "build/app.js", "build/deep/er/x.js", "build/readme", "notes", "src/x.js"]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["**/*"], NAMES),
        (["*"], NAMES),
        (["*.txt"], ["a.txt"]),
        (["build/*.js"], ["build/app.js"]),
        (["build/**/*.js"], ["build/app.js", "build/deep/er/x.js"]),
        (["**/x.js"], ["build/deep/er/x.js", "src/x.js"]),
        (["build"], NAMES[1:4]),
        (["./build/"], NAMES[1:4]),
        (["build/deep", "note?"], ["build/deep/er/x.js", "notes"]),
    ],
)
def test_patterns_choose_files(patterns, chosen):
    assert matching(NAMES, patterns) == chosen


@pytest.mark.parametrize("pattern", ["/etc/*", "../x", "a/../../b"])
def test_a_pattern_may_not_leave_the_folder(pattern):
    with pytest.raises(JobError, match="leaves the folder") as refusal:
        matching(NAMES, [pattern])
    assert refusal.value.failure.type == "ConfigurationError"


def test_a_pattern_that_chooses_nothing_is_an_error():
    with pytest.raises(JobError, match=r"No file matches 'dist/\*'"):
        matching(NAMES, ["dist/*"])
