"""What polls say of a job that nobody takes."""

from penstock.core.model import TypeId
from penstock.operations.polls import OWN_WORKER, Polls, polled, poller
from penstock.ports.identity import Principal

ACCOUNT, REGION = "111122223333", "eu-west-1"
ANN = f"arn:aws:iam::{ACCOUNT}:user/Ann"
STRANGER = "arn:aws:iam::999988887777:user/Partner"
BUILDER = TypeId("Build", "Custom", "Builder", "1")
PARTNER = TypeId("Test", "ThirdParty", "Checker", "1")
WANTED = polled(BUILDER, ACCOUNT, REGION, "Project=a")


def polls(*recorded: object, since: float = 1000.0, **more: int) -> Polls:
    made = Polls(since, **more)
    for number, what in enumerate(recorded):
        made.record(what, ANN, since + number)  # type: ignore[arg-type]
    return made


def hints(made: Polls, now: float = 1010.0, wanted: object = WANTED) -> list[str]:
    return made.hints(wanted, ACCOUNT, now)  # type: ignore[arg-type]


def test_nobody_at_all_is_said_with_how_long_one_would_know() -> None:
    assert hints(polls(), now=1300.0) == ["nobody has polled for it since the server started 5 min ago"]


def test_the_last_poll_is_told_and_after_a_while_is_missed() -> None:
    made = polls(WANTED)
    assert hints(made, now=1003.0) == [f"{ANN} polled for it 3 s ago"]
    assert hints(made, now=1000.0 + 2 * 3600) == [f"nobody has polled for it for 2 h; the last one was {ANN}"]


def test_polls_for_something_near_are_told_the_nearest_first() -> None:
    made = polls(
        polled(TypeId("Test", "Custom", "Builder", "2"), ACCOUNT, REGION, "Project=a", "ActionTypeNotFoundException"),
        polled(BUILDER, ACCOUNT, REGION, "Project=b"),
        polled(BUILDER, ACCOUNT, REGION, "", "ValidationException"),
        polled(TypeId("Build", "Custom", "builder", "1"), ACCOUNT, "eu-west-2", "Project=a"),
        polled(TypeId("Build", "Custom", "Other", "1"), ACCOUNT, REGION, "Project=a"),
    )
    unknown = "; it was refused (ActionTypeNotFoundException)"
    there = "this job has provider Builder and region eu-west-1"
    assert hints(made)[1:] == [
        f"{ANN} polled with no queryParam 8 s ago, this job has Project=a; it was refused (ValidationException)",
        f"{ANN} polled with Project=b 9 s ago, this job has Project=a",
        f"{ANN} polled with category Test and version 2 10 s ago, this job has category Build and version 1{unknown}",
        f"{ANN} polled with provider builder and region eu-west-2 7 s ago, {there}",
    ]


def test_no_more_near_misses_are_told_than_one_would_read() -> None:
    many = [polled(BUILDER, ACCOUNT, REGION, f"Project=b{number}") for number in range(9)]
    assert [hint.split()[3] for hint in hints(polls(*many))[1:]] == [
        "Project=b8",
        "Project=b7",
        "Project=b6",
        "Project=b5",
    ]


def test_a_refused_poll_for_the_very_job_is_told() -> None:
    refused = polled(BUILDER, ACCOUNT, REGION, "Project=a", "ActionTypeNotFoundException")
    assert hints(polls(refused))[1:] == [f"{ANN} polled for it 10 s ago; it was refused (ActionTypeNotFoundException)"]


def test_other_accounts_polls_are_not_told() -> None:
    made = polls(polled(BUILDER, "999988887777", REGION, "Project=a"))
    assert len(hints(made)) == 1


def test_a_partner_is_seen_but_not_named() -> None:
    made = Polls(1000.0)
    wanted = polled(PARTNER, ACCOUNT, REGION)
    made.record(polled(PARTNER, "999988887777", "us-east-1"), STRANGER, 1005.0)
    made.record(polled(TypeId("Test", "ThirdParty", "Checker", "2"), "999988887777", REGION), STRANGER, 1006.0)
    assert hints(made, wanted=wanted) == [
        "a worker of another account polled for it 5 s ago",
        "a worker of another account polled with version 2 4 s ago, this job has version 1",
    ]


def test_what_is_remembered_is_bounded_and_what_was_forgotten_is_not_denied() -> None:
    others = [polled(BUILDER, ACCOUNT, REGION, f"Project=b{number}") for number in range(3)]
    made = polls(WANTED, *others, kept_max=2)
    assert hints(made)[0] == "nobody is known to have polled for it since 1970-01-01 00:16:41 UTC"


def test_a_poll_that_is_repeated_is_not_the_first_to_be_forgotten() -> None:
    other, third = (polled(BUILDER, ACCOUNT, REGION, each) for each in ("Project=b", "Project=c"))
    made = polls(WANTED, other, WANTED, third, kept_max=2)
    assert hints(made)[0] == f"{ANN} polled for it 8 s ago"


def test_the_servers_own_worker_is_called_so() -> None:
    assert poller(Principal("arn:aws:sts::1:assumed-role/penstock/worker", "1", "service", "")) == OWN_WORKER
    assert poller(Principal(ANN, ACCOUNT, "user", "A")) == ANN
    made = Polls(1000.0)
    kind = TypeId("Deploy", "AWS", "S3", "1")
    made.record(polled(kind, "1", REGION), OWN_WORKER, 1001.0)
    assert hints(made, wanted=polled(kind, ACCOUNT, REGION)) == [f"{OWN_WORKER} polled for it 9 s ago"]
