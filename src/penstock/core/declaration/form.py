"""The form in which a declaration is kept and shown: with everything filled in that may be left out."""

from msgspec.structs import replace

from penstock.core.action_types import builtin, type_key
from penstock.wire import types as wire

__all__ = ["normalise", "type_of"]


def normalise(declaration: wire.PipelineDeclaration, version: int) -> wire.PipelineDeclaration:
    """The declaration under a version number, with its defaults filled in. Doing it again changes nothing."""
    return replace(
        declaration,
        version=version,
        execution_mode=declaration.execution_mode or "SUPERSEDED",
        pipeline_type=type_of(declaration),
        stages=tuple(
            replace(stage, actions=tuple(_filled_in(action) for action in stage.actions))
            for stage in declaration.stages
        ),
    )


def type_of(declaration: wire.PipelineDeclaration) -> wire.PipelineType:
    """The declared type, or else the one that the declaration's features need."""
    if declaration.pipeline_type is not None:
        return declaration.pipeline_type
    needs_v2 = (
        bool(declaration.variables or declaration.triggers)
        or declaration.execution_mode in ("QUEUED", "PARALLEL")
        or any(_needs_v2(stage) for stage in declaration.stages)
    )
    return "V2" if needs_v2 else "V1"


def _needs_v2(stage: wire.StageDeclaration) -> bool:
    return any((stage.before_entry, stage.on_success, stage.on_failure)) or any(
        _is_v2_only(action.action_type_id) for action in stage.actions
    )


def _is_v2_only(type_id: wire.ActionTypeId) -> bool:
    # Only types that come with the server are bound to a type of pipeline, and their keys have no partition.
    rules = builtin().get(type_key(type_id, account="", region=""))
    return rules is not None and rules.is_v2_only


def _filled_in(action: wire.ActionDeclaration) -> wire.ActionDeclaration:
    return replace(
        action,
        run_order=action.run_order or 1,
        configuration=action.configuration or {},
        input_artifacts=action.input_artifacts or (),
        output_artifacts=action.output_artifacts or (),
    )
