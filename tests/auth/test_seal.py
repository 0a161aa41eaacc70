"""Sealed texts, and keys that are replaced."""

import json
import random

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.auth.seal import Sealer
from penstock.ports.secrets import KeysAreFixed

KEY, NEWER = bytes(range(32)), bytes(range(1, 33))


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


def test_the_newest_key_seals_and_each_opens_its_own():
    old, new = Sealer(KEY), Sealer(NEWER)
    both = Sealer(NEWER, KEY)
    assert both.key_ids == (new.key_id, old.key_id)
    assert new.open(both.seal("x", b"here"), b"here") == "x"
    assert both.open(old.seal("x", b"here"), b"here") == "x"
    with pytest.raises(ValueError, match=f"was sealed under key '{new.key_id}'"):
        old.open(both.seal("x", b"here"), b"here")


def test_a_fingerprint_stays_the_same_when_keys_come_and_go():
    before = Sealer(KEY)
    both = Sealer(NEWER, KEY)
    assert both.fingerprint("token") == before.fingerprint("token")
    later = Sealer(NEWER)
    assert later.fingerprint("token") != before.fingerprint("token")
    later.adopt_fingerprint_key(both.export_fingerprint_key())
    assert later.fingerprint("token") == before.fingerprint("token")
    with pytest.raises(ValueError, match="was sealed under key"):
        before.adopt_fingerprint_key(later.export_fingerprint_key())


def test_a_subkey_is_that_of_the_key_that_sealed():
    old, both = Sealer(KEY), Sealer(NEWER, KEY)
    assert both.subkey(b"purpose", old.seal("x", b"")) == old.subkey(b"purpose")
    assert both.subkey(b"purpose") == Sealer(NEWER).subkey(b"purpose")


class TestResealing:
    old, new = Sealer(KEY), Sealer(NEWER)
    both = Sealer(NEWER, KEY)

    def test_every_text_of_an_older_key_in_a_document_is_sealed_anew_and_nothing_else_changes(self):
        kept = self.new.seal("kept", b"c")
        document = (
            f'{{"a":"{self.old.seal("one", b"c")}","b":["{kept}","{self.old.seal("two", b"c")}"],"c":"é"}}'.encode()
        )
        sealed = json.loads(self.both.reseal(document, b"c"))
        assert self.new.open(sealed["a"], b"c") == "one"
        assert sealed["b"][0] == kept
        assert self.new.open(sealed["b"][1], b"c") == "two"
        assert sealed["c"] == "é"
        assert list(sealed) == ["a", "b", "c"]

    def test_what_only_looks_like_a_sealed_text_is_left_alone_and_not_counted(self):
        other_context = self.old.seal("x", b"elsewhere")
        made_up = f"penstock:v1:{self.old.key_id}:AAAA"
        unknown = Sealer(bytes(32)).seal("x", b"c")
        document = f"{other_context} {made_up} {unknown} penstock:v1: plain".encode()
        assert self.both.reseal(document, b"c") == document
        assert self.both.seals_in(document, b"c") == []

    def test_texts_are_counted_by_their_keys(self):
        document = " ".join([self.old.seal("x", b"c"), self.new.seal("x", b"c"), self.old.seal("y", b"c")]).encode()
        assert self.both.seals_in(document, b"c") == [self.old.key_id, self.new.key_id, self.old.key_id]

    def test_a_document_of_the_newest_key_stays_the_same_bytes(self):
        document = self.new.seal("x", b"c").encode()
        assert self.both.reseal(document, b"c") == document


class Store:
    """Keeps keys, or fails."""

    def __init__(self, problem=None):
        self.kept, self.problem = [KEY], problem

    def add(self, key):
        if self.problem:
            raise self.problem
        self.kept.insert(0, key)

    def drop(self, key):
        if self.problem:
            raise self.problem
        self.kept.remove(key)


def test_a_new_key_is_kept_before_it_seals():
    store = Store()
    sealer = Sealer(KEY, store=store)
    old = sealer.seal("x", b"")
    new_id = sealer.add_key()
    assert (sealer.key_id, len(store.kept)) == (new_id, 2)
    assert Sealer(*store.kept).open(sealer.seal("y", b""), b"") == "y"
    assert sealer.open(old, b"") == "x"
    store.problem = OSError("full")
    with pytest.raises(OSError, match="full"):
        sealer.add_key()
    assert sealer.key_id == new_id


def test_an_old_key_is_dropped_and_the_newest_is_not():
    store = Store()
    sealer = Sealer(KEY, store=store)
    old_id, old = sealer.key_id, sealer.seal("x", b"")
    new_id = sealer.add_key()
    with pytest.raises(ValueError, match="newest key stays"):
        sealer.drop_key(new_id)
    sealer.drop_key(old_id)
    assert (sealer.key_ids, len(store.kept)) == ((new_id,), 1)
    with pytest.raises(ValueError, match="was sealed under key"):
        sealer.open(old, b"")
    sealer.drop_key(old_id)


def test_keys_that_were_given_are_not_replaced():
    sealer = Sealer(NEWER, KEY)
    assert sealer.is_fixed
    for change in (sealer.add_key, lambda: sealer.drop_key(sealer.key_ids[1])):
        with pytest.raises(KeysAreFixed):
            change()
    assert len(sealer.key_ids) == 2
