"""ARNs are parsed and built."""

import pytest

from penstock.wire import arn

ACCOUNT = "111122223333"
HERE = ("eu-west-1", ACCOUNT)


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        (arn.pipeline_arn(*HERE, "P"), "pipeline", ("P",)),
        (arn.stage_arn(*HERE, "P", "S"), "stage", ("P", "S")),
        (arn.action_arn(*HERE, "P", "S", "A"), "action", ("P", "S", "A")),
        (arn.action_type_arn(*HERE, "Custom", "Build", "J", "1"), "actiontype", ("Custom", "Build", "J", "1")),
        (arn.webhook_arn(*HERE, "W"), "webhook", ("W",)),
    ],
)
def test_what_is_built_is_parsed_to_its_names(text, kind, names):
    parsed = arn.parse(text)
    assert (parsed.kind, parsed.names) == (kind, names)
    assert (parsed.partition, parsed.service, parsed.region, parsed.account) == ("aws", "codepipeline", *HERE)
    assert str(parsed) == text


def test_arns_look_as_the_service_writes_them():
    assert arn.action_arn(*HERE, "P", "S", "A") == "arn:aws:codepipeline:eu-west-1:111122223333:P/S/A"
    assert arn.webhook_arn(*HERE, "W") == "arn:aws:codepipeline:eu-west-1:111122223333:webhook:W"
    built = arn.action_type_arn(*HERE, "Custom", "Build", "J", "1")
    assert built == "arn:aws:codepipeline:eu-west-1:111122223333:actiontype:Custom/Build/J/1"


def test_both_spellings_of_an_action_type_are_the_same():
    text = arn.action_type_arn(*HERE, "Custom", "Build", "J", "1")
    assert arn.parse(text.replace("actiontype:", "actionType:")) == arn.parse(text)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws")],
)
def test_a_region_belongs_to_a_partition(region, partition):
    assert arn.parse(arn.pipeline_arn(region, ACCOUNT, "P")).partition == partition


def test_arns_of_other_services_are_parsed_and_have_no_kind():
    role = arn.parse("arn:aws:iam::111122223333:role/path:r")
    assert (role.region, role.resource) == ("", "role/path:r")
    with pytest.raises(ValueError, match="not a resource of codepipeline"):
        _ = role.kind


@pytest.mark.parametrize(
    "text", ["", "P", "arn:aws:codepipeline:r:1", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws:s3:::"]
)
def test_what_is_no_arn_is_refused(text):
    with pytest.raises(ValueError, match="not an ARN"):
        arn.parse(text)


@pytest.mark.parametrize(
    "resource", ["a/b/c/d", "/", "P/", "webhook:", "webhook:a/b", "actiontype:Custom/Build", "x:y", "webhook:a:b"]
)
def test_a_resource_of_no_kind_has_no_names(resource):
    with pytest.raises(ValueError, match="not a resource of codepipeline"):
        _ = arn.parse(f"arn:aws:codepipeline:r:1:{resource}").names
