"""Does this push or pull request start that source action? The filters of V2 triggers, and what holds where there are none.

- Filters of one kind, and the two kinds, are alternatives; within a filter all of branches, file paths and tags must match.
- Of the patterns of one list any may match; an exclude wins over every include; excludes alone let all else through.
- Each changed file is judged on its own, and one that passes is enough. Of more than a hundred, the first hundred count.
  Where the changes are not known, as of a new branch, a filter on file paths never matches.

UG: pipelines-triggers, pipelines-filter, troubleshooting.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from penstock.core.git_events import Changes, GitEvent, PullRequest, Push
from penstock.core.globs import GlobError, compile_glob
from penstock.wire import types as wire

__all__ = ["PROVIDER", "RepositorySource", "check_globs", "connection_key", "repository_key", "sources_of", "why_not"]

PROVIDER = "CodeStarSourceConnection"

Criteria = wire.GitBranchFilterCriteria | wire.GitTagFilterCriteria | wire.GitFilePathFilterCriteria


class RepositorySource(Struct, frozen=True, omit_defaults=True):
    """A source action that events of a repository may start; `git` is its trigger, if the pipeline declares one."""

    action: str
    connection_arn: str
    repository: str
    branch: str
    detects_changes: bool = True
    git: wire.GitConfiguration | None = None


def sources_of(declaration: wire.PipelineDeclaration) -> Iterator[RepositorySource]:
    """The source actions of a pipeline that take their code through a connection."""
    triggers = {each.git_configuration.source_action_name: each for each in declaration.triggers or ()}
    for action in declaration.stages[0].actions:
        identity, configuration = action.action_type_id, action.configuration or {}
        if (identity.owner, identity.provider) == ("AWS", PROVIDER):
            trigger = triggers.get(action.name)
            yield RepositorySource(
                action=action.name,
                connection_arn=configuration["ConnectionArn"],
                repository=configuration["FullRepositoryId"],
                branch=configuration["BranchName"],
                detects_changes=configuration.get("DetectChanges", "true").lower() != "false",
                git=trigger.git_configuration if trigger is not None else None,
            )


def connection_key(arn: str) -> str:
    """What a connection's ARN names: the service was renamed, and a connection may be called by either name."""
    return arn.replace(":codeconnections:", ":codestar-connections:", 1)


def repository_key(repository: str) -> str:
    """What a repository is found by: git hosts do not mind the case of its name."""
    return repository.casefold()


def check_globs(git: wire.GitConfiguration) -> None:
    """Raise GlobError, with the pattern in its text, if a filter of the trigger could never be read."""
    for name, criteria in _all_criteria(git):
        for pattern in (*(criteria.includes or ()), *(criteria.excludes or ())):
            try:
                compile_glob(pattern)
            except GlobError as problem:
                raise GlobError(f"The pattern '{pattern}' of {name} cannot be read: {problem}") from None


def _all_criteria(git: wire.GitConfiguration) -> Iterator[tuple[str, Criteria]]:
    for push in git.push or ():
        yield from _present(("branches", push.branches), ("filePaths", push.file_paths), ("tags", push.tags))
    for pull in git.pull_request or ():
        yield from _present(("branches", pull.branches), ("filePaths", pull.file_paths))


def _present(*criteria: tuple[str, Criteria | None]) -> Iterator[tuple[str, Criteria]]:
    return ((name, each) for name, each in criteria if each is not None)


def why_not(source: RepositorySource, event: GitEvent) -> str | None:
    """None if the event starts the pipeline of this source action, else a sentence that says why it does not."""
    git = source.git
    if git is None and not source.detects_changes:
        return "DetectChanges is false, and the action has no trigger"
    if git is None or (git.push is None and git.pull_request is None):
        return _not_the_branch(source, event)
    if isinstance(event, Push):
        return _none_of("push", [_not_pushed(each, event) for each in git.push or ()])
    return _none_of("pullRequest", [_not_pulled(each, event) for each in git.pull_request or ()])


def _not_the_branch(source: RepositorySource, event: GitEvent) -> str | None:
    if isinstance(event, PullRequest):
        return "the action has no filter for pull requests"
    if event.kind == "tag":
        return "the action has no filter for tags"
    return None if event.name == source.branch else f"BranchName is {source.branch}, not {event.name}"


def _none_of(kind: str, reasons: Sequence[str | None]) -> str | None:
    if not reasons:
        return f"the trigger has no {kind} filter"
    if None in reasons:
        return None
    told = "; ".join(f"{kind} filter {number}: {reason}" for number, reason in enumerate(reasons, 1))
    return f"no {kind} filter matches ({told})" if len(reasons) > 1 else told


def _not_pushed(wanted: wire.GitPushFilter, push: Push) -> str | None:
    if wanted.tags is not None:
        return _not_named("tag", wanted.tags, push.name) if push.kind == "tag" else "it is for tags"
    if push.kind == "tag":
        return "it is for branches"
    return _first(
        lambda: _not_named("branch", wanted.branches, push.name),
        lambda: _not_changed(wanted.file_paths, push.changes),
    )


def _not_pulled(wanted: wire.GitPullRequestFilter, pull: PullRequest) -> str | None:
    if wanted.events is not None and pull.event not in wanted.events:
        return f"the event {pull.event} is none of {', '.join(wanted.events)}"
    return _first(
        lambda: _not_named("branch", wanted.branches, pull.branch),
        lambda: _not_changed(wanted.file_paths, pull.changes),
    )


def _first(*checks: Callable[[], str | None]) -> str | None:
    for check in checks:
        reason = check()
        if reason is not None:
            return reason
    return None


def _not_named(kind: str, criteria: Criteria | None, name: str) -> str | None:
    if criteria is None:
        return None
    excluding = _matching(criteria.excludes, name)
    if excluding is not None:
        return f"the {kind} {name} is excluded by {excluding}"
    if criteria.includes is not None and _matching(criteria.includes, name) is None:
        return f"the {kind} {name} matches none of {', '.join(criteria.includes)}"
    return None


def _not_changed(criteria: wire.GitFilePathFilterCriteria | None, changes: Changes) -> str | None:
    if criteria is None or any(_not_named("file", criteria, file) is None for file in changes.files):
        return None
    if changes.unknown is not None:
        return f"no changed file matches, and not all of them are known: {changes.unknown}"
    return f"none of {len(changes.files)} changed files matches"


def _matching(patterns: Sequence[str] | None, text: str) -> str | None:
    return next((pattern for pattern in patterns or () if compile_glob(pattern).matches(text)), None)
