"""What is refused of artifacts, namespaces and variables that actions have from each other."""

import pytest

from core.declaration_samples import (
    FIRST,
    VARIABLE,
    Row,
    approval,
    artifacts,
    build,
    changed,
    checked,
    commands,
    deploy,
    gate,
    last,
    rule,
    source,
    stage,
    stages,
    table,
)
from penstock.wire.errors import (
    InvalidActionDeclarationException,
    InvalidStageDeclarationException,
    InvalidStructureException,
)

EXECUTION_ID = "#{codepipeline.PipelineExecutionId}"
FORMAT = "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). "
NO_NAMESPACE = FORMAT + "The following pipeline execution variables are referencing a namespace that does not exist.\n"
TOO_LATE = (
    FORMAT + "The following pipeline execution variables are referencing a namespace of an action that does not run "
    "before.\n"
)
NO_FORMAT = FORMAT + "The following pipeline execution variables do not have that format.\n"


def of_ask(reference: str) -> str:
    return of_release("Ask", "CustomData", reference)


def of_release(name: str, key: str, reference: str) -> str:
    place = f"StageName=[Release], ActionName=[{name}], ActionConfigurationKey=[{key}]"
    return f"{place}, VariableReferenceText=[{reference}]"


@table(
    Row(
        InvalidActionDeclarationException,
        "Output Artifact Bundle name must be unique within the pipeline. Code in action Lift of stage Release has been "
        "used more than once.",
        last(deploy(outputArtifacts=artifacts("Code"))),
        last(deploy(outputArtifacts=artifacts("Tower"))),
    ),
    Row(
        InvalidActionDeclarationException,
        "Input Artifact Bundle Gone in action Build is not declared as Output Artifact Bundle in any of the preceding "
        "actions",
        last(build(inputArtifacts=artifacts("Gone"))),
        last(build(inputArtifacts=artifacts("Code"))),
    ),
    Row(
        InvalidActionDeclarationException,
        "Input Artifact Bundle A in action Build is not declared as Output Artifact Bundle in any of the preceding "
        "actions",
        last(deploy(outputArtifacts=artifacts("A")), build(inputArtifacts=artifacts("A"))),
        last(build(inputArtifacts=artifacts("A"), runOrder=2), deploy(outputArtifacts=artifacts("A"))),
    ),
    Row(
        InvalidActionDeclarationException,
        "Input Artifact Bundle A in action Build is not declared as Output Artifact Bundle in any of the preceding "
        "actions",
        stages(
            FIRST,
            stage("One", build(inputArtifacts=artifacts("A"))),
            stage("Two", deploy(outputArtifacts=artifacts("A"))),
        ),
        stages(
            FIRST,
            stage("One", deploy(outputArtifacts=artifacts("A"), runOrder=9)),
            stage("Two", build(inputArtifacts=artifacts("A"))),
        ),
    ),
)
def test_an_artifact_is_made_once_and_before_it_is_used(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidActionDeclarationException,
        "Namespaces must be unique across the pipeline definition. "
        "The following occur more than once in the pipeline.\n"
        "StageName=[Release], ActionName=[Ask], Namespace=[N]\nStageName=[Release], ActionName=[Lift], Namespace=[N]",
        last(approval(namespace="N"), deploy(namespace="N")),
        last(approval(namespace="N"), deploy(namespace="n")),
    ),
    Row(
        InvalidActionDeclarationException,
        "Namespaces must be different from the names of artifacts. The following is the name of an artifact in the "
        "pipeline.\nStageName=[Release], ActionName=[Ask], Namespace=[Code]",
        last(approval(namespace="Code")),
        last(approval(namespace="Coda")),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following namespace is reserved and cannot be used by an action.\n"
        "StageName=[Release], ActionName=[Ask], Namespace=[codepipeline]",
        last(approval(namespace="codepipeline")),
        last(approval(namespace="Codepipeline")),
    ),
    Row(
        InvalidActionDeclarationException,
        "The following namespace is reserved and cannot be used by an action.\n"
        "StageName=[Release], ActionName=[Ask], Namespace=[variables]",
        last(approval(namespace="variables"), variables=[VARIABLE]),
        last(approval(namespace="variables")),
    ),
)
def test_a_namespace_can_be_taken_for_nothing_else(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStructureException,
        "Variables at the pipeline level cannot be used in source actions.\nStageName=[Source], ActionName=[Fetch], "
        "ActionConfigurationKey=[S3ObjectKey], VariableReferenceText=[variables.Colour]",
        stages(stage("Source", source(key="#{variables.Colour}")), stage("Build", build()), variables=[VARIABLE]),
        last(approval(text="#{variables.Colour}"), variables=[VARIABLE]),
    ),
    Row(
        InvalidStructureException,
        "The referenced variables haven't been declared.",
        last(approval(text="#{variables.Shape}"), variables=[VARIABLE]),
        last(approval(text="#{variables.Colour}"), variables=[VARIABLE, {"name": "Shape"}]),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_ask("variables.Colour"),
        last(approval(text="#{variables.Colour}")),
        last(approval(text="#{variables.Colour}", runOrder=2), deploy(namespace="variables")),
    ),
)
def test_the_pipeline_s_own_variables_are_declared(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_ask("Nowhere.X"),
        last(approval(text="at #{Nowhere.X}")),
        last(approval(text=f"at {EXECUTION_ID}")),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_ask("N.X") + "\n" + of_ask("M.Y"),
        last(approval(text="#{N.X}#{M.Y}")),
        last(approval(text="#{N.X}#{N.Y}", runOrder=2), deploy(namespace="N")),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_release("Shell", "commands", "N.X"),
        last(commands(commands=["make", "echo #{N.X}"])),
        last(commands(commands=["make", "echo #{N.X}"], runOrder=2), deploy(namespace="N")),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_release("Shell", "environmentVariables", "N.X"),
        last(commands(environmentVariables=[{"name": "A", "value": "#{N.X}"}])),
        last(commands(environmentVariables=[{"name": "A", "value": "# {N.X}"}])),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_NAMESPACE + of_ask("N.X"),
        last(approval(text="#{N.X}")),
        last(deploy(password="#{N.X}")),
    ),
    Row(
        InvalidActionDeclarationException,
        TOO_LATE + of_ask("N.X"),
        last(approval(text="#{N.X}", runOrder=2), deploy(namespace="N", runOrder=2)),
        last(approval(text="#{N.X}", runOrder=2), deploy(namespace="N", runOrder=1)),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_FORMAT + of_ask("NX"),
        last(approval(text="#{NX}")),
        last(approval(text="{NX} #NX ${N.X}")),
    ),
    Row(
        InvalidActionDeclarationException,
        NO_FORMAT + of_ask("codepipeline.PipelineExecutionId"),
        last(approval(text=EXECUTION_ID.removesuffix("}"))),
        last(approval(text=EXECUTION_ID)),
    ),
)
def test_a_reference_names_what_an_earlier_action_gives_out(row: Row) -> None:
    row.verify()


@pytest.mark.parametrize(("member", "sees_it"), [("beforeEntry", False), ("onSuccess", True), ("onFailure", True)])
def test_rules_behind_a_stage_see_what_its_actions_made(member: str, sees_it: bool) -> None:
    for uses in (
        rule("Commands", commands=["echo #{N.X}"]),
        rule("Commands", commands=["make"], inputArtifacts=artifacts("Code")),
    ):
        first = stage("Source", source(namespace="N"), **{member: gate(uses)})
        declared = changed(stages(first, stage("Build", build())))
        if sees_it:
            checked(declared)
        else:
            with pytest.raises(InvalidStageDeclarationException, match=r"does not run before|preceding actions"):
                checked(declared)
