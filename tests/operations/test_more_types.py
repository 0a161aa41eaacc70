"""GetActionType, UpdateActionType, ListActionTypes by its filters, ListRuleTypes, and the targets of deployments."""

from typing import Any

import pytest

from declarations import custom_type, stage
from operations.partner import Partner, declaration, own_operation, user_keys
from operations.scene import UNKNOWN_ID, Scene, code_of, message_of

STRANGERS = "222233334444"
KEY = ("owner", "category", "provider", "version")


def stranger(scene: Scene, *actions: str) -> Any:
    """A client of another account."""
    keys = user_keys(scene.server, f"stranger-{scene.region}", list(actions) or ["codepipeline:*"], STRANGERS)
    return scene.client(keys)


def named(category: str, owner: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": owner, "provider": provider, "version": "1"}


class TestGet:
    def test_a_built_in_type_is_told_as_a_declaration(self, scene: Scene) -> None:
        identity = named("Deploy", "AWS", "S3")
        found = scene.aws.get_action_type(**identity)["actionType"]
        assert found["id"] == identity
        assert found["executor"] == {
            "type": "JobWorker",
            "configuration": {
                "jobWorkerExecutorConfiguration": {"pollingServicePrincipals": ["codepipeline.amazonaws.com"]}
            },
        }
        assert found["inputArtifactDetails"] == {"minimumCount": 1, "maximumCount": 1}
        assert found["outputArtifactDetails"] == {"minimumCount": 0, "maximumCount": 0}
        assert found["permissions"] == {"allowedAccounts": ["*"]}
        assert found["urls"] == {}
        bucket = found["properties"][0]
        assert (bucket["name"], bucket["optional"], bucket["noEcho"]) == ("BucketName", False, False)

    def test_secrets_of_a_built_in_type_are_not_echoed(self, scene: Scene) -> None:
        found = scene.aws.get_action_type(**named("Source", "ThirdParty", "GitHub"))["actionType"]
        assert [each["name"] for each in found["properties"] if each["noEcho"]] == ["OAuthToken"]

    def test_every_built_in_type_that_is_listed_can_be_got(self, scene: Scene) -> None:
        for owner in ("AWS", "ThirdParty"):
            for kind in scene.aws.list_action_types(actionOwnerFilter=owner)["actionTypes"]:
                found = scene.aws.get_action_type(**kind["id"])["actionType"]
                assert found["id"] == kind["id"]
                optional = {each["name"]: each["optional"] for each in found["properties"]}
                assert optional == {
                    each["name"]: not each["required"] for each in kind["actionConfigurationProperties"]
                }

    def test_a_partners_type_is_told_as_it_was_registered(self, scene: Scene) -> None:
        partner = Partner(scene)
        found = scene.aws.get_action_type(**partner.type_id)["actionType"]
        assert found == declaration(partner.provider)

    def test_a_type_is_seen_by_whom_it_permits_and_by_its_maker(self, scene: Scene) -> None:
        partner = Partner(scene)
        closed, half_open = (
            {
                **declaration(f"{kind}{partner.provider}"),
                "permissions": {"allowedAccounts": ["999999999999", *accounts]},
            }
            for kind, accounts in (("Closed", []), ("HalfOpen", [STRANGERS]))
        )
        other = stranger(scene)
        for declared in (closed, half_open):
            partner.call("RegisterPartnerActionType", actionType=declared)
            assert scene.aws.get_action_type(**declared["id"])["actionType"] == declared
        assert code_of(other.get_action_type, **closed["id"]) == "ActionTypeNotFoundException"
        assert other.get_action_type(**half_open["id"])["actionType"] == half_open
        seen = other.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]
        providers = [each["id"]["provider"] for each in seen]
        assert half_open["id"]["provider"] in providers
        assert closed["id"]["provider"] not in providers

    @pytest.mark.parametrize(
        "identity",
        [
            named("Deploy", "AWS", "Moon"),
            {**named("Deploy", "AWS", "S3"), "version": "2"},
            named("Build", "AWS", "S3"),
            named("Test", "ThirdParty", "Nobody"),
        ],
    )
    def test_what_is_not_there_is_not_found(self, scene: Scene, identity: dict[str, str]) -> None:
        assert code_of(scene.aws.get_action_type, **identity) == "ActionTypeNotFoundException"

    def test_custom_types_are_not_for_this_operation(self, scene: Scene) -> None:
        scene.types()
        identity = named("Build", "Custom", "Builder")
        assert code_of(scene.aws.get_action_type, **identity) == "ValidationException"
        assert "'owner' failed to satisfy constraint" in message_of(scene.aws.get_action_type, **identity)

    def test_a_policy_names_no_single_type(self, scene: Scene) -> None:
        other = stranger(scene, "codepipeline:ListPipelines")
        said = message_of(other.get_action_type, **named("Deploy", "AWS", "S3"))
        assert "codepipeline:GetActionType on resource: * because" in said


