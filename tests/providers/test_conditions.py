"""Rules that do work, at the gates of real stages on a real server, with another server in place of AWS."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from declarations import custom_source, custom_type, pipeline, stage
from operations.scene import build
from serving import Server
from waiting import eventually


class Functions(BaseHTTPRequestHandler):
    """Lambda functions, of which those with Bad in their names fail; what they were told is kept."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append(told["CodePipeline.job"])
        answer = b'{"errorMessage": "not today"}' if "Bad" in self.path else b"{}"
        self.send_response(200)
        if "Bad" in self.path:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def functions():
    with ThreadingHTTPServer(("127.0.0.1", 0), Functions) as server:
        server.told = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def aws(functions, tmp_path_factory):
    """A client of a server that knows where functions are, and where nothing else is."""
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{functions.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    prefix = ["env", *(f"{name}={value}" for name, value in variables.items())]
    server = Server(tmp_path_factory.mktemp("server") / "data", "--executor", "process", prefix=prefix)
    client = server.client("codepipeline")
    for declared in (custom_type("Origin", category="Source"), custom_type("Builder")):
        client.create_custom_action_type(**declared)
    yield client
    server.stop()


def rule(provider, configuration=None, **more):
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": provider, "ruleTypeId": kind, "configuration": configuration or {}, **more}


def gated(aws, name, **gates):
    """A pipeline whose stage Build has these gates, with its source done."""
    later = {**stage("Build", build("Make", inputs=("App",))), **gates}
    aws.create_pipeline(pipeline=pipeline(name, stage("Source", custom_source()), later, pipelineType="V2"))
    work(aws, "Source", "Origin")


def work(aws, category, provider, *, fail=False):
    kind = {"category": category, "owner": "Custom", "provider": provider, "version": "1"}
    (job,) = eventually(lambda: aws.poll_for_jobs(actionTypeId=kind)["jobs"])
    aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])
    if fail:
        aws.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "broken"})
    else:
        aws.put_job_success_result(jobId=job["id"])


def condition(result, *rules):
    return {"conditions": [{"result": result, "rules": list(rules)}]}


def ended_rule(aws, name):
    """The latest run of the pipeline's rule, once it has ended."""

    def found():
        runs = aws.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]
        return [run for run in runs if run["status"] != "InProgress"]

    return eventually(found)[0]


def status(aws, name):
    return aws.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]["status"]


def test_a_function_that_says_yes_lets_in(aws, functions):
    gated(aws, "yes", beforeEntry=condition("FAIL", rule("LambdaInvoke", {"FunctionName": "Good"})))
    run = ended_rule(aws, "yes")
    assert run["status"] == "Succeeded"
    assert run["output"]["executionResult"]["externalExecutionSummary"] == "The function 'Good' succeeded"
    assert functions.told[-1]["data"]["actionConfiguration"] == {"configuration": {"FunctionName": "Good"}}
    work(aws, "Build", "Builder")
    assert eventually(lambda: status(aws, "yes") == "Succeeded")


def test_a_function_that_says_no_keeps_out(aws):
    gated(aws, "no", beforeEntry=condition("FAIL", rule("LambdaInvoke", {"FunctionName": "Bad"})))
    run = ended_rule(aws, "no")
    assert run["output"]["executionResult"]["errorDetails"] == {
        "code": "JobFailed",
        "message": "The function 'Bad' failed: not today",
    }
    assert eventually(lambda: status(aws, "no") == "Failed")


def test_an_error_after_a_failure_meets_the_condition(aws):
    gated(aws, "back", onFailure=condition("ROLLBACK", rule("LambdaInvoke", {"FunctionName": "Bad"})))
    work(aws, "Build", "Builder", fail=True)
    assert ended_rule(aws, "back")["status"] == "Succeeded"


def test_a_service_that_nobody_has_named_fails_the_rule(aws):
    gated(aws, "unnamed", beforeEntry=condition("FAIL", rule("CloudWatchAlarm", {"AlarmName": "a"})))
    details = ended_rule(aws, "unnamed")["output"]["executionResult"]["errorDetails"]
    assert details["code"] == "ConfigurationError"
    assert "set AWS_ENDPOINT_URL_CLOUDWATCH" in details["message"]


def test_an_open_window_lets_pass_and_a_closed_one_holds_the_stage(aws):
    open_always, closed_now = (
        rule("DeploymentWindow", {"Cron": "* * * ? * *"}),
        rule("DeploymentWindow", {"Cron": "* * * ? * * 2099", "TimeZone": "Europe/Berlin"}),
    )
    gated(aws, "open", beforeEntry=condition("FAIL", open_always))
    assert ended_rule(aws, "open")["status"] == "Succeeded"
    work(aws, "Build", "Builder")
    gated(aws, "closed", beforeEntry=condition("FAIL", closed_now))

    def said():
        (run,) = aws.list_rule_executions(pipelineName="closed")["ruleExecutionDetails"]
        assert run["status"] == "InProgress"
        return run["output"]["executionResult"].get("externalExecutionSummary")

    assert "opens at 2099-01-01 00:00 Europe/Berlin" in eventually(said)
    aws.stop_pipeline_execution(
        pipelineName="closed",
        pipelineExecutionId=aws.list_pipeline_executions(pipelineName="closed")["pipelineExecutionSummaries"][0][
            "pipelineExecutionId"
        ],
        abandon=True,
    )
    assert eventually(lambda: status(aws, "closed") == "Stopped")


def test_commands_decide_by_their_exit_code(aws):
    gated(aws, "fine", beforeEntry=condition("FAIL", rule("Commands", commands=["echo ready"])))
    assert ended_rule(aws, "fine")["status"] == "Succeeded"
    work(aws, "Build", "Builder")
    gated(aws, "wrong", beforeEntry=condition("FAIL", rule("Commands", commands=["echo not yet", "exit 4"])))
    details = ended_rule(aws, "wrong")["output"]["executionResult"]["errorDetails"]
    assert details == {"code": "JobFailed", "message": "command 2 exited with code 4: exit 4"}
