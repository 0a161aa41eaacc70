"""Rules that ask other services: on a server that stands in for AWS, and on one that answers as the test wants."""

import json
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import msgspec
import pytest

from penstock.core import rule_types
from penstock.providers.cloudwatch.rule import CloudWatchAlarm
from penstock.providers.codebuild.rule import CodeBuild
from penstock.providers.commands.action import Commands
from penstock.providers.deployment_window.rule import DeploymentWindow
from penstock.providers.lambda_.rule import LambdaInvoke
from penstock.wire import types as wire
from penstock.worker import Continue, ProviderSettings, Success
from providers.rules import failed, outcome

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "secret"}
SERVICES = ("lambda", "cloudwatch", "codebuild")
PROVIDERS = (CloudWatchAlarm, CodeBuild, Commands, DeploymentWindow, LambdaInvoke)


@pytest.fixture(scope="module")
def moto():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """No endpoint, no keys, no files of whoever runs the tests."""
    for name in SERVICES:
        monkeypatch.delenv(f"AWS_ENDPOINT_URL_{name.upper()}", raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", *KEYS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def point_at(monkeypatch, url, keys=KEYS):
    for name in SERVICES:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name.upper()}", url)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws(moto, monkeypatch):
    """Makes clients of the stand-in for AWS, to which the rules are pointed too."""
    point_at(monkeypatch, moto)
    return lambda name: boto3.Session("AKIAOPERATOR", "secret").client(name, endpoint_url=moto, region_name="us-east-1")


