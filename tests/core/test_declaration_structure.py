"""What is refused of the pipeline as a whole, its stages and its triggers."""

import pytest

from core.declaration_samples import (
    BUCKET,
    FIRST,
    STORES_HERE,
    STORES_IN_TWO_REGIONS,
    VARIABLE,
    Change,
    Json,
    Row,
    approval,
    build,
    changed,
    checked,
    connection,
    gated,
    last,
    of,
    source,
    stage,
    stages,
    table,
)
from penstock.wire.errors import (
    InvalidActionDeclarationException,
    InvalidBlockerDeclarationException,
    InvalidStageDeclarationException,
    InvalidStructureException,
)

TAGS = {"tags": {"includes": ["v*"]}}
BRANCHES = {"branches": {"includes": ["main"]}}
FILES = {"filePaths": {"includes": ["src/**"]}}


def many(stage_count: int, action_count: int = 1) -> Change:
    """A pipeline of a source stage and as many others."""
    actions = [approval(f"A{number}") for number in range(action_count)]
    return stages(FIRST, *(stage(f"S{number}", *actions) for number in range(stage_count)))


def trigger(*filters: Json, kind: str = "push", name: str = "Fetch") -> Json:
    configuration = {"sourceActionName": name, **({kind: list(filters)} if filters else {})}
    return {"providerType": "CodeStarSourceConnection", "gitConfiguration": configuration}


def triggered(*triggers: Json) -> Change:
    return stages(stage("Source", connection()), stage("Build", build()), triggers=list(triggers))


@table(
    Row(
        InvalidStructureException,
        "Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline",
        stages(FIRST),
        stages(FIRST, stage("Build", build())),
    ),
    Row(
        InvalidStructureException,
        "Pipeline has too many stages. There can only be up to 50 stages in a pipeline",
        many(50),
        many(49),
    ),
    Row(
        InvalidStructureException,
        "Pipeline has too many actions. There can only be up to 1000 actions in a pipeline",
        many(20, action_count=50),
        many(19, action_count=50),
    ),
    Row(
        InvalidStructureException,
        "Pipeline should start with a stage that only contains source actions",
        stages(stage("Source", source(), approval()), stage("Build", build())),
        stages(stage("Source", source(), source("Other", "More")), stage("Build", build())),
    ),
    Row(
        InvalidStructureException,
        "Pipeline should start with a stage that only contains source actions",
        stages(stage("Source"), stage("Build", approval())),
        stages(FIRST, stage("Build", approval())),
    ),
    Row(
        InvalidStructureException,
        "Source actions can only be included in the first stage of the pipeline",
        stages(FIRST, stage("Build", build(), source("Late", "More"))),
        stages(FIRST, stage("Build", build(), approval("Late"))),
    ),
    Row(
        InvalidStructureException,
        "Pipeline should contain at least 1 action whose category is not Source",
        stages(FIRST, stage("Build")),
        stages(FIRST, stage("Build", build())),
    ),
)
def test_stages_and_sources_are_where_they_must_be(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStructureException,
        "Pipeline variable can only be used with V2 pipelines",
        of(pipelineType="V1", variables=[VARIABLE]),
        of(pipelineType="V2", variables=[VARIABLE]),
    ),
    Row(
        InvalidStructureException,
        "Triggers on tag can only be used with V2 pipelines",
        of(pipelineType="V1", triggers=[trigger(TAGS)]),
        of(pipelineType="V1", triggers=[]),
    ),
    Row(
        InvalidStructureException,
        "QUEUED or PARALLEL mode can only be used with V2 pipelines",
        of(pipelineType="V1", executionMode="QUEUED"),
        of(pipelineType="V1", executionMode="SUPERSEDED"),
    ),
    Row(
        InvalidStructureException,
        "QUEUED or PARALLEL mode can only be used with V2 pipelines",
        of(pipelineType="V1", executionMode="PARALLEL"),
        of(executionMode="PARALLEL"),
    ),
    Row(
        InvalidStructureException,
        "Variable names must be unique. The following variable name is already in use: Colour",
        of(variables=[VARIABLE, {"name": "Colour"}]),
        of(variables=[VARIABLE, {"name": "colour"}]),
    ),
)
def test_features_of_v2_pipelines_are_refused_for_an_explicit_v1(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStructureException,
        "Your pipeline must declare exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores'.",
        of(artifactStore=None),
        of(**STORES_HERE),
    ),
    Row(
        InvalidStructureException,
        "Your pipeline must declare exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores'.",
        of(artifactStores=STORES_HERE["artifactStores"]),
        of(artifactStores=None),
    ),
    Row(
        InvalidStructureException,
        "Your pipeline contains actions in more than one region. Use 'pipeline.artifactStores' instead of "
        "'pipeline.artifactStore' to declare an artifact store, such as an artifact bucket, for each region where you "
        "have an action.",
        last(build(region="eu-west-1")),
        last(build(region="us-east-1")),
    ),
    Row(
        InvalidStructureException,
        "Your pipeline must have an artifact store, such as an artifact bucket, for each region where you have an "
        "action. The following region is missing in 'pipeline.artifactStores': eu-west-1.",
        last(build(region="eu-west-1"), **STORES_HERE),
        last(build(region="eu-west-1"), **STORES_IN_TWO_REGIONS),
    ),
    Row(
        InvalidStructureException,
        "Your pipeline must have an artifact store, such as an artifact bucket, for each region where you have an "
        "action. The following region is missing in 'pipeline.artifactStores': us-east-1.",
        of(artifactStore=None, artifactStores={"eu-west-1": BUCKET}),
        of(**STORES_IN_TWO_REGIONS),
    ),
)
def test_every_region_with_an_action_has_its_artifact_store(row: Row) -> None:
    row.verify()


