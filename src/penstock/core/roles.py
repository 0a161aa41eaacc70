"""The roles under which the service acts for a pipeline, one assumed through the other.

UG: an action's role is assumed through that of the pipeline, which alone is the service's to assume.
"""

from penstock.core.lookup import declared_action, declared_stage
from penstock.core.model import JobWork
from penstock.core.transitions.condition import declared_rule
from penstock.wire import types as wire

__all__ = ["roles_of_action", "roles_of_work"]


def roles_of_action(declaration: wire.PipelineDeclaration, stage: str, action: str) -> tuple[str, ...]:
    """Raises StageNotFound or ActionNotFound."""
    return _through(declaration, declared_action(declaration, stage, action).role_arn)


def roles_of_work(declaration: wire.PipelineDeclaration, work: JobWork) -> tuple[str, ...]:
    """Those of the job of an action or of a rule."""
    if work.gate is None:
        return roles_of_action(declaration, work.stage, work.action)
    rule = declared_rule(declared_stage(declaration, work.stage), work.gate, work.action)
    return _through(declaration, rule.role_arn)


def _through(declaration: wire.PipelineDeclaration, own: str | None) -> tuple[str, ...]:
    return (declaration.role_arn, own) if own else (declaration.role_arn,)
