"""What is refused of an action by itself."""

import pytest

from core.declaration_samples import (
    FIRST,
    STORES_IN_TWO_REGIONS,
    Change,
    Row,
    action,
    approval,
    artifacts,
    build,
    changed,
    checked,
    commands,
    deploy,
    last,
    notifying,
    source,
    stage,
    stages,
    table,
)
from penstock.wire.errors import InvalidActionDeclarationException

TOPIC = "arn:aws:sns:us-east-1:111122223333:t"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"
ABROAD = "arn:aws:sns:eu-west-1:111122223333:t"
A_FILE = [{"name": "A", "files": ["a"]}]
MASKED = (
    "Action configuration for the new action 'Lift' contains an invalid configuration for the secret property "
    "'Password'. '****' may be used in secret properties only when updating an existing action."
)


@table(
    Row(
        InvalidActionDeclarationException,
        "Action name 'X' is used more than once in stage 'Release'",
        last(approval("X"), approval("X")),
        stages(FIRST, stage("One", approval("X")), stage("Two", approval("X"))),
    ),
    Row(
        InvalidActionDeclarationException,
        "ActionType (Category: 'Deploy', Provider: 'Nowhere', Owner: 'AWS', Version: '1') in action 'A' is not "
        "available in region 'US_EAST_1'",
        last(action("A", "Deploy/Nowhere")),
        last(deploy()),
    ),
    Row(
        InvalidActionDeclarationException,
        "ActionType (Category: 'Test', Provider: 'Crane', Owner: 'Custom', Version: '1') in action 'A' is not "
        "available in region 'US_EAST_1'",
        last(action("A", "Test/Crane/Custom")),
        last(deploy()),
    ),
    Row(
        InvalidActionDeclarationException,
        "Commands Action can only be used with V2 pipelines.",
        last(commands(), pipelineType="V1"),
        last(commands(), pipelineType="V2"),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action 'Lift' in stage 'Release' cannot run in region 'eu-west-1'. Source, ThirdParty and Custom actions run "
        "in the region of the pipeline, 'us-east-1'.",
        last(deploy(region="eu-west-1"), **STORES_IN_TWO_REGIONS),
        last(build(region="eu-west-1"), deploy(region="us-east-1"), **STORES_IN_TWO_REGIONS),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action 'Fetch' in stage 'Source' cannot run in region 'eu-west-1'. Source, ThirdParty and Custom actions run "
        "in the region of the pipeline, 'us-east-1'.",
        stages(stage("Source", source(region="eu-west-1")), stage("Build", build()), **STORES_IN_TWO_REGIONS),
        stages(stage("Source", source(region="us-east-1")), stage("Build", build()), **STORES_IN_TWO_REGIONS),
    ),
)
def test_an_action_has_a_name_of_its_own_and_a_type_that_is_there(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidActionDeclarationException,
        "Action configuration for action 'Build' is missing required configuration 'ProjectName'",
        last(build(configuration={})),
        last(build()),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action configuration for action 'Build' contains unknown configuration 'Projectname'",
        last(build(configuration={"ProjectName": "p", "Projectname": "p"})),
        last(build(configuration={"ProjectName": "p", "BatchEnabled": "true"})),
    ),
    Row(InvalidActionDeclarationException, MASKED, last(deploy(password="****")), last(deploy(password="***"))),
    Row(
        InvalidActionDeclarationException,
        "Action configuration for action 'Lift' contains an invalid value for the queryable property 'Site'. It can "
        "only be up to 50 characters long and contain letters, digits, '_' and '-'.",
        last(deploy("north/1")),
        last(deploy("#{codepipeline.PipelineExecutionId}")),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action configuration for action 'Lift' contains an invalid value for the queryable property 'Site'. It can "
        "only be up to 50 characters long and contain letters, digits, '_' and '-'.",
        last(deploy("n" * 51)),
        last(deploy("n" * 50)),
    ),
    Row(
        InvalidActionDeclarationException,
        "The ARN topic you specified for sending notifications for the approval action Ask contains a format error.",
        last(notifying("topic")),
        last(notifying(TOPIC)),
    ),
    Row(
        InvalidActionDeclarationException,
        f"The ARN {QUEUE} has been specified for sending notifications for the approval action Ask, but the AWS "
        "service for this ARN cannot be used to send approval requests.",
        last(notifying(QUEUE)),
        last(notifying(TOPIC + ".fifo")),
    ),
    Row(
        InvalidActionDeclarationException,
        f"The ARN {ABROAD} has been specified for sending notifications for the approval action Ask, but the ARN is "
        "not in the same region as the pipeline.",
        last(notifying(ABROAD)),
        last(notifying("#{codepipeline.PipelineExecutionId}")),
    ),
)
def test_an_action_is_configured_as_its_type_demands(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidActionDeclarationException,
        "Action Build declares 0 input artifacts which is less than the minimum count (1)",
        last(build(inputArtifacts=[])),
        last(build()),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action Ask declares 1 input artifacts which is more than the maximum count (0)",
        last(approval(inputArtifacts=artifacts("Code"))),
        last(approval(inputArtifacts=[])),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action Fetch declares 0 output artifacts which is less than the minimum count (1)",
        stages(stage("Source", source(outputArtifacts=[])), stage("Build", approval())),
        stages(FIRST, stage("Build", approval())),
    ),
    Row(
        InvalidActionDeclarationException,
        "Action Lift declares 2 output artifacts which is more than the maximum count (1)",
        last(deploy(outputArtifacts=artifacts("A", "B"))),
        last(deploy(outputArtifacts=artifacts("A"))),
    ),
)
def test_an_action_has_as_many_artifacts_as_its_type_allows(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidActionDeclarationException,
        "Action Shell must have a non-empty commands field",
        last(commands(commands=None)),
        last(commands()),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following action cannot contain a commands field: Build. To use the commands field, use a compute action.",
        last(build(commands=["make"])),
        last(build()),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following action cannot contain a commands field: Build. To use the commands field, use a compute action.",
        last(build(outputArtifacts=A_FILE)),
        last(commands(outputArtifacts=A_FILE)),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following action cannot contain an outputVariables field: Build. To use the outputVariables field, use a "
        "compute action.",
        last(build(outputVariables=["A"])),
        last(commands(outputVariables=["A"])),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following action cannot contain an environmentVariables field: Build. To use the environmentVariables "
        "field, use a compute action.",
        last(build(environmentVariables=[{"name": "A", "value": "a"}])),
        last(commands(environmentVariables=[{"name": "A", "value": "a"}])),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following action cannot contain a timeoutInMinutes field: Build. To use the timeoutInMinutes field, use a "
        "manual approval action.",
        last(build(timeoutInMinutes=5)),
        last(approval(timeoutInMinutes=5)),
    ),
)
def test_an_action_has_no_members_that_its_type_has_no_use_for(row: Row) -> None:
    row.verify()


def test_a_mask_passes_where_the_same_action_had_a_secret() -> None:
    before = changed(last(deploy(password="sealed")))
    checked(changed(last(approval(), deploy("south", password="****"))), previous=before)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(last(deploy()), id="had no secret"),
        pytest.param(stages(FIRST, stage("Old", deploy(password="sealed"))), id="was in another stage"),
        pytest.param(last(approval("Lift")), id="was of another type"),
    ],
)
def test_a_mask_is_refused_where_the_action_had_none(before: Change) -> None:
    with pytest.raises(InvalidActionDeclarationException) as refused:
        checked(changed(last(deploy(password="****"))), previous=changed(before))
    assert refused.value.message == MASKED
