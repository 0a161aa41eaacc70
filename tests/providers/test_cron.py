"""Quartz expressions: which minutes they name, what is none, and when a window opens next."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.providers.deployment_window.cron import Cron, InvalidCron
from penstock.providers.deployment_window.window import next_opening, seconds_until
from penstock.providers.deployment_window.zones import ABBREVIATIONS, zone_of


def days(expression, year, month):
    """The days of a month that the expression has."""
    cron = Cron.parse(f"* * * {expression}")
    return [
        day
        for day in range(1, 32)
        if _exists(year, month, day) and cron.matches(datetime(year, month, day, tzinfo=UTC))
    ]


def _exists(year, month, day):
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def hours(field):
    cron = Cron.parse(f"* 0 {field} * * ?")
    return [hour for hour in range(24) if cron.matches(datetime(2026, 1, 1, hour, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("*", list(range(24))),
        ("0", [0]),
        ("9-11", [9, 10, 11]),
        ("22-1", [0, 1, 22, 23]),
        ("1,5,20-22", [1, 5, 20, 21, 22]),
        ("*/6", [0, 6, 12, 18]),
        ("/8", [0, 8, 16]),
        ("5/7", [5, 12, 19]),
        ("8-14/3", [8, 11, 14]),
        ("20-4/4", [0, 4, 20]),
        ("23", [23]),
    ],
)
def test_a_field_takes_lists_ranges_and_steps(field, expected):
    assert hours(field) == expected


# November 2026 begins on a Sunday and has 30 days; February 2026 on a Sunday with 28; August on a Saturday.
@pytest.mark.parametrize(
    ("expression", "year", "month", "expected"),
    [
        ("1 * ?", 2026, 11, [1]),
        ("1,15 * ?", 2026, 11, [1, 15]),
        ("28-2 * ?", 2026, 11, [1, 2, 28, 29, 30]),
        ("31 * ?", 2026, 11, []),
        ("L * ?", 2026, 11, [30]),
        ("L * ?", 2026, 2, [28]),
        ("L * ?", 2028, 2, [29]),
        ("L-3 * ?", 2026, 11, [27]),
        ("L-30 * ?", 2026, 2, []),
        ("LW * ?", 2026, 11, [30]),
        ("LW * ?", 2026, 2, [27]),
        ("LW * ?", 2026, 5, [29]),
        ("L-1W * ?", 2026, 11, [30]),
        ("15W * ?", 2026, 11, [16]),
        ("14W * ?", 2026, 11, [13]),
        ("16W * ?", 2026, 11, [16]),
        ("1W * ?", 2026, 8, [3]),
        ("1W * ?", 2026, 11, [2]),
        ("31W * ?", 2026, 5, [29]),
        ("31W * ?", 2026, 11, []),
        ("1,L * ?", 2026, 11, [1, 30]),
        ("10W,20 * ?", 2026, 11, [10, 20]),
        ("? * MON", 2026, 11, [2, 9, 16, 23, 30]),
        ("? * 1", 2026, 11, [1, 8, 15, 22, 29]),
        ("? * 7", 2026, 11, [7, 14, 21, 28]),
        ("? * L", 2026, 11, [7, 14, 21, 28]),
        ("? * mon-wed", 2026, 11, [2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25, 30]),
        ("? * FRI-MON", 2026, 2, [1, 2, 6, 7, 8, 9, 13, 14, 15, 16, 20, 21, 22, 23, 27, 28]),
        ("? * 6L", 2026, 11, [27]),
        ("? * FRIL", 2026, 11, [27]),
        ("? * SUNL", 2026, 11, [29]),
        ("? * 6#3", 2026, 11, [20]),
        ("? * SUN#5", 2026, 11, [29]),
        ("? * TUE#5", 2026, 11, []),
        ("? * MON#1,FRIL", 2026, 11, [2, 27]),
        ("? * 2/2", 2026, 2, [2, 4, 6, 9, 11, 13, 16, 18, 20, 23, 25, 27]),
        ("? * *", 2026, 2, list(range(1, 29))),
        ("? JAN-MAR MON", 2026, 11, []),
        ("? NOV-FEB SUN", 2026, 2, [1, 8, 15, 22]),
        ("? 11 SUN#1 2026", 2026, 11, [1]),
        ("? 11 SUN#1 2027-2030", 2026, 11, []),
        ("? 11 SUN#1 2024/2", 2026, 11, [1]),
    ],
)
def test_the_days_of_a_month(expression, year, month, expected):
    assert days(expression, year, month) == expected


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "it has 0 fields"),
        ("* * 9 ? MON", "it has 5 fields"),
        ("* * 9 ? * MON 2026 x", "it has 8 fields"),
        ("0 * 9 ? * MON", "the field 'seconds' can only be '*', not '0'"),
        ("* * 9 * * *", "one of the fields"),
        ("* * 9 ? * ?", "one of the fields"),
        ("* * 9 1 * MON", "one of the fields"),
        ("* 60 9 ? * MON", "'60' is not a value of the field 'minutes', which goes from 0 to 59"),
        ("* * 24 ? * MON", "'24' is not a value of the field 'hours'"),
        ("* * ? ? * MON", "'?' is not a value of the field 'hours'"),
        ("* * 9 0 * ?", "'0' is not a value of the field 'day of month'"),
        ("* * 9 32W * ?", "'32' is not a value of the field 'day of month'"),
        ("* * 9 L-31 * ?", "'31' is not a value of the field 'day of month, after L-'"),
        ("* * 9 LX * ?", "'LX' is not a value of the field 'day of month'"),
        ("* * 9 W * ?", "'W' is not a value of the field 'day of month'"),
        ("* * 9 ? 13 MON", "'13' is not a value of the field 'month'"),
        ("* * 9 ? * 0", "'0' is not a value of the field 'day of week'"),
        ("* * 9 ? * 8", "'8' is not a value of the field 'day of week'"),
        ("* * 9 ? * MOON", "'MOON' is not a value"),
        ("* * 9 ? * MON#6", "'6' is not a value of the field 'day of week, after #'"),
        ("* * 9 ? * MON 1969", "'1969' is not a value of the field 'year'"),
        ("* * 9 ? * MON 2030-2026", "'2030-2026' ends before it begins"),
        ("* */0 9 ? * MON", "'0' is not a step of the field 'minutes'"),
        ("* */61 9 ? * MON", "'61' is not a step"),
        ("* 1/ 9 ? * MON", "'' is not a step"),
        ("* 1,,2 9 ? * MON", "'' is not a value"),
        ("* -5 9 ? * MON", "'' is not a value"),
        ("* 1-2-3 9 ? * MON", "'2-3' is not a value"),
        ("* ٣ 9 ? * MON", "is not a value"),
        ("* 99999999999999999999 9 ? * MON", "is not a value"),
    ],
)
def test_what_names_no_minutes_says_why(expression, said):
    with pytest.raises(InvalidCron) as refused:
        Cron.parse(expression)
    assert said in str(refused.value)


BERLIN = ZoneInfo("Europe/Berlin")


def opening(expression, now, zone=UTC):
    return next_opening(Cron.parse(expression), zone, datetime.fromisoformat(now))


@pytest.mark.parametrize(
    ("expression", "now", "zone", "expected"),
    [
        # Within the window it is the minute that runs.
        ("* * 9-16 ? * MON-FRI", "2026-11-23T10:15:42+00:00", UTC, "2026-11-23T10:15"),
        ("* * 9-16 ? * MON-FRI", "2026-11-23T16:59:59+00:00", UTC, "2026-11-23T16:59"),
        ("* * 9-16 ? * MON-FRI", "2026-11-23T17:00:00+00:00", UTC, "2026-11-24T09:00"),
        ("* * 9-16 ? * MON-FRI", "2026-11-27T17:00:00+00:00", UTC, "2026-11-30T09:00"),
        ("* 30 8 1 1 ?", "2026-11-23T00:00:00+00:00", UTC, "2027-01-01T08:30"),
        ("* 0 0 29 2 ?", "2026-11-23T00:00:00+00:00", UTC, "2028-02-29T00:00"),
        ("* 0 0 29 2 ? 2099", "2026-11-23T00:00:00+00:00", UTC, None),
        ("* 0 0 30 2 ?", "2026-11-23T00:00:00+00:00", UTC, None),
        ("* * * * * ? 2025", "2026-11-23T00:00:00+00:00", UTC, None),
        ("* 59 23 L 12 ? 2099", "2026-11-23T00:00:00+00:00", UTC, "2099-12-31T23:59"),
        # By the clocks of a place, which are an hour ahead in winter and two in summer.
        ("* 0 9 ? * *", "2026-11-23T00:00:00+00:00", BERLIN, "2026-11-23T08:00"),
        ("* 0 9 ? * *", "2026-07-23T00:00:00+00:00", BERLIN, "2026-07-23T07:00"),
        ("* 0 0 ? * MON", "2026-11-22T22:30:00+00:00", BERLIN, "2026-11-22T23:00"),
        # Half past two is skipped on 28 March 2027, and shown twice on 25 October 2026.
        ("* 30 2 ? * *", "2027-03-28T00:00:00+00:00", BERLIN, "2027-03-29T00:30"),
        ("* 30 2 ? * *", "2026-10-25T00:00:00+00:00", BERLIN, "2026-10-25T00:30"),
        ("* 30 2 ? * *", "2026-10-25T00:31:00+00:00", BERLIN, "2026-10-25T01:30"),
        ("* 10,50 2 ? * *", "2026-10-25T00:11:00+00:00", BERLIN, "2026-10-25T00:50"),
        ("* 10,50 2 ? * *", "2026-10-25T00:51:00+00:00", BERLIN, "2026-10-25T01:10"),
        # A day that the calendar of a place never had is far behind; one behind the date line is not.
        ("* 0 0 ? * *", "2026-11-23T09:59:30+00:00", ZoneInfo("Pacific/Apia"), "2026-11-23T11:00"),
    ],
)
def test_the_next_opening(expression, now, zone, expected):
    found = opening(expression, now, zone)
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == expected


def test_a_window_that_has_begun_is_no_time_away():
    now = datetime(2026, 11, 23, 9, 0, 30, tzinfo=UTC)
    assert seconds_until(now.replace(second=0), now) == 0
    assert seconds_until(now + timedelta(seconds=1.5), now) == 1.5


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC-09:30"]
MINUTES = st.one_of(st.just("*"), st.integers(0, 59).map(str), st.sampled_from(["*/20", "50-10", "5,35", "7/13"]))
HOURS = st.one_of(st.just("*"), st.integers(0, 23).map(str), st.sampled_from(["9-17", "22-4", "*/5", "1,2,3"]))
MONTH_DAYS = st.one_of(
    st.integers(1, 28).map(str), st.sampled_from(["*", "L", "LW", "L-2", "1W", "15W", "30W", "*/3", "28-3", "1,L"])
)
WEEK_DAYS = st.sampled_from(["*", "MON-FRI", "SUN", "FRI-MON", "2#2", "7L", "L", "WED#5,SUN", "1/3"])
DAY_FIELDS = st.one_of(MONTH_DAYS.map(lambda day: (day, "?")), WEEK_DAYS.map(lambda day: ("?", day)))
# Around the changes of the clocks, where mistakes are made.
CHANGES = [
    "2027-03-28T00:30",
    "2026-10-25T00:10",
    "2027-03-14T06:00",
    "2026-11-01T05:30",
    "2027-04-03T14:40",
    "2026-12-31T23:40",
]
NOWS = st.tuples(st.sampled_from(CHANGES), st.integers(-2000, 500)).map(
    lambda drawn: datetime.fromisoformat(drawn[0] + "+00:00") + timedelta(minutes=drawn[1], seconds=17)
)


@settings(max_examples=80, deadline=None)
@given(minutes=MINUTES, hours=HOURS, days=DAY_FIELDS, zone=st.sampled_from(ZONES), now=NOWS)
def test_the_next_opening_is_in_the_window_and_nothing_before_it_is(minutes, hours, days, zone, now):
    cron = Cron.parse(f"* {minutes} {hours} {days[0]} * {days[1]}")
    clocks = zone_of(zone)
    found = next_opening(cron, clocks, now)
    assert found is not None
    assert cron.matches(found.astimezone(clocks))
    moment = now.replace(second=0)
    assert found >= moment
    # Each minute up to it; of one that is far away, those of the first days.
    while moment < found and moment < now + timedelta(days=2):
        assert not cron.matches(moment.astimezone(clocks))
        moment += timedelta(minutes=1)


class TestZones:
    @pytest.mark.parametrize(
        ("text", "hours"),
        [
            ("UTC", 0),
            ("utc", 0),
            ("GMT", 0),
            ("UTC+01:00", 1),
            ("UTC-09:30", -9.5),
            ("UTC+5", 5),
            ("UTC+0545", 5.75),
            ("UTC-0:30", -0.5),
            ("EST", -5),
            ("AEST", 10),
            ("CHAST", 12.75),
            ("Asia/Tokyo", 9),
            ("America/Argentina/Ushuaia", -3),
            ("Etc/UTC", 0),
        ],
    )
    def test_a_place_an_offset_and_an_abbreviation(self, text, hours):
        offset = datetime(2026, 11, 23, tzinfo=zone_of(text)).utcoffset()
        assert offset == timedelta(hours=hours)

    @pytest.mark.parametrize(
        "text", ["", "Mars/Base", "UTC+19:00", "UTC+1:70", "XYZ", "America/", "../etc/passwd", "/etc/localtime", "A/\0"]
    )
    def test_what_is_no_zone_is_refused(self, text):
        with pytest.raises(ValueError, match="is not a time zone"):
            zone_of(text)

    def test_abbreviations_have_three_to_five_letters_and_whole_quarters(self):
        assert all(3 <= len(name) <= 5 and hours * 4 % 1 == 0 for name, hours in ABBREVIATIONS.items())
