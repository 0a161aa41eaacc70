"""Where keys come from: a file that nobody else may read, or the environment."""

import base64
import os
import stat
import threading

import pytest

from penstock.auth.key_file import KeyFile, open_sealer
from penstock.auth.seal import Sealer

KEY, OLDER = bytes(range(32)), bytes(range(1, 33))


def text_of(*keys):
    return "".join(base64.b64encode(key).decode() + "\n" for key in keys)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "key"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(path):
    sealer = open_sealer(path, None)
    assert mode_of(path) == 0o600
    assert Sealer(base64.b64decode(path.read_text())).key_id == sealer.key_id
    assert open_sealer(path, None).key_ids == sealer.key_ids
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_the_umask_decides_nothing(path, umask):
    before = os.umask(umask)
    try:
        open_sealer(path, None).add_key()
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o610])
def test_a_file_that_is_open_to_others_is_refused_with_what_to_do(path, mode):
    write(path, text_of(KEY))
    path.chmod(mode)
    with pytest.raises(ValueError, match=f"its mode is {mode:04o}.*chmod 600 {path}"):
        open_sealer(path, None)
    assert mode_of(path) == mode
    path.chmod(0o400)
    assert open_sealer(path, None).key_id == Sealer(KEY).key_id


def test_servers_that_start_together_get_one_key(path):
    found = set()
    line = threading.Barrier(8)

    def start():
        line.wait()
        found.add(open_sealer(path, None).key_ids)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert len(list(path.parent.iterdir())) == 1


def test_a_file_of_several_keys_has_the_newest_first(path):
    write(path, text_of(KEY, OLDER))
    assert open_sealer(path, None).key_ids == (Sealer(KEY).key_id, Sealer(OLDER).key_id)


def test_a_new_key_comes_before_the_others_and_a_dropped_one_goes(path):
    sealer = open_sealer(path, None)
    (first,) = sealer.key_ids
    second = sealer.add_key()
    assert open_sealer(path, None).key_ids == (second, first)
    sealer.drop_key(first)
    assert open_sealer(path, None).key_ids == (second,)
    assert mode_of(path) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_somebody_else_has_put_into_the_file_stays_there(path):
    sealer = open_sealer(path, None)
    write(path, path.read_text() + text_of(OLDER))
    sealer.add_key()
    assert open_sealer(path, None).key_ids[-1] == Sealer(OLDER).key_id


def test_a_draft_that_a_killed_server_left_is_overwritten_and_closed(path):
    sealer = open_sealer(path, None)
    draft = path.with_name("key.new")
    draft.write_text("half a k" * 100)
    draft.chmod(0o644)
    sealer.add_key()
    assert open_sealer(path, None).key_ids == sealer.key_ids
    assert mode_of(path) == 0o600
    assert not draft.exists()


def test_what_a_link_leads_to_is_changed_and_the_link_stays(path):
    path.symlink_to(path.with_name("real"))
    write(path.with_name("real"), text_of(KEY))
    open_sealer(path, None).add_key()
    assert path.is_symlink()
    assert len(path.with_name("real").read_text().split()) == 2


@pytest.mark.parametrize("problem", ["gone", "open to others", "no place for a draft"])
def test_a_file_that_cannot_be_changed_leaves_the_keys_as_they_were(path, problem):
    sealer = open_sealer(path, None)
    before = sealer.key_ids
    match problem:
        case "gone":
            path.unlink()
        case "open to others":
            path.chmod(0o644)
        case "no place for a draft":
            path.with_name("key.new").mkdir()
    with pytest.raises((OSError, ValueError)):
        sealer.add_key()
    assert sealer.key_ids == before


def test_the_environment_goes_before_the_file(path):
    sealer = open_sealer(path, text_of(KEY))
    assert sealer.key_id == Sealer(KEY).key_id
    assert sealer.is_fixed
    assert not path.exists()


def test_the_environment_may_hold_several_keys(path):
    given = ", ".join(text_of(key).strip() for key in (KEY, OLDER))
    assert open_sealer(path, given).key_ids == (Sealer(KEY).key_id, Sealer(OLDER).key_id)


@pytest.mark.parametrize(
    "text", ["", "short", "A" * 44, "ä" * 44, base64.b64encode(bytes(16)).decode(), text_of(KEY) + "short"]
)
def test_a_malformed_key_is_refused_with_a_sentence_that_does_not_show_it(path, text):
    write(path, text)
    with pytest.raises(ValueError, match=r"The key file .*key does not hold a key: it must be the base64 text of 32"):
        KeyFile(path).load()
    if text:
        with pytest.raises(ValueError, match="PENSTOCK_KEY does not hold a key") as refused:
            open_sealer(path, text)
        assert not [each for each in text.split() if each in str(refused.value)]
