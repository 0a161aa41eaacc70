"""The doors between stages."""

from collections.abc import Iterator

from penstock.core import limits
from penstock.core.commands import DisableTransition, EnableTransition
from penstock.core.events import Event, ExecutionEnded, TransitionChanged
from penstock.core.lookup import declared_stage
from penstock.core.model import Pipeline
from penstock.core.moment import Moment
from penstock.core.refusals import StageNotFound

__all__ = ["disable", "enable"]


def disable(state: Pipeline, command: DisableTransition, moment: Moment) -> Iterator[Event]:
    stage = _guarded(state, command.stage, command.direction)
    yield TransitionChanged(stage, enabled=False, by=command.by, at=moment.now, reason=command.reason)


def enable(state: Pipeline, command: EnableTransition, moment: Moment) -> Iterator[Event]:
    stage = _guarded(state, command.stage, command.direction)
    slot = state.head.slots[stage]
    closed_at = slot.transition.at if slot.transition is not None and not slot.transition.enabled else moment.now
    if moment.now - closed_at > limits.TRANSITION_RESUME_SECONDS:
        # UG, transitions: what waited for longer does not go on; a new change or start is needed.
        for execution_id in slot.waiting:
            summary = f"Not resumed: the transition into stage '{stage}' was disabled for more than 30 days"
            yield ExecutionEnded(execution_id, "Cancelled", moment.now, summary=summary)
    yield TransitionChanged(stage, enabled=True, by=command.by, at=moment.now)


def _guarded(state: Pipeline, name: str, direction: str) -> str:
    """The stage whose inbound door is meant: leaving a stage is entering the next one."""
    declaration = state.versions[state.head.version].declaration
    declared_stage(declaration, name)
    if direction == "Inbound":
        return name
    names = [stage.name for stage in declaration.stages]
    following = names.index(name) + 1
    if following == len(names):
        raise StageNotFound(f"The stage '{name}' is the last one of its pipeline: no transition leaves it")
    return names[following]
