"""`penstock validate` over CloudFormation templates, and with custom action types."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.documents import Json, Validate, approval, capitals, findings, line, resource, source, template
from cli.running import Ended
from declarations import action, custom_type, stage
from penstock.cli.main import main

TEMPLATES = Path(__file__).parents[3] / "shared" / "fixtures" / "cdk-templates"

GET = "Fn::GetAtt"


class TestTemplates:
    def test_every_pipeline_of_a_template_is_looked_at(self, validate: Validate) -> None:
        broken = {**line(), "name": "other", "stages": [stage("Source", source())]}
        both = template(line(), Other=resource("Pipeline", **capitals(broken)), Topic={"Type": "AWS::SNS::Topic"})
        ended = validate(both)
        assert (ended.code, ended.out.count("\n")) == (1, 1)
        assert ended.out.startswith("file.json: Other: InvalidStructureException: Pipeline has only 1 stage(s)")
        shown = json.loads(validate(both, "--json").out)
        assert (shown["pipelines"], shown["findings"][0]["logicalId"]) == (2, "Other")
        assert shown["findings"][0]["pipeline"] == "other"

    def test_what_only_a_deployment_knows_is_taken_to_be_right(self, validate: Validate) -> None:
        declared = line(
            roleArn={GET: ["Role", "Arn"]},
            artifactStore={
                "type": "S3",
                "location": {"Fn::ImportValue": "Stack:ExportsOutputRefBucket" + "X" * 80},
                "encryptionKey": {"id": {GET: "Key.Arn"}, "type": {"Ref": "KeyType"}},
            },
            executionMode={"Ref": "Mode"},
            pipelineType={"Fn::If": ["New", "V2", "V1"]},
            name={"Fn::Sub": "${AWS::StackName}-line"},
        )
        fetch, ask = declared["stages"][0]["actions"][0], declared["stages"][1]["actions"][0]
        fetch["configuration"] = {
            "S3Bucket": {"Ref": "Bucket"},
            "S3ObjectKey": {"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Key"}]}]},
            "PollForSourceChanges": False,
        }
        fetch["runOrder"] = {"Ref": "Order"}
        ask["configuration"] = {"NotificationArn": {"Ref": "Topic"}, "CustomData": {"Ref": "AWS::NoValue"}}
        ask["roleArn"] = {
            "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":role/x"]]
        }
        ask["timeoutInMinutes"] = "30"
        ask["actionTypeId"]["version"] = 1
        assert validate(template(declared)).out == "file.json: nothing wrong with 1 pipeline\n"

    def test_what_is_put_together_is_looked_into(self, validate: Validate) -> None:
        texts = (
            {"Fn::Join": ["-", [{"Ref": "Image"}, "#{Nobody.Tag}"]]},
            {"Fn::Sub": "${Image}-#{Nobody.Tag}"},
            {"Fn::Sub": ["${Tag}", {"Tag": "#{Nobody.Tag}"}]},
            {"Fn::If": ["Released", "#{Nobody.Tag}", {"Ref": "AWS::NoValue"}]},
        )
        for text in texts:
            declared = line(stage("Gate", {**approval(), "configuration": {"CustomData": text}}))
            ended = validate(template(declared))
            assert (ended.code, "VariableReferenceText=[Nobody.Tag]" in ended.out) == (1, True)

    def test_what_is_literal_in_a_wrong_place_is_found_beside_placeholders(self, validate: Validate) -> None:
        declared = line(roleArn={"Fn::Join": ["", ["role/", "me"]]}, name={"Ref": "Name"})
        ended = validate(template(declared))
        assert "Value 'role/me' at 'pipeline.roleArn' failed to satisfy constraint" in ended.out

    def test_the_same_placeholder_is_the_same_name(self, validate: Validate) -> None:
        declared = line(stage("Gate", approval(region={"Ref": "Far"})))
        stores = [
            {"Region": {"Ref": region}, "ArtifactStore": {"Type": "S3", "Location": "bucket"}}
            for region in ("AWS::Region", "Far")
        ]
        del declared["artifactStore"]
        made = template(declared)
        made["Resources"]["Line"]["Properties"]["ArtifactStores"] = stores
        assert validate(made).code == 0
        declared = line()
        declared["stages"][1]["name"] = declared["stages"][0]["name"] = {"Ref": "Name"}
        assert "Stage name 'Name' is used more than once" in validate(template(declared)).out

    def test_a_pipeline_without_a_name_gets_one(self, validate: Validate) -> None:
        declared = line()
        del declared["name"]
        assert validate(template(declared)).code == 0

    def test_gates_and_triggers_are_read(self, validate: Validate) -> None:
        rule = {"category": "Rule", "owner": "AWS", "provider": "DeploymentWindow", "version": "1"}
        gate = {
            "conditions": [{"result": "FAIL", "rules": [{"name": "Open", "ruleTypeId": rule, "configuration": {}}]}]
        }
        declared = line({**stage("Gate", approval()), "beforeEntry": gate}, pipelineType="V2")
        assert (
            "Rule configuration for rule 'Open' is missing required configuration 'Cron'"
            in validate(template(declared)).out
        )
        trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": "Nobody"}}
        assert "Triggers for connections must reference" in validate(template(line(triggers=[trigger]))).out

    def test_tags_of_the_resource_are_the_pipelines(self, validate: Validate) -> None:
        made = template(line())
        made["Resources"]["Line"]["Properties"]["Tags"] = [{"Key": "aws:x", "Value": "y"}]
        assert "InvalidTagsException" in validate(made).out

    @pytest.mark.parametrize(
        "properties", [{}, {"Stages": {"Ref": "Stages"}}, {"Stages": 3}, {"Stages": [None]}, None, 7]
    )
    def test_a_resource_of_a_strange_form_is_a_finding(self, validate: Validate, properties: Any) -> None:
        made = {"Resources": {"Line": {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties}}}
        ended = validate(made)
        assert (ended.code, ended.err) == (1, "")

    def test_resources_that_are_none_are_passed_over(self, validate: Validate) -> None:
        made = template(line())
        made["Resources"]["Fn::ForEach::Queues"] = ["Name", ["a"], {}]
        assert validate(made).code == 0


class TestYaml:
    TEMPLATE = """
