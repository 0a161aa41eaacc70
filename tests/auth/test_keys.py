"""Long-lived keys are remembered, and not for long."""

import asyncio

from auth.signing import KEY_ID, HeldClock, KeyTable, user_key
from penstock.auth import keys
from penstock.auth.keys import KeyCache


def cache(**found):
    clock, table = HeldClock(1000.0), KeyTable(dict(found))
    return KeyCache(table, clock), table, clock


def find(cached, access_key_id=KEY_ID):
    return asyncio.run(cached.find(access_key_id))


def test_a_key_is_looked_up_once_in_five_seconds():
    cached, table, clock = cache(**{KEY_ID: user_key()})
    assert find(cached) == find(cached) == user_key()
    assert table.asked == 1
    clock.at += 4.9
    find(cached)
    assert table.asked == 1
    clock.at += 0.1
    find(cached)
    assert table.asked == 2


def test_a_withdrawn_key_is_gone_after_five_seconds():
    cached, table, clock = cache(**{KEY_ID: user_key()})
    find(cached)
    table.keys.clear()
    assert find(cached) is not None
    clock.at += 5
    assert find(cached) is None


def test_what_is_forgotten_is_looked_up_afresh():
    cached, table, _ = cache(**{KEY_ID: user_key()})
    table.principals["AIDA"] = user_key().principal
    assert find(cached) is not None
    assert asyncio.run(cached.principal("AIDA")) is not None
    table.keys.clear()
    table.principals.clear()
    cached.forget()
    assert find(cached) is None
    assert asyncio.run(cached.principal("AIDA")) is None


def test_a_principal_is_looked_up_once_in_five_seconds():
    cached, table, clock = cache()
    table.principals["AIDA"] = user_key().principal
    for _ in range(2):
        assert asyncio.run(cached.principal("AIDA")) == user_key().principal
    assert table.asked == 1
    table.principals.clear()
    clock.at += 5
    assert asyncio.run(cached.principal("AIDA")) is None


def test_a_clock_that_is_set_back_does_not_keep_a_key():
    cached, table, clock = cache(**{KEY_ID: user_key()})
    find(cached)
    clock.at -= 3600
    find(cached)
    assert table.asked == 2


def test_a_new_key_works_at_once():
    cached, table, _ = cache()
    assert find(cached) is None
    table.keys[KEY_ID] = user_key()
    assert find(cached) == user_key()


def test_no_more_than_so_many_keys_are_held(monkeypatch):
    monkeypatch.setattr(keys, "KEYS_MAX", 2)
    cached, table, _ = cache(**{name: user_key(access_key_id=name) for name in "abc"})
    for name in "abc":
        find(cached, name)
    find(cached, "c")
    assert table.asked == 3
    find(cached, "a")
    assert table.asked == 4
