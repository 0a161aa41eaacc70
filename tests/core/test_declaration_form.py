"""The forms in which a declaration is kept and shown, and what is true of any declaration."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.declaration_samples import (
    ACCOUNT,
    CRANE,
    FIRST,
    REGION,
    VARIABLE,
    Change,
    Json,
    action,
    approval,
    build,
    changed,
    commands,
    declaration,
    deploy,
    find,
    gated,
    last,
    of,
    pipeline,
    stage,
    stages,
)
from penstock.core.action_types import builtin
from penstock.core.declaration import (
    Surroundings,
    bind_actions,
    check,
    mask,
    merge_secrets,
    normalise,
    seal_secrets,
    type_of,
)
from penstock.wire import types as wire
from penstock.wire.errors import ApiError, InvalidActionDeclarationException
from wire.samples import structures

ANY = structures(wire.PipelineDeclaration)
KNOWN_TYPES = [rules.id for rules in (CRANE, *builtin().values()) if rules.id.category != "Source"]


def passwords(declared: wire.PipelineDeclaration) -> list[str]:
    configurations = [each.configuration or {} for stage in declared.stages for each in stage.actions]
    return [configuration["Password"] for configuration in configurations if "Password" in configuration]


def with_passwords(*values: str) -> wire.PipelineDeclaration:
    actions = [{**deploy(password=value), "name": f"Lift{number}"} for number, value in enumerate(values)]
    return declaration(changed(last(approval(), *actions)))


def bindings_of(declared: wire.PipelineDeclaration) -> dict[str, Any]:
    return bind_actions(declared, find, ACCOUNT, REGION)


def seal(value: str) -> str:
    return f"<{value}>"


def test_a_normal_declaration_has_everything_that_may_be_left_out() -> None:
    bare = {"name": "Ask", "actionTypeId": approval()["actionTypeId"]}
    shown = msgspec.to_builtins(normalise(declaration(changed(stages(FIRST, stage("Release", bare)))), 7))
    assert (shown["version"], shown["executionMode"], shown["pipelineType"]) == (7, "SUPERSEDED", "V1")
    assert shown["stages"][1]["actions"] == (
        {**bare, "runOrder": 1, "configuration": {}, "inputArtifacts": (), "outputArtifacts": ()},
    )


@given(ANY, st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_normalising_twice_is_normalising_once(declared: wire.PipelineDeclaration, version: int) -> None:
    once = normalise(declared, version)
    assert normalise(once, version) == once


@given(ANY)
@settings(max_examples=40, deadline=None)
def test_whatever_the_wire_lets_through_is_judged_or_passes(declared: wire.PipelineDeclaration) -> None:
    with contextlib.suppress(ApiError):
        check(declared, find, Surroundings(ACCOUNT, REGION))


@given(structures(wire.StageDeclaration), st.lists(st.sampled_from(KNOWN_TYPES), min_size=2, max_size=2))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_after_the_sources_is_judged_or_passes(
    anything: wire.StageDeclaration, types: list[wire.ActionTypeId]
) -> None:
    sound = declaration(pipeline())
    actions = (replace(each, action_type_id=type_id) for each, type_id in zip(anything.actions, types, strict=False))
    declared = replace(sound, stages=(*sound.stages, replace(anything, actions=tuple(actions), blockers=None)))
    with contextlib.suppress(ApiError):
        check(declared, find, Surroundings(ACCOUNT, REGION, previous=sound))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (of(), "V1"),
        (of(triggers=[], variables=[], executionMode="SUPERSEDED"), "V1"),
        (of(pipelineType="V1", executionMode="PARALLEL"), "V1"),
        (of(pipelineType="V2"), "V2"),
        (of(executionMode="QUEUED"), "V2"),
        (of(variables=[VARIABLE]), "V2"),
        (gated(onFailure={"result": "RETRY"}), "V2"),
        (last(commands()), "V2"),
        (last({**deploy(), "actionTypeId": {**deploy()["actionTypeId"], "provider": "Commands"}}), "V1"),
    ],
)
def test_an_omitted_type_is_the_one_that_the_features_need(change: Change, expected: str) -> None:
    assert type_of(declaration(changed(change))) == expected


def test_a_mask_hides_every_secret_and_nothing_else() -> None:
    declared = with_passwords("a", "b")
    masked = mask(declared, bindings_of(declared))
    assert passwords(masked) == ["****", "****"]
    assert masked == with_passwords("****", "****")


def test_secrets_are_sealed_but_masks_are_not() -> None:
    declared = with_passwords("a", "****")
    assert passwords(seal_secrets(declared, bindings_of(declared), seal)) == ["<a>", "****"]


def test_a_masked_secret_takes_over_what_is_stored() -> None:
    stored = with_passwords("<a>", "<b>")
    assert passwords(merge_secrets(with_passwords("****", "<c>"), stored, find)) == ["<a>", "<c>"]


@pytest.mark.parametrize("previous", [None, with_passwords("<a>")])
def test_a_mask_with_nothing_stored_is_refused(previous: wire.PipelineDeclaration | None) -> None:
    with pytest.raises(InvalidActionDeclarationException, match="new action 'Lift1'"):
        merge_secrets(with_passwords("<a>", "****"), previous, find)


def test_actions_of_the_same_name_in_two_stages_are_bound_apart() -> None:
    def named(kind: Json) -> Json:
        return {**kind, "name": "X"}

    declared = declaration(changed(stages(FIRST, stage("A", named(build())), stage("B", named(deploy())))))
    assert {place: binding.type_key for place, binding in bindings_of(declared).items()} == {
        "Source/Fetch": "AWS/Source/S3/1",
        "A/X": "AWS/Build/CodeBuild/1",
        "B/X": f"Custom/{ACCOUNT}/{REGION}/Deploy/Crane/1",
    }
    assert bindings_of(declared)["B/X"].secret_keys == ("Password",)


def test_secrets_of_the_types_that_come_with_the_server_are_known() -> None:
    configuration = {"Owner": "o", "Repo": "r", "Branch": "b", "OAuthToken": "t"}
    github = action("Fetch", "Source/GitHub/ThirdParty", configuration, outputArtifacts=[{"name": "Code"}])
    declared = declaration(changed(stages(stage("Source", github), stage("Build", build()))))
    shown = mask(declared, bindings_of(declared)).stages[0].actions[0].configuration
    assert shown == {**configuration, "OAuthToken": "****"}
