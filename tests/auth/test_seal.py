"""Sealed texts and the key file."""

import base64
import os
import random
import stat
import threading

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.auth.seal import Sealer, load_key

KEY = bytes(range(32))


def test_a_text_comes_back_under_the_same_key_and_context():
    sealed = Sealer(KEY).seal("sécret", b"webhook 1")
    assert "cret" not in sealed
    assert Sealer(KEY).open(sealed, b"webhook 1") == "sécret"


def test_sealed_texts_are_printable_say_their_key_and_differ_each_time():
    sealer = Sealer(KEY)
    first, second = sealer.seal("x", b""), sealer.seal("x", b"")
    assert first != second
    assert first.startswith(f"penstock:v1:{sealer.key_id}:")
    assert first.isascii()
    assert not any(letter.isspace() for letter in first)
    assert sealer.is_sealed(first)
    assert not sealer.is_sealed("hunter2")


def test_another_key_or_context_does_not_open_it():
    sealed = Sealer(KEY).seal("x", b"here")
    with pytest.raises(ValueError, match="belongs elsewhere"):
        Sealer(KEY).open(sealed, b"there")
    with pytest.raises(ValueError, match="was sealed under key"):
        Sealer(bytes(32)).open(sealed, b"here")
    foreign = f"penstock:v1:{Sealer(bytes(32)).key_id}:{sealed.rpartition(':')[2]}"
    with pytest.raises(ValueError, match="belongs elsewhere"):
        Sealer(bytes(32)).open(foreign, b"here")


@pytest.mark.parametrize(
    "text", ["", "plain", "penstock:v1:", "penstock:v2:0:A", "penstock:v1:{id}:", "penstock:v1:{id}:é"]
)
def test_what_was_never_sealed_does_not_open(text):
    sealer = Sealer(KEY)
    with pytest.raises(ValueError, match="seal"):
        sealer.open(text.replace("{id}", sealer.key_id), b"")


def test_no_changed_letter_opens():
    sealer, source = Sealer(KEY), random.Random(1)
    for length in range(6):
        sealed = sealer.seal("x" * length, b"")
        for _ in range(500):
            index, letter = source.randrange(len(sealed)), chr(source.randrange(33, 127))
            mutant = sealed[:index] + letter + sealed[index + 1 :]
            if mutant != sealed:
                with pytest.raises(ValueError, match="seal"):
                    sealer.open(mutant, b"")


def test_a_fingerprint_is_the_same_for_the_same_text_and_key_only():
    sealer = Sealer(KEY)
    assert sealer.fingerprint("token") == Sealer(KEY).fingerprint("token")
    assert len(sealer.fingerprint("token")) == 32
    assert sealer.fingerprint("token") != sealer.fingerprint("Token")
    assert sealer.fingerprint("token") != Sealer(bytes(32)).fingerprint("token")


def test_subkeys_are_those_of_hkdf():
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"purpose").derive(KEY)
    assert Sealer(KEY).subkey(b"purpose") == expected


def test_a_key_has_32_bytes():
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        Sealer(bytes(16))


def test_the_key_does_not_show():
    shown = repr(Sealer(KEY))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
    assert "****" in shown


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / "key"
    key = load_key(path, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert base64.b64decode(path.read_text()) == key
    assert load_key(path, None) == key
    assert list(tmp_path.iterdir()) == [path]


def test_a_umask_does_not_open_the_key_to_others(tmp_path):
    before = os.umask(0)
    try:
        load_key(tmp_path / "key", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_servers_that_start_together_get_one_key(tmp_path):
    keys = set()
    line = threading.Barrier(8)

    def start():
        line.wait()
        keys.add(load_key(tmp_path / "key", None))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_environment_goes_before_the_file(tmp_path):
    assert load_key(tmp_path / "key", base64.b64encode(KEY).decode() + "\n") == KEY
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "ä" * 44, base64.b64encode(bytes(16)).decode()])
def test_a_malformed_key_is_refused_with_a_sentence_that_does_not_show_it(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"The key file .*key does not hold a key: it must be the base64 text of 32"):
        load_key(path, None)
    if text:
        with pytest.raises(ValueError, match="PENSTOCK_KEY does not hold a key") as refused:
            load_key(path, text)
        assert text not in str(refused.value)
