from typing import Any

import msgspec
import pytest

from penstock.core.action_types import ActionTypeRules, bind, builtin, check_custom, type_key
from penstock.core.limits import DAY, HOUR, MINUTE
from penstock.wire import types as wire
from penstock.wire.errors import ValidationException

PROPERTIES = [
    {"name": "Project", "required": True, "key": True, "secret": False, "queryable": True},
    {"name": "Token", "required": True, "key": False, "secret": True},
    {"name": "Note", "required": False, "key": False, "secret": False},
]
COUNTS = {"minimumCount": 1, "maximumCount": 2}
URLS = {
    "entityUrlTemplate": "https://ci/{Config:Project}",
    "executionUrlTemplate": "https://ci/{Config:Project}/{ExternalExecutionId}",
    "revisionUrlTemplate": "https://ci/{Config:Project}/revision",
}
CUSTOM_ID = {"category": "Build", "owner": "Custom", "provider": "Forge", "version": "2"}
CUSTOM = msgspec.convert(
    {
        "id": CUSTOM_ID,
        "settings": URLS,
        "actionConfigurationProperties": PROPERTIES,
        "inputArtifactDetails": COUNTS,
        "outputArtifactDetails": COUNTS,
    },
    wire.ActionType,
)
PARTNER = msgspec.convert(
    {
        "executor": {"configuration": {}, "type": "JobWorker", "jobTimeout": 600},
        "id": {**CUSTOM_ID, "owner": "ThirdParty"},
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 10},
        "outputArtifactDetails": COUNTS,
        "properties": [
            {"name": "Project", "optional": False, "key": True, "noEcho": False, "queryable": True, "description": "P"},
            {"name": "Token", "optional": True, "key": False, "noEcho": True},
        ],
        "urls": {**URLS, "configurationUrl": "https://ci"},
    },
    wire.ActionTypeDeclaration,
)


def action(kind: str, **members: Any) -> wire.ActionDeclaration:
    category, provider, owner = kind.split("/")
    type_id = wire.ActionTypeId(category=category, owner=owner, provider=provider, version="1")
    return wire.ActionDeclaration(name="A", action_type_id=type_id, **members)


def request(**members: Any) -> wire.CreateCustomActionTypeInput:
    return msgspec.convert(
        {
            "category": "Build",
            "provider": "Forge",
            "version": "1",
            "configurationProperties": PROPERTIES,
            "inputArtifactDetails": COUNTS,
            "outputArtifactDetails": COUNTS,
            "settings": URLS,
            **members,
        },
        wire.CreateCustomActionTypeInput,
    )


def described(name: str, **flags: bool) -> dict[str, Any]:
    return {"name": name, "required": True, "key": False, "secret": False, **flags}


def test_every_pair_of_category_and_provider_is_in_the_catalogue() -> None:
    assert {(rules.id.category, rules.id.owner, rules.id.provider) for rules in builtin().values()} == {
        *(("Source", "AWS", name) for name in ("S3", "CodeCommit", "CodeStarSourceConnection", "ECR")),
        ("Source", "ThirdParty", "GitHub"),
        *(("Build", "AWS", name) for name in ("CodeBuild", "ECRBuildAndPublish", "Commands")),
        ("Compute", "AWS", "Commands"),
        *(("Test", "AWS", name) for name in ("CodeBuild", "DeviceFarm")),
        *(("Deploy", "AWS", name) for name in ("S3", "CodeDeploy", "CodeDeployToECS", "ECS", "EKS", "EC2", "Lambda")),
        *(("Deploy", "AWS", f"CloudFormation{kind}") for kind in ("", "StackSet", "StackInstances")),
        *(("Deploy", "AWS", name) for name in ("ElasticBeanstalk", "AppConfig", "OpsWorks", "ServiceCatalog")),
        ("Deploy", "ThirdParty", "AlexaSkillsKit"),
        ("Approval", "AWS", "Manual"),
        *(("Invoke", "AWS", name) for name in ("Lambda", "StepFunctions", "CodePipeline", "InspectorScan")),
    }


