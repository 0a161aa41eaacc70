"""What must follow an event, as rows written with it. `effects_of` is the whole table.

A timer is named by its kind and its stamp; setting it again moves it, clearing one that is not there is nothing.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from penstock.core.commands import RollbackStage
from penstock.core.events import (
    ActionEnded,
    ActionStarted,
    Event,
    JobEnded,
    JobOffer,
    JobOffered,
    RollbackAsked,
    RuleEnded,
    RuleJobEnded,
    RuleJobOffered,
    RuleStarted,
)

__all__ = ["TIMER_KINDS", "Ask", "ClearTimer", "Effect", "EndJob", "OfferJob", "SetTimer", "effects_of"]

# What the timers are for: the earliest deadline of a pipeline's actions, the end of one job's time, a source that may have
# changed. The first is set by `step` itself, from the state; the others with the acknowledgement and the new object.
TIMER_KINDS = ("Deadline", "JobTimeout", "SourceChanged")


class OfferJob(Struct, frozen=True):
    execution_id: str
    stage: str
    action: str
    run_id: str
    job: JobOffer
    at: float


class EndJob(Struct, frozen=True):
    job_id: str
    status: str
    at: float


class SetTimer(Struct, frozen=True):
    kind: Literal["Deadline"]
    stamp: str
    due_at: float


class ClearTimer(Struct, frozen=True):
    kind: Literal["JobTimeout"]
    stamp: str


class Ask(Struct, frozen=True):
    """A command to run after this one, in the same commit."""

    command: RollbackStage


Effect = OfferJob | EndJob | SetTimer | ClearTimer | Ask


def effects_of(event: Event) -> Iterator[Effect]:
    match event:
        case ActionStarted():
            if event.job is not None:
                yield OfferJob(event.execution_id, event.stage, event.action, event.run_id, event.job, event.at)
        case JobOffered():
            yield OfferJob(event.execution_id, event.stage, event.action, event.run_id, event.job, event.at)
        case RuleStarted():
            if event.job is not None:
                rule = f"{event.gate}:{event.rule}"
                yield OfferJob(event.execution_id, event.stage, rule, event.run_id, event.job, event.at)
        case RuleJobOffered():
            rule = f"{event.gate}:{event.rule}"
            yield OfferJob(event.execution_id, event.stage, rule, event.run_id, event.job, event.at)
        case RollbackAsked():
            yield Ask(RollbackStage(event.stage, event.target_id))
        case JobEnded() | RuleJobEnded():
            yield EndJob(event.job_id, event.status, event.at)
            yield ClearTimer("JobTimeout", event.job_id)
        case ActionEnded() | RuleEnded():
            if event.job_id is not None:
                yield EndJob(event.job_id, event.job_status, event.at)
                yield ClearTimer("JobTimeout", event.job_id)
        case _:
            return