def changed(partner: Partner, **more: Any) -> dict[str, Any]:
    return {**declaration(partner.provider), **more}


def property_of(name: str, *, optional: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "optional": optional, "key": False, "noEcho": False, **more}


class TestUpdate:
    def test_an_update_is_told_from_then_on(self, scene: Scene) -> None:
        partner = Partner(scene)
        wanted = changed(
            partner,
            description="Better",
            permissions={"allowedAccounts": ["123456789012"]},
            urls={"entityUrlTemplate": "https://partner.example/new"},
            properties=[property_of("Mode"), property_of("Speed"), property_of("Password", noEcho=True)],
        )
        scene.aws.update_action_type(actionType=wanted)
        assert scene.aws.get_action_type(**partner.type_id)["actionType"] == wanted
        assert code_of(stranger(scene).get_action_type, **partner.type_id) == "ActionTypeNotFoundException"

    def test_new_pipelines_may_use_what_was_added_and_old_ones_stay(self, scene: Scene) -> None:
        partner = Partner(scene)
        scene.types()
        scene.pipeline("before", stage("Check", partner.action(configuration={"Mode": "fast"})))
        kept = property_of("Speed")
        scene.aws.update_action_type(actionType=changed(partner, properties=[kept]))
        scene.pipeline("after", stage("Check", partner.action(configuration={"Speed": "9"})))
        scene.work("Origin")
        details = partner.details(partner.poll()[0]["jobId"])
        assert details["data"]["actionConfiguration"]["configuration"] == {"Mode": "fast"}

    @pytest.mark.parametrize(
        ("properties", "said"),
        [
            ([property_of("Mode", optional=False)], "is optional and cannot become required"),
            ([property_of("New", optional=False)], "The new property 'New' has to be optional"),
        ],
    )
    def test_what_would_break_pipelines_is_refused(self, scene: Scene, properties: list[Any], said: str) -> None:
        partner = Partner(scene)
        wanted = changed(partner, properties=properties)
        assert code_of(scene.aws.update_action_type, actionType=wanted) == "ValidationException"
        assert said in message_of(scene.aws.update_action_type, actionType=wanted)
        assert scene.aws.get_action_type(**partner.type_id)["actionType"] == declaration(partner.provider)

    def test_what_is_required_may_become_optional_and_then_not_required_again(self, scene: Scene) -> None:
        partner = Partner(scene)
        strict = changed(
            partner, id={**partner.type_id, "version": "2"}, properties=[property_of("Mode", optional=False)]
        )
        partner.call("RegisterPartnerActionType", actionType=strict)
        loose = {**strict, "properties": [property_of("Mode")]}
        scene.aws.update_action_type(actionType=strict)
        scene.aws.update_action_type(actionType=loose)
        assert code_of(scene.aws.update_action_type, actionType=strict) == "ValidationException"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"executor": {"type": "JobWorker", "configuration": {}}},
            {"inputArtifactDetails": {"minimumCount": 3, "maximumCount": 2}},
            {"permissions": {"allowedAccounts": []}},
            {"permissions": {"allowedAccounts": ["me"]}},
            {"properties": [property_of(f"P{number}") for number in range(11)]},
            {"urls": {"entityUrlTemplate": ""}},
        ],
    )
    def test_what_cannot_be_registered_cannot_be_updated_to(self, scene: Scene, wrong: dict[str, Any]) -> None:
        partner = Partner(scene)
        assert code_of(scene.aws.update_action_type, actionType=changed(partner, **wrong)) == "ValidationException"

    def test_the_owner_stays(self, scene: Scene) -> None:
        partner = Partner(scene)
        for owner, code in (("Custom", "ValidationException"), ("AWS", "ActionTypeNotFoundException")):
            wanted = changed(partner, id={**partner.type_id, "owner": owner})
            assert code_of(scene.aws.update_action_type, actionType=wanted) == code

    def test_only_the_account_that_registered_it_may(self, scene: Scene) -> None:
        partner = Partner(scene)
        other = stranger(scene)
        wanted = changed(partner, description="mine now")
        assert code_of(other.update_action_type, actionType=wanted) == "RequestFailedException"
        scene.aws.update_action_type(actionType=changed(partner, permissions={"allowedAccounts": ["123456789012"]}))
        assert code_of(other.update_action_type, actionType=wanted) == "ActionTypeNotFoundException"

    def test_what_is_built_in_stays_as_it_is(self, scene: Scene) -> None:
        for identity in (named("Deploy", "AWS", "S3"), named("Deploy", "ThirdParty", "AlexaSkillsKit")):
            wanted = {**declaration("S3"), "id": identity}
            assert code_of(scene.aws.update_action_type, actionType=wanted) == "RequestFailedException"

    def test_an_unknown_type_is_not_found(self, scene: Scene) -> None:
        assert code_of(scene.aws.update_action_type, actionType=declaration("Nobody")) == "ActionTypeNotFoundException"

    def test_an_updated_type_cannot_be_registered_anew_as_it_was(self, scene: Scene) -> None:
        partner = Partner(scene)
        updated = changed(partner, description="Better")
        scene.aws.update_action_type(actionType=updated)
        partner.call("RegisterPartnerActionType", actionType=updated)
        assert scene.aws.get_action_type(**partner.type_id)["actionType"] == updated


