"""Events of git hosts, read from their own words."""

import json
from typing import Any

import pytest

from git_hosts import (
    COMMIT,
    NOTHING,
    bitbucket_pull,
    bitbucket_push,
    github_pull,
    github_push,
    gitlab_merge,
    gitlab_push,
)
from penstock.core.git_events import MalformedEvent, NotWanted, PullRequest, Push, read


def events(provider: str, name: str, payload: dict[str, Any]) -> list[Push | PullRequest]:
    return read(provider, name, json.dumps(payload).encode())  # type: ignore[arg-type]


PUSHES = {
    "GitHub": ("push", github_push),
    "GitLab": ("Push Hook", gitlab_push),
    "Bitbucket": ("repo:push", bitbucket_push),
}
PULLS = {
    "GitHub": ("pull_request", github_pull),
    "GitLab": ("Merge Request Hook", gitlab_merge),
    "Bitbucket": ("pullrequest:created", bitbucket_pull),
}


@pytest.mark.parametrize("provider", PUSHES)
def test_a_push_is_a_branch_a_commit_and_a_repository(provider: str) -> None:
    name, make = PUSHES[provider]
    (event,) = events(provider, name, make("owner/app", "feature/x"))
    assert isinstance(event, Push)
    assert (event.repository, event.kind, event.name, event.commit) == ("owner/app", "branch", "feature/x", COMMIT)


@pytest.mark.parametrize("provider", PUSHES)
def test_a_tag_is_told_from_a_branch(provider: str) -> None:
    name, make = PUSHES[provider]
    name = "Tag Push Hook" if provider == "GitLab" else name
    (event,) = events(provider, name, make("owner/app", "v1", kind="tag"))
    assert isinstance(event, Push)
    assert (event.kind, event.name, event.commit) == ("tag", "v1", COMMIT)


@pytest.mark.parametrize("provider", PUSHES)
def test_what_was_deleted_starts_nothing(provider: str) -> None:
    name, make = PUSHES[provider]
    with pytest.raises(NotWanted, match="deleted"):
        events(provider, name, make("owner/app", "main", deleted=True))


@pytest.mark.parametrize("provider", PUSHES)
def test_a_new_branch_has_no_known_changes(provider: str) -> None:
    name, make = PUSHES[provider]
    (event,) = events(provider, name, make("owner/app", "main", created=True))
    assert event.changes.files == ()
    assert "new branch" in (event.changes.unknown or "")


@pytest.mark.parametrize("provider", ["GitHub", "GitLab"])
def test_changed_files_are_those_of_all_commits_each_once(provider: str) -> None:
    name, make = PUSHES[provider]
    (event,) = events(provider, name, make("o/r", "main", files=["a", "b", "a"]))
    assert (event.changes.files, event.changes.unknown) == (("a", "b"), None)


def test_of_more_than_a_hundred_files_the_first_hundred_count() -> None:
    (event,) = events("GitHub", "push", github_push("o/r", "main", files=[f"f{number}" for number in range(250)]))
    assert len(event.changes.files) == 100


def test_what_gitlab_leaves_out_is_known_to_be_unknown() -> None:
    (event,) = events("GitLab", "Push Hook", {**gitlab_push("o/r", "main", files=["a"]), "total_commits_count": 30})
    assert event.changes.files == ("a",)
    assert "1 of 30 commits" in (event.changes.unknown or "")


def test_bitbucket_names_no_files() -> None:
    (event,) = events("Bitbucket", "repo:push", bitbucket_push("o/r", "main"))
    assert "does not name them" in (event.changes.unknown or "")


def test_one_push_to_bitbucket_may_move_many_branches() -> None:
    payload = bitbucket_push("o/r", "main")
    payload["push"]["changes"] += bitbucket_push("o/r", "v2", kind="tag")["push"]["changes"]
    payload["push"]["changes"] += bitbucket_push("o/r", "gone", deleted=True)["push"]["changes"]
    assert [str(event)[:20] for event in events("Bitbucket", "repo:push", payload)] == [
        "push of branch main ",
        "push of tag v2 at aa",
    ]


def test_of_an_annotated_tag_the_commit_counts_and_not_the_tag() -> None:
    payload = {**github_push("o/r", "v1", kind="tag"), "after": "b" * 40}
    assert events("GitHub", "push", payload)[0].commit == COMMIT


@pytest.mark.parametrize("provider", PULLS)
def test_a_pull_request_has_the_target_branch_and_the_commit_of_the_source(provider: str) -> None:
    name, make = PULLS[provider]
    (event,) = events(provider, name, make("owner/app", "main"))
    assert isinstance(event, PullRequest)
    assert (event.repository, event.event, event.branch, event.commit) == ("owner/app", "OPEN", "main", COMMIT)
    assert event.changes.unknown


@pytest.mark.parametrize(
    ("provider", "name", "payload", "kind"),
    [
        ("GitHub", "pull_request", github_pull("o/r", "main", "synchronize"), "UPDATED"),
        ("GitHub", "pull_request", github_pull("o/r", "main", "reopened"), "OPEN"),
        ("GitHub", "pull_request", github_pull("o/r", "main", "closed"), "CLOSED"),
        ("GitLab", "Merge Request Hook", gitlab_merge("o/r", "main", "update", oldrev=NOTHING), "UPDATED"),
        ("GitLab", "Merge Request Hook", gitlab_merge("o/r", "main", "merge"), "CLOSED"),
        ("GitLab", "Merge Request Hook", gitlab_merge("o/r", "main", "close"), "CLOSED"),
        ("Bitbucket", "pullrequest:updated", bitbucket_pull("o/r", "main"), "UPDATED"),
        ("Bitbucket", "pullrequest:fulfilled", bitbucket_pull("o/r", "main"), "CLOSED"),
    ],
)
def test_what_happens_to_a_pull_request(provider: str, name: str, payload: dict[str, Any], kind: str) -> None:
    (event,) = events(provider, name, payload)
    assert isinstance(event, PullRequest)
    assert event.event == kind


@pytest.mark.parametrize(
    ("provider", "name", "payload"),
    [
        ("GitHub", "ping", {"zen": "x"}),
        ("GitHub", "issues", {}),
        ("GitHub", "pull_request", github_pull("o/r", "main", "labeled")),
        ("GitHub", "push", {**github_push("o/r", "x"), "ref": "refs/notes/x"}),
        ("GitLab", "Merge Request Hook", gitlab_merge("o/r", "main", "update")),
        ("GitLab", "Merge Request Hook", gitlab_merge("o/r", "main", "approved")),
        ("Bitbucket", "pullrequest:rejected", bitbucket_pull("o/r", "main")),
        ("Bitbucket", "", {}),
    ],
)
def test_what_starts_nothing_says_so(provider: str, name: str, payload: dict[str, Any]) -> None:
    with pytest.raises(NotWanted) as wanted:
        events(provider, name, payload)
    assert str(wanted.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ref": 1}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("provider", PUSHES)
def test_what_is_no_event_of_that_host_is_malformed(provider: str, body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        read(provider, PUSHES[provider][0], body)  # type: ignore[arg-type]


@pytest.mark.parametrize("commit", ["--upload-pack=x", "main", "", "g" * 40, "a" * 65, "a" * 39 + "\n"])
def test_a_commit_that_is_none_is_malformed(commit: str) -> None:
    with pytest.raises(MalformedEvent):
        events("GitHub", "push", {**github_push("o/r", "x"), "after": commit})
