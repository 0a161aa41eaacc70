"""What a trigger's filters let through: globs, branches, tags, file paths, pull requests, and what holds without filters."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.declaration_samples import connection, declaration, of, pipeline, stage
from penstock.core.git_events import Changes, PullRequest, Push
from penstock.core.globs import GlobError, compile_glob
from penstock.core.triggers import RepositorySource, check_globs, connection_key, sources_of, why_not
from penstock.wire import types as wire

COMMIT = "a" * 40

GLOBS = {
    "main": ({"main"}, {"mainline", "amain", "Main", ""}),
    "*": ({"", "main", ".hidden", "a.b"}, {"a/b", "/"}),
    "**": ({"", "a", "a/b/c"}, set()),
    "feature/*": ({"feature/x", "feature/"}, {"feature", "feature/x/y"}),
    "feature/**": ({"feature/x", "feature/x/y", "feature/"}, {"feature", "features/x"}),
    "**/README.md": ({"a/README.md", "a/b/README.md", "/README.md"}, {"README.md", "a/xREADME.md.x"}),
    "common/**/*.js": ({"common/a/b.js", "common/a/b/c.js"}, {"common/b.js", "common/a/b.ts"}),
    "v?.?": ({"v1.2"}, {"v1.", "v1/2", "v10.2"}),
    "v[0-9]": ({"v0", "v5", "v9"}, {"va", "v", "v10"}),
    "v[!0-9]": ({"va", "v!"}, {"v5", "v/"}),
    "[abc]x": ({"ax", "cx"}, {"dx", "x"}),
    "[*?\\]": ({"*", "?", "\\"}, {"a", ""}),
    "[-a]": ({"-", "a"}, {"b"}),
    "[a-]": ({"-", "a"}, {"b"}),
    "[!-]": ({"b"}, {"-", "/"}),
    "*.{java,class}": ({"A.java", "A.class"}, {"A.jar", "A."}),
    "{dev,release/*}": ({"dev", "release/1"}, {"release", "release/1/2", "devrelease/1"}),
    "{a,}b": ({"ab", "b"}, {"aab"}),
    "{a,b}{c,d}": ({"ac", "bd"}, {"ab", "cd"}),
    r"\*": ({"*"}, {"a", r"\*"}),
    r"a\{b": ({"a{b"}, {"a"}),
    "a,b": ({"a,b"}, {"a", "b"}),
    "a}b": ({"a}b"}, {"ab"}),
    "a**b": ({"ab", "a/b", "axx/yb"}, {"a", "ba"}),
    "***": ({"", "a/b"}, set()),
    "ü*": ({"ü", "übung"}, {"u"}),
}


@pytest.mark.parametrize("pattern", GLOBS)
def test_a_glob_matches_what_it_says_and_nothing_else(pattern: str) -> None:
    matching, others = GLOBS[pattern]
    glob = compile_glob(pattern)
    assert {text for text in matching | others if glob.matches(text)} == matching


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[!]", "[a/b]", "[z-a]", "{", "{a,b", "{a,{b,c}}", "\\", "a\\"])
def test_what_is_no_glob_is_refused(pattern: str) -> None:
    with pytest.raises(GlobError):
        compile_glob(pattern)


EXPRESSIONS = {
    "*": "[^/]*",
    "**": ".*",
    "?": "[^/]",
    "{": "(?:(?:",
    ",": ")|(?:",
    "}": "))",
    "[ab]": "[ab]",
    "[!a]": "[^a/]",
}
PIECES = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "{a,b*}", "{**,/}"]), max_size=6)


@given(PIECES, st.text("ab/", max_size=7))
def test_a_glob_is_the_regular_expression_that_it_stands_for(pieces: list[str], text: str) -> None:
    parts = [part for piece in pieces for part in re.findall(r"\[.*?\]|\*\*|.", piece)]
    expression = "".join(EXPRESSIONS.get(part, re.escape(part)) for part in parts)
    # Stars that come to stand side by side are read as one pattern would be: two of them cross segments.
    expression = re.sub(r"(\[\^/\]\*){2}", ".*", expression)
    assert compile_glob("".join(pieces)).matches(text) == bool(re.fullmatch(expression, text, re.DOTALL))


@pytest.mark.parametrize("pattern", ["*a" * 120 + "b", "**a" * 80 + "b", "{a,*a}" * 40 + "b", "{**,*}" * 40 + "b"])
def test_no_pattern_takes_long_to_say_no(pattern: str) -> None:
    glob = compile_glob(pattern)
    started = time.perf_counter()
    assert not glob.matches("a" * 2000)
    assert time.perf_counter() - started < 2


def source(git: object = None, **more: object) -> RepositorySource:
    trigger = None if git is None else msgspec.convert({"sourceActionName": "Fetch", **git}, wire.GitConfiguration)  # type: ignore[dict-item]
    return RepositorySource(action="Fetch", connection_arn="arn", repository="o/r", branch="main", git=trigger, **more)  # type: ignore[arg-type]


def push(name: str = "main", *files: str, kind: str = "branch", unknown: str | None = None) -> Push:
    return Push("o/r", kind, name, COMMIT, Changes(files, unknown))  # type: ignore[arg-type]


def pull(branch: str = "main", event: str = "OPEN", *files: str) -> PullRequest:
    return PullRequest("o/r", event, branch, COMMIT, Changes(files))  # type: ignore[arg-type]


def starts(wanted: RepositorySource, event: Push | PullRequest) -> bool:
    return why_not(wanted, event) is None


class TestWithoutFilters:
    def test_a_push_to_the_branch_of_the_action_starts(self) -> None:
        assert starts(source(), push("main"))
        assert why_not(source(), push("dev")) == "BranchName is main, not dev"

    def test_tags_and_pull_requests_do_not(self) -> None:
        assert "tags" in (why_not(source(), push("main", kind="tag")) or "")
        assert "pull requests" in (why_not(source(), pull("main")) or "")

    def test_nothing_does_where_changes_are_not_to_be_detected(self) -> None:
        assert "DetectChanges" in (why_not(source(detects_changes=False), push("main")) or "")

    def test_a_trigger_without_a_filter_takes_the_branch_of_the_action_whatever_detect_changes_says(self) -> None:
        assert starts(source({}, detects_changes=False), push("main"))
        assert not starts(source({}), push("dev"))


class TestPush:
    def test_a_trigger_puts_the_branch_of_the_action_out_of_force(self) -> None:
        wanted = source({"push": [{"branches": {"includes": ["dev"]}}]}, detects_changes=False)
        assert starts(wanted, push("dev"))
        assert not starts(wanted, push("main"))

    def test_any_include_is_enough_and_an_exclude_wins_over_all(self) -> None:
        wanted = source({"push": [{"branches": {"includes": ["rel/**", "main"], "excludes": ["rel/old*"]}}]})
        assert [starts(wanted, push(name)) for name in ("main", "rel/2/x", "rel/old1", "dev")] == [
            True,
            True,
            False,
            False,
        ]
        assert why_not(wanted, push("rel/old1")) == "push filter 1: the branch rel/old1 is excluded by rel/old*"
        assert why_not(wanted, push("dev")) == "push filter 1: the branch dev matches none of rel/**, main"

    def test_excludes_alone_let_all_else_through(self) -> None:
        wanted = source({"push": [{"branches": {"excludes": ["tmp/*"]}}]})
        assert [starts(wanted, push(name)) for name in ("main", "tmp/x")] == [True, False]

    def test_filters_are_alternatives(self) -> None:
        wanted = source({"push": [{"branches": {"includes": ["a"]}}, {"tags": {"includes": ["v*"]}}]})
        assert starts(wanted, push("a"))
        assert starts(wanted, push("v1", kind="tag"))
        reason = why_not(wanted, push("b"))
        assert reason is not None
        assert reason.startswith(
            "no push filter matches (push filter 1: the branch b matches none of a; push filter 2: "
        )

    def test_tags_and_branches_do_not_stand_for_each_other(self) -> None:
        tags = source({"push": [{"tags": {"excludes": ["x"]}}]})
        branches = source({"push": [{"branches": {"includes": ["**"]}}]})
        assert not starts(tags, push("v1"))
        assert not starts(branches, push("v1", kind="tag"))
        assert starts(tags, push("v1", kind="tag"))

    def test_a_pull_request_filter_lets_no_push_through(self) -> None:
        wanted = source({"pullRequest": [{"branches": {"includes": ["main"]}}]})
        assert why_not(wanted, push("main")) == "the trigger has no push filter"


class TestFilePaths:
    def wanted(self, **criteria: list[str]) -> RepositorySource:
        return source({"push": [{"branches": {"includes": ["main"]}, "filePaths": criteria}]})

    def test_the_branch_must_match_as_well(self) -> None:
        wanted = self.wanted(includes=["src/**"])
        assert starts(wanted, push("main", "src/a"))
        assert not starts(wanted, push("dev", "src/a"))
        assert why_not(wanted, push("main", "docs/a", "b")) == "push filter 1: none of 2 changed files matches"

    def test_one_file_that_passes_is_enough(self) -> None:
        wanted = self.wanted(includes=["src/**"], excludes=["**/*.md"])
        assert starts(wanted, push("main", "src/a.md", "docs/b", "src/c.py"))
        assert not starts(wanted, push("main", "src/a.md", "docs/b"))

    def test_excludes_alone_let_all_other_files_through(self) -> None:
        wanted = self.wanted(excludes=["docs/**"])
        assert starts(wanted, push("main", "docs/a", "src/b"))
        assert not starts(wanted, push("main", "docs/a"))
        assert not starts(wanted, push("main"))

    def test_a_new_branch_never_matches_since_its_changes_are_unknown(self) -> None:
        reason = why_not(self.wanted(excludes=["docs/**"]), push("main", unknown="it is new"))
        assert reason == "push filter 1: no changed file matches, and not all of them are known: it is new"

    def test_files_that_are_known_count_though_others_are_not(self) -> None:
        assert starts(self.wanted(includes=["src/**"]), push("main", "src/a", unknown="a part alone"))


class TestPullRequests:
    def test_the_branch_is_the_one_that_it_goes_into(self) -> None:
        wanted = source({"pullRequest": [{"branches": {"includes": ["main"]}}]})
        assert starts(wanted, pull("main"))
        assert not starts(wanted, pull("dev"))

    def test_events_are_those_named_or_all(self) -> None:
        some = source({"pullRequest": [{"events": ["OPEN", "CLOSED"]}]})
        every = source({"pullRequest": [{"branches": {"includes": ["*"]}}]})
        events = ("OPEN", "UPDATED", "CLOSED")
        assert [starts(some, pull("x", event)) for event in events] == [True, False, True]
        assert [starts(every, pull("x", event)) for event in events] == [True, True, True]
        assert why_not(some, pull("x", "UPDATED")) == "pullRequest filter 1: the event UPDATED is none of OPEN, CLOSED"

    def test_files_and_branches_must_both_match(self) -> None:
        wanted = source({"pullRequest": [{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/*"]}}]})
        assert starts(wanted, pull("main", "OPEN", "src/a"))
        assert not starts(wanted, pull("main", "OPEN", "docs/a"))

    def test_a_push_filter_beside_it_is_an_alternative(self) -> None:
        both = source({"pullRequest": [{"events": ["OPEN"]}], "push": [{"branches": {"includes": ["main"]}}]})
        assert starts(both, pull("any"))
        assert starts(both, push("main"))
        assert not starts(both, push("dev"))


class TestSources:
    def declared(self, **more: object) -> wire.PipelineDeclaration:
        other = {**connection(), "name": "Other", "outputArtifacts": [{"name": "More"}]}
        build = pipeline()["stages"][1]
        given = pipeline()
        of(stages=[stage("Source", connection(), other), build], pipelineType="V2", **more)(given)
        return declaration(given)

    def test_each_connection_source_is_found_with_its_own_trigger(self) -> None:
        git = {"sourceActionName": "Other", "push": [{"tags": {"includes": ["*"]}}]}
        found = list(
            sources_of(self.declared(triggers=[{"providerType": "CodeStarSourceConnection", "gitConfiguration": git}]))
        )
        assert [(each.action, each.branch, each.git is not None) for each in found] == [
            ("Fetch", "main", False),
            ("Other", "main", True),
        ]

    def test_other_sources_are_not_found(self) -> None:
        assert list(sources_of(declaration(pipeline()))) == []

    def test_a_connection_is_the_same_under_both_names_of_the_service(self) -> None:
        names = {
            connection_key(f"arn:aws:{name}:us-east-1:1:connection/x")
            for name in ("codestar-connections", "codeconnections")
        }
        assert len(names) == 1

    def test_a_pattern_that_cannot_be_read_is_named(self) -> None:
        git = {"sourceActionName": "Fetch", "push": [{"branches": {"includes": ["ok", "[a"]}}]}
        with pytest.raises(GlobError, match=r"The pattern '\[a' of branches cannot be read: a set is not closed"):
            check_globs(msgspec.convert(git, wire.GitConfiguration))
