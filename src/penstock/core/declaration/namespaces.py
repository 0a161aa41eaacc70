"""Rules of the namespaces under which actions give out their variables."""

from collections import Counter
from collections.abc import Sequence

from penstock.core.declaration.places import PlacedAction, placed_actions
from penstock.wire import types as wire
from penstock.wire.errors import InvalidActionDeclarationException

__all__ = ["PIPELINE", "VARIABLES", "check_namespaces"]

PIPELINE = "codepipeline"
VARIABLES = "variables"


def check_namespaces(declaration: wire.PipelineDeclaration) -> None:
    """Raise `InvalidActionDeclarationException` for a namespace that could be taken for something else."""
    owners = [placed for placed in placed_actions(declaration) if placed.action.namespace is not None]
    _check_unique(owners)
    reserved = {PIPELINE, VARIABLES} if declaration.variables else {PIPELINE}
    artifacts = {
        artifact.name for placed in placed_actions(declaration) for artifact in placed.action.output_artifacts or ()
    }
    for placed in owners:
        if placed.action.namespace in reserved:
            raise InvalidActionDeclarationException(
                f"The following namespace is reserved and cannot be used by an action.\n{_described(placed)}"
            )
        if placed.action.namespace in artifacts:
            raise InvalidActionDeclarationException(
                "Namespaces must be different from the names of artifacts. The following is the name of an artifact "
                f"in the pipeline.\n{_described(placed)}"
            )


def _check_unique(owners: Sequence[PlacedAction]) -> None:
    uses = Counter(placed.action.namespace for placed in owners)
    repeated = [_described(placed) for placed in owners if uses[placed.action.namespace] > 1]
    if repeated:
        raise InvalidActionDeclarationException(
            "Namespaces must be unique across the pipeline definition. "
            "The following occur more than once in the pipeline.\n" + "\n".join(repeated)
        )


def _described(placed: PlacedAction) -> str:
    return f"StageName=[{placed.stage}], ActionName=[{placed.action.name}], Namespace=[{placed.action.namespace}]"
