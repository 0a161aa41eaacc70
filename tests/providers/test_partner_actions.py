"""Actions of partners whose functions do their jobs: on a real server, with another server in place of Lambda."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import unquote

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from operations.partner import declaration, own_operation
from operations.scene import code_of
from serving import Server
from waiting import eventually

ARN = "arn:aws:lambda:us-east-1:111122223333:function:"
SUCCESS = {"result": "success", "status": {"summary": "no broken links", "externalExecutionId": "scan-9"}}
CONTINUATION = {"result": "continue", "continuation": {"State": {"scan": 9}}, "status": {"summary": "still looking"}}
DENIED = {"result": "fail", "failureType": "PermissionsError", "status": {"summary": "you may not"}}


class Functions(BaseHTTPRequestHandler):
    """Functions by name, each of which returns what the test has written down for it, in turn."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = unquote(self.path).split(":function:")[1].partition("/")[0]
        self.server.told.setdefault(name, []).append(event)
        answer = self.server.answers[name].pop(0)
        self.send_response(200)
        if "errorMessage" in answer:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        written = json.dumps(answer).encode()
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def functions():
    with ThreadingHTTPServer(("127.0.0.1", 0), Functions) as server:
        server.told, server.answers = {}, {}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(functions, tmp_path_factory):
    """A server that knows where functions are."""
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{functions.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    prefix = ["env", *(f"{name}={value}" for name, value in variables.items())]
    options = ("--executor", "off", "--continuation-delay", "0.2")
    running = Server(tmp_path_factory.mktemp("server") / "data", *options, prefix=prefix)
    running.client("codepipeline").create_custom_action_type(**custom_type("Origin", category="Source"))
    yield running
    running.stop()


def own(server, operation, **members):
    return own_operation(server.url, server.root_keys, "us-east-1", operation, **members)


class Line:
    """A pipeline with one action of a partner's type of its own, whose function returns these answers."""

    def __init__(self, server, functions, provider, *answers, configuration=None):
        self.server, self.provider, self.functions = server, provider, functions
        self.aws = server.client("codepipeline", retries={"total_max_attempts": 1})
        functions.answers[provider] = list(answers)
        lambda_configuration = {"lambdaExecutorConfiguration": {"lambdaFunctionArn": ARN + provider}}
        self.declared = declaration(provider, type="Lambda", configuration=lambda_configuration)
        own(server, "RegisterPartnerActionType", actionType=self.declared)
        check = action("Check", "Test", "ThirdParty", provider, configuration, ("App",), namespace="check")
        stages = stage("Source", custom_source()), stage("Check", check)
        self.aws.create_pipeline(pipeline=pipeline(provider, *stages))
        origin = {"category": "Source", "owner": "Custom", "provider": "Origin", "version": "1"}
        (job,) = eventually(lambda: self.aws.poll_for_jobs(actionTypeId=origin)["jobs"])
        self.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
        self.aws.put_job_success_result(jobId=job["id"])

    @property
    def told(self):
        return self.functions.told[self.provider]

    def ended(self):
        """The status of the execution, once it has ended."""
        found = []

        def has_ended():
            (summary,) = self.aws.list_pipeline_executions(pipelineName=self.provider)["pipelineExecutionSummaries"]
            found[:] = [summary["status"]]
            return summary["status"] != "InProgress"

        eventually(has_ended)
        return found[0]

    def shown(self):
        """The action as the state shows it, and as the history does."""
        stages = self.aws.get_pipeline_state(name=self.provider)["stageStates"]
        runs = self.aws.list_action_executions(pipelineName=self.provider)["actionExecutionDetails"]
        return stages[1]["actionStates"][0], next(run for run in runs if run["actionName"] == "Check")


def test_a_success_of_the_function_ends_the_action(server, functions):
    answer = {**SUCCESS, "outputVariables": {"Links": "12"}}
    line = Line(server, functions, "Scanner", answer, configuration={"Mode": "fast", "Password": "open sesame"})
    assert line.ended() == "Succeeded"
    (event,) = line.told
    assert event["accountId"] == "123456789012"
    assert event["data"]["actionConfiguration"] == {"Mode": "fast", "Password": "open sesame"}
    assert [each["name"] for each in event["data"]["inputArtifacts"]] == ["App"]
    assert set(event["data"]["actionCredentials"]) == {"accessKeyId", "secretAccessKey", "sessionToken"}
    state, run = line.shown()
    latest = state["latestExecution"]
    assert (latest["summary"], latest["externalExecutionId"]) == ("no broken links", "scan-9")
    assert latest["actionExecutionId"] == event["data"]["actionExecutionId"]
    assert run["input"]["actionTypeId"] == line.declared["id"]
    assert run["input"]["configuration"]["Password"] != "open sesame"
    assert run["output"]["outputVariables"] == {"Links": "12"}
    assert line.aws.get_action_type(**line.declared["id"])["actionType"] == line.declared


def test_a_continuation_invokes_the_function_again_with_its_state_and_another_job(server, functions):
    line = Line(server, functions, "Slow", CONTINUATION, CONTINUATION, SUCCESS)
    assert line.ended() == "Succeeded"
    first, second, third = line.told
    assert "continuationToken" not in first["data"]
    assert [each["data"]["continuationToken"] for each in (second, third)] == ['{"scan":9}'] * 2
    assert len({each["jobId"] for each in line.told}) == 3
    assert len({each["data"]["actionExecutionId"] for each in line.told}) == 1


@pytest.mark.parametrize(
    ("provider", "answer", "code", "said"),
    [
        ("Denier", DENIED, "PermissionError", "you may not"),
        ("Breaker", {"errorType": "KeyError", "errorMessage": "'x'"}, "JobFailed", "failed: KeyError: 'x'"),
        ("Mumbler", {"ok": True}, "JobFailed", "did not return a result"),
        (
            "Hoarder",
            {"result": "success", "outputVariables": {"Big": "x" * 122_880}},
            "JobFailed",
            "OutputVariablesSizeExceededException",
        ),
    ],
)
def test_what_is_no_success_fails_the_action(server, functions, provider, answer, code, said):
    line = Line(server, functions, provider, answer)
    assert line.ended() == "Failed"
    error = line.shown()[0]["latestExecution"]["errorDetails"]
    assert (error["code"], said in error["message"]) == (code, True)


def test_such_jobs_are_nobody_elses_to_poll_or_answer(server, functions):
    line = Line(server, functions, "Private", CONTINUATION, SUCCESS)
    assert (
        code_of(line.aws.poll_for_third_party_jobs, actionTypeId=line.declared["id"]) == "ActionTypeNotFoundException"
    )
    job_id = eventually(lambda: functions.told.get("Private"))[0]["jobId"]
    named = {"jobId": job_id, "clientToken": "x"}
    assert code_of(line.aws.get_third_party_job_details, **named) == "InvalidJobException"
    assert code_of(line.aws.put_third_party_job_success_result, **named) == "JobNotFoundException"
    assert line.ended() == "Succeeded"


WRONG = {
    "no configuration": ({"configuration": {}}, "The executor 'Lambda' needs a lambdaExecutorConfiguration."),
    "both configurations": (
        {
            "configuration": {
                "lambdaExecutorConfiguration": {"lambdaFunctionArn": ARN + "f"},
                "jobWorkerExecutorConfiguration": {"pollingAccounts": ["123456789012"]},
            }
        },
        "The executor 'Lambda' does not take a jobWorkerExecutorConfiguration.",
    ),
    "the other's configuration": (
        {"type": "JobWorker"},
        "The executor 'JobWorker' needs a jobWorkerExecutorConfiguration.",
    ),
    "too long a time": (
        {"jobTimeout": 901},
        "The jobTimeout of the executor 'Lambda' is 900 seconds at most, not 901.",
    ),
    "no function": (
        {"configuration": {"lambdaExecutorConfiguration": {"lambdaFunctionArn": "check"}}},
        "failed to satisfy constraint",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_executor_is_refused(server, wrong):
    changed, said = WRONG[wrong]
    given = {"type": "Lambda", "configuration": {"lambdaExecutorConfiguration": {"lambdaFunctionArn": ARN + "f"}}}
    assert refusal(server, declaration("Wrong", **{**given, **changed})) == ("ValidationException", said)


def test_the_longest_time_is_taken(server):
    given = {"type": "Lambda", "configuration": {"lambdaExecutorConfiguration": {"lambdaFunctionArn": ARN + "f"}}}
    own(server, "RegisterPartnerActionType", actionType=declaration("Longest", jobTimeout=900, **given))


def test_the_executor_of_a_type_stays_what_it_is(server, functions):
    line = Line(server, functions, "Steady", SUCCESS)
    assert code_of(line.aws.update_action_type, actionType=declaration("Steady")) == "ValidationException"
    line.aws.update_action_type(actionType={**line.declared, "description": "better"})
    assert line.ended() == "Succeeded"


def refusal(server, declared):
    """Code and, of a constraint's long sentence, the part that matters."""
    with pytest.raises(HTTPError) as raised:
        own(server, "RegisterPartnerActionType", actionType=declared)
    with raised.value as answer:
        told = json.load(answer)
    said = told["message"]
    return told["__type"], "failed to satisfy constraint" if "failed to satisfy constraint" in said else said
