"""Broken constraints are told all at once, in the service's words."""

import json
from typing import Any

import pytest

from penstock.wire.catalog import OPERATIONS
from penstock.wire.codec import decode
from penstock.wire.errors import ValidationException
from wire.samples import JOB_ID

NAME = r"[A-Za-z0-9.@\-_]+"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ROLE = "arn:aws:iam::000000000000:role/r"
ACTION_TYPE = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}


def sentence(name: str, request: dict[str, Any]) -> str:
    with pytest.raises(ValidationException) as caught:
        decode(OPERATIONS[name], json.dumps(request).encode())
    return caught.value.message


def of_pipeline(**members: Any) -> str:
    pipeline = {"name": "p", "roleArn": ROLE, "stages": [], **members}
    return sentence("CreatePipeline", {"pipeline": pipeline})


def of_action(**members: Any) -> str:
    action = {"name": "a", "actionTypeId": ACTION_TYPE, **members}
    good = {"name": "Source", "actions": []}
    return of_pipeline(
        stages=[good, {"name": "Build", "actions": [{"name": "b", "actionTypeId": ACTION_TYPE}, action]}]
    )


def test_a_missing_member_must_not_be_null():
    told = "1 validation error detected: Value null at 'jobId' failed to satisfy constraint: Member must not be null"
    assert sentence("PutJobSuccessResult", {}) == told
    assert sentence("PutJobSuccessResult", {"jobId": None}) == told


def test_a_missing_member_of_a_missing_structure_is_not_told():
    assert sentence("CreatePipeline", {}) == (
        "1 validation error detected: Value null at 'pipeline' failed to satisfy constraint: Member must not be null"
    )


def test_the_pattern_is_the_one_of_the_model():
    assert sentence("GetJobDetails", {"jobId": "x"}) == (
        f"1 validation error detected: Value 'x' at 'jobId' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {UUID}"
    )
    assert sentence("StartPipelineExecution", {"name": "p", "clientRequestToken": "_"}) == (
        "1 validation error detected: Value '_' at 'clientRequestToken' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9-]+$"
    )


def test_several_violations_are_told_at_once_in_the_order_of_the_model():
    request = {"jobId": "x", "continuationToken": "", "executionDetails": {"percentComplete": 101}}
    assert sentence("PutJobSuccessResult", request) == (
        "3 validation errors detected: "
        f"Value 'x' at 'jobId' failed to satisfy constraint: Member must satisfy regular expression pattern: {UUID}; "
        "Value '' at 'continuationToken' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value '101' at 'executionDetails.percentComplete' failed to satisfy constraint: "
        "Member must have value less than or equal to 100"
    )


def test_one_value_may_break_several_constraints():
    assert sentence("GetPipeline", {"name": " " * 101}) == (
        f"2 validation errors detected: Value '{' ' * 101}' at 'name' failed to satisfy constraint: "
        f"Member must have length less than or equal to 100; Value '{' ' * 101}' at 'name' "
        f"failed to satisfy constraint: Member must satisfy regular expression pattern: {NAME}"
    )


def test_elements_of_a_list_are_counted_from_one():
    stages = [{"name": "Source", "actions": []}, {"name": "no good", "actions": []}, {"actions": []}]
    assert of_pipeline(stages=stages) == (
        "2 validation errors detected: Value 'no good' at 'pipeline.stages.2.member.name' "
        f"failed to satisfy constraint: Member must satisfy regular expression pattern: {NAME}; "
        "Value null at 'pipeline.stages.3.member.name' failed to satisfy constraint: Member must not be null"
    )


def test_an_enum_names_its_values():
    assert of_pipeline(executionMode="SERIAL") == (
        "1 validation error detected: Value 'SERIAL' at 'pipeline.executionMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [PARALLEL, QUEUED, SUPERSEDED]"
    )


