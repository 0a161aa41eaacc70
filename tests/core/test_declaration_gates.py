"""What is refused before and behind a stage."""

from core.declaration_samples import FIRST, Change, Json, Row, build, gate, gated, rule, stage, stages, table
from penstock.wire.errors import InvalidStageDeclarationException

V2_ONLY = "Stage level conditions can only be used with V2 pipelines."
NO_ROLLBACK = "conditions with rollback result type cannot be added to a PARALLEL pipeline."
OF_SOURCES = "Stage 'Source' contains the source actions. Conditions with rollback result type cannot be added to it."
ALARM = {"AlarmName": "a"}


def typed(pipeline_type: str | None, **gates: Json) -> Change:
    return stages(FIRST, stage("Build", build(), **gates), pipelineType=pipeline_type)


@table(
    Row(
        InvalidStageDeclarationException,
        V2_ONLY,
        typed("V1", beforeEntry=gate()),
        typed("V2", beforeEntry=gate()),
    ),
    Row(
        InvalidStageDeclarationException,
        V2_ONLY,
        typed("V1", onFailure={"result": "RETRY"}),
        typed(None, onFailure={"result": "RETRY"}),
    ),
    Row(
        InvalidStageDeclarationException,
        f"Failure {NO_ROLLBACK}",
        gated(mode="PARALLEL", onFailure={"result": "ROLLBACK"}),
        gated(mode="QUEUED", onFailure={"result": "ROLLBACK"}),
    ),
    Row(
        InvalidStageDeclarationException,
        f"Failure {NO_ROLLBACK}",
        gated(mode="PARALLEL", onFailure=gate(result="ROLLBACK")),
        gated(mode="PARALLEL", onFailure=gate(result="FAIL")),
    ),
    Row(
        InvalidStageDeclarationException,
        f"Success {NO_ROLLBACK}",
        gated(mode="PARALLEL", onSuccess=gate(result="ROLLBACK")),
        gated(onSuccess=gate(result="ROLLBACK")),
    ),
    Row(
        InvalidStageDeclarationException,
        OF_SOURCES,
        gated(0, onFailure={"result": "ROLLBACK"}),
        gated(0, onFailure={"result": "RETRY"}),
    ),
    Row(
        InvalidStageDeclarationException,
        OF_SOURCES,
        gated(0, onSuccess=gate(result="ROLLBACK")),
        gated(0, onSuccess=gate(result="FAIL")),
    ),
)
def test_gates_are_for_v2_and_rollback_where_there_is_something_to_go_back_to(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStageDeclarationException,
        "The following stage cannot have a failure exit gate configured with both top level result and conditions: "
        "'Build",
        gated(onFailure={"result": "FAIL", **gate(result="ROLLBACK")}),
        gated(onFailure=gate(result="ROLLBACK")),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has the failure result SKIP. The result can be ROLLBACK, RETRY or FAIL.",
        gated(onFailure={"result": "SKIP"}),
        gated(onFailure={"result": "FAIL"}),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a retry configuration, which can only be used with the failure result RETRY.",
        gated(onFailure={"result": "ROLLBACK", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}),
        gated(onFailure={"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a retry configuration, which can only be used with the failure result RETRY.",
        gated(onFailure={"retryConfiguration": {"retryMode": "ALL_ACTIONS"}, **gate(result="FAIL")}),
        gated(onFailure=gate(result="FAIL")),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a condition in 'beforeEntry' with the result ROLLBACK. The result can be FAIL or SKIP.",
        gated(beforeEntry=gate(result="ROLLBACK")),
        gated(beforeEntry=gate(result="SKIP")),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a condition in 'onSuccess' with the result SKIP. The result can be FAIL or ROLLBACK.",
        gated(onSuccess=gate(result="SKIP")),
        gated(onSuccess=gate()),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a condition in 'onFailure' with the result RETRY. The result can be FAIL or ROLLBACK.",
        gated(onFailure=gate(result="RETRY")),
        gated(onFailure=gate(result="ROLLBACK")),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a condition in 'beforeEntry' without rules.",
        gated(beforeEntry={"conditions": [{"result": "FAIL"}]}),
        gated(beforeEntry=gate(result="FAIL")),
    ),
    Row(
        InvalidStageDeclarationException,
        "Stage 'Build' has a condition with the result SKIP and the rule 'R'. SKIP can only be used with LambdaInvoke "
        "and VariableCheck rules.",
        gated(beforeEntry=gate(rule("CloudWatchAlarm", ALARM), result="SKIP")),
        gated(beforeEntry=gate(rule("LambdaInvoke", {"FunctionName": "f"}), result="SKIP")),
    ),
)
def test_a_gate_leads_to_what_can_happen_there(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStageDeclarationException,
        "Rule name 'R' is used more than once in stage 'Build'",
        gated(beforeEntry=gate(rule(), rule())),
        gated(beforeEntry=gate(rule(), rule(name="S"))),
    ),
    Row(
        InvalidStageDeclarationException,
        "RuleType (Category: 'Rule', Provider: 'Moon', Owner: 'AWS', Version: '1') in rule 'R' is not available in "
        "region 'US_EAST_1'",
        gated(onSuccess=gate(rule("Moon"))),
        gated(onSuccess=gate(rule("DeploymentWindow", {"Cron": "* * 9 ? * MON"}))),
    ),
    Row(
        InvalidStageDeclarationException,
        "Rule configuration for rule 'R' is missing required configuration 'AlarmName'",
        gated(onSuccess=gate(rule("CloudWatchAlarm"))),
        gated(onSuccess=gate(rule("CloudWatchAlarm", ALARM))),
    ),
    Row(
        InvalidStageDeclarationException,
        "Rule configuration for rule 'R' contains unknown configuration 'Name'",
        gated(onSuccess=gate(rule("CloudWatchAlarm", {**ALARM, "Name": "a"}))),
        gated(onSuccess=gate(rule("CloudWatchAlarm", {**ALARM, "WaitTime": "1"}))),
    ),
    Row(
        InvalidStageDeclarationException,
        "Rule R must have a non-empty commands field",
        gated(onSuccess=gate(rule("Commands"))),
        gated(onSuccess=gate(rule("Commands", commands=["make"]))),
    ),
    Row(
        InvalidStageDeclarationException,
        "The following rule cannot contain a commands field: R. To use the commands field, use a Commands rule.",
        gated(onSuccess=gate(rule(commands=["make"]))),
        gated(onSuccess=gate(rule())),
    ),
    Row(
        InvalidStageDeclarationException,
        "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). "
        "The following pipeline execution variables are referencing a namespace that does not exist.\n"
        "StageName=[Build], RuleName=[R], RuleConfigurationKey=[commands], VariableReferenceText=[N.X]",
        gated(beforeEntry=gate(rule("Commands", commands=["echo #{N.X}"]))),
        gated(beforeEntry=gate(rule("Commands", commands=["echo #{codepipeline.PipelineExecutionId}"]))),
    ),
)
def test_a_rule_is_made_as_its_type_demands(row: Row) -> None:
    row.verify()
