"""What must follow an event, as rows written with it. `effects_of` is the whole table.

A timer is named by its kind and its stamp; setting it again moves it, clearing one that is not there is nothing.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from penstock.core.events import ActionEnded, ActionStarted, Event, JobEnded, JobOffer, JobOffered

__all__ = ["TIMER_KINDS", "ClearTimer", "Effect", "EndJob", "OfferJob", "SetTimer", "effects_of"]

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


Effect = OfferJob | EndJob | SetTimer | ClearTimer


def effects_of(event: Event) -> Iterator[Effect]:
    match event:
        case ActionStarted():
            if event.job is not None:
                yield OfferJob(event.execution_id, event.stage, event.action, event.run_id, event.job, event.at)
        case JobOffered():
            yield OfferJob(event.execution_id, event.stage, event.action, event.run_id, event.job, event.at)
        case JobEnded():
            yield EndJob(event.job_id, event.status, event.at)
            yield ClearTimer("JobTimeout", event.job_id)
        case ActionEnded():
            if event.job_id is not None:
                yield EndJob(event.job_id, event.job_status, event.at)
                yield ClearTimer("JobTimeout", event.job_id)
        case _:
            return
