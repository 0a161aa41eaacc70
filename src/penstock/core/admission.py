"""Who may enter a stage, who waits in front of it, and who is superseded.

A stage lets in one execution at a time, but for PARALLEL executions, which share nothing. In SUPERSEDED mode one may wait in
front of each stage, and a newer arrival takes its place; in QUEUED mode they wait in order of arrival.
"""

from collections.abc import Iterator

from penstock.core.events import Event, ExecutionEnded, StageEntered, StageReached
from penstock.core.model import ExecutionMode, Pipeline, StageSlot

__all__ = ["admit", "release"]


def admit(slot: StageSlot | None, stage: str, execution_id: str, mode: ExecutionMode, now: float) -> Iterator[Event]:
    """Let an execution into a stage, or make it wait; `slot` is None where the stage keeps none."""
    if slot is None or mode == "PARALLEL" or (slot.occupant is None and slot.is_enabled and not slot.waiting):
        yield StageEntered(execution_id, stage, now)
        return
    if mode == "SUPERSEDED":
        # The newer one takes the place: an older execution never overtakes it again.
        for waiting in slot.waiting:
            yield ExecutionEnded(waiting, "Superseded", now, by=execution_id)
    yield StageReached(execution_id, stage, now)


def release(state: Pipeline, now: float) -> Iterator[Event]:
    """The first one that waits in front of each stage which is free and enabled goes in."""
    for stage, slot in state.head.slots.items():
        if slot.waiting and slot.occupant is None and slot.is_enabled:
            yield StageEntered(slot.waiting[0], stage, now)