Parameters: {Repo: {Type: String}}
Resources:
  Line:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: !GetAtt Role.Arn
      PipelineType: V2
      ArtifactStore: {Type: S3, Location: !Ref Bucket}
      Stages:
        - Name: Source
          Actions:
            - Name: Fetch
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: 1}
              OutputArtifacts: [Name: App]
              Configuration:
                S3Bucket: !Ref Bucket
                S3ObjectKey: !Sub "${Repo}/app.zip"
                PollForSourceChanges: false
        - Name: Gate
          Actions:
            - !If
              - Careful
              - Name: Ask
                ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}
                Configuration: {CustomData: !Join [" ", [look, "#{NAMESPACE}"]], NotificationArn: !Ref Topic}
              - !Ref AWS::NoValue
"""

    def test_short_forms_of_functions_are_read(self, validate: Validate) -> None:
        good = self.TEMPLATE.replace("NAMESPACE", "codepipeline.PipelineExecutionId")
        assert validate(good, name="line.yaml") == Ended(0, "line.yaml: nothing wrong with 1 pipeline\n", "")
        bad = validate(self.TEMPLATE.replace("NAMESPACE", "Nobody.x"), name="line.yaml")
        assert "line.yaml: Line: InvalidActionDeclarationException" in bad.out

    def test_a_pipeline_in_yaml_is_read(self, validate: Validate) -> None:
        text = """
pipeline:
  name: line
  roleArn: arn:aws:iam::123456789012:role/pipeline
  artifactStore: {type: S3, location: bucket}
  version: 2
  stages: []
metadata:
  created: 2026-11-22T10:00:00+01:00
