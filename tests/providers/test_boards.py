"""The boards over HTTP: unmodified boto3 against a server that writes down what it is asked."""

import asyncio
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from penstock.wire import errors
from penstock.wire import types as wire
from penstock.worker import Continue, Failure, HttpBoard, Success, ThirdPartyBoard
from penstock.worker.board import continuing, waiting
from penstock.worker.client import is_aws

KIND = wire.ActionTypeId(category="Build", owner="Custom", provider="Test", version="1")
JOB_ID = "11111111-2222-3333-4444-555555555555"
CREDENTIALS = {"accessKeyId": "AKIAJOB", "secretAccessKey": "hidden", "sessionToken": "token"}
DATA = {
    "actionTypeId": {"category": "Rule", "owner": "AWS", "provider": "LambdaInvoke", "version": "1"},
    "actionConfiguration": {"configuration": {"Long": "x" * 60_000}},
    "pipelineContext": {"pipelineName": "p", "stage": {"name": "s"}, "action": {"name": "a"}},
    "inputArtifacts": [
        {
            "name": "In",
            "revision": None,
            "location": {"type": "S3", "s3Location": {"bucketName": "b", "objectKey": "k"}},
        }
    ],
    "artifactCredentials": CREDENTIALS,
}


class Answers(ThreadingHTTPServer):
    """Answers each operation with what the test has set, and keeps the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {}
        self.requests = []

    def request(self, operation):
        return next(request for request in reversed(self.requests) if request["operation"] == operation)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"]
        name = operation.removeprefix("CodePipeline_20150709.")
        self.server.requests.append({"operation": name, "body": body, "headers": dict(self.headers.items())})
        status, answer = self.server.answers.get(name, (200, {}))
        written = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def listening():
    server = Answers()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(listening):
    listening.answers.clear()
    listening.requests.clear()
    return listening


@pytest.fixture(scope="module")
def session():
    return boto3.Session(aws_access_key_id="AKIAME", aws_secret_access_key="mine", region_name="eu-west-1")


@pytest.fixture
def board(server, session):
    return HttpBoard(session, endpoint_url=f"http://127.0.0.1:{server.server_port}")


@pytest.fixture
def partner(server, session):
    tokens = {"client": "client-token"}.__getitem__
    return ThirdPartyBoard(tokens, session, endpoint_url=f"http://127.0.0.1:{server.server_port}")


@pytest.fixture
def offered(board, server):
    server.answers["PollForJobs"] = (200, {"jobs": [{"id": JOB_ID, "nonce": "n", "accountId": "1" * 12, "data": DATA}]})
    return asyncio.run(board.poll(KIND, 3, 7.5, {"Project": "x"}))[0]


@pytest.fixture
def partner_offer(partner, server):
    server.answers["PollForThirdPartyJobs"] = (200, {"jobs": [{"clientId": "client", "jobId": "job"}]})
    details = {"id": "job", "nonce": "n", "data": DATA}
    server.answers["GetThirdPartyJobDetails"] = (200, {"jobDetails": details})
    return asyncio.run(partner.poll(KIND, 1, 0))[0]


def refusal(code, status=400):
    return status, {"__type": code, "message": "so it is"}


def test_importing_the_sdk_does_not_import_boto3():
    program = "import sys, penstock.worker; sys.exit(any(name in sys.modules for name in ('boto3', 'botocore')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_poll_asks_for_jobs_and_to_be_held(offered, server):
    request = server.request("PollForJobs")
    assert request["body"] == {
        "actionTypeId": {"category": "Build", "owner": "Custom", "provider": "Test", "version": "1"},
        "maxBatchSize": 3,
        "queryParam": {"Project": "x"},
    }
    assert request["headers"]["x-penstock-wait-seconds"] == "7"
    assert "x-penstock-wait-seconds" in request["headers"]["Authorization"]


def test_an_offer_is_taken_as_it_is_however_long_or_strange_its_values(offered):
    assert (offered.id, offered.nonce, offered.account, offered.region) == (JOB_ID, "n", "1" * 12, "eu-west-1")
    assert offered.data.action_type_id.category == "Rule"
    assert offered.data.action_configuration.configuration == {"Long": "x" * 60_000}
    assert offered.data.input_artifacts[0].location.s3_location.object_key == "k"
    assert offered.data.input_artifacts[0].revision is None


@pytest.mark.parametrize(
    ("answer", "is_mine"),
    [
        ((200, {"status": "InProgress"}), True),
        ((200, {"status": "Succeeded"}), False),
        (refusal("InvalidNonceException"), False),
        (refusal("JobNotFoundException"), False),
    ],
)
def test_a_job_is_mine_if_its_claim_is_answered_with_in_progress(board, server, offered, answer, is_mine):
    server.answers["AcknowledgeJob"] = answer
    assert asyncio.run(board.acknowledge(offered)) is is_mine
    assert server.request("AcknowledgeJob")["body"] == {"jobId": JOB_ID, "nonce": "n"}


def test_fresh_credentials_come_from_the_jobs_details(board, server, offered):
    server.answers["GetJobDetails"] = (200, {"jobDetails": {"id": JOB_ID, "data": DATA}})
    assert asyncio.run(board.credentials(offered)).secret_access_key == "hidden"
    assert asyncio.run(board.service_credentials(offered, "s3")) is None


def test_a_success_says_all_that_there_is_to_say(board, server, offered):
    revision = wire.CurrentRevision(revision="r", change_identifier="c", created=1700000000.5, revision_summary="s")
    asyncio.run(board.succeed(offered, Success("x" * 3000, "id", 100, {"A": "1"}, revision)))
    body = server.request("PutJobSuccessResult")["body"]
    assert body["executionDetails"]["summary"] == "x" * 2047 + "…"
    assert body["executionDetails"]["percentComplete"] == 100
    assert body["outputVariables"] == {"A": "1"}
    assert body["currentRevision"] == {
        "revision": "r",
        "changeIdentifier": "c",
        "created": 1700000000.5,
        "revisionSummary": "s",
    }
    assert "x-penstock-continue-seconds" not in server.request("PutJobSuccessResult")["headers"]


def test_a_continuation_carries_its_token_and_its_pause(board, server, offered):
    asyncio.run(board.succeed(offered, Continue("token", after_seconds=1.5)))
    request = server.request("PutJobSuccessResult")
    assert request["body"] == {"jobId": JOB_ID, "continuationToken": "token"}
    assert float(request["headers"]["x-penstock-continue-seconds"]) == 1.5


def test_a_failure_without_a_reason_still_has_a_message(board, server, offered):
    asyncio.run(board.fail(offered, Failure("", "ConfigurationError", "id")))
    assert server.request("PutJobFailureResult")["body"]["failureDetails"] == {
        "type": "ConfigurationError",
        "message": "The worker gave no reason.",
        "externalExecutionId": "id",
    }


def test_the_log_is_written_by_a_signed_call_of_our_own(board, server, offered):
    asyncio.run(board.log(offered, "one\ntwo\n"))
    request = server.request("Penstock.PutJobLog")
    assert request["body"] == {"jobId": JOB_ID, "text": "one\ntwo\n"}
    assert request["headers"]["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAME/")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal("InvalidJobStateException"), errors.InvalidJobStateException, "InvalidJobStateException"),
        (refusal("NobodyKnowsException"), errors.ApiError, "NobodyKnowsException"),
    ],
)
def test_refusals_are_raised_by_their_names(board, server, offered, answer, kind, code):
    server.answers["PutJobSuccessResult"] = answer
    with pytest.raises(kind) as refused:
        asyncio.run(board.succeed(offered, Success()))
    assert (refused.value.code, refused.value.message) == (code, "so it is")


def test_a_partners_job_is_polled_then_looked_up(partner_offer, server):
    assert server.request("GetThirdPartyJobDetails")["body"] == {"jobId": "job", "clientToken": "client-token"}
    assert (partner_offer.id, partner_offer.nonce, partner_offer.client_id) == ("job", "n", "client")


def test_a_partners_calls_all_carry_the_client_token(partner, partner_offer, server):
    server.answers["AcknowledgeThirdPartyJob"] = (200, {"status": "InProgress"})
    assert asyncio.run(partner.acknowledge(partner_offer))
    asyncio.run(partner.succeed(partner_offer, Success("well", output_variables={"A": "1"})))
    asyncio.run(partner.fail(partner_offer, Failure("badly")))
    bodies = [server.request(f"PutThirdPartyJob{end}Result")["body"] for end in ("Success", "Failure")]
    assert bodies[0] == {"jobId": "job", "clientToken": "client-token", "executionDetails": {"summary": "well"}}
    assert bodies[1]["clientToken"] == "client-token"


@pytest.mark.parametrize(
    "details",
    [
        (200, {"jobDetails": {"id": "job", "data": DATA}}),
        refusal("JobNotFoundException"),
        refusal("InvalidClientTokenException"),
    ],
)
def test_a_partners_job_that_is_not_to_be_had_is_left_out(partner, server, details):
    server.answers["PollForThirdPartyJobs"] = (200, {"jobs": [{"clientId": "client", "jobId": "job"}]})
    server.answers["GetThirdPartyJobDetails"] = details
    assert asyncio.run(partner.poll(KIND, 1, 0)) == []


def test_wishes_are_for_servers_that_know_them():
    assert is_aws("https://codepipeline.eu-west-1.amazonaws.com")
    assert is_aws("https://codepipeline.cn-north-1.amazonaws.com.cn")
    assert not is_aws("https://amazonaws.com.example.org")
    assert not is_aws("http://127.0.0.1:4570")
    assert waiting(100) == {"x-penstock-wait-seconds": "20"}
    assert waiting(0.5) == {}
    assert continuing(Continue("t")) == {}
