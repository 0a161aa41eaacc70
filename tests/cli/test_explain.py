"""`penstock explain`: why a pipeline is waiting, for people and for programs."""

import json
import re

import pytest
from click.testing import CliRunner

from cli.running import Ended, penstock
from declarations import custom_source, custom_type, pipeline, stage
from operations.scene import approval
from penstock.cli import explain
from serving import Server


@pytest.fixture(scope="module")
def line(shared_server: Server) -> str:
    """A pipeline with two executions: one at its source, one behind it."""
    aws = shared_server.client("codepipeline")
    aws.create_custom_action_type(**custom_type("Spring", category="Source"))
    name = "waits"
    source = stage("Source", custom_source("Pull", "Spring"))
    aws.create_pipeline(pipeline=pipeline(name, source, stage("Ship", approval())))
    aws.start_pipeline_execution(name=name)
    return name


def run(server: Server, *arguments: str) -> Ended:
    return penstock("explain", *arguments, "--data-dir", server.data_dir)


def ids(server: Server, name: str) -> list[str]:
    """Of all executions, oldest first."""
    found = server.client("codepipeline").list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    return [each["pipelineExecutionId"] for each in reversed(found)]


def test_each_execution_is_told_with_place_reason_and_time(shared_server: Server, line: str) -> None:
    first, second = ids(shared_server, line)
    ended = run(shared_server, line)
    assert (ended.code, ended.err) == (0, "")
    shown = re.sub(r"\b\d+ (s|min)\b", "N s", re.sub(r" at \d[^.]+ UTC", " at T", ended.out))
    pull = (
        "Action 'Pull' of stage 'Source' in pipeline 'waits' waits for a worker to poll for its job of "
        "Source/Custom/Spring/1; without a result it fails at T."
    )
    assert shown.splitlines() == [
        f"execution {first}",
        "  Source/Pull  worker             N s",
        f"      {pull}",
        "      - nobody has polled for it since the server started N s ago",
        "",
        f"execution {second}",
        "  Source       earlier execution  N s",
        f"      Execution {second} waits in front of stage 'Source' of pipeline 'waits' until execution {first} has left it.",
        f"      - {pull}",
    ]


def test_one_execution_can_be_asked_for(shared_server: Server, line: str) -> None:
    _, second = ids(shared_server, line)
    ended = run(shared_server, line, "--execution", second)
    assert ended.code == 0
    assert re.findall(r"^execution (.*)$", ended.out, re.MULTILINE) == [second]


def test_json_is_what_the_server_answers(shared_server: Server, line: str) -> None:
    answer = json.loads(run(shared_server, line, "--json").out)
    assert set(answer) == {"now", "waits"}
    assert [wait["reason"] for wait in answer["waits"]] == ["Worker", "EarlierExecution"]


def test_an_execution_that_has_ended_says_how(shared_server: Server, line: str) -> None:
    aws = shared_server.client("codepipeline")
    started = aws.start_pipeline_execution(name=line)["pipelineExecutionId"]
    aws.stop_pipeline_execution(pipelineName=line, pipelineExecutionId=started, abandon=True, reason="enough")
    ended = run(shared_server, line, "--execution", started)
    assert ended.code == 0
    assert re.fullmatch(
        rf"Execution {started} of pipeline 'waits' was stopped in front of stage 'Source' at .* UTC: enough\.\n",
        ended.out,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "penstock: PipelineNotFoundException: "),
        (
            ["waits", "--execution", "00000000-0000-4000-8000-000000000000"],
            "penstock: PipelineExecutionNotFoundException: ",
        ),
        (["waits", "--execution", "x"], "penstock: ValidationException: "),
    ],
)
def test_what_is_not_there_is_one_line(shared_server: Server, line: str, arguments: list[str], said: str) -> None:
    ended = run(shared_server, *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.line.startswith(said)


def test_a_terminal_gets_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = {
        "executionId": "e",
        "stage": "Ship",
        "gate": "beforeEntry",
        "rule": "Window",
        "reason": "DeploymentWindow",
        "since": 0.0,
        "sentence": "It waits for something that takes many a word to say, " * 4,
        "hints": ["a hint that is as long as it need be to be broken " * 3],
    }

    class Asked:
        def call(self, operation: str, **members: str) -> dict[str, object]:
            return {"now": 7800.0, "waits": [wait]} if members["name"] == "line" else {"now": 1.0, "waits": []}

    monkeypatch.setattr(explain, "find_server", lambda *_: Asked())
    monkeypatch.setattr(explain, "_is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    shown = CliRunner().invoke(explain.command, ["line"]).output.splitlines()
    assert shown[:2] == ["execution e", "  Ship/beforeEntry/Window  deployment window  2 h 10 min"]
    assert max(map(len, shown)) <= 70
    assert [text[:8] for text in shown[2:]].count("      - ") == 1
    assert all(text.startswith("      ") for text in shown[2:])
    nothing = CliRunner().invoke(explain.command, ["new"])
    assert nothing.output == "No execution of pipeline 'new' is known.\n"
