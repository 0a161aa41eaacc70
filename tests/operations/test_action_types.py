"""CreateCustomActionType, DeleteCustomActionType, ListActionTypes, and the registration of partners' types."""

import json
import urllib.error

import pytest

from declarations import action, custom_type, stage
from operations.partner import Partner, declaration
from operations.scene import Scene, build, code_of, message_of


def property_of(name: str, **changes: object) -> dict:
    return {"name": name, "required": True, "key": False, "secret": False, **changes}


def test_a_created_type_is_answered_as_an_action_type_of_owner_custom(scene: Scene) -> None:
    wanted = {
        **custom_type("Builder", query="Project"),
        "settings": {"entityUrlTemplate": "https://ci.example/{Config:Project}/"},
    }
    made = scene.aws.create_custom_action_type(**wanted, tags=[{"key": "team", "value": "blue"}])
    assert made["actionType"] == {
        "id": {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"},
        "settings": wanted["settings"],
        "actionConfigurationProperties": wanted["configurationProperties"],
        "inputArtifactDetails": wanted["inputArtifactDetails"],
        "outputArtifactDetails": wanted["outputArtifactDetails"],
    }
    assert made["tags"] == [{"key": "team", "value": "blue"}]


def test_types_are_listed_with_those_that_are_built_in(scene: Scene) -> None:
    scene.types()
    listed = scene.aws.list_action_types()["actionTypes"]
    own = scene.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert {each["id"]["provider"] for each in own} == {"Origin", "Builder"}
    assert all(each in listed for each in own)
    built_in = scene.aws.list_action_types(actionOwnerFilter="AWS")["actionTypes"]
    assert {"S3", "Manual", "Commands"} <= {each["id"]["provider"] for each in built_in}
    assert {each["id"]["owner"] for each in built_in} == {"AWS"}


def test_types_of_another_region_are_listed_by_its_name(scene: Scene) -> None:
    scene.types()
    other = Scene(scene.server, scene.witness)
    wanted = {"actionOwnerFilter": "Custom", "regionFilter": scene.region}
    assert len(other.aws.list_action_types(**wanted)["actionTypes"]) == 2
    assert other.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == []


def test_a_deleted_type_is_neither_listed_nor_polled_nor_declared(scene: Scene) -> None:
    scene.types()
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    own = scene.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"]
    assert [each["id"]["provider"] for each in own] == ["Origin"]
    assert code_of(scene.poll) == "ActionTypeNotFoundException"
    with pytest.raises(scene.aws.exceptions.InvalidActionDeclarationException):
        scene.pipeline()


def test_deleting_a_type_that_is_not_there_is_no_error(scene: Scene) -> None:
    scene.aws.delete_custom_action_type(category="Build", provider="Nobody", version="1")


def test_a_type_comes_back_by_the_identical_definition_alone(scene: Scene) -> None:
    scene.types()
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    other = custom_type("Builder", query="Project")
    assert code_of(scene.aws.create_custom_action_type, **other) == "ValidationException"
    scene.aws.create_custom_action_type(**custom_type("Builder"))
    assert scene.poll() == []


def test_a_version_keeps_its_definition(scene: Scene) -> None:
    scene.types()
    scene.aws.create_custom_action_type(**custom_type("Builder"))
    other = custom_type("Builder", query="Project")
    assert code_of(scene.aws.create_custom_action_type, **other) == "ValidationException"
    scene.aws.create_custom_action_type(**{**other, "version": "2"})


def test_running_pipelines_keep_a_type_that_was_deleted(scene: Scene) -> None:
    scene.line("line", stage("Build", build("Make")), stage("After", build("More")))
    scene.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    assert scene.action("Build", "Make")["status"] == "InProgress"
    scene.aws.create_custom_action_type(**custom_type("Builder"))
    scene.work()
    scene.work()
    assert scene.statuses() == ["Succeeded"]


def test_fifty_types_are_the_limit_and_deleted_ones_do_not_count(scene: Scene) -> None:
    for number in range(50):
        scene.aws.create_custom_action_type(**custom_type(f"T{number}"))
    assert code_of(scene.aws.create_custom_action_type, **custom_type("T50")) == "LimitExceededException"
    scene.aws.create_custom_action_type(**custom_type("T49"))
    scene.aws.delete_custom_action_type(category="Build", provider="T0", version="1")
    scene.aws.create_custom_action_type(**custom_type("T50"))
    assert code_of(scene.aws.create_custom_action_type, **custom_type("T0")) == "LimitExceededException"


WRONG = {
    "an approval": {"category": "Approval"},
    "no category": {"category": "Cooking"},
    "a long provider": {"provider": "x" * 36},
    "a version of other characters": {"version": "1.0"},
    "more artifacts at least than at most": {"inputArtifactDetails": {"minimumCount": 3, "maximumCount": 1}},
    "too many artifacts": {"inputArtifactDetails": {"minimumCount": 0, "maximumCount": 6}},
    "two queryable properties": {
        "configurationProperties": [property_of("A", queryable=True), property_of("B", queryable=True)]
    },
    "a queryable secret": {"configurationProperties": [property_of("A", queryable=True, secret=True)]},
    "a queryable property that may be left out": {
        "configurationProperties": [property_of("A", queryable=True, required=False)]
    },
    "a property twice": {"configurationProperties": [property_of("A"), property_of("A")]},
    "eleven properties": {"configurationProperties": [property_of(f"P{number}") for number in range(11)]},
    "a link to a secret": {
        "configurationProperties": [property_of("A", secret=True)],
        "settings": {"entityUrlTemplate": "https://ci.example/{Config:A}"},
    },
    "a link to nothing": {"settings": {"entityUrlTemplate": "https://ci.example/{Config:Ghost}"}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_definition_is_refused(scene: Scene, wrong: str) -> None:
    assert code_of(scene.aws.create_custom_action_type, **{**custom_type(), **WRONG[wrong]}) == "ValidationException"
    assert scene.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"key": "aws:mine", "value": "x"}], "InvalidTagsException"),
        ([{"key": f"k{number}", "value": "x"} for number in range(51)], "TooManyTagsException"),
    ],
)
def test_a_type_with_wrong_tags_is_not_created(scene: Scene, tags: list[dict[str, str]], code: str) -> None:
    assert code_of(scene.aws.create_custom_action_type, **custom_type(), tags=tags) == code
    assert code_of(scene.poll) == "ActionTypeNotFoundException"


