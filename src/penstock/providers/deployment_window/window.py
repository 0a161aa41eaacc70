"""When a window opens: the minutes of a cron expression, by the clocks of a time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

from penstock.providers.deployment_window.cron import Cron


def next_opening(cron: Cron, zone: tzinfo, now: datetime) -> datetime | None:
    """The first minute of the window from the present one on, in UTC; None if there is none any more.

    What clocks skip is never in a window, what they show twice is in it twice.
    """
    earliest = now.astimezone(UTC).replace(second=0, microsecond=0)
    for day in cron.days_from(earliest.astimezone(zone).date()):
        openings = [moment for moment in _moments(cron, day, zone) if moment >= earliest]
        if openings:
            return min(openings)
    return None


def _moments(cron: Cron, day: date, zone: tzinfo) -> Iterator[datetime]:
    """Every moment of a day at which local clocks show one of the window's minutes."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    for hour in cron.hours:
        for minute in cron.minutes:
            for fold in (0, 1):
                shown = midnight.replace(hour=hour, minute=minute, fold=fold)
                moment = shown.astimezone(UTC)
                # A time that clocks skip comes back as another one; one that they show once comes twice.
                if moment.astimezone(zone).replace(tzinfo=None, fold=0) == shown.replace(tzinfo=None, fold=0):
                    yield moment


def seconds_until(opening: datetime, now: datetime) -> float:
    """How long it is until then, nothing if it has begun."""
    return max(0.0, (opening - now) / timedelta(seconds=1))