def test_numbers_have_values_and_not_lengths():
    assert sentence("ListPipelines", {"maxResults": 0}) == (
        "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )


@pytest.mark.parametrize("version", [2**31, 2**63, 2**64, 10**400])
def test_an_integer_has_thirty_two_bits(version):
    told = sentence("GetPipeline", {"name": "p", "version": version})
    assert told.endswith(
        "at 'version' failed to satisfy constraint: Member must have value less than or equal to 2147483647"
    )


def test_a_map_tells_all_constraints_of_its_values_and_not_the_values():
    assert of_action(configuration={"ProjectName": "", "Other": "x"}) == (
        "1 validation error detected: Value at 'pipeline.stages.2.member.actions.2.member.configuration' "
        "failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 50000, Member must have length greater than or equal to 1]"
    )


def test_a_map_tells_of_keys_and_of_values_once_each():
    request = {"jobId": JOB_ID, "outputVariables": {"a b": "1", "c d": "2"}}
    assert sentence("PutJobSuccessResult", request) == (
        "1 validation error detected: Value at 'outputVariables' failed to satisfy constraint: Map keys must satisfy "
        r"constraint: [Member must satisfy regular expression pattern: [A-Za-z0-9@\-_]+]"
    )


def test_a_structure_in_a_map_is_found_by_its_key():
    assert of_pipeline(artifactStores={"eu-west-1": {"type": "S3"}}) == (
        "1 validation error detected: Value null at 'pipeline.artifactStores.eu-west-1.member.location' "
        "failed to satisfy constraint: Member must not be null"
    )


def test_a_map_may_be_too_large():
    poll = {"actionTypeId": ACTION_TYPE, "queryParam": {"a": "1", "b": "2"}}
    assert sentence("PollForJobs", poll) == (
        "1 validation error detected: Value at 'queryParam' failed to satisfy constraint: "
        "Member must have length less than or equal to 1"
    )


def test_a_list_of_scalars_tells_all_constraints_of_its_members():
    request = {"resourceArn": "arn:aws:codepipeline:r:000000000000:p", "tagKeys": ["k", ""]}
    assert sentence("UntagResource", request) == (
        "1 validation error detected: Value '[k, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1]"
    )


def test_a_list_of_structures_is_not_quoted():
    assert sentence("StartPipelineExecution", {"name": "p", "variables": []}) == (
        "1 validation error detected: Value '[]' at 'variables' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
    variables = [{"name": "n", "value": "v"}] * 51
    assert sentence("StartPipelineExecution", {"name": "p", "variables": variables}) == (
        "1 validation error detected: Value at 'variables' failed to satisfy constraint: "
        "Member must have length less than or equal to 50"
    )


def test_nothing_in_an_action_is_quoted():
    assert of_action(namespace="a b", runOrder=0) == (
        "2 validation errors detected: Value at 'pipeline.stages.2.member.actions.2.member.runOrder' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1; "
        "Value at 'pipeline.stages.2.member.actions.2.member.namespace' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [A-Za-z0-9@\-_]+"
    )
    assert of_action(actionTypeId={**ACTION_TYPE, "provider": "integrations/github"}) == (
        "1 validation error detected: "
        "Value at 'pipeline.stages.2.member.actions.2.member.actionTypeId.provider' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [0-9A-Za-z_-]+"
    )


def test_a_secret_is_not_quoted():
    request = {"jobId": "j", "nonce": "n", "clientToken": "s" * 257}
    assert sentence("AcknowledgeThirdPartyJob", request) == (
        "1 validation error detected: Value at 'clientToken' failed to satisfy constraint: "
        "Member must have length less than or equal to 256"
    )


def test_a_path_is_lower_camel_whatever_the_member():
    assert sentence("ListWebhooks", {"MaxResults": 101, "NextToken": ""}) == (
        "2 validation errors detected: Value '' at 'nextToken' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100"
    )


def test_a_long_value_is_not_quoted():
    assert sentence("GetPipeline", {"name": "p" * 1025}) == (
        "1 validation error detected: Value at 'name' failed to satisfy constraint: "
        "Member must have length less than or equal to 100"
    )


def test_a_hundred_violations_are_enough():
    assert of_pipeline(stages=[{}] * 60).startswith("100 validation errors detected: ")