class TestList:
    def test_each_owner_has_its_own(self, scene: Scene) -> None:
        scene.types()
        partner = Partner(scene)
        for owner in ("AWS", "Custom", "ThirdParty"):
            found = scene.aws.list_action_types(actionOwnerFilter=owner)["actionTypes"]
            assert {each["id"]["owner"] for each in found} == {owner}
        wanted = {
            "AWS/Source/S3/1",
            "Custom/Build/Builder/1",
            "ThirdParty/Source/GitHub/1",
            f"ThirdParty/Test/{partner.provider}/1",
        }
        assert wanted <= set(listed(scene))

    def test_another_region_has_what_is_everybodys_and_nothing_of_ones_own(self, scene: Scene) -> None:
        scene.types()
        elsewhere = scene.aws.list_action_types(regionFilter="nowhere-1", actionOwnerFilter="Custom")
        assert elsewhere["actionTypes"] == []
        built_in = scene.aws.list_action_types(regionFilter="nowhere-1", actionOwnerFilter="AWS")["actionTypes"]
        assert built_in == scene.aws.list_action_types(actionOwnerFilter="AWS")["actionTypes"]

    def test_types_that_one_may_not_see_do_not_end_the_list(self, scene: Scene) -> None:
        partner = Partner(scene)
        prefix = scene.region.replace("-", "")
        for number in range(210):
            hidden = {**declaration(f"A{prefix}{number:03}"), "permissions": {"allowedAccounts": ["999999999999"]}}
            partner.call("RegisterPartnerActionType", actionType=hidden)
        last = declaration(f"Z{prefix}")
        partner.call("RegisterPartnerActionType", actionType=last)
        found = listed(scene)
        assert f"ThirdParty/Test/Z{prefix}/1" in found
        assert not [each for each in found if f"/A{prefix}" in each]
        assert found == sorted(set(found))

    @pytest.mark.parametrize("other", [{"actionOwnerFilter": "AWS"}, {"regionFilter": "eu-west-1"}])
    def test_a_token_is_of_its_filters(self, scene: Scene, other: dict[str, str]) -> None:
        scene.types(*[custom_type(f"T{number}") for number in range(48)])
        for number in range(60):
            own_operation(
                scene.server.url,
                scene.server.root_keys,
                scene.region,
                "RegisterPartnerActionType",
                actionType=declaration(f"Q{number}"),
            )
        token = scene.aws.list_action_types()["nextToken"]
        assert scene.aws.list_action_types(nextToken=token)["actionTypes"]
        assert code_of(scene.aws.list_action_types, nextToken=token, **other) == "InvalidNextTokenException"
        assert code_of(scene.aws.list_action_types, nextToken=token[:-2]) == "InvalidNextTokenException"


def listed(scene: Scene) -> list[str]:
    """The types of all pages."""
    found: list[str] = []
    answer = scene.aws.list_action_types()
    while True:
        found += ["/".join(each["id"][part] for part in KEY) for each in answer["actionTypes"]]
        if "nextToken" not in answer:
            return found
        answer = scene.aws.list_action_types(nextToken=answer["nextToken"])