"""
        assert "Pipeline has only 0 stage(s)" in validate(text, name="line.yml").out


LIFT = stage("Lift", action("Lift", "Deploy", "Custom", "Crane", {"Site": "north"}))


class TestCustomTypes:
    def crane(self) -> Json:
        return custom_type("Crane", category="Deploy", query="Site")

    def listed(self, owner: str = "Custom") -> Json:
        created = self.crane()
        identity = {**{part: created.pop(part) for part in ("category", "provider", "version")}, "owner": owner}
        created["actionConfigurationProperties"] = created.pop("configurationProperties")
        return {"id": identity, **created}

    def test_those_of_the_template_are_known(self, validate: Validate) -> None:
        declared = line(LIFT)
        assert "Provider: 'Crane', Owner: 'Custom'" in validate(template(declared)).out
        crane = resource("CustomActionType", **capitals(self.crane()))
        assert validate(template(declared, Crane=crane)).code == 0

    def test_their_properties_count(self, validate: Validate) -> None:
        crane = resource("CustomActionType", **capitals(self.crane()))
        declared = line(stage("Lift", action("Lift", "Deploy", "Custom", "Crane", {"Place": "x"})))
        assert "missing required configuration 'Site'" in validate(template(declared, Crane=crane)).out

    def test_a_wrong_one_is_a_finding_of_its_own(self, validate: Validate) -> None:
        crane = capitals(self.crane())
        crane["InputArtifactDetails"] = {"MinimumCount": "3", "MaximumCount": "2"}
        ended = validate(template(line(), Crane=resource("CustomActionType", **crane)))
        assert ended.out.startswith("file.json: Crane: ValidationException: Maximum Number of Artifacts (2)")
        only = {"Resources": {"Crane": resource("CustomActionType", **crane)}}
        assert validate(only).code == 1

    def test_others_can_be_told_in_any_form_in_which_they_are_found(self, validate: Validate, tmp_path: Path) -> None:
        crane = resource("CustomActionType", **capitals(self.crane()))
        forms: list[Any] = [
            self.crane(),
            [self.crane()],
            {"actionTypes": [self.listed(), {**self.listed(), "id": {**self.listed()["id"], "owner": "AWS"}}]},
            {"actionType": self.listed()},
            self.listed(),
            {"Resources": {"Crane": crane}},
        ]
        for form in forms:
            (tmp_path / "types.json").write_text(json.dumps(form))
            ended = validate(line(LIFT), "--custom-action-types", "types.json")
            assert (ended.code, ended.out) == (0, "file.json: nothing wrong with 1 pipeline\n")

    def test_partners_types_can_be_told_too(self, validate: Validate, tmp_path: Path) -> None:
        (tmp_path / "types.json").write_text(json.dumps([self.listed("ThirdParty")]))
        theirs = stage("Lift", action("Lift", "Deploy", "ThirdParty", "Crane", {"Site": "north"}))
        told = ("--custom-action-types", "types.json")
        assert validate(line(theirs), *told).code == 0
        assert validate(line(LIFT), *told).code == 1

    def test_wrong_ones_are_findings_of_their_file(self, validate: Validate, tmp_path: Path) -> None:
        (tmp_path / "types.json").write_text(json.dumps({**self.crane(), "category": "Approval"}))
        (found,) = findings(validate(line(), "--custom-action-types", "types.json", "--json"))
        assert (found["file"], found["error"]) == ("types.json", "ValidationException")

    @pytest.mark.parametrize("text", ["{}", "[3]", "3", "[]]"])
    def test_a_file_without_any_is_wrong_usage(self, validate: Validate, tmp_path: Path, text: str) -> None:
        (tmp_path / "types.json").write_text(text)
        ended = validate(line(), "--custom-action-types", "types.json")
        assert (ended.code, ended.out) == (2, "")
        assert "types.json" in ended.line


def real() -> list[Path]:
    return sorted(TEMPLATES.glob("*.json"))


@pytest.mark.skipif(not real(), reason=f"there are no templates of the CDK in {TEMPLATES}")
def test_templates_that_the_service_has_taken_are_found_good(capsys: pytest.CaptureFixture[str]) -> None:
    for file in real():
        with pytest.raises(SystemExit) as ending:
            main(["validate", str(file)])
        assert (ending.value.code, capsys.readouterr().out.partition(": ")[2][:13]) == (0, "nothing wrong"), file


@pytest.mark.skipif(not real(), reason=f"there are no templates of the CDK in {TEMPLATES}")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda stages: stages.pop(), "There should be a minimum of 2 stages"),
        (lambda stages: stages.reverse(), "Pipeline should start with a stage that only contains source actions"),
        (lambda stages: stages[1].update(Name=stages[0]["Name"]), "is used more than once"),
        (lambda stages: stages[1]["Actions"][0]["Configuration"].clear(), "is missing required configuration"),
        (lambda stages: stages[0]["Actions"][0].pop("OutputArtifacts"), "less than the minimum count (1)"),
    ],
)
def test_damage_to_a_real_template_is_found(validate: Validate, damage: Callable[[Any], Any], said: str) -> None:
    made = json.loads(
        (
            TEMPLATES / "aws-codepipeline-actions__pipeline-code-commit-build__"
            "aws-cdk-codepipeline-codecommit-codebuild.template.json"
        ).read_text()
    )
    stages = next(each for each in made["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    damage(stages["Properties"]["Stages"])
    ended = validate(made)
    assert (ended.code, said in ended.out) == (1, True), ended.out
