"""The doors between stages."""

from collections.abc import Iterator

from penstock.core.commands import DisableTransition, EnableTransition
from penstock.core.events import Event, TransitionChanged
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