class Canned(ThreadingHTTPServer):
    """Answers each request with what the test has set, and keeps them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), CannedHandler)
        self.answers = []
        self.requests = []


class CannedHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers.get("X-Amz-Target", self.path)
        self.server.requests.append((target, json.loads(body)))
        status, headers, answer = self.server.answers.pop(0)
        written = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(written)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_):
        pass


@pytest.fixture
def canned(monkeypatch):
    with Canned() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def artifact(name):
    place = wire.S3ArtifactLocation(bucket_name="bucket", object_key=f"line/{name}")
    return wire.Artifact(name=name, location=wire.ArtifactLocation(type="S3", s3_location=place))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_provider_says_of_its_rule_is_what_declarations_are_judged_by(provider):
    declared = provider.declarations[-1]
    known = rule_types.builtin()[rule_types.rule_type_key(declared.id)]
    assert declared.rule_configuration_properties == known.as_wire().rule_configuration_properties
    assert declared.input_artifact_details == known.as_wire().input_artifact_details
    assert provider.action_types[-1] == known.as_polled().id


@pytest.mark.parametrize(
    ("provider", "configuration", "service"),
    [
        (LambdaInvoke, {"FunctionName": "f"}, "LAMBDA"),
        (CloudWatchAlarm, {"AlarmName": "a"}, "CLOUDWATCH"),
        (CodeBuild, {"ProjectName": "p"}, "CODEBUILD"),
    ],
)
class TestElsewhere:
    def test_without_an_address_the_rule_fails_and_names_the_variable(
        self, provider, configuration, service, monkeypatch
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        kind, said = failed(outcome(provider, configuration, "onFailure"))
        assert kind == "ConfigurationError"
        assert f"set AWS_ENDPOINT_URL_{service} in its environment" in said

    def test_without_keys_the_rule_fails_and_says_so(self, provider, configuration, service, monkeypatch):
        point_at(monkeypatch, "http://127.0.0.1:1", keys={})
        kind, said = failed(outcome(provider, configuration))
        assert (kind, "Unable to locate credentials" in said) == ("ConfigurationError", True)

    def test_a_service_that_says_no_fails_the_rule_with_its_words(self, provider, configuration, service, canned):
        answer = {"__type": "AccessDeniedException", "message": "not you", "Message": "not you"}
        canned.answers = [(403, {"x-amzn-ErrorType": "AccessDeniedException"}, answer)]
        kind, said = failed(outcome(provider, configuration, "onFailure"))
        assert (kind, "not you" in said) == ("PermissionError", True)


def test_a_service_that_does_not_answer_is_not_available(monkeypatch):
    point_at(monkeypatch, "http://127.0.0.1:1")
    kind, said = failed(outcome(LambdaInvoke, {"FunctionName": "f"}))
    assert kind == "SystemUnavailable"
    assert said.startswith("The function 'f': Could not connect")


class TestLambda:
    OK = (200, {"x-amzn-RequestId": "r-1"}, {"all": "well"})
    BROKEN = (
        200,
        {"x-amzn-RequestId": "r-2", "X-Amz-Function-Error": "Unhandled"},
        {"errorType": "ValueError", "errorMessage": "too hot"},
    )

    def test_a_function_of_the_stand_in_is_invoked(self, aws):
        from urllib.request import Request, urlopen

        settings = json.dumps({"lambda": {"use_docker": False}}).encode()
        url = aws("lambda").meta.endpoint_url
        with urlopen(Request(f"{url}/moto-api/config", settings, {"Content-Type": "application/json"})):
            pass
        result = outcome(LambdaInvoke, {"FunctionName": "check"})
        assert (result.summary, bool(result.external_execution_id)) == ("The function 'check' succeeded", True)

    def test_the_function_is_told_the_job_as_a_lambda_action_would_be(self, canned):
        canned.answers = [self.OK]
        credentials = wire.AWSSessionCredentials(access_key_id="A", secret_access_key="S", session_token="T")
        configuration = {"FunctionName": "check", "UserParameters": "strict"}
        result = outcome(
            LambdaInvoke, configuration, input_artifacts=(artifact("App"),), artifact_credentials=credentials
        )
        assert result == Success("The function 'check' succeeded", external_execution_id="r-1")
        path, event = canned.requests[0]
        assert path == "/2015-03-31/functions/check/invocations"
        job = event["CodePipeline.job"]
        assert (job["accountId"], len(job["id"])) == ("123456789012", 36)
        assert job["data"] == {
            "actionConfiguration": {"configuration": configuration},
            "inputArtifacts": [
                {
                    "name": "App",
                    "location": {"type": "S3", "s3Location": {"bucketName": "bucket", "objectKey": "line/App"}},
                }
            ],
            "outputArtifacts": [],
            "artifactCredentials": {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T"},
        }

    def test_a_token_is_passed_on_to_a_function_that_goes_on(self, canned):
        canned.answers = [self.OK]
        outcome(LambdaInvoke, {"FunctionName": "check"}, continuation_token="half way")
        assert canned.requests[0][1]["CodePipeline.job"]["data"]["continuationToken"] == "half way"

    @pytest.mark.parametrize("gate", ["beforeEntry", "onSuccess"])
    def test_an_error_of_the_function_fails_the_rule(self, canned, gate):
        canned.answers = [self.BROKEN]
        said = "The function 'check' failed: ValueError: too hot"
        assert failed(outcome(LambdaInvoke, {"FunctionName": "check"}, gate)) == ("JobFailed", said)

    def test_after_a_failure_it_is_the_error_that_meets_the_condition(self, canned):
        canned.answers = [self.BROKEN, self.OK]
        met = outcome(LambdaInvoke, {"FunctionName": "check"}, "onFailure")
        assert met == Success("The function 'check' failed: ValueError: too hot", external_execution_id="r-2")
        kind, said = failed(outcome(LambdaInvoke, {"FunctionName": "check"}, "onFailure"))
        assert (kind, said.startswith("The function 'check' succeeded, and")) == ("JobFailed", True)

    def test_a_function_that_is_not_there_meets_nothing(self, canned):
        answer = {"Type": "User", "Message": "Function not found: check"}
        canned.answers = [(404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, answer)] * 2
        for gate in ("beforeEntry", "onFailure"):
            kind, said = failed(outcome(LambdaInvoke, {"FunctionName": "check"}, gate))
            assert (kind, "Function not found" in said) == ("ConfigurationError", True)

    @pytest.mark.parametrize(
        ("payload", "said"), [("plain text", '"plain text"'), ({}, "{}"), ({"errorMessage": "no"}, "no")]
    )
    def test_an_error_is_told_as_the_function_told_it(self, canned, payload, said):
        canned.answers = [(200, {"X-Amz-Function-Error": "Handled"}, payload)]
        assert failed(outcome(LambdaInvoke, {"FunctionName": "f"}))[1] == f"The function 'f' failed: {said}"

    def test_it_is_asked_only_once(self, canned):
        canned.answers = [(502, {}, {"Message": "bad gateway"})]
        assert failed(outcome(LambdaInvoke, {"FunctionName": "f"}))[0] == "JobFailed"
        assert len(canned.requests) == 1


class Watched:
    """An alarm of the stand-in, and a clock that is moved by hand."""

    def __init__(self, client, name):
        self.client, self.name, self.now = client, name, 1000.0
        client.put_metric_alarm(
            AlarmName=name,
            Namespace="n",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )

    def be(self, state):
        self.client.set_alarm_state(AlarmName=self.name, StateValue=state, StateReason="too hot")

    def look(self, gate="onSuccess", token=None, **more):
        rule = CloudWatchAlarm(ProviderSettings(), clock=lambda: self.now)
        return outcome(rule, {"AlarmName": self.name, **more}, gate, continuation_token=token)


@pytest.fixture
def alarm(aws, request):
    return Watched(aws("cloudwatch"), request.node.name)


class TestAlarm:
    @pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
    @pytest.mark.parametrize("gate", ["beforeEntry", "onSuccess"])
    def test_without_an_alarm_the_rule_succeeds_at_once(self, alarm, gate, state):
        alarm.be(state)
        assert alarm.look(gate, WaitTime="5").summary == f"The alarm '{alarm.name}' is in the state {state}"

    @pytest.mark.parametrize("gate", ["beforeEntry", "onSuccess"])
    def test_an_alarm_fails_it_at_once_if_there_is_nothing_to_wait_for(self, alarm, gate):
        alarm.be("ALARM")
        said = f"The alarm '{alarm.name}' is in the state ALARM: too hot"
        assert failed(alarm.look(gate)) == ("JobFailed", said)

    def test_an_alarm_has_the_wait_time_to_end(self, alarm):
        alarm.be("ALARM")
        first = alarm.look(WaitTime="1")
        assert first == Continue(
            "1060.000", 15, f"The alarm '{alarm.name}' is in the state ALARM; it has 1 minutes to change"
        )
        alarm.now = 1055.0
        second = alarm.look(token=first.token, WaitTime="1")
        assert (second.token, second.after_seconds) == (first.token, 5)
        alarm.now = 1060.0
        assert failed(alarm.look(token=first.token, WaitTime="1"))[0] == "JobFailed"
        alarm.be("OK")
        assert isinstance(alarm.look(token=first.token, WaitTime="1"), Success)

    def test_after_a_failure_it_is_the_alarm_that_meets_the_condition(self, alarm):
        alarm.be("OK")
        assert failed(alarm.look("onFailure"))[0] == "JobFailed"
        waiting = alarm.look("onFailure", WaitTime="2")
        assert isinstance(waiting, Continue)
        alarm.be("ALARM")
        assert isinstance(alarm.look("onFailure", waiting.token, WaitTime="2"), Success)

    def test_the_states_that_count_as_the_alarm_can_be_named(self, alarm):
        alarm.be("INSUFFICIENT_DATA")
        named = {"AlarmStates": "ALARM, insufficient_data"}
        assert failed(alarm.look(**named))[0] == "JobFailed"
        assert isinstance(alarm.look("onFailure", **named), Success)

    def test_an_alarm_that_is_not_there_is_a_mistake_of_the_configuration(self, aws):
        assert failed(outcome(CloudWatchAlarm, {"AlarmName": "nobody"}, "onFailure")) == (
            "ConfigurationError",
            "There is no alarm 'nobody'.",
        )

    @pytest.mark.parametrize(
        "wrong",
        [{"AlarmStates": "LOUD"}, {"AlarmStates": ""}, {"WaitTime": "soon"}, {"WaitTime": "-1"}, {"WaitTime": "99999"}],
    )
    def test_what_cannot_be_meant_is_refused(self, wrong):
        kind, said = failed(outcome(CloudWatchAlarm, {"AlarmName": "a", **wrong}))
        assert (kind, next(iter(wrong)) in said) == ("ConfigurationError", True)


BUILD_ID = "proj:1"


def building(status, member="build", **more):
    return 200, {}, {member: {"id": BUILD_ID, f"{member}Status": status, **more}}


def seen(status, member="build"):
    plural = {"build": "builds", "buildBatch": "buildBatches"}[member]
    return 200, {}, {plural: [{"id": BUILD_ID, f"{member}Status": status}]}


class TestBuild:
    def test_a_build_of_the_stand_in_runs_to_its_end(self, aws):
        aws("codebuild").create_project(
            name="proj",
            source={"type": "S3", "location": "b/k"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole="arn:aws:iam::123456789012:role/service-role/r",
        )
        started = outcome(CodeBuild, {"ProjectName": "proj"})
        assert isinstance(started, Continue)
        assert started.external_execution_id == started.token
        ended = outcome(CodeBuild, {"ProjectName": "proj"}, continuation_token=started.token)
        assert ended == Success(f"The build {started.token} succeeded", external_execution_id=started.token)
        kind, _ = failed(outcome(CodeBuild, {"ProjectName": "nobody"}))
        assert kind == "ConfigurationError"

    def test_the_build_is_started_with_the_artifacts_and_variables_of_the_rule(self, canned):
        canned.answers = [building("IN_PROGRESS")]
        variables = '[{"name": "A", "value": "1"}, {"name": "B", "value": "/p", "type": "PARAMETER_STORE"}]'
        result = outcome(
            CodeBuild,
            {"ProjectName": "proj", "PrimarySource": "App", "EnvironmentVariables": variables},
            input_artifacts=(artifact("The-Rest"), artifact("App")),
            pipeline_context=wire.PipelineContext(action=wire.ActionContext(action_execution_id="run-1")),
        )
        assert result == Continue(BUILD_ID, 10, "The build proj:1 is running", external_execution_id=BUILD_ID)
        target, request = canned.requests[0]
        assert target == "CodeBuild_20161006.StartBuild"
        assert request == {
            "projectName": "proj",
            "idempotencyToken": "run-1",
            "sourceTypeOverride": "S3",
            "sourceLocationOverride": "bucket/line/App",
            "secondarySourcesOverride": [
                {"type": "S3", "location": "bucket/line/The-Rest", "sourceIdentifier": "The_Rest"}
            ],
            "environmentVariablesOverride": [
                {"name": "A", "value": "1", "type": "PLAINTEXT"},
                {"name": "B", "value": "/p", "type": "PARAMETER_STORE"},
            ],
        }

    def test_it_is_looked_at_until_it_has_ended(self, canned):
        canned.answers = [seen("IN_PROGRESS"), seen("SUCCEEDED")]
        given = {"ProjectName": "proj"}
        assert isinstance(outcome(CodeBuild, given, continuation_token=BUILD_ID), Continue)
        assert isinstance(outcome(CodeBuild, given, continuation_token=BUILD_ID), Success)
        assert canned.requests[0] == ("CodeBuild_20161006.BatchGetBuilds", {"ids": [BUILD_ID]})

    @pytest.mark.parametrize("status", ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
    def test_a_build_that_fails_fails_the_rule(self, canned, status):
        canned.answers = [seen(status)]
        kind, said = failed(outcome(CodeBuild, {"ProjectName": "proj"}, continuation_token=BUILD_ID))
        assert (kind, said) == ("JobFailed", f"Build terminated with state: {status}. Build: {BUILD_ID}")

    def test_a_build_that_is_gone_fails_the_rule(self, canned):
        canned.answers = [(200, {}, {"builds": [], "buildsNotFound": [BUILD_ID]})]
        assert failed(outcome(CodeBuild, {"ProjectName": "proj"}, continuation_token=BUILD_ID))[0] == "JobFailed"

    def test_a_batch_is_started_and_looked_at_as_one(self, canned):
        given = {"ProjectName": "proj", "BatchEnabled": "true", "CombineArtifacts": "true"}
        canned.answers = [building("IN_PROGRESS", "buildBatch"), seen("SUCCEEDED", "buildBatch")]
        started = outcome(CodeBuild, given)
        assert isinstance(outcome(CodeBuild, given, continuation_token=started.token), Success)
        (start, request), (look, _) = canned.requests
        assert (start, look) == ("CodeBuild_20161006.StartBuildBatch", "CodeBuild_20161006.BatchGetBuildBatches")
        assert request["buildBatchConfigOverride"] == {"combineArtifacts": True}

    @pytest.mark.parametrize(
        ("configuration", "artifacts", "said"),
        [
            ({}, ("A", "B"), "PrimarySource has to name one"),
            ({"PrimarySource": "C"}, ("A", "B"), "'C', which is not an input artifact"),
            ({"EnvironmentVariables": "A=1"}, (), "EnvironmentVariables is not a JSON array"),
            ({"EnvironmentVariables": '[{"name": "A"}]'}, (), "missing required field `value`"),
            ({"CombineArtifacts": "true"}, (), "CombineArtifacts needs BatchEnabled"),
        ],
    )
    def test_what_cannot_be_carried_out_starts_no_build(self, canned, configuration, artifacts, said):
        inputs = tuple(artifact(name) for name in artifacts)
        kind, message = failed(outcome(CodeBuild, {"ProjectName": "proj", **configuration}, input_artifacts=inputs))
        assert (kind, said in message, canned.requests) == ("ConfigurationError", True, [])


class TestCommands:
    def run(self, tmp_path, *commands, executor="process"):
        declared = wire.ActionDeclaration(name="Probe", action_type_id=Commands.action_types[-1], commands=commands)
        told = {"penstock:declaration": msgspec.json.encode(declared).decode()}
        return outcome(Commands(ProviderSettings(executor=executor, work_dir=tmp_path)), told)

    def test_commands_that_succeed_are_a_yes(self, tmp_path):
        assert self.run(tmp_path, "true", "test -n $PENSTOCK_PIPELINE").summary == "2 commands succeeded"

    def test_a_command_that_fails_is_a_no(self, tmp_path):
        assert failed(self.run(tmp_path, "true", "exit 3")) == ("JobFailed", "command 2 exited with code 3: exit 3")

    def test_where_no_commands_run_the_rule_says_so(self, tmp_path):
        assert failed(self.run(tmp_path, "true", executor="off"))[0] == "ConfigurationError"
