"""Cron expressions as Quartz has them: which minutes of the calendar they name.

    seconds  minutes  hours  day of month  month  day of week  [year]

The window's seconds are always `*`: a minute is in it or not. Of the two day fields one says which days and the other is
`?`. Beside numbers, names, lists, ranges (which may wrap, FRI-MON) and steps, the day of the month takes L, L-3, LW and
15W, the day of the week L, 6L and 6#3; weekdays count from SUN, which is 1.
"""

import calendar
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime

from msgspec import Struct

YEAR_MIN, YEAR_MAX = 1970, 2099
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES, 1)}
# As the calendar counts
SATURDAY, SUNDAY = 5, 6

# The days of a month; some may lie outside it, in which case it has no such day.
Days = Callable[[int, int], Iterator[int]]

_FROM_END = re.compile(r"L(?:-(\d{1,2}))?(W)?")
_NEAREST = re.compile(r"(\d{1,2})W")
_LAST = re.compile(r"(\w+?)L")
_NTH = re.compile(r"(\w+)#(\d+)")


class InvalidCron(ValueError):
    """The expression means nothing; the text says why."""


class Field(Struct, frozen=True):
    """One place of an expression, and the numbers that it can hold."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = {}
    may_wrap: bool = True

    def values(self, text: str) -> frozenset[int]:
        """Every number that the text names. Raises InvalidCron."""
        return frozenset(value for item in text.split(",") for value in self._of_item(item))

    def number(self, text: str) -> int:
        """The one number that the text is. Raises InvalidCron."""
        number = self.names.get(text)
        if number is None:
            number = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1
        if not self.low <= number <= self.high:
            raise InvalidCron(
                f"'{text}' is not a value of the field '{self.name}', which goes from {self.low} to {self.high}"
            )
        return number

    def _of_item(self, item: str) -> Iterator[int]:
        span, slash, step_text = item.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*" or (not span and slash):
            first, last = self.low, self.high
        else:
            start, dash, end = span.partition("-")
            first = self.number(start)
            last = self.number(end) if dash else self.high if slash else first
        size = self.high - self.low + 1
        if last < first:
            if not self.may_wrap:
                raise InvalidCron(f"'{item}' ends before it begins, in the field '{self.name}'")
            last += size
        return (self.low + (value - self.low) % size for value in range(first, last + 1, step))

    def _step(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= self.high - self.low + 1):
            raise InvalidCron(f"'{text}' is not a step of the field '{self.name}'")
        return int(text)


MINUTE, HOUR = Field("minutes", 0, 59), Field("hours", 0, 23)
DAY_OF_MONTH, MONTH = Field("day of month", 1, 31), Field("month", 1, 12, MONTHS)
DAY_OF_WEEK, YEAR = Field("day of week", 1, 7, WEEKDAYS), Field("year", YEAR_MIN, YEAR_MAX, may_wrap=False)
NTH, OFFSET = Field("day of week, after #", 1, 5), Field("day of month, after L-", 0, 30)


class Cron(Struct, frozen=True):
    """The minutes that an expression names, of whatever place's clock."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    days: tuple[Days, ...]

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Raises InvalidCron, which says what is wrong."""
        fields = text.upper().split()
        if len(fields) not in (6, 7):
            raise InvalidCron(f"it has {len(fields)} fields instead of 6, or 7 with the year")
        seconds, minutes, hours, month_days, months, week_days, *years = fields
        if seconds != "*":
            raise InvalidCron(f"the field 'seconds' can only be '*', not '{seconds}'")
        if (month_days == "?") == (week_days == "?"):
            raise InvalidCron("one of the fields 'day of month' and 'day of week' is '?', and the other one is not")
        items = week_days.split(",") if month_days == "?" else month_days.split(",")
        kind = _days_of_week if month_days == "?" else _days_of_month
        return cls(
            MINUTE.values(minutes),
            HOUR.values(hours),
            MONTH.values(months),
            YEAR.values(years[0] if years else "*"),
            tuple(kind(item) for item in items),
        )

    def matches(self, moment: datetime) -> bool:
        """Whether the minute that a local clock shows is one of them."""
        return moment.minute in self.minutes and moment.hour in self.hours and self._has(moment.date())

    def _has(self, day: date) -> bool:
        return day.year in self.years and day.month in self.months and day.day in self._of_month(day.year, day.month)

    def days_from(self, start: date) -> Iterator[date]:
        """The days that have such minutes, in order, from one day on to the end of the last year that there is."""
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                days = (date(year, month, day) for day in self._of_month(year, month))
                yield from (day for day in days if day >= start)

    def _of_month(self, year: int, month: int) -> list[int]:
        last = _last_day(year, month)
        return sorted({day for rule in self.days for day in rule(year, month) if 1 <= day <= last})


def _days_of_month(item: str) -> Days:
    if item.startswith("L"):
        found = _FROM_END.fullmatch(item)
        if found is None:
            raise InvalidCron(f"'{item}' is not a value of the field 'day of month'")
        offset = OFFSET.number(found[1]) if found[1] else 0
        return _nearest_to_end(offset) if found[2] else lambda year, month: iter((_last_day(year, month) - offset,))
    if nearest := _NEAREST.fullmatch(item):
        wanted = DAY_OF_MONTH.number(nearest[1])
        return lambda year, month: _nearest_weekday(year, month, wanted)
    values = DAY_OF_MONTH.values(item)
    return lambda _year, _month: iter(values)


def _days_of_week(item: str) -> Days:
    if nth := _NTH.fullmatch(item):
        weekday, count = DAY_OF_WEEK.number(nth[1]), NTH.number(nth[2])
        return lambda year, month: iter(tuple(_on_weekday(year, month, weekday))[count - 1 : count])
    if item == "L":
        item = str(DAY_OF_WEEK.high)
    elif last := _LAST.fullmatch(item):
        weekday = DAY_OF_WEEK.number(last[1])
        return lambda year, month: iter(tuple(_on_weekday(year, month, weekday))[-1:])
    values = DAY_OF_WEEK.values(item)
    return lambda year, month: (day for weekday in values for day in _on_weekday(year, month, weekday))


def _nearest_to_end(offset: int) -> Days:
    return lambda year, month: _nearest_weekday(year, month, _last_day(year, month) - offset)


def _nearest_weekday(year: int, month: int, day: int) -> Iterator[int]:
    """The day from Monday to Friday that is nearest, without leaving the month; none if the month has no such day."""
    last = _last_day(year, month)
    if not 1 <= day <= last:
        return
    weekday = calendar.weekday(year, month, day)
    if weekday == SATURDAY:
        yield day - 1 if day > 1 else day + 2
    elif weekday == SUNDAY:
        yield day + 1 if day < last else day - 2
    else:
        yield day


def _on_weekday(year: int, month: int, weekday: int) -> Iterator[int]:
    """Every day of the month with that number of the week, of which Sunday is the first."""
    first_is = (calendar.weekday(year, month, 1) + 1) % 7 + 1
    yield from range(1 + (weekday - first_is) % 7, _last_day(year, month) + 1, 7)


def _last_day(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]
