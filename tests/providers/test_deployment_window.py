"""The DeploymentWindow rule."""

from datetime import UTC, datetime

import pytest

from penstock.providers.deployment_window.rule import DeploymentWindow
from penstock.worker import Continue, ProviderSettings, Success
from providers.rules import failed, outcome

# A Monday
NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC).timestamp()


def looked(cron, now=NOON, **more):
    window = DeploymentWindow(ProviderSettings(), clock=lambda: now)
    return outcome(window, {"Cron": cron, **more})


def test_within_the_window_the_rule_succeeds():
    assert looked("* * 9-16 ? * MON-FRI") == Success("The deployment window '* * 9-16 ? * MON-FRI' (UTC) is open.")


def test_before_it_the_rule_waits_until_it_opens_and_says_when():
    result = looked("* 10 12 ? * MON-FRI")
    assert result == Continue(
        token="opens 2026-11-23T12:10Z",
        after_seconds=570,
        summary="The deployment window '* 10 12 ? * MON-FRI' opens at 2026-11-23 12:10 UTC.",
    )


def test_a_long_wait_is_cut_into_quarters_of_an_hour():
    result = looked("* 0 9 ? * MON-FRI", TimeZone="America/New_York")
    assert result.after_seconds == 900
    assert result.summary == "The deployment window '* 0 9 ? * MON-FRI' opens at 2026-11-23 09:00 America/New_York."


def test_the_times_are_those_of_the_zone():
    assert isinstance(looked("* * 13 ? * *", TimeZone="Europe/Berlin"), Success)
    assert isinstance(looked("* * 13 ? * *", TimeZone="UTC+01:00"), Success)
    assert isinstance(looked("* * 7 ? * *", TimeZone="EST"), Success)
    assert isinstance(looked("* * 13 ? * *"), Continue)


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        (
            "0 * 9 ? * *",
            "UTC",
            "The cron expression '0 * 9 ? * *' is not valid: the field 'seconds' can only be '*', not '0'.",
        ),
        (
            "nonsense",
            "UTC",
            "The cron expression 'nonsense' is not valid: it has 1 fields instead of 6, or 7 with the year.",
        ),
        ("* * 9 30 2 ?", "UTC", "The deployment window '* * 9 30 2 ?' never opens."),
        ("* * 9 ? * * 2020", "UTC", "The deployment window '* * 9 ? * * 2020' never opens."),
        (
            "* * 9 ? * *",
            "Nowhere/Town",
            "'Nowhere/Town' is not a time zone: name it as Region/City, as UTC+HH:MM or UTC-HH:MM, or by its abbreviation.",
        ),
    ],
)
def test_a_window_that_can_never_open_is_a_mistake_of_the_configuration(cron, zone, said):
    assert failed(looked(cron, TimeZone=zone)) == ("ConfigurationError", said)