@pytest.mark.parametrize(
    ("key", "required"),
    [
        ("AWS/Source/S3/1", {"S3Bucket", "S3ObjectKey"}),
        ("AWS/Source/ECR/1", {"RepositoryName"}),
        ("AWS/Source/CodeCommit/1", {"RepositoryName", "BranchName"}),
        ("AWS/Deploy/S3/1", {"BucketName", "Extract"}),
        ("AWS/Deploy/CodeDeploy/1", {"ApplicationName", "DeploymentGroupName"}),
        ("AWS/Deploy/CloudFormation/1", {"ActionMode", "StackName"}),
        ("AWS/Deploy/ECS/1", {"ClusterName", "ServiceName"}),
        ("AWS/Deploy/ElasticBeanstalk/1", {"ApplicationName", "EnvironmentName"}),
        ("AWS/Build/CodeBuild/1", {"ProjectName"}),
        ("AWS/Test/CodeBuild/1", {"ProjectName"}),
        ("AWS/Invoke/Lambda/1", {"FunctionName"}),
        ("AWS/Invoke/StepFunctions/1", {"StateMachineArn"}),
        ("AWS/Invoke/CodePipeline/1", {"PipelineName"}),
    ],
)
def test_the_required_properties_are_those_that_the_service_asks_for(key: str, required: set[str]) -> None:
    assert {each.name for each in builtin()[key].properties if each.required} == required


def test_the_catalogue_is_sound() -> None:
    for key, rules in builtin().items():
        names = [each.name for each in rules.properties]
        assert len(set(names)) == len(names), key
        assert rules.inputs.minimum <= rules.inputs.maximum, key
        assert rules.outputs.minimum <= rules.outputs.maximum, key
        assert all(len(each.description or "") in range(1, 161) for each in rules.properties), key
        assert rules.query_property is None
    secrets = {name for rules in builtin().values() for name in rules.secret_keys}
    assert secrets == {"OAuthToken", "ClientSecret", "RefreshToken"}


def test_types_for_v2_pipelines_are_marked() -> None:
    marked = {rules.id.provider for rules in builtin().values() if rules.is_v2_only and rules.id.provider != "Lambda"}
    assert marked == {"Commands", "EC2", "EKS", "ECRBuildAndPublish", "InspectorScan", "CodePipeline"}
    assert builtin()["AWS/Deploy/Lambda/1"].is_v2_only
    assert not builtin()["AWS/Invoke/Lambda/1"].is_v2_only


def test_a_type_of_the_catalogue_is_listed_with_all_flags() -> None:
    listed = msgspec.to_builtins(builtin()["AWS/Compute/Commands/1"].as_wire())
    assert listed["inputArtifactDetails"] == {"minimumCount": 1, "maximumCount": 10}
    assert listed["actionConfigurationProperties"][0] == {
        "name": "EnvironmentType",
        "required": False,
        "key": False,
        "secret": False,
        "queryable": False,
        "type": "String",
        "description": "LINUX_CONTAINER (default) or WINDOWS_SERVER_2022_CONTAINER",
    }


def test_a_custom_type_is_listed_as_it_was_made() -> None:
    listed = ActionTypeRules.of_custom(CUSTOM).as_wire()
    shown = [{"queryable": False, **each} for each in PROPERTIES]
    assert msgspec.to_builtins(listed.action_configuration_properties) == tuple(shown)
    assert msgspec.structs.replace(listed, action_configuration_properties=None) == msgspec.structs.replace(
        CUSTOM, action_configuration_properties=None
    )


def test_a_partner_s_words_are_turned_into_those_of_custom_types() -> None:
    rules = ActionTypeRules.of_partner(PARTNER)
    assert rules.id == wire.ActionTypeId(category="Build", owner="ThirdParty", provider="Forge", version="2")
    assert [(each.name, each.required, each.secret) for each in rules.properties] == [
        ("Project", True, False),
        ("Token", False, True),
    ]
    assert (rules.query_property, rules.secret_keys, rules.inputs.maximum) == ("Project", ("Token",), 10)
    assert rules.settings is not None
    assert rules.settings.third_party_configuration_url == "https://ci"