@table(
    Row(
        InvalidStructureException,
        "Triggers for connections must reference a CodeStarSourceConnection action.",
        triggered(trigger(TAGS, name="Build")),
        triggered(trigger(TAGS, name="Fetch")),
    ),
    Row(
        InvalidStructureException,
        "Triggers for connections must reference a CodeStarSourceConnection action.",
        of(triggers=[trigger(TAGS)]),
        triggered(trigger()),
    ),
    Row(
        InvalidStructureException,
        "Source action 'Fetch' has more than one trigger. There can only be up to 1 trigger for a source action.",
        triggered(trigger(TAGS), trigger(BRANCHES)),
        triggered(trigger(TAGS, BRANCHES)),
    ),
)
def test_a_trigger_watches_a_connection_of_its_own(row: Row) -> None:
    row.verify()


@pytest.mark.parametrize(
    ("kind", "broken", "neighbour"),
    [
        ("push", [{**TAGS, **BRANCHES}], [TAGS, BRANCHES]),
        ("push", [{**TAGS, **FILES}], [{"tags": {"includes": ["v*"], "excludes": ["v0*"]}}]),
        ("push", [FILES], [{**BRANCHES, **FILES}]),
        ("push", [{}], [TAGS]),
        ("push", [BRANCHES, BRANCHES], [BRANCHES, {"branches": {"excludes": ["main"]}}]),
        ("pullRequest", [{"events": ["OPEN"], **FILES}], [{"events": ["OPEN"], **BRANCHES, **FILES}]),
        ("pullRequest", [{"events": ["OPEN", "OPEN"], **BRANCHES}], [{"events": ["OPEN", "CLOSED"], **BRANCHES}]),
        ("pullRequest", [{}], [{"events": ["OPEN"]}]),
    ],
)
def test_filters_that_do_not_go_together_are_refused(kind: str, broken: list[Json], neighbour: list[Json]) -> None:
    Row(
        InvalidStructureException,
        "The trigger configuration for the source action is not valid. Make sure to choose valid filter combinations.",
        triggered(trigger(*broken, kind=kind)),
        triggered(trigger(*neighbour, kind=kind)),
    ).verify()


def test_triggers_that_are_too_large_together_are_refused() -> None:
    def patterns(seed: int) -> list[str]:
        return [f"{seed}{number}".ljust(255, "x") for number in range(8)]

    def filters(seed: int) -> Json:
        both = {"includes": patterns(seed), "excludes": patterns(seed)}
        return {"branches": both, "filePaths": both}

    sources = [
        {**connection(), "name": f"F{number}", "outputArtifacts": [{"name": f"C{number}"}]} for number in range(10)
    ]
    triggers = [trigger(*(filters(seed) for seed in range(3)), name=f"F{number}") for number in range(10)]
    declared = changed(stages(stage("Source", *sources), stage("Build", approval()), triggers=triggers))
    with pytest.raises(InvalidStructureException, match="up to 204800 bytes"):
        checked(declared)
    checked({**declared, "triggers": triggers[:8]})


@table(
    Row(
        InvalidStageDeclarationException,
        "Stage name 'X' is used more than once",
        stages(FIRST, stage("X", build()), stage("X", approval())),
        stages(FIRST, stage("X", build()), stage("x", approval())),
    ),
    Row(
        InvalidStageDeclarationException,
        "Pipeline stage 'S0' has too many actions. There can only be up to 50 actions in a pipeline stage",
        many(1, action_count=51),
        many(1, action_count=50),
    ),
    Row(
        InvalidStageDeclarationException,
        "Pipeline stage 'Empty' has no actions. There should be a minimum of 1 action in a pipeline stage",
        stages(FIRST, stage("Build", build()), stage("Empty")),
        stages(FIRST, stage("Build", build()), stage("Empty", approval())),
    ),
    Row(
        InvalidBlockerDeclarationException,
        "Stage 'Build' declares blockers, which are reserved for future use.",
        gated(blockers=[{"name": "b", "type": "Schedule"}]),
        gated(blockers=[]),
    ),
)
def test_stages_have_names_of_their_own_and_a_bounded_size(row: Row) -> None:
    row.verify()


def test_the_structure_is_judged_before_stages_and_stages_before_actions() -> None:
    build_of_nothing = build(configuration={})
    declared = changed(stages(FIRST, stage("X", build_of_nothing), stage("X", approval()), pipelineType="V1"))
    with pytest.raises(InvalidStructureException):
        checked({**declared, "executionMode": "QUEUED"})
    with pytest.raises(InvalidStageDeclarationException):
        checked(declared)
    with pytest.raises(InvalidActionDeclarationException):
        checked({**declared, "stages": declared["stages"][:2]})
