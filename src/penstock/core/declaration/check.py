"""All rules of a declaration, in the order in which the service reports what breaks them."""

from penstock.core.declaration.actions import check_actions
from penstock.core.declaration.artifacts import check_artifacts
from penstock.core.declaration.namespaces import check_namespaces
from penstock.core.declaration.places import FindActionType, Surroundings
from penstock.core.declaration.references import check_pipeline_variables, check_references
from penstock.core.declaration.stages import check_stages
from penstock.core.declaration.structure import check_structure
from penstock.core.declaration.triggers import check_triggers
from penstock.wire import types as wire

__all__ = ["check"]


def check(declaration: wire.PipelineDeclaration, find: FindActionType, surroundings: Surroundings) -> None:
    """Raise the API's error for the first rule that the declaration breaks: of its structure, a stage, an action.

    What the wire's types constrain is taken for granted; what needs other data (whether the name is taken, how many
    pipelines there are) is not looked at.
    """
    check_structure(declaration, surroundings.region)
    check_pipeline_variables(declaration, find)
    check_triggers(declaration)
    check_stages(declaration, surroundings.region)
    check_actions(declaration, find, surroundings)
    check_artifacts(declaration)
    check_namespaces(declaration)
    check_references(declaration, find)
