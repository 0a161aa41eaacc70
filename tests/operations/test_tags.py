"""TagResource, UntagResource, ListTagsForResource."""

import pytest

from declarations import custom_type
from operations.scene import Scene, code_of

ACCOUNT = "123456789012"


def pipeline_arn(scene: Scene, name: str = "line") -> str:
    return f"arn:aws:codepipeline:{scene.region}:{ACCOUNT}:{name}"


def type_arn(scene: Scene) -> str:
    return f"arn:aws:codepipeline:{scene.region}:{ACCOUNT}:actiontype:Custom/Build/Builder/1"


def tags_of(scene: Scene, arn: str) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in scene.aws.list_tags_for_resource(resourceArn=arn)["tags"]}


def tag(scene: Scene, arn: str, **tags: str) -> None:
    scene.aws.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in tags.items()])


@pytest.fixture(params=["pipeline", "action type"])
def arn(scene: Scene, request: pytest.FixtureRequest) -> str:
    scene.types()
    scene.pipeline()
    return pipeline_arn(scene) if request.param == "pipeline" else type_arn(scene)


def test_tags_are_added_changed_and_taken_away(scene: Scene, arn: str) -> None:
    assert tags_of(scene, arn) == {}
    tag(scene, arn, team="blue", cost="7")
    tag(scene, arn, team="red", empty="")
    assert tags_of(scene, arn) == {"team": "red", "cost": "7", "empty": ""}
    scene.aws.untag_resource(resourceArn=arn, tagKeys=["team", "never-there"])
    assert tags_of(scene, arn) == {"cost": "7", "empty": ""}


@pytest.mark.parametrize("key", ["aws:team", "AWS:team", " lead", "trail "])
def test_keys_that_nobody_may_use_are_refused(scene: Scene, arn: str, key: str) -> None:
    wrong = [{"key": key, "value": "x"}]
    assert code_of(scene.aws.tag_resource, resourceArn=arn, tags=wrong) == "InvalidTagsException"
    if key.lower().startswith("aws:"):
        assert code_of(scene.aws.untag_resource, resourceArn=arn, tagKeys=[key]) == "InvalidTagsException"
    assert tags_of(scene, arn) == {}


def test_fifty_tags_are_the_limit_in_all(scene: Scene, arn: str) -> None:
    tag(scene, arn, **{f"k{number}": "x" for number in range(50)})
    tag(scene, arn, k0="y")
    more = [{"key": "one-more", "value": "x"}]
    assert code_of(scene.aws.tag_resource, resourceArn=arn, tags=more) == "TooManyTagsException"
    assert len(tags_of(scene, arn)) == 50


@pytest.mark.parametrize("tags", [[{"key": "k" * 129, "value": "x"}], [{"key": "k", "value": "x" * 257}], [{}]])
def test_tags_of_another_form_break_a_constraint(scene: Scene, arn: str, tags: list[dict[str, str]]) -> None:
    assert code_of(scene.aws.tag_resource, resourceArn=arn, tags=tags) == "ValidationException"
    assert code_of(scene.aws.tag_resource, resourceArn=arn) == "ValidationException"


def calls(scene: Scene, arn: str) -> list[str]:
    """The codes with which all three operations refuse an ARN."""
    return [
        code_of(scene.aws.tag_resource, resourceArn=arn, tags=[{"key": "k", "value": "v"}]),
        code_of(scene.aws.untag_resource, resourceArn=arn, tagKeys=["k"]),
        code_of(scene.aws.list_tags_for_resource, resourceArn=arn),
    ]


@pytest.mark.parametrize("name", ["nobody", "webhook:nobody", "actiontype:Custom/Build/Nobody/1"])
def test_what_is_not_there_has_no_tags(scene: Scene, name: str) -> None:
    assert calls(scene, pipeline_arn(scene, name)) == ["ResourceNotFoundException"] * 3


@pytest.mark.parametrize("name", ["line/Source", "line/Source/Pull"])
def test_stages_and_actions_have_no_tags(scene: Scene, name: str) -> None:
    scene.types()
    scene.pipeline()
    assert calls(scene, pipeline_arn(scene, name)) == ["InvalidArnException"] * 3


def test_another_accounts_or_regions_resource_is_not_there(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    for other in (pipeline_arn(scene).replace(ACCOUNT, "999999999999"), pipeline_arn(scene).replace("test-", "prod-")):
        assert calls(scene, other) == ["ResourceNotFoundException"] * 3


@pytest.mark.parametrize("arn", ["nonsense", "arn:aws:s3:::bucket", "arn:aws:codepipeline:::x"])
def test_what_is_no_arn_of_ours_is_refused(scene: Scene, arn: str) -> None:
    assert set(calls(scene, arn)) <= {"InvalidArnException", "ValidationException"}


def test_tags_go_with_what_they_were_on(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    tag(scene, pipeline_arn(scene), team="blue")
    tag(scene, type_arn(scene), team="blue")
    scene.aws.delete_pipeline(name="line")
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    scene.aws.create_custom_action_type(**custom_type("Builder"))
    scene.pipeline()
    assert tags_of(scene, pipeline_arn(scene)) == tags_of(scene, type_arn(scene)) == {}


def test_no_token_is_given_out_so_every_token_is_refused(scene: Scene, arn: str) -> None:
    code = code_of(scene.aws.list_tags_for_resource, resourceArn=arn, nextToken="x")
    assert code == "InvalidNextTokenException"
