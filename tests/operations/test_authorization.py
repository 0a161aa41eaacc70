"""What policies may ask: which resources an operation is about, their tags, the request's, and how it came in."""

from typing import Any

import pytest

from declarations import custom_type
from operations.hooks import definition
from operations.principals import ACCOUNT, People, allowing, ask_own, denying, document, refusal
from operations.scene import Scene, code_of, type_id

DENIED = "AccessDeniedException"


def arn(scene: Scene, resource: str) -> str:
    return f"arn:aws:codepipeline:{scene.region}:{ACCOUNT}:{resource}"


def of(scene: Scene, *statements: dict[str, Any], name: str = "") -> Any:
    """A client of a new user who may do this."""
    keys = People(scene.server).user(f"{name}{scene.region}", *statements)
    return scene.client(keys)


def tagged(key: str, value: str, kind: str = "ResourceTag", operator: str = "StringEquals") -> dict[str, Any]:
    return {"Condition": {operator: {f"aws:{kind}/{key}": value}}}


class TestResourceTags:
    def line(self, scene: Scene, **tags: str) -> None:
        scene.types()
        scene.pipeline("line")
        scene.aws.tag_resource(resourceArn=arn(scene, "line"), tags=listed(tags))

    def test_a_pipeline_is_reached_by_its_tags(self, scene: Scene) -> None:
        self.line(scene, Team="blue")
        scene.pipeline("other")
        blue = of(scene, allowing("codepipeline:*", **tagged("Team", "blue")))
        assert blue.get_pipeline(name="line")["pipeline"]["name"] == "line"
        assert code_of(blue.get_pipeline, name="other") == DENIED
        assert code_of(blue.get_pipeline, name="nothing") == DENIED
        assert code_of(blue.list_pipelines) == DENIED
        scene.aws.untag_resource(resourceArn=arn(scene, "line"), tagKeys=["Team"])
        assert code_of(blue.get_pipeline, name="line") == DENIED

    def test_stages_and_actions_have_the_tags_of_their_pipeline(self, scene: Scene) -> None:
        self.line(scene, Team="blue")
        stopped = {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound", "reason": "x"}
        told = {"pipelineName": "line", "stageName": "Source", "actionName": "Pull"}
        revision = {"revisionId": "1", "revisionChangeId": "1", "created": 1}
        for team, is_allowed in (("blue", True), ("red", False)):
            one = of(scene, allowing("codepipeline:*", **tagged("team", team)), name=team)
            for call, given in (
                (one.disable_stage_transition, stopped),
                (one.put_action_revision, {**told, "actionRevision": revision}),
            ):
                if is_allowed:
                    call(**given)
                else:
                    assert code_of(call, **given) == DENIED

    def test_custom_types_and_webhooks_have_tags_of_their_own(self, scene: Scene) -> None:
        self.line(scene, Team="red")
        scene.aws.put_webhook(webhook=definition("hook"), tags=listed({"Team": "blue"}))
        scene.aws.tag_resource(
            resourceArn=arn(scene, "actiontype:Custom/Build/Builder/1"), tags=listed({"Team": "blue"})
        )
        blue = of(scene, allowing("codepipeline:*", **tagged("Team", "blue")))
        assert blue.poll_for_jobs(actionTypeId=type_id("Builder"))["jobs"] == []
        assert code_of(blue.poll_for_jobs, actionTypeId=type_id("Origin")) == DENIED
        blue.delete_webhook(name="hook")

    def test_a_deny_by_a_tag_wins(self, scene: Scene) -> None:
        self.line(scene, Stage="prod")
        scene.pipeline("other")
        careful = of(scene, allowing("*"), denying("codepipeline:Delete*", **tagged("Stage", "prod")))
        message = refusal(careful.delete_pipeline, name="line")[2]
        assert message.endswith(":line with an explicit deny in an identity-based policy")
        careful.delete_pipeline(name="other")

    def test_tags_that_differ_in_case_alone_hide_nothing(self, scene: Scene) -> None:
        self.line(scene, Stage="prod", stage="dev")
        dev = of(scene, allowing("codepipeline:*", **tagged("Stage", "dev")))
        assert code_of(dev.get_pipeline, name="line") == DENIED
        careful = of(scene, allowing("*"), denying("codepipeline:*", **tagged("STAGE", "prod")), name="c")
        assert code_of(careful.get_pipeline, name="line") == DENIED

    def test_who_does_not_ask_for_tags_sees_no_difference(self, scene: Scene) -> None:
        self.line(scene, Team="blue")
        everybody = of(scene, allowing("codepipeline:Get*", resource=arn(scene, "line")))
        assert everybody.get_pipeline(name="line")["pipeline"]["name"] == "line"


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


class TestRequestTags:
    def test_what_is_made_must_be_tagged(self, scene: Scene) -> None:
        only_blue = allowing("codepipeline:CreateCustomActionType", **tagged("Team", "blue", "RequestTag"))
        maker = of(scene, only_blue)
        for tags, is_allowed in (({}, False), ({"Team": "red"}, False), ({"Team": "blue", "More": "x"}, True)):
            given = {**custom_type("Builder"), "tags": listed(tags)}
            if is_allowed:
                assert maker.create_custom_action_type(**given)["tags"] == listed(tags)
            else:
                assert code_of(maker.create_custom_action_type, **given) == DENIED

    def test_only_these_keys_may_be_set_and_taken_away(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line")
        keys = {"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Cost"]}}}
        tagger = of(scene, allowing("codepipeline:TagResource", "codepipeline:UntagResource", **keys))
        line = arn(scene, "line")
        tagger.tag_resource(resourceArn=line, tags=listed({"Team": "a", "Cost": "b"}))
        assert code_of(tagger.tag_resource, resourceArn=line, tags=listed({"Team": "a", "Owner": "b"})) == DENIED
        assert code_of(tagger.untag_resource, resourceArn=line, tagKeys=["Owner"]) == DENIED
        tagger.untag_resource(resourceArn=line, tagKeys=["Cost"])
        found = scene.aws.list_tags_for_resource(resourceArn=line)["tags"]
        assert found == listed({"Team": "a"})

    def test_a_key_in_another_case_does_not_slip_past(self, scene: Scene) -> None:
        only_dev = allowing("codepipeline:CreateCustomActionType", **tagged("Stage", "dev", "RequestTag"))
        given = {**custom_type("Builder"), "tags": listed({"Stage": "prod", "stage": "dev"})}
        assert code_of(of(scene, only_dev).create_custom_action_type, **given) == DENIED


