"""The DeploymentWindow rule: waits until its window opens."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from penstock.providers.deployment_window.cron import Cron, InvalidCron
from penstock.providers.deployment_window.window import next_opening, seconds_until
from penstock.providers.deployment_window.zones import zone_of
from penstock.worker import Continue, JobContext, JobError, ProviderSettings, Success, declared_rule, polled_type

DECLARATION = declared_rule(Path(__file__).with_name("rule_type.json").read_bytes())
# So that a clock that is set, or a zone whose rules change, is met with soon.
LOOK_SECONDS_MAX = 15 * 60


class DeploymentWindow:
    """Succeeds while the window is open, and looks again when it opens, or after a quarter of an hour."""

    declarations = (DECLARATION,)
    action_types = (polled_type(DECLARATION),)

    def __init__(self, settings: ProviderSettings, clock: Callable[[], float] = time.time) -> None:  # noqa: ARG002
        """The settings are those of every provider; this one needs nothing of its host but the time."""
        self._clock = clock

    async def run(self, job: JobContext) -> Success | Continue:
        expression, zone_name = job.configuration.get("Cron", ""), job.configuration.get("TimeZone", "UTC")
        cron, zone = _read(expression, zone_name)
        now = datetime.fromtimestamp(self._clock(), UTC)
        opening = next_opening(cron, zone, now)
        if opening is None:
            raise JobError(f"The deployment window '{expression}' never opens.", "ConfigurationError")
        seconds = seconds_until(opening, now)
        if not seconds:
            return Success(f"The deployment window '{expression}' ({zone_name}) is open.")
        opens_at = f"{opening.astimezone(zone):%Y-%m-%d %H:%M} {zone_name}"
        return Continue(
            token=f"opens {opening:%Y-%m-%dT%H:%MZ}",
            after_seconds=min(seconds, LOOK_SECONDS_MAX),
            summary=f"The deployment window '{expression}' opens at {opens_at}.",
        )


def _read(expression: str, zone_name: str) -> tuple[Cron, tzinfo]:
    try:
        cron = Cron.parse(expression)
    except InvalidCron as problem:
        raise JobError(f"The cron expression '{expression}' is not valid: {problem}.", "ConfigurationError") from None
    try:
        return cron, zone_of(zone_name)
    except ValueError as problem:
        raise JobError(f"{problem}.", "ConfigurationError") from None