class TestRuleTypes:
    def test_the_six_are_there_with_what_they_take(self, scene: Scene) -> None:
        found = {each["id"]["provider"]: each for each in scene.aws.list_rule_types()["ruleTypes"]}
        taken = {
            name: {each["name"]: each["required"] for each in kind["ruleConfigurationProperties"]}
            for name, kind in found.items()
        }
        assert taken == {
            "CloudWatchAlarm": {"AlarmName": True, "AlarmStates": False, "WaitTime": False},
            "CodeBuild": {
                "ProjectName": True,
                "PrimarySource": False,
                "BatchEnabled": False,
                "CombineArtifacts": False,
                "EnvironmentVariables": False,
            },
            "Commands": {},
            "DeploymentWindow": {"Cron": True, "TimeZone": False},
            "LambdaInvoke": {"FunctionName": True, "UserParameters": False},
            "VariableCheck": {"Variable": True, "Value": True, "Operator": True},
        }

    def test_each_is_shaped_as_the_model_says(self, scene: Scene) -> None:
        (window,) = [
            each for each in scene.aws.list_rule_types()["ruleTypes"] if each["id"]["provider"] == "DeploymentWindow"
        ]
        assert window["id"] == {"category": "Rule", "owner": "AWS", "provider": "DeploymentWindow", "version": "1"}
        assert window["inputArtifactDetails"] == {"minimumCount": 0, "maximumCount": 0}
        cron = window["ruleConfigurationProperties"][0]
        assert {key: cron[key] for key in ("required", "key", "secret", "queryable", "type")} == {
            "required": True,
            "key": True,
            "secret": False,
            "queryable": False,
            "type": "String",
        }

    def test_filters_of_those_that_there_are_change_nothing(self, scene: Scene) -> None:
        everything = scene.aws.list_rule_types()["ruleTypes"]
        assert scene.aws.list_rule_types(ruleOwnerFilter="AWS", regionFilter="eu-west-1")["ruleTypes"] == everything

    def test_filters_of_no_known_kind_break_a_constraint(self, scene: Scene) -> None:
        assert code_of(scene.aws.list_rule_types, ruleOwnerFilter="Custom") == "ValidationException"
        assert code_of(scene.aws.list_rule_types, regionFilter="x") == "ValidationException"


class TestTargets:
    def test_an_action_that_deploys_nowhere_has_no_targets(self, scene: Scene) -> None:
        scene.line()
        scene.work()
        for run in scene.actions():
            asked = {"actionExecutionId": run["actionExecutionId"]}
            for more in ({}, {"pipelineName": "line"}, {"filters": [{"name": "TARGET_STATUS", "values": ["Failed"]}]}):
                answer = scene.aws.list_deploy_action_execution_targets(**asked, **more)
                assert answer["targets"] == []
                assert "nextToken" not in answer

    def test_an_unknown_action_execution_is_not_found(self, scene: Scene) -> None:
        scene.line()
        call = scene.aws.list_deploy_action_execution_targets
        assert code_of(call, actionExecutionId=UNKNOWN_ID) == "ActionExecutionNotFoundException"
        assert code_of(call, actionExecutionId="nonsense") == "ActionExecutionNotFoundException"

    def test_one_of_another_pipeline_region_or_account_is_not_found(self, scene: Scene) -> None:
        scene.line()
        scene.pipeline("other")
        run = scene.actions()[0]["actionExecutionId"]
        call = scene.aws.list_deploy_action_execution_targets
        asked = {"actionExecutionId": run, "pipelineName": "other"}
        assert code_of(call, **asked) == "ActionExecutionNotFoundException"
        assert code_of(call, **{**asked, "pipelineName": "nobody"}) == "PipelineNotFoundException"
        elsewhere = Scene(scene.server, scene.witness).aws.list_deploy_action_execution_targets
        strangers = stranger(scene).list_deploy_action_execution_targets
        for other in (elsewhere, strangers):
            assert code_of(other, actionExecutionId=run) == "ActionExecutionNotFoundException"

    def test_no_token_was_ever_given_out(self, scene: Scene) -> None:
        scene.line()
        asked = {"actionExecutionId": scene.actions()[0]["actionExecutionId"], "nextToken": "x"}
        assert code_of(scene.aws.list_deploy_action_execution_targets, **asked) == "InvalidNextTokenException"

    def test_wrong_numbers_break_a_constraint(self, scene: Scene) -> None:
        call = scene.aws.list_deploy_action_execution_targets
        assert code_of(call, actionExecutionId=UNKNOWN_ID, maxResults=101) == "ValidationException"
        assert code_of(call, pipelineName="line") == "ValidationException"
