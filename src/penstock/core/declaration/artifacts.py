"""Rules of artifacts: each is made once, and made before it is used."""

from collections.abc import Iterable

from penstock.core.declaration.places import Turn, placed_actions, placed_rules
from penstock.wire import types as wire
from penstock.wire.errors import InvalidActionDeclarationException, InvalidStageDeclarationException

__all__ = ["check_artifacts"]


def check_artifacts(declaration: wire.PipelineDeclaration) -> None:
    """Raise `InvalidActionDeclarationException`, or for a rule of a condition `InvalidStageDeclarationException`."""
    made = _turns_of_artifacts(declaration)
    for user in placed_actions(declaration):
        if missing := _missing(user.action.input_artifacts, user.turn, made):
            raise InvalidActionDeclarationException(
                f"Input Artifact Bundle {missing} in action {user.action.name} is not declared as Output Artifact "
                "Bundle in any of the preceding actions"
            )
    for rule in placed_rules(declaration):
        if missing := _missing(rule.rule.input_artifacts, rule.turn, made):
            raise InvalidStageDeclarationException(
                f"Input Artifact Bundle {missing} in rule {rule.rule.name} of stage {rule.stage} is not declared as "
                "Output Artifact Bundle in any of the preceding actions"
            )


def _turns_of_artifacts(declaration: wire.PipelineDeclaration) -> dict[str, Turn]:
    made: dict[str, Turn] = {}
    for maker in placed_actions(declaration):
        for artifact in maker.action.output_artifacts or ():
            if artifact.name in made:
                raise InvalidActionDeclarationException(
                    f"Output Artifact Bundle name must be unique within the pipeline. {artifact.name} in action "
                    f"{maker.action.name} of stage {maker.stage} has been used more than once."
                )
            made[artifact.name] = maker.turn
    return made


def _missing(inputs: Iterable[wire.InputArtifact] | None, turn: Turn, made: dict[str, Turn]) -> str | None:
    return next((each.name for each in inputs or () if made.get(each.name, turn) >= turn), None)
