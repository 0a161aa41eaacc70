"""What git hosts tell of their repositories: a push or a pull request, read from GitHub's, GitLab's or Bitbucket's words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "Changes",
    "GitEvent",
    "MalformedEvent",
    "NotWanted",
    "Provider",
    "PullRequest",
    "Push",
    "event_name",
    "read",
]

Provider = Literal["GitHub", "GitLab", "Bitbucket"]

# UG: limits. Of a longer list, the service looks at the first hundred.
FILES_MAX = 100
# A delivery of Bitbucket's tells of all branches and tags that one push moved.
_REFS_MAX = 50

_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_NEW_BRANCH = "a new branch has nothing to be compared with"
_UNTOLD = "the git host does not name them in such an event"

# A commit goes to git as an argument: it must look like nothing else.
Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{7,64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=1024)]
T = TypeVar("T")


class NotWanted(Exception):
    """The event is none that could start a pipeline; the text says what it is."""


class MalformedEvent(Exception):
    """The body is not what the git host sends with such an event."""


class Changes(Struct, frozen=True):
    """The files that an event changed, as far as they are known; `unknown` says why there are none, or not all."""

    files: tuple[str, ...] = ()
    unknown: str | None = None


class Push(Struct, frozen=True):
    repository: str
    kind: Literal["branch", "tag"]
    name: str
    commit: str
    changes: Changes

    def __str__(self) -> str:
        return f"push of {self.kind} {self.name} at {self.commit}"


class PullRequest(Struct, frozen=True):
    """`branch` is the one that it is to be merged into, `commit` the last one of the branch that it comes from."""

    repository: str
    event: Literal["OPEN", "UPDATED", "CLOSED"]
    branch: str
    commit: str
    changes: Changes

    def __str__(self) -> str:
        return f"pull request into {self.branch} {self.event} at {self.commit}"


GitEvent = Push | PullRequest

_EVENT_HEADERS: dict[Provider, str] = {
    "GitHub": "x-github-event",
    "GitLab": "x-gitlab-event",
    "Bitbucket": "x-event-key",
}


def event_name(provider: Provider, headers: Mapping[str, str]) -> str | None:
    """What the host calls the event; None if the delivery is not in this host's format."""
    return headers.get(_EVENT_HEADERS[provider])


def read(provider: Provider, name: str, body: bytes) -> list[GitEvent]:
    """The events of one delivery, one for each branch or tag. Raises NotWanted or MalformedEvent."""
    reader = _READERS.get((provider, name))
    if reader is None:
        raise NotWanted(f"a '{name}' event starts nothing")
    return reader(body)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedEvent(f"The body is not that of such an event: {problem}") from None


class _Commit(Struct):
    added: list[str] = []
    modified: list[str] = []
    removed: list[str] = []


def _files(commits: Iterable[_Commit]) -> tuple[str, ...]:
    """Each once, up to the limit."""
    found: dict[str, None] = {}
    for commit in commits:
        found.update(dict.fromkeys([*commit.added, *commit.modified, *commit.removed]))
        if len(found) >= FILES_MAX:
            break
    return tuple(found)[:FILES_MAX]


def _pushed(repository: str, ref: str, commit: str | None, changes: Changes) -> list[GitEvent]:
    if commit is None or not commit.strip("0"):
        raise NotWanted(f"{ref} was deleted")
    if ref.startswith(_BRANCH):
        return [Push(repository, "branch", ref.removeprefix(_BRANCH), commit, changes)]
    if ref.startswith(_TAG):
        return [Push(repository, "tag", ref.removeprefix(_TAG), commit, changes)]
    raise NotWanted(f"{ref} is neither a branch nor a tag")


class _FullName(Struct):
    full_name: Name


class _HeadCommit(Struct):
    id: Commit


class _GitHubPush(Struct):
    ref: Name
    after: Commit
    repository: _FullName
    created: bool = False
    deleted: bool = False
    commits: list[_Commit] = []
    head_commit: _HeadCommit | None = None


def _github_push(body: bytes) -> list[GitEvent]:
    push = _decoded(body, _GitHubPush)
    # Of an annotated tag, `after` is the tag's own id.
    commit = push.head_commit.id if push.head_commit is not None else push.after
    changes = Changes(unknown=_NEW_BRANCH) if push.created else Changes(_files(push.commits))
    return _pushed(push.repository.full_name, push.ref, None if push.deleted else commit, changes)


class _GitHubHead(Struct):
    sha: Commit


class _GitHubInto(Struct):
    ref: Name


class _GitHubPullRequest(Struct):
    head: _GitHubHead
    base: _GitHubInto


class _GitHubPull(Struct):
    action: str
    pull_request: _GitHubPullRequest
    repository: _FullName


_Kind = Literal["OPEN", "UPDATED", "CLOSED"]
_GITHUB_ACTIONS: dict[str, _Kind] = {
    "opened": "OPEN",
    "reopened": "OPEN",
    "synchronize": "UPDATED",
    "closed": "CLOSED",
}


def _github_pull(body: bytes) -> list[GitEvent]:
    told = _decoded(body, _GitHubPull)
    kind = _wanted(_GITHUB_ACTIONS, told.action)
    pull = told.pull_request
    return [PullRequest(told.repository.full_name, kind, pull.base.ref, pull.head.sha, Changes(unknown=_UNTOLD))]


