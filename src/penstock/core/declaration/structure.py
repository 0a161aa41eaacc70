"""Rules of the pipeline as a whole: its stages' order, its type, its artifact stores."""

from penstock.core.declaration.places import placed_actions
from penstock.core.limits import STAGES_MAX, STAGES_MIN
from penstock.wire import types as wire
from penstock.wire.errors import InvalidStructureException

__all__ = ["check_structure"]

# From the service's limits (UG: limits)
_ACTIONS_MAX = 1000


def check_structure(declaration: wire.PipelineDeclaration, region: str) -> None:
    """Raise `InvalidStructureException` for what is wrong with the pipeline as a whole."""
    _check_sizes(declaration)
    _check_sources(declaration)
    if declaration.pipeline_type == "V1":
        _check_features_of_v1(declaration)
    _check_stores(declaration, region)


def _check_sizes(declaration: wire.PipelineDeclaration) -> None:
    stages = len(declaration.stages)
    if stages < STAGES_MIN:
        raise InvalidStructureException(
            f"Pipeline has only {stages} stage(s). There should be a minimum of {STAGES_MIN} stages in a pipeline"
        )
    if stages > STAGES_MAX:
        raise InvalidStructureException(
            f"Pipeline has too many stages. There can only be up to {STAGES_MAX} stages in a pipeline"
        )
    if sum(len(stage.actions) for stage in declaration.stages) > _ACTIONS_MAX:
        raise InvalidStructureException(
            f"Pipeline has too many actions. There can only be up to {_ACTIONS_MAX} actions in a pipeline"
        )


def _check_sources(declaration: wire.PipelineDeclaration) -> None:
    first, *others = [[action.action_type_id.category for action in stage.actions] for stage in declaration.stages]
    if not first or any(category != "Source" for category in first):
        raise InvalidStructureException("Pipeline should start with a stage that only contains source actions")
    if any("Source" in categories for categories in others):
        raise InvalidStructureException("Source actions can only be included in the first stage of the pipeline")
    if not any(others):
        raise InvalidStructureException("Pipeline should contain at least 1 action whose category is not Source")


def _check_features_of_v1(declaration: wire.PipelineDeclaration) -> None:
    if declaration.variables:
        raise InvalidStructureException("Pipeline variable can only be used with V2 pipelines")
    if declaration.triggers:
        raise InvalidStructureException("Triggers on tag can only be used with V2 pipelines")
    if declaration.execution_mode in ("QUEUED", "PARALLEL"):
        raise InvalidStructureException("QUEUED or PARALLEL mode can only be used with V2 pipelines")


def _check_stores(declaration: wire.PipelineDeclaration, region: str) -> None:
    regions = {region, *(placed.action.region or region for placed in placed_actions(declaration))}
    if (declaration.artifact_store is None) == (declaration.artifact_stores is None):
        raise InvalidStructureException(
            "Your pipeline must declare exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores'."
        )
    if declaration.artifact_stores is None:
        if len(regions) > 1:
            raise InvalidStructureException(
                "Your pipeline contains actions in more than one region. Use 'pipeline.artifactStores' instead of "
                "'pipeline.artifactStore' to declare an artifact store, such as an artifact bucket, for each region "
                "where you have an action."
            )
        return
    for missing in sorted(regions - declaration.artifact_stores.keys()):
        raise InvalidStructureException(
            "Your pipeline must have an artifact store, such as an artifact bucket, for each region where you have an "
            f"action. The following region is missing in 'pipeline.artifactStores': {missing}."
        )
