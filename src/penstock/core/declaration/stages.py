"""Rules of each stage, apart from those of its actions."""

from penstock.core.declaration.gates import check_gates
from penstock.core.limits import STAGE_ACTIONS_MAX
from penstock.wire import types as wire
from penstock.wire.errors import InvalidBlockerDeclarationException, InvalidStageDeclarationException

__all__ = ["check_stages"]


def check_stages(declaration: wire.PipelineDeclaration, region: str) -> None:
    """Raise `InvalidStageDeclarationException`, or for blockers `InvalidBlockerDeclarationException`."""
    names: set[str] = set()
    for position, stage in enumerate(declaration.stages):
        if stage.name in names:
            raise InvalidStageDeclarationException(f"Stage name '{stage.name}' is used more than once")
        names.add(stage.name)
        _check_size(stage)
        if stage.blockers:
            raise InvalidBlockerDeclarationException(
                f"Stage '{stage.name}' declares blockers, which are reserved for future use."
            )
        _check_type(stage, declaration)
        check_gates(stage, position == 0, declaration.execution_mode == "PARALLEL", region)


def _check_size(stage: wire.StageDeclaration) -> None:
    if not stage.actions:
        raise InvalidStageDeclarationException(
            f"Pipeline stage '{stage.name}' has no actions. There should be a minimum of 1 action in a pipeline stage"
        )
    if len(stage.actions) > STAGE_ACTIONS_MAX:
        raise InvalidStageDeclarationException(
            f"Pipeline stage '{stage.name}' has too many actions. "
            f"There can only be up to {STAGE_ACTIONS_MAX} actions in a pipeline stage"
        )


def _check_type(stage: wire.StageDeclaration, declaration: wire.PipelineDeclaration) -> None:
    has_gates = any((stage.before_entry, stage.on_success, stage.on_failure))
    if has_gates and declaration.pipeline_type == "V1":
        raise InvalidStageDeclarationException("Stage level conditions can only be used with V2 pipelines.")
