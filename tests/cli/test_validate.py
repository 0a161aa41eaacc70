"""`penstock validate`: the rules of a server over a file, with its words and exit codes."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.documents import Json, Validate, approval, findings, line, source, template
from cli.running import Ended, penstock
from declarations import action, pipeline, stage
from penstock.cli.findings import Place, check_pipelines
from penstock.cli.templates import Unreadable, read_document
from serving import Server


class TestPipelines:
    @pytest.mark.parametrize(
        "document",
        [
            line(),
            {"pipeline": line()},
            {"pipeline": {**line(), "version": 3}, "metadata": {"pipelineArn": "arn:aws:codepipeline:r-1:1:line"}},
            {"pipeline": line(), "tags": [{"key": "team", "value": "blue"}]},
        ],
    )
    def test_a_good_one_ends_with_nothing_found(self, validate: Validate, document: Json) -> None:
        assert validate(document) == Ended(0, "file.json: nothing wrong with 1 pipeline\n", "")

    def test_a_broken_rule_is_found_with_its_name(self, validate: Validate) -> None:
        ended = validate(pipeline("line", stage("Source", source())))
        assert ended.code == 1
        assert ended.out == (
            "file.json: line: InvalidStructureException: Pipeline has only 1 stage(s). "
            "There should be a minimum of 2 stages in a pipeline\n"
        )
        assert ended.err == ""

    def test_all_broken_constraints_and_the_first_broken_rule_are_found(self, validate: Validate) -> None:
        broken = line(stage("Gate", approval(timeoutInMinutes=1)), roleArn="me")
        broken["stages"][0]["name"] = "Gate"
        constraint, rule = findings(validate(broken, "--json"))
        assert (constraint["error"], rule["error"]) == ("ValidationException", "InvalidStageDeclarationException")
        assert constraint["message"].startswith("2 validation errors detected: ")
        assert "'pipeline.roleArn'" in constraint["message"]
        assert "'pipeline.stages.2.member.actions.1.member.timeoutInMinutes'" in constraint["message"]
        assert rule["message"] == "Stage name 'Gate' is used more than once"

    def test_what_lacks_a_member_is_found_by_its_constraints_alone(self, validate: Validate) -> None:
        broken = line()
        del broken["roleArn"]
        (found,) = findings(validate(broken, "--json"))
        assert found == {
            "file": "file.json",
            "logicalId": None,
            "pipeline": "line",
            "error": "ValidationException",
            "message": "1 validation error detected: Value null at 'pipeline.roleArn' failed to satisfy constraint: "
            "Member must not be null",
        }

    def test_a_value_of_a_wrong_type_is_found(self, validate: Validate) -> None:
        (found,) = findings(validate(line(executionMode=3), "--json"))
        assert found["error"] == "SerializationException"
        (found,) = findings(validate({**line(), "stages": "none"}, "--json"))
        assert found["message"]

    def test_messages_of_several_lines_are_told_as_one_finding(self, validate: Validate) -> None:
        later = stage("Gate", approval(namespace="N"), {**approval(namespace="N"), "name": "Other"})
        ended = validate(line(later))
        assert len([each for each in ended.out.splitlines() if not each.startswith("    ")]) == 1
        assert "\n    StageName=[Gate], ActionName=[Ask], Namespace=[N]\n" in ended.out

    def test_masked_secrets_are_those_of_a_pipeline_that_is_there(self, validate: Validate) -> None:
        hub = {"Owner": "o", "Repo": "r", "Branch": "b", "OAuthToken": "****"}
        fetch = action("Fetch", "Source", "ThirdParty", "GitHub", hub, outputs=("App",))
        declared = pipeline("line", stage("Source", fetch), stage("Gate", approval()))
        assert validate(declared).code == 1
        assert validate({"pipeline": {**declared, "version": 1}}).code == 0

    def test_wrong_tags_are_found(self, validate: Validate) -> None:
        (found,) = findings(validate({"pipeline": line(), "tags": [{"key": "aws:x", "value": "y"}]}, "--json"))
        assert found["error"] == "InvalidTagsException"

    def test_stdin_is_a_file_too(self) -> None:
        ended = penstock("validate", "-", stdin=json.dumps(line()))
        assert (ended.code, ended.out) == (0, "<stdin>: nothing wrong with 1 pipeline\n")


class TestRegion:
    def declared(self) -> Json:
        stores = {region: {"type": "S3", "location": "bucket"} for region in ("eu-west-1", "us-west-2")}
        declared = line(stage("Gate", approval(region="us-west-2")), artifactStores=stores)
        del declared["artifactStore"]
        return declared

    def test_it_is_the_one_whose_store_no_action_names(self, validate: Validate) -> None:
        assert validate(self.declared()).code == 0

    def test_it_is_the_one_of_the_printed_arn(self, validate: Validate) -> None:
        told = {"metadata": {"pipelineArn": "arn:aws:codepipeline:ap-south-1:123456789012:line"}}
        (found,) = findings(validate({"pipeline": self.declared(), **told}, "--json"))
        assert found["message"].endswith("missing in 'pipeline.artifactStores': ap-south-1.")

    def test_it_is_the_one_that_is_named(self, validate: Validate, monkeypatch: pytest.MonkeyPatch) -> None:
        assert validate(self.declared(), "--region", "eu-west-1").code == 0
        assert validate(self.declared(), "--region", "us-east-1").code == 1
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        unknown = line(stage("Do", action("Do", "Build", "Custom", "Moon")))
        assert "'EU_CENTRAL_1'" in validate(unknown).out


BROKEN = {
    "one stage": lambda: pipeline("line", stage("Source", source())),
    "no source first": lambda: pipeline("line", stage("Gate", approval()), stage("More", approval())),
    "unknown type": lambda: line(stage("Do", action("Do", "Build", "Custom", "Moon"))),
    "missing key": lambda: line(stage("Do", action("Do", "Build", "AWS", "CodeBuild", inputs=("App",)))),
    "unknown artifact": lambda: line(
        stage("Do", action("Do", "Build", "AWS", "CodeBuild", {"ProjectName": "p"}, ("No",)))
    ),
    "unknown namespace": lambda: line(stage("Gate", {**approval(), "configuration": {"CustomData": "#{N.x}"}})),
    "features of V2": lambda: line(pipelineType="V1", variables=[{"name": "A", "defaultValue": "1"}]),
    "constraints": lambda: line(roleArn="me", name="a name", executionMode="SLOW"),
    "no stages": lambda: {**line(), "stages": []},
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_words_are_those_of_a_server(validate: Validate, shared_server: Server, broken: str) -> None:
    declared = BROKEN[broken]()
    client = shared_server.client("codepipeline", parameter_validation=False)
    with pytest.raises(ClientError) as raised:
        client.create_pipeline(pipeline=declared)
    error = raised.value.response["Error"]
    found = findings(validate(declared, "--json"))[0]
    assert (found["error"], found["message"]) == (error["Code"], error["Message"])


class TestUnreadable:
    @pytest.mark.parametrize(
        ("text", "name", "said"),
        [
            ("{", "a.json", "a.json is neither JSON nor YAML"),
            ("a: [", "a.yaml", "a.yaml is neither JSON nor YAML"),
            ("{}", "a.json", "a.json is neither a pipeline nor a template"),
            ("[]", "a.json", "a.json is neither a pipeline nor a template"),
            ("3", "a.yaml", "a.yaml is neither a pipeline nor a template"),
            ("", "a.yaml", "a.yaml is neither a pipeline nor a template"),
            ('{"Resources": {}}', "a.json", "a.json describes no pipeline"),
            ("a: &a [*a]", "a.yaml", "nested too deeply, or within itself"),
            ("[" * 100_000, "a.yaml", "nested too deeply"),
            ('{"stages": "\\ud800"}', "a.json", "surrogates not allowed"),
            ("a: !!python/object/apply:os.system [true]", "a.yaml", "is neither JSON nor YAML"),
        ],
    )
    def test_a_file_that_describes_nothing_ends_with_two(
        self, validate: Validate, text: str, name: str, said: str
    ) -> None:
        ended = validate(text, name=name)
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.line

    def test_few_lines_that_say_too_much_are_not_read_to_their_end(self, validate: Validate) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 9)]
        assert "it holds too much" in validate("\n".join(lines), name="a.yaml").line

    def test_bytes_that_are_no_text_end_with_two(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_bytes(b"\xff\xfe{}")
        ended = penstock("validate", tmp_path / "a.json")
        assert (ended.code, "is not text in UTF-8" in ended.line) == (2, True)

    def test_a_file_that_is_not_there_ends_with_two(self) -> None:
        ended = penstock("validate", "/none.json")
        assert (ended.code, "No such file" in ended.line) == (2, True)


ODD: list[Any] = [None, 0, 1.5, True, "", "x" * 2000, [], {}, [None], "#{", "#{a.b}", 10**30, "\u0000", "****"]
ODD += [{"Ref": "X"}, {"Ref": 1}, {"Fn::Join": [1, 2]}, {"Fn::Sub": ["${a}", {"a": {"Ref": "AWS::NoValue"}}]}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_file_holds_is_found_or_unreadable(seed: int) -> None:
    chance = random.Random(seed)
    whole = line(
        {**stage("Gate", approval(namespace="N")), "onFailure": {"result": "RETRY"}}, variables=[{"name": "A"}]
    )
    for _ in range(150):
        document: Any = deepcopy(chance.choice([whole, {"pipeline": whole}, template(whole)]))
        *path, last = chance.choice([each for each in places(document) if each])
        holder = document
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(ODD)
        try:
            found = read_document(json.dumps(document).encode(), "a.json", "123456789012", "us-east-1")
        except Unreadable:
            continue
        for each in check_pipelines(found, "a.json", {}, Place("123456789012", "us-east-1")):
            assert each.told()


def test_nothing_needs_a_server_or_keys(tmp_path: Path) -> None:
    (tmp_path / "line.json").write_text(json.dumps(line()))
    ended = penstock("validate", tmp_path / "line.json", environment={"PATH": "/usr/bin"})
    assert (ended.code, ended.err) == (0, "")