def _wanted(kinds: Mapping[str, _Kind], action: str) -> _Kind:
    kind = kinds.get(action)
    if kind is None:
        raise NotWanted(f"'{action}' of a pull request starts nothing")
    return kind


class _GitLabProject(Struct):
    path_with_namespace: Name


class _GitLabPush(Struct):
    ref: Name
    before: str
    after: Commit
    project: _GitLabProject
    checkout_sha: Commit | None = None
    commits: list[_Commit] = []
    total_commits_count: int = 0


def _gitlab_push(body: bytes) -> list[GitEvent]:
    push = _decoded(body, _GitLabPush)
    return _pushed(push.project.path_with_namespace, push.ref, push.checkout_sha or push.after, _gitlab_changes(push))


def _gitlab_changes(push: _GitLabPush) -> Changes:
    if not push.before.strip("0"):
        return Changes(unknown=_NEW_BRANCH)
    told = len(push.commits)
    partly = f"the git host names those of {told} of {push.total_commits_count} commits alone"
    return Changes(_files(push.commits), partly if told < push.total_commits_count else None)


class _GitLabCommit(Struct):
    id: Commit


class _GitLabAttributes(Struct):
    target_branch: Name
    last_commit: _GitLabCommit
    action: str = ""
    oldrev: str | None = None


class _GitLabMerge(Struct):
    project: _GitLabProject
    object_attributes: _GitLabAttributes


_GITLAB_ACTIONS: dict[str, _Kind] = {
    "open": "OPEN",
    "reopen": "OPEN",
    "update": "UPDATED",
    "close": "CLOSED",
    "merge": "CLOSED",
}


def _gitlab_merge(body: bytes) -> list[GitEvent]:
    merge = _decoded(body, _GitLabMerge)
    told = merge.object_attributes
    kind = _wanted(_GITLAB_ACTIONS, told.action)
    if kind == "UPDATED" and told.oldrev is None:
        raise NotWanted("the merge request was edited and has no new commits")
    repository = merge.project.path_with_namespace
    return [PullRequest(repository, kind, told.target_branch, told.last_commit.id, Changes(unknown=_UNTOLD))]


class _BitbucketTarget(Struct):
    hash: Commit


class _BitbucketRef(Struct):
    type: str
    name: Name
    target: _BitbucketTarget


class _BitbucketChange(Struct):
    new: _BitbucketRef | None = None
    old: _BitbucketRef | None = None


class _BitbucketChanges(Struct):
    changes: list[_BitbucketChange]


class _BitbucketPush(Struct):
    push: _BitbucketChanges
    repository: _FullName


def _bitbucket_push(body: bytes) -> list[GitEvent]:
    told = _decoded(body, _BitbucketPush)
    events = list(_bitbucket_refs(told))
    if not events:
        raise NotWanted("what was pushed is no branch or tag, or was deleted")
    return events


def _bitbucket_refs(told: _BitbucketPush) -> Iterator[GitEvent]:
    for change in told.push.changes[:_REFS_MAX]:
        new = change.new
        changes = Changes(unknown=_NEW_BRANCH if change.old is None else _UNTOLD)
        if new is not None and new.type in ("branch", "named_branch"):
            yield Push(told.repository.full_name, "branch", new.name, new.target.hash, changes)
        elif new is not None and new.type in ("tag", "annotated_tag"):
            yield Push(told.repository.full_name, "tag", new.name, new.target.hash, changes)


class _BitbucketBranch(Struct):
    name: Name


class _BitbucketEnd(Struct):
    branch: _BitbucketBranch
    commit: _BitbucketTarget


class _BitbucketPullRequest(Struct):
    source: _BitbucketEnd
    destination: _BitbucketEnd


class _BitbucketPull(Struct):
    pullrequest: _BitbucketPullRequest
    repository: _FullName


def _bitbucket_pull(kind: _Kind) -> "Callable[[bytes], list[GitEvent]]":
    def reader(body: bytes) -> list[GitEvent]:
        told = _decoded(body, _BitbucketPull)
        pull = told.pullrequest
        branch, commit = pull.destination.branch.name, pull.source.commit.hash
        return [PullRequest(told.repository.full_name, kind, branch, commit, Changes(unknown=_UNTOLD))]

    return reader


_READERS: dict[tuple[Provider, str], Callable[[bytes], list[GitEvent]]] = {
    ("GitHub", "push"): _github_push,
    ("GitHub", "pull_request"): _github_pull,
    ("GitLab", "Push Hook"): _gitlab_push,
    ("GitLab", "Tag Push Hook"): _gitlab_push,
    ("GitLab", "Merge Request Hook"): _gitlab_merge,
    ("Bitbucket", "repo:push"): _bitbucket_push,
    ("Bitbucket", "pullrequest:created"): _bitbucket_pull("OPEN"),
    ("Bitbucket", "pullrequest:updated"): _bitbucket_pull("UPDATED"),
    # One that is closed without a merge is `rejected`, which starts nothing.
    ("Bitbucket", "pullrequest:fulfilled"): _bitbucket_pull("CLOSED"),
}
