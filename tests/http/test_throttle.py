"""Token buckets on a clock that is set by hand: how many go through, who is counted together, and how much is remembered."""

import contextlib

import pytest

from penstock.http.throttle import FAILURES_A_SECOND, FAILURES_AT_ONCE, NAMES_MAX, Buckets, Throttle, network_of
from penstock.ports.identity import Principal
from penstock.wire.errors import ThrottlingException


class Clock:
    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


def taken(buckets, name, tries):
    return sum(buckets.take(name) for _ in range(tries))


def test_so_many_go_through_at_once_and_then_so_many_a_second(clock):
    buckets = Buckets(10, 20, clock)
    assert taken(buckets, "a", 100) == 20
    assert buckets.is_empty("a")
    clock.at += 0.5
    assert taken(buckets, "a", 100) == 5
    clock.at += 3600
    assert taken(buckets, "a", 100) == 20
    assert taken(buckets, "b", 100) == 20


def test_what_is_refused_costs_nothing_but_what_is_owed_does(clock):
    buckets = Buckets(10, 20, clock)
    taken(buckets, "a", 1000)
    for _ in range(1000):
        buckets.owe("b", 2.0)
    clock.at += 1.9
    assert not buckets.is_empty("a")
    assert buckets.is_empty("b")
    clock.at += 0.2
    assert not buckets.is_empty("b"), "a debt has an end"


def test_few_a_second_let_one_through(clock):
    buckets = Buckets(0.1, 0.2, clock)
    assert taken(buckets, "a", 2) == 1
    clock.at += 10.001
    assert taken(buckets, "a", 2) == 1


def test_memory_is_bounded_and_who_is_held_back_is_not_forgotten(clock):
    buckets = Buckets(10, 20, clock)
    for number in range(NAMES_MAX):
        buckets.take(str(number))
    assert len(buckets) == NAMES_MAX
    clock.at += 100
    taken(buckets, "held", 100)
    assert len(buckets) == 1
    for number in range(3 * NAMES_MAX):
        buckets.take(f"more {number}")
        clock.at += 0.001
        taken(buckets, "held", 1)
    assert len(buckets) <= NAMES_MAX
    assert buckets.is_empty("held") or taken(buckets, "held", 100) < 20


def caller(kind, name, account="1"):
    if kind == "role":
        arn = f"arn:aws:sts::{account}:assumed-role/ops/{name}"
        return Principal(arn, account, kind, "ASIA", name="ops")
    return Principal(f"arn:aws:iam::{account}:{kind}/{name}", account, kind, "AKIA", name=name)


def admitted(throttle, principal, tries=100):
    count = 0
    for _ in range(tries):
        with contextlib.suppress(ThrottlingException):
            throttle.admit(principal)
            count += 1
    return count


def test_each_principal_has_its_own_and_sessions_of_a_role_share_theirs(clock):
    throttle = Throttle(10, clock)
    assert admitted(throttle, caller("user", "a")) == 20
    assert admitted(throttle, caller("user", "b")) == 20
    assert admitted(throttle, caller("user", "a", "2")) == 20
    assert admitted(throttle, caller("job", "1")) == 20
    assert admitted(throttle, caller("role", "one")) == 20
    assert admitted(throttle, caller("role", "two")) == 0


@pytest.mark.parametrize("kind", ["root", "service"])
def test_root_and_the_servers_own_workers_are_never_held_back(clock, kind):
    assert admitted(Throttle(10, clock), caller(kind, "a")) == 100


def test_with_nothing_said_nobody_is(clock):
    assert admitted(Throttle(0, clock), caller("user", "a")) == 100


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:2::9", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:3::9", "2001:0db8:0001:0003::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("127.0.0.1", ""),
        ("127.9.9.9", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_network_that_one_host_has_to_itself(address, client):
    assert network_of(address) == client


def test_a_client_is_turned_away_until_its_bad_signatures_are_few_again(clock):
    throttle = Throttle(0, clock)
    for _ in range(int(FAILURES_AT_ONCE)):
        assert not throttle.turns_away("192.0.2.1")
        throttle.count_failure("192.0.2.1")
    assert throttle.turns_away("192.0.2.1")
    assert not throttle.turns_away("192.0.2.2")
    clock.at += 1.001 / FAILURES_A_SECOND
    assert not throttle.turns_away("192.0.2.1")
    for _ in range(10_000):
        throttle.count_failure("192.0.2.1")
    clock.at += 59
    assert throttle.turns_away("192.0.2.1")
    clock.at += 2
    assert not throttle.turns_away("192.0.2.1")
