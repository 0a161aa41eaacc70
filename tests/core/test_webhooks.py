"""The filters of webhooks: JSON paths, wanted values with placeholders, and the bounds of what a path may cost."""

import time
from typing import Any

import pytest

from penstock.core.webhooks import PathError, check_path, filled_in, why_ignored
from penstock.wire import types as wire

PAYLOAD: dict[str, Any] = {
    "ref": "refs/heads/main",
    "repository": {"full_name": "o/r", "private": False, "id": 12, "nothing": None, "a b": 1},
    "commits": [{"id": "x", "distinct": True}, {"id": "y", "distinct": False}],
}


def rule(path: str, wanted: str | None = None) -> wire.WebhookFilterRule:
    return wire.WebhookFilterRule(json_path=path, match_equals=wanted)


def reason(*rules: wire.WebhookFilterRule, payload: object = PAYLOAD, **configuration: str) -> str | None:
    return why_ignored(rules, payload, configuration)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.ref", "refs/heads/main"),
        ("ref", "refs/heads/main"),
        ("$['repository']['full_name']", "o/r"),
        ("$.repository['a b']", "1"),
        ("$.repository.private", "false"),
        ("$.repository.id", "12"),
        ("$.repository.nothing", "null"),
        ("$.repository.nothing", None),
        ("$.repository", None),
        ("$.commits[0].id", "x"),
        ("$.commits[-1].id", "y"),
        ("$.commits[*].id", "y"),
        ("$.commits[0:1].id", "x"),
        ("$..full_name", "o/r"),
        ("$.commits[?(@.distinct == false)].id", "y"),
        ("$.commits[?(@.id == 'x' && @.distinct)].id", "x"),
        ("$.commits[?(@.id in ['x', 'z'])].id", "x"),
    ],
)
def test_a_path_finds_what_it_names(path: str, wanted: str | None) -> None:
    check_path(path)
    assert reason(rule(path, wanted)) is None


@pytest.mark.parametrize(
    ("path", "wanted", "why"),
    [
        ("$.ref", "refs/heads/dev", "$.ref is 'refs/heads/main', not 'refs/heads/dev'"),
        ("$.nope", None, "$.nope finds nothing in the payload"),
        ("$.ref.deeper", None, "$.ref.deeper finds nothing in the payload"),
        ("$.commits[7]", None, "$.commits[7] finds nothing in the payload"),
        ("$.repository.private", "False", "$.repository.private is 'false', not 'False'"),
        ("$.ref", "", "$.ref is 'refs/heads/main', not ''"),
    ],
)
def test_what_it_does_not_find_is_said(path: str, wanted: str | None, why: str) -> None:
    assert reason(rule(path, wanted)) == why


def test_every_filter_must_pass() -> None:
    assert reason(rule("$.ref"), rule("$.repository.id", "12")) is None
    assert reason(rule("$.ref"), rule("$.repository.id", "13")) is not None
    assert reason() is None


def test_placeholders_stand_for_the_configuration_of_the_target() -> None:
    assert reason(rule("$.ref", "refs/heads/{Branch}"), Branch="main") is None
    assert (
        reason(rule("$.ref", "refs/heads/{Branch}"), Branch="dev") == "$.ref is 'refs/heads/main', not 'refs/heads/dev'"
    )
    assert reason(rule("$.repository.full_name", "{Owner}/{Repo}"), Owner="o", Repo="r") is None


def test_a_placeholder_is_filled_in_once_and_an_unknown_one_stays() -> None:
    assert filled_in("{A}{B}{C}", {"A": "{B}", "B": "b"}) == "{B}b{C}"


@pytest.mark.parametrize(
    "path",
    [
        "$[",
        "$.",
        "$.a b",
        "@.a",
        "$.a[?(@.b == ]",
        "$.a.length()",
        "$.a[?(@.b =~ /x/)]",
        "$.a[?search(@.b, 'x')]",
        "$.a[?match(@.b, 'x')]",
        "$.a | $.b",
        "$.a & $.b",
        "^",
        "$.a.~",
        "$[?# == 'a']",
    ],
)
def test_what_is_no_path_or_not_part_of_the_language_is_refused(path: str) -> None:
    with pytest.raises(PathError) as refused:
        check_path(path)
    assert str(refused.value)


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "path", ["$" + "[0,0,0,0]" * 15 + ".q", "$" + "[*,*,*]" * 20 + ".q", "$..[?@..[?@..[?@..x]]]", "$..[?$..x]"]
)
def test_no_path_looks_at_a_payload_for_ever(path: str) -> None:
    many = {"a": [nested(25)] + [{"b": [number]} for number in range(20_000)]}
    started = time.perf_counter()
    why = reason(rule(path), payload=nested(25) if "q" in path else many)
    assert time.perf_counter() - started < 20
    assert why is not None
    assert "were not done" in why


def test_a_payload_that_is_nested_too_deeply_is_ignored() -> None:
    assert reason(rule("$..x"), payload=nested(900)) is not None
    assert reason(rule("$[0]"), payload=nested(5000)) == "the payload is nested too deeply"
