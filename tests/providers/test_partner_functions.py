"""Partners' functions: what they are told, and what becomes of what they return; Lambda's Invoke is played by a server here."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock.providers.lambda_.partner import PartnerLambda
from penstock.wire import types as wire
from penstock.worker import Continue, JobContext, JobError, ProviderSettings, Success
from providers.boards import MemoryBoard, offer
from providers.rules import failed

ARN = "arn:aws:lambda:eu-west-3:111122223333:function:check"
WHAT = f"The function '{ARN}'"
PATH = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-3%3A111122223333%3Afunction%3Acheck/invocations"


class Invoke(BaseHTTPRequestHandler):
    """Answers with what the test has set, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), json.loads(body)))
        status, headers, answer = self.server.answer
        written = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(written)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def playing():
    with ThreadingHTTPServer(("127.0.0.1", 0), Invoke) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def functions(playing, monkeypatch):
    """Where the functions are, for a worker that knows of nothing else."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{playing.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    playing.requests, playing.answer = [], (200, {}, {"result": "Success"})
    return playing


def outcome(configuration=None, function=None, **members):
    """What a job comes to; a JobError is the failure that it stands for."""
    function = {"arn": ARN, "timeoutSeconds": 60} if function is None else function
    told = {**(configuration or {}), "penstock:function": json.dumps(function)}
    given = {
        "action_type_id": PartnerLambda.action_types[0],
        "action_configuration": wire.ActionConfiguration(configuration=told if function else configuration),
        "pipeline_context": wire.PipelineContext(action=wire.ActionContext(action_execution_id="run-1")),
        **members,
    }

    async def go():
        try:
            return await PartnerLambda(ProviderSettings()).run(JobContext(offer(**given), MemoryBoard()))
        except JobError as error:
            return error.failure

    return asyncio.run(go())


def returned(functions, answer):
    functions.answer = (200, {}, answer)
    return outcome()


def artifact(name):
    place = wire.S3ArtifactLocation(bucket_name="bucket", object_key=f"line/{name}")
    return wire.Artifact(name=name, location=wire.ArtifactLocation(type="S3", s3_location=place))


def told_artifact(name):
    return {
        "name": name,
        "location": {"type": "S3", "s3Location": {"bucketName": "bucket", "objectKey": f"line/{name}"}},
    }


class TestTold:
    def test_the_function_is_told_the_job_in_the_shape_of_the_guide(self, functions):
        credentials = wire.AWSSessionCredentials(access_key_id="A", secret_access_key="S", session_token="T")
        outcome(
            {"Username": "ann", "Password": "open sesame"},
            input_artifacts=(artifact("App"),),
            output_artifacts=(artifact("Report"),),
            artifact_credentials=credentials,
            encryption_key=wire.EncryptionKey(id="key-1", type="KMS"),
            continuation_token="build 7",
        )
        path, _, event = functions.requests[0]
        assert path == PATH
        job_id = event.pop("jobId")
        assert len(job_id) == 36
        assert event == {
            "accountId": "123456789012",
            "data": {
                "actionConfiguration": {"Username": "ann", "Password": "open sesame"},
                "encryptionKey": {"id": "key-1", "type": "KMS"},
                "inputArtifacts": [told_artifact("App")],
                "outputArtifacts": [told_artifact("Report")],
                "actionCredentials": {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T"},
                "actionExecutionId": "run-1",
                "continuationToken": "build 7",
            },
        }

    def test_what_there_is_not_has_no_member(self, functions):
        outcome()
        assert functions.requests[0][2]["data"] == {
            "actionConfiguration": {},
            "inputArtifacts": [],
            "outputArtifacts": [],
            "actionExecutionId": "run-1",
        }

    def test_the_call_is_signed_for_the_region_of_the_function(self, functions):
        outcome()
        assert "/eu-west-3/lambda/aws4_request" in functions.requests[0][1]["Authorization"]


class TestReturned:
    @pytest.mark.parametrize("result", ["Success", "success", "SUCCESS"])
    def test_a_success_carries_its_status_and_variables(self, functions, result):
        answer = {
            "result": result,
            "failureType": None,
            "continuation": None,
            "status": {"ExternalExecutionId": "commit-1", "Summary": "everything is fine"},
            "outputVariables": {"First": "nice"},
        }
        expected = Success("everything is fine", "commit-1", output_variables={"First": "nice"})
        assert returned(functions, answer) == expected

    def test_nothing_but_a_result_is_enough(self, functions):
        assert returned(functions, {"result": "success", "more": 1}) == Success()

    def test_members_of_the_status_are_read_as_the_guide_names_and_as_it_shows_them(self, functions):
        for status in ({"ExternalExecutionId": "e", "Summary": "s"}, {"externalExecutionId": "e", "summary": "s"}):
            assert returned(functions, {"result": "success", "status": status}) == Success("s", "e")

    @pytest.mark.parametrize(
        ("state", "token"),
        [
            ("build 7", "build 7"),
            ({"build": 7, "page": "ü"}, '{"build":7,"page":"ü"}'),
            (0, "0"),
            ("x" * 2048, "x" * 2048),
        ],
    )
    @pytest.mark.parametrize("name", ["State", "state"])
    def test_a_continuation_carries_its_state_on(self, functions, state, token, name):
        answer = {"result": "continue", "continuation": {name: state}, "status": {"summary": "half way"}}
        assert returned(functions, answer) == Continue(token, summary="half way")

    @pytest.mark.parametrize(
        ("told", "kind"),
        [
            ("ConfigurationError", "ConfigurationError"),
            ("JobFailed", "JobFailed"),
            ("PermissionsError", "PermissionError"),
            ("PermissionError", "PermissionError"),
            ("RevisionOutOfSync", "RevisionOutOfSync"),
            ("RevisionUnavailable", "RevisionUnavailable"),
            ("SystemUnavailable", "SystemUnavailable"),
        ],
    )
    def test_a_failure_is_of_the_type_told_and_its_summary_is_the_message(self, functions, told, kind):
        answer = {"result": "Fail", "failureType": told, "status": {"Summary": "no", "ExternalExecutionId": "e"}}
        failure = returned(functions, answer)
        assert failed(failure) == (kind, "no")
        assert failure.external_execution_id == "e"

    def test_a_failure_without_a_summary_says_what_was_returned(self, functions):
        answer = {"result": "Fail", "failureType": "PermissionsError"}
        said = f"{WHAT} returned PermissionError without a summary."
        assert failed(returned(functions, answer)) == ("PermissionError", said)

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (b"", "did not return a result: "),
            (b"plain text", "did not return a result: "),
            (b'{"result": "Success"', "did not return a result: "),
            (None, "did not return a result: "),
            ("success", "did not return a result: "),
            ({}, "did not return a result: "),
            ({"result": None}, "`$.result`"),
            ({"result": "done"}, "'result' is 'done', which is none of Success, Continue and Fail."),
            ({"result": "Fail"}, "'failureType' is required if 'result' is 'Fail'."),
            (
                {"result": "Fail", "failureType": "Tired"},
                "'failureType' is 'Tired', which is none of PermissionsError, ",
            ),
            ({"result": "Continue"}, "'continuation' with its 'State' is required if 'result' is 'Continue'."),
            ({"result": "Continue", "continuation": {}}, "'continuation' with its 'State' is required"),
            ({"result": "Continue", "continuation": {"State": ""}}, "'continuation' with its 'State' is required"),
            (
                {"result": "Continue", "continuation": {"State": "x" * 2049}},
                "2049 characters long, and 2048 is the limit",
            ),
            ({"result": "Success", "failureType": "JobFailed"}, "'failureType' must be null if 'result' is 'Success'."),
            ({"result": "Success", "continuation": {"State": "s"}}, "'continuation' must be null"),
            (
                {"result": "Continue", "continuation": {"State": "s"}, "failureType": "JobFailed"},
                "'failureType' must be null",
            ),
            (
                {"result": "Continue", "continuation": {"State": "s"}, "outputVariables": {"A": "1"}},
                "'outputVariables' must be null if 'result' is 'Continue'.",
            ),
            ({"result": "Fail", "failureType": "JobFailed", "outputVariables": {}}, "'outputVariables' must be null"),
            ({"result": "Fail", "failureType": "JobFailed", "continuation": {"State": "s"}}, "must be null"),
            ({"result": "Success", "outputVariables": {"A": 1}}, "Expected `str`, got `int`"),
            ({"result": "Success", "outputVariables": {"not a key": "1"}}, "outputVariables"),
            ({"result": "Success", "status": {"Summary": 3}}, "'Summary' of 'status' is not a text."),
            ({"result": "Success", "status": "fine"}, "`$.status`"),
        ],
    )
    def test_what_is_no_result_fails_the_job_and_says_why(self, functions, answer, said):
        kind, message = failed(returned(functions, answer))
        assert kind == "JobFailed"
        assert message.startswith(f"{WHAT} did not return a ")
        assert said in message


class TestNotReturned:
    def test_an_error_of_the_function_fails_the_job_in_its_words(self, functions):
        error = {"errorType": "ValueError", "errorMessage": "too hot"}
        functions.answer = (200, {"X-Amz-Function-Error": "Unhandled", "x-amzn-RequestId": "r-1"}, error)
        failure = outcome()
        assert failed(failure) == ("JobFailed", f"{WHAT} failed: ValueError: too hot")
        assert failure.external_execution_id == "r-1"

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (403, "AccessDeniedException", "PermissionError"),
            (404, "ResourceNotFoundException", "ConfigurationError"),
            (429, "TooManyRequestsException", "SystemUnavailable"),
            (500, "ServiceException", "SystemUnavailable"),
        ],
    )
    def test_a_function_that_cannot_be_invoked_is_asked_once_and_fails_the_job(self, functions, status, code, kind):
        functions.answer = (status, {"x-amzn-ErrorType": code}, {"Message": "not now"})
        found, message = failed(outcome())
        assert (found, "not now" in message, len(functions.requests)) == (kind, True, 1)

    def test_without_an_address_of_functions_the_variable_is_named(self, functions, monkeypatch):
        monkeypatch.delenv("AWS_ENDPOINT_URL_LAMBDA")
        kind, message = failed(outcome())
        assert (kind, "set AWS_ENDPOINT_URL_LAMBDA" in message) == ("ConfigurationError", True)

    def test_a_job_without_a_function_fails(self, functions):
        assert failed(outcome(function={})) == (
            "ConfigurationError",
            "The job does not say which function is to do it.",
        )
        assert functions.requests == []

    def test_a_function_that_does_not_answer_in_its_time_is_given_up(self, functions, monkeypatch):
        from penstock.providers.lambda_ import function

        let_go = threading.Event()
        monkeypatch.setattr(function, "SLACK_SECONDS", 0.1)
        monkeypatch.setattr(Invoke, "do_POST", lambda _: let_go.wait(20))
        try:
            kind, message = failed(outcome(function={"arn": ARN, "timeoutSeconds": 0}))
        finally:
            let_go.set()
        assert (kind, "timeout" in message.lower()) == ("SystemUnavailable", True)