def test_a_filter_of_no_known_owner_breaks_a_constraint(scene: Scene) -> None:
    assert "'actionOwnerFilter'" in message_of(scene.aws.list_action_types, actionOwnerFilter="Nobody")


def refused(partner: Partner, operation: str, **parameters: object) -> str:
    with pytest.raises(urllib.error.HTTPError) as raised:
        partner.call(operation, **parameters)
    with raised.value as answer:
        assert answer.code == 400
        code: str = json.load(answer)["__type"]
        return code


class TestPartners:
    def test_a_partners_type_is_listed_and_can_be_declared(self, scene: Scene) -> None:
        partner = Partner(scene)
        listed = scene.aws.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]
        (found,) = [each for each in listed if each["id"] == partner.type_id]
        assert found["settings"]["thirdPartyConfigurationUrl"] == "https://partner.example/set"
        secrets = {each["name"]: each["secret"] for each in found["actionConfigurationProperties"]}
        assert secrets == {"Mode": False, "Password": True}

    def test_registering_the_same_again_changes_nothing_and_another_definition_is_refused(self, scene: Scene) -> None:
        partner = Partner(scene)
        wanted = declaration(partner.provider)
        partner.call("RegisterPartnerActionType", actionType=wanted)
        other = {**wanted, "description": "another"}
        assert refused(partner, "RegisterPartnerActionType", actionType=other) == "ValidationException"

    def test_an_account_that_is_not_permitted_cannot_declare_it(self, scene: Scene) -> None:
        partner = Partner(scene)
        partner.provider = "Closed" + partner.provider
        closed = {**declaration(partner.provider), "permissions": {"allowedAccounts": ["999999999999"]}}
        partner.call("RegisterPartnerActionType", actionType=closed)
        scene.types()
        with pytest.raises(scene.aws.exceptions.InvalidActionDeclarationException):
            scene.pipeline("line", stage("Check", partner.action()))

    @pytest.mark.parametrize("changed", [{"executor": {"type": "JobWorker", "configuration": {}}}, {"properties": 3}])
    def test_a_wrong_registration_is_refused(self, scene: Scene, changed: dict) -> None:
        partner = Partner(scene)
        wrong = {**declaration("Another"), **changed}
        code = refused(partner, "RegisterPartnerActionType", actionType=wrong)
        assert code in ("ValidationException", "SerializationException")

    def test_a_link_to_nobody_is_refused(self, scene: Scene) -> None:
        partner = Partner(scene)
        code = refused(partner, "LinkPartner", provider="Nobody", version="1")
        assert code == "ActionTypeNotFoundException"


def test_a_type_of_the_same_name_is_another_one_in_another_category(scene: Scene) -> None:
    scene.types(custom_type("Builder", category="Deploy"))
    scene.pipeline("line", stage("Ship", action("Ship", "Deploy", "Custom", "Builder")))
    scene.work("Origin")
    assert scene.poll() == []