class TestResources:
    def test_a_webhook_takes_permission_for_its_pipeline_too(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline("line")
        hook, line = arn(scene, "webhook:hook"), arn(scene, "line")
        for name, resources, refused in (("a", [hook], line), ("b", [line], hook), ("c", [hook, line], None)):
            user = of(scene, allowing("codepipeline:PutWebhook", resource=resources), name=name)
            given = definition("hook")
            if refused is None:
                assert user.put_webhook(webhook=given)["webhook"]["arn"] == hook
            else:
                assert f" on resource: {refused} because" in refusal(user.put_webhook, webhook=given)[2]

    def test_another_spelling_of_an_arn_does_not_slip_past(self, scene: Scene) -> None:
        scene.types()
        builder = arn(scene, "actiontype:Custom/Build/Builder/1")
        spared = of(scene, allowing("*"), denying("codepipeline:TagResource", resource=builder))
        for spelt in (
            builder,
            builder.replace(":actiontype:", ":actionType:"),
            builder.replace("arn:aws:", "arn:aws-us-gov:"),
        ):
            assert code_of(spared.tag_resource, resourceArn=spelt, tags=listed({"a": "b"})) == DENIED

    def test_listings_are_of_all_pipelines_and_all_webhooks(self, scene: Scene) -> None:
        everything = arn(scene, "*")
        lister = of(scene, allowing("codepipeline:List*", resource=everything))
        assert lister.list_pipelines()["pipelines"] == []
        assert lister.list_webhooks()["webhooks"] == []
        of_one = of(scene, allowing("codepipeline:List*", resource=arn(scene, "line")), name="one")
        assert f" on resource: {everything} because" in refusal(of_one.list_pipelines)[2]
        assert f" on resource: {arn(scene, 'webhook:*')} because" in refusal(of_one.list_webhooks)[2]


CIRCUMSTANCES = [
    ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
    ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
    ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ({"Bool": {"aws:SecureTransport": "false"}}, True),
    ({"StringLike": {"aws:UserAgent": "*Boto*"}}, True),
    ({"StringLike": {"aws:UserAgent": "curl*"}}, False),
    ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
    ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
    ({"Null": {"aws:username": "true"}}, False),
]


@pytest.mark.parametrize(("condition", "holds"), CIRCUMSTANCES)
def test_every_door_tells_how_a_request_came_in(scene: Scene, condition: dict[str, Any], holds: bool) -> None:
    people = People(scene.server)
    keys = people.user(scene.region, allowing("*", Condition=condition))
    role = people.role(f"{scene.region}-role", trust=[ACCOUNT])
    for call, given, code in (
        (people.server.client("codepipeline", keys).list_pipelines, {}, DENIED),
        (people.server.client("s3", keys).list_buckets, {}, "AccessDenied"),
        (people.sts(keys).assume_role, {"RoleArn": role, "RoleSessionName": "ab"}, "AccessDenied"),
    ):
        if holds:
            call(**given)
        else:
            assert refusal(call, **given)[0] == code


@pytest.mark.parametrize(("network", "is_allowed"), [("127.0.0.0/8", True), ("10.0.0.0/8", False)])
def test_who_may_poll_for_built_in_jobs_may_be_told_from_where(scene: Scene, network: str, is_allowed: bool) -> None:
    """Allowed from one network alone, or denied from all others: it comes to the same."""
    mine, others = ({operator: {"aws:SourceIp": network}} for operator in ("IpAddress", "NotIpAddress"))
    builtin, poll = "penstock:PollForBuiltInJobs", allowing("codepipeline:PollForJobs")
    lambdas = {"category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1"}
    for name, statements in (
        ("allowed", [poll, allowing(builtin, Condition=mine)]),
        ("denied", [poll, allowing(builtin), denying(builtin, Condition=others)]),
    ):
        worker = of(scene, *statements, name=name)
        if is_allowed:
            assert worker.poll_for_jobs(actionTypeId=lambdas)["jobs"] == []
        else:
            assert code_of(worker.poll_for_jobs, actionTypeId=lambdas) == "ActionTypeNotFoundException"


def test_a_policy_with_a_condition_that_is_not_known_is_not_stored(scene: Scene) -> None:
    unknown = document(allowing("*", Condition={"BinaryEquals": {"aws:SourceIp": "eA=="}}))
    answer = ask_own(scene.server, None, "CreatePrincipal", name=scene.region, policy=unknown)
    assert "The condition operator 'BinaryEquals' is not supported." in answer.message