@pytest.mark.parametrize(
    ("owner", "key"),
    [
        ("Custom", "Custom/111122223333/eu-west-1/Build/Forge/2"),
        ("AWS", "AWS/Build/Forge/2"),
        ("ThirdParty", "ThirdParty/Build/Forge/2"),
    ],
)
def test_a_type_key_names_the_account_for_custom_types_only(owner: str, key: str) -> None:
    type_id = msgspec.convert({**CUSTOM_ID, "owner": owner}, wire.ActionTypeId)
    assert type_key(type_id, "111122223333", "eu-west-1") == key


@pytest.mark.parametrize(
    ("kind", "members", "seconds"),
    [
        ("Compute/Commands/AWS", {}, 55 * MINUTE),
        ("Deploy/CloudFormation/AWS", {}, 3 * DAY),
        ("Source/S3/AWS", {}, HOUR),
        ("Source/GitHub/ThirdParty", {}, HOUR),
        ("Approval/Manual/AWS", {}, 7 * DAY),
        ("Approval/Manual/AWS", {"timeout_in_minutes": 5}, 5 * MINUTE),
    ],
)
def test_an_action_has_the_time_of_its_type(kind: str, members: dict[str, Any], seconds: int) -> None:
    declared = action(kind, **members)
    key = type_key(declared.action_type_id, "", "")
    binding = bind(declared, builtin()[key], key)
    assert (binding.type_key, binding.timeout_seconds) == (key, seconds)
    assert binding.is_approval == kind.startswith("Approval")


def test_a_custom_action_is_bound_with_its_urls_and_a_day() -> None:
    binding = bind(action("Build/Forge/Custom"), ActionTypeRules.of_custom(CUSTOM), "k")
    assert (binding.timeout_seconds, binding.job_timeout_seconds) == (DAY, None)
    assert (binding.query_property, binding.secret_keys) == ("Project", ("Token",))
    assert [binding.entity_url, binding.execution_url, binding.revision_url] == list(URLS.values())


def test_a_partner_s_action_is_bound_with_the_time_of_each_job() -> None:
    binding = bind(action("Build/Forge/ThirdParty"), ActionTypeRules.of_partner(PARTNER), "k")
    assert (binding.timeout_seconds, binding.job_timeout_seconds) == (DAY, 600)


def test_a_sound_custom_type_passes() -> None:
    check_custom(request())
    check_custom(request(settings=None, configurationProperties=None, category="Source"))


QUERYABLE = described("P", queryable=True)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"category": "Approval"}, "A custom action type cannot have the category 'Approval'."),
        (
            {"inputArtifactDetails": {"minimumCount": 2, "maximumCount": 1}},
            "Maximum Number of Artifacts (1) has to be greater than or equal to minimum (2).",
        ),
        (
            {"outputArtifactDetails": {"minimumCount": 5, "maximumCount": 0}},
            "Maximum Number of Artifacts (0) has to be greater than or equal to minimum (5).",
        ),
        (
            {"configurationProperties": [described("A", queryable=True), described("B", queryable=True)]},
            (
                "Multiple queryable configuration properties found with names 'A, B'. Up to one queryable property may "
                "be specified."
            ),
        ),
        (
            {"configurationProperties": [{**QUERYABLE, "secret": True}]},
            "Invalid queryable property 'P'. Queryable configuration properties must be required and non-secret.",
        ),
        (
            {"configurationProperties": [{**QUERYABLE, "required": False}]},
            "Invalid queryable property 'P'. Queryable configuration properties must be required and non-secret.",
        ),
        (
            {"configurationProperties": [described("P"), described("P")]},
            "Configuration property 'P' is used more than once.",
        ),
    ],
)
def test_an_unsound_custom_type_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        check_custom(request(**{"settings": None, **members}))
    assert refused.value.message == message


@pytest.mark.parametrize("placeholder", ["Config:Token", "Config:Note", "Config:Gone", "Project", "RevisionId", ""])
@pytest.mark.parametrize("member", URLS)
def test_a_url_template_refers_to_required_and_open_properties(member: str, placeholder: str) -> None:
    with pytest.raises(ValidationException) as refused:
        check_custom(request(settings={member: f"https://ci/{{{placeholder}}}"}))
    assert refused.value.message.startswith(f"Invalid placeholder '{{{placeholder}}}' in '{member}'.")
