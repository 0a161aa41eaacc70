"""The CloudWatchAlarm rule: looks at an alarm, and gives it time to change its state."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.worker import Continue, JobContext, JobError, ProviderSettings, Success, declared_rule, polled_type
from penstock.worker.services import client_elsewhere, explained
from penstock.worker.threads import in_own_thread

DECLARATION = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
LOOK_SECONDS = 15
# From RuleTimeout: no rule waits longer
WAIT_MINUTES_MAX = 86400


class Wish(Struct, frozen=True):
    """An alarm, the states of it that count as one, and how long it may take to be as the gate wants it."""

    alarm: str
    alarming: frozenset[str]
    wait_seconds: float
    is_wanted: bool

    def is_met_by(self, state: str) -> bool:
        return (state in self.alarming) == self.is_wanted


class CloudWatchAlarm:
    """Before a stage and after its success, succeeds unless there is an alarm; after a failure, if there is one.

    An alarm that is not as it should be has until the end of the wait time, counted from the first look.
    """

    declarations = (DECLARATION,)
    action_types = (polled_type(DECLARATION),)

    def __init__(self, settings: ProviderSettings, clock: Callable[[], float] = time.time) -> None:  # noqa: ARG002
        """The settings are those of every provider; this one needs nothing of its host but the time."""
        self._clock = clock

    async def run(self, job: JobContext) -> Success | Continue:
        wish = wish_of(job)
        what = f"The alarm '{wish.alarm}'"
        alarms = await client_elsewhere(job, "cloudwatch")
        with explained(what):
            state, reason = await in_own_thread(_state_of, alarms, wish.alarm)
        if wish.is_met_by(state):
            return Success(f"{what} is in the state {state}")
        ends_at = _end_of(job.continuation_token, self._clock() + wish.wait_seconds)
        left = ends_at - self._clock()
        if left <= 0:
            raise JobError(f"{what} is in the state {state}: {reason}".rstrip(": "))
        minutes = wish.wait_seconds / 60
        return Continue(
            token=f"{ends_at:.3f}",
            after_seconds=min(left, LOOK_SECONDS),
            summary=f"{what} is in the state {state}; it has {minutes:g} minutes to change",
        )


def wish_of(job: JobContext) -> Wish:
    """What the rule's configuration asks for; raises JobError if nothing can be made of it."""
    given = job.configuration
    alarming = frozenset(state.strip().upper() for state in given.get("AlarmStates", "ALARM").split(","))
    if unknown := sorted(alarming.difference(STATES)):
        raise JobError(f"AlarmStates names '{unknown[0]}'; the states are {', '.join(STATES)}.", "ConfigurationError")
    minutes = given.get("WaitTime", "0").strip()
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) <= 5 and int(minutes) <= WAIT_MINUTES_MAX):
        raise JobError(f"WaitTime is '{minutes}', which is not a number of minutes.", "ConfigurationError")
    return Wish(given.get("AlarmName", ""), alarming, int(minutes) * 60.0, is_wanted=job.gate == "onFailure")


def _state_of(alarms: Any, name: str) -> tuple[str, str]:
    """The state of a metric's alarm or a composite one, and the reason that it gives."""
    answer = alarms.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    for found in (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())):
        return str(found.get("StateValue", "INSUFFICIENT_DATA")), str(found.get("StateReason", ""))
    raise JobError(f"There is no alarm '{name}'.", "ConfigurationError")


def _end_of(token: str | None, first: float) -> float:
    """When the wait is over: what the first look has said of it."""
    try:
        return first if token is None else float(token)
    except ValueError:
        return first
