"""What the built-in actions take, what the server counts, and what lies under /_penstock/."""

import re
import urllib.request
from importlib.metadata import EntryPoint, entry_points

import pytest

from docs.pages import page, quoted, rows, section
from penstock.core.action_types import FUNCTION_TYPE, FUNCTION_TYPE_KEY, builtin
from penstock.core.rule_types import builtin as rule_types
from serving import Server

ACTIONS = page("docs/reference/actions.md")


@pytest.mark.parametrize("entry", entry_points(group="penstock.providers"), ids=lambda entry: entry.name)
def test_every_built_in_provider_is_described_with_all_that_it_takes(entry: EntryPoint) -> None:
    provider = entry.load()
    said = [text for text in re.split(r"^## ", ACTIONS, flags=re.MULTILINE) if f"`{entry.name}`" in text]
    assert len(said) == 1
    for kind in provider.action_types:
        assert f"`{kind.category}/{kind.owner}/{kind.provider}/{kind.version}`" in said[0]
        key = f"{kind.owner}/{kind.category}/{kind.provider}/{kind.version}"
        known = {**builtin(), **rule_types(), FUNCTION_TYPE_KEY: FUNCTION_TYPE}
        properties = known[key].properties
        described = {name for row in rows(said[0]) for name in quoted(row[0])}
        assert described == {each.name for each in properties} or not properties


def test_the_approval_is_described_with_all_that_it_takes() -> None:
    rules = builtin()["AWS/Approval/Manual/1"]
    assert {each.name for each in rules.properties} <= set(quoted(section(ACTIONS, "## Manual approval")))


def test_every_metric_is_described_and_no_other(shared_server: Server) -> None:
    shared_server.client("codepipeline").list_pipelines()
    with urllib.request.urlopen(f"{shared_server.url}/_penstock/metrics") as answer:
        text = answer.read().decode()
    described = {quoted(row[0])[0]: set(quoted(row[2])) for row in rows(page("docs/reference/metrics.md"))}
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert set(described) == set(kinds)
    for name, labels in re.findall(r"^(\w+)\{(.*)\} ", text, re.MULTILINE):
        assert set(re.findall(r"(\w+)=", labels)) == described[name]


def test_every_page_of_our_own_answers_as_described(shared_server: Server) -> None:
    paths = re.findall(r"`GET (/_penstock/[\w/]+)`", page("docs/reference/http.md"))
    assert set(paths) >= {"/_penstock/health", "/_penstock/metrics", "/_penstock/console/"}
    for path in paths:
        with urllib.request.urlopen(shared_server.url + path) as answer:
            assert answer.status == 200
