"""What one caller, one client or one worker may take of a server: docs/reference/limits.md, row by row."""

import contextlib
import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from declarations import custom_type
from docs.pages import page, rows
from operations.partner import user_keys
from operations.raw import Wire, head
from operations.scene import Scene, code_of
from penstock.core import limits
from penstock.http.connection import PARAMETERS_MAX
from penstock.operations.logs import CUT
from serving import Server, serving
from waiting import eventually

PAGE = page("docs/reference/limits.md")
WHO = b"Action=GetCallerIdentity&Version=2011-06-15"
EVERYTHING = ["codepipeline:*", "s3:*", "penstock:*"]
MIB = 1 << 20


def outside_address() -> str:
    """An address of this machine that is not loopback; empty if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent: this only asks which address would be taken.
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


OUTSIDE = outside_address()
needs_address = pytest.mark.skipif(not OUTSIDE, reason="this machine has no address but loopback")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("rates") / "data", "--requests-per-second", "1") as made:
        yield made


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On all addresses of this machine."""
    with serving(tmp_path_factory.mktemp("bad") / "data", "--host", "0.0.0.0") as made:
        yield made


UNSIGNED = {"X-Amz-Target": "CodePipeline_20150709.ListPipelines", "Content-Type": "application/x-amz-json-1.1"}


class TestRates:
    """One call a second, two at once."""

    @pytest.fixture
    def keys(self, limited: Server, request: pytest.FixtureRequest) -> dict[str, str]:
        """Of somebody new, as every principal has a rate of its own."""
        return user_keys(limited, re.sub(r"\W", "-", request.node.name)[-60:], EVERYTHING)

    def test_a_principal_that_asks_too_often_is_told_so_and_root_never(
        self, limited: Server, keys: dict[str, str]
    ) -> None:
        user, root = Wire(limited, "us-east-1", keys), Wire(limited, "us-east-1")
        answers = [user.ask() for _ in range(20)]
        refused = [answer for answer in answers if answer.status != 200]
        assert len(refused) >= 15
        assert [answer.status for answer in answers[:2]] == [200, 200]
        assert {(each.status, each.code, each.message) for each in refused} == {
            (400, "ThrottlingException", "Rate exceeded")
        }
        assert {root.ask().status for _ in range(20)} == {200}

    def test_all_doors_count_together_and_each_says_it_in_its_own_words(
        self, limited: Server, keys: dict[str, str]
    ) -> None:
        api, sts, s3 = (Wire(limited, "us-east-1", keys, service) for service in ("codepipeline", "sts", "s3"))
        eventually(lambda: api.ask().status == 400)
        query = "/?Action=ListPipelines"
        asked = api.send(api.signed(body=b"", method="GET", path=query, X_Amz_Target=None), b"", "GET", query)
        assert (asked.status, asked.code) == (400, "ThrottlingException")
        form = {"Content_Type": "application/x-www-form-urlencoded", "X_Amz_Target": None}
        identity = sts.send(sts.signed(body=WHO, **form), WHO)
        assert (identity.status, b"<Code>Throttling</Code><Message>Rate exceeded</Message>" in identity.body) == (
            400,
            True,
        )
        of_s3 = limited.client("s3", keys, retries={"total_max_attempts": 1})
        assert code_of(of_s3.list_buckets) == "SlowDown"
        assert s3.service == "s3"

    def test_a_client_of_aws_waits_and_comes_through(self, limited: Server, keys: dict[str, str]) -> None:
        patient = limited.client("codepipeline", keys, retries={"mode": "standard", "total_max_attempts": 8})
        attempts = [patient.list_pipelines()["ResponseMetadata"]["RetryAttempts"] for _ in range(4)]
        assert sum(attempts) > 0

    def test_another_principal_is_not_held_back(self, limited: Server, keys: dict[str, str]) -> None:
        loud, quiet = (
            Wire(limited, "us-east-1", keys),
            Wire(limited, "us-east-1", user_keys(limited, "quiet", EVERYTHING)),
        )
        eventually(lambda: loud.ask().status == 400)
        assert quiet.ask().status == 200


class TestWithoutRates:
    def test_nobody_is_held_back(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        with serving(tmp_path_factory.mktemp("none") / "data", "--requests-per-second", "0") as server:
            user = Wire(server, "us-east-1", user_keys(server, "anybody", EVERYTHING))
            assert {user.ask().status for _ in range(40)} == {200}


@needs_address
class TestBadSignatures:
    def calls(self, server: Server, address: str) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(address, urlsplit(server.url).port, timeout=20)

    def answer(self, connection: http.client.HTTPConnection, *request: object) -> int:
        connection.request(*request)  # type: ignore[arg-type]
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def test_who_sends_too_many_is_turned_away_and_who_is_connected_already_is_not(self, reachable: Server) -> None:
        wire = Wire(reachable, "us-east-1")
        good = self.calls(reachable, OUTSIDE)
        signed = wire.signed() | {"Host": wire.address.netloc}
        assert self.answer(good, "POST", "/", b"{}", signed) == 200
        statuses = self.until_turned_away(reachable, "POST", "/", b"{}", UNSIGNED)
        assert len(statuses) >= 100
        assert self.answer(good, "POST", "/", b"{}", signed) == 200
        assert wire.ask().status == 200, "from this machine's own address anybody may go on"
        good.close()

    @pytest.mark.parametrize("door", ["unsigned", "forged", "query form", "S3", "STS"])
    def test_each_door_counts_them(self, reachable: Server, door: str) -> None:
        forged = Wire(reachable, "us-east-1").signed()
        request = {
            "unsigned": ("POST", "/", b"{}", UNSIGNED),
            "forged": ("POST", "/", b"{}", forged | {"Authorization": forged["Authorization"][:-4] + "0000"}),
            "query form": ("GET", "/?Action=ListPipelines"),
            "S3": ("GET", "/bucket/key"),
            "STS": ("POST", "/", WHO, {"Content-Type": "application/x-www-form-urlencoded"}),
        }[door]
        assert self.until_turned_away(reachable, *request)[-1] == 429

    def until_turned_away(self, server: Server, *request: object) -> list[int]:
        """What one request after the other is answered with: first as a bad one, perhaps after a while, then with 429."""
        eventually(lambda: self.asked_once(server, *request) != 429)
        statuses = []
        while 429 not in statuses:
            statuses.append(self.asked_once(server, *request))
            assert len(statuses) < 400
        assert set(statuses[:-1]) <= {400, 403}
        return statuses

    def asked_once(self, server: Server, *request: object) -> int:
        connection = self.calls(server, OUTSIDE)
        try:
            return self.answer(connection, *request)
        finally:
            connection.close()

    def test_a_connection_over_which_one_too_many_came_ends_with_its_answer(self, reachable: Server) -> None:
        def is_cut_off() -> bool:
            """Bad signatures over one connection until it ends; False if it was refused at once."""
            with socket.create_connection((OUTSIDE, urlsplit(reachable.url).port or 0), timeout=10) as client:
                answer, count = b"", 0
                while b"connection: close" not in answer:
                    client.sendall(b"GET /bucket/key HTTP/1.1\r\nhost: h\r\n\r\n")
                    answer = client.recv(4096)
                    count += 1
                    assert count < 200
                assert client.recv(1) == b""
                return answer.startswith(b"HTTP/1.1 403")

        eventually(is_cut_off)


class TestConnections:
    def test_those_beyond_the_most_are_told_so(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        with serving(tmp_path_factory.mktemp("few") / "data", "--connections-max", "3") as server:
            assert self.refused(server, 3) == 1

    def test_the_soft_limit_of_open_files_is_raised_and_the_hard_one_kept_to(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        data_dir = tmp_path_factory.mktemp("files") / "data"
        server = Server(data_dir, prefix=("prlimit", "--nofile=280:300"))
        try:
            assert "at most 44 connections at a time: the process may open 300 files" in server.log()
            shown = subprocess.run(
                ["prlimit", "--pid", str(server.process.pid), "--nofile", "--noheadings", "--output", "SOFT"],
                capture_output=True,
                text=True,
                check=True,
            )
            assert shown.stdout.strip() == "300"
            assert self.refused(server, 44) == 1
        finally:
            server.stop()

    def refused(self, server: Server, taken: int) -> int:
        """How many of one more connections than so many are refused, and that there is room again afterwards."""
        address = urlsplit(server.url)
        place = (address.hostname or "", address.port or 0)
        held = [socket.create_connection(place, timeout=10) for _ in range(taken + 1)]
        answers = [self.answer(each) for each in held]
        for each in held:
            each.close()
        eventually(lambda: Wire(server, "us-east-1").ask().status == 200)
        return answers.count(b"HTTP/1.1 503")

    def answer(self, client: socket.socket) -> bytes:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /_penstock/health HTTP/1.1\r\nhost: h\r\n\r\n")
        return client.recv(12)


class TestLogs:
    """Sixteen MiB of one action; what they are counted in is a little more than the text."""

    def log(self, scene: Scene, job_id: str, text: str) -> tuple[int, str]:
        wire = Wire(scene.server, scene.region)
        body = json.dumps({"jobId": job_id, "text": text}, ensure_ascii=False).encode()
        answer = wire.ask(body=body, X_Amz_Target="Penstock.PutJobLog")
        return answer.status, answer.code

    def pieces(self, scene: Scene, run_id: str) -> list[str]:
        wire = Wire(scene.server, scene.region)
        answer = wire.ask(body=json.dumps({"actionExecutionId": run_id}).encode(), X_Amz_Target="Penstock.GetActionLog")
        return [piece["text"] for piece in json.loads(answer.body)["pieces"]]

    def test_what_is_too_much_is_cut_off_with_a_line_that_says_so_and_then_refused(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        text = "é" * 262_144
        statuses = [self.log(scene, job["id"], text) for _ in range(33)]
        assert statuses == [(200, "")] * 32 + [(400, "LimitExceededException")]
        assert self.log(scene, job["id"], "x") == (400, "LimitExceededException")
        logged = self.pieces(scene, job["data"]["pipelineContext"]["action"]["actionExecutionId"])
        assert len(logged) == 32
        assert set(logged[:-1]) == {text}
        assert logged[-1].endswith("é" + CUT)
        size = sum(len(each.encode()) for each in logged)
        assert limits.RUN_LOG_BYTES_MAX - 100_000 < size < limits.RUN_LOG_BYTES_MAX + 100

    def test_the_job_goes_on_and_another_action_has_a_log_of_its_own(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        while self.log(scene, job["id"], "x" * 262_144)[0] == 200:
            pass
        scene.aws.put_job_success_result(jobId=job["id"])
        scene.start()
        scene.work("Origin")
        assert self.log(scene, scene.take()["id"], "new") == (200, "")

    def test_a_piece_has_at_most_262144_characters(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        assert self.log(scene, job["id"], "x" * 262_145) == (400, "ValidationException")
        assert self.log(scene, job["id"], "") == (400, "ValidationException")


class TestResults:
    @pytest.mark.parametrize(
        ("member", "most"),
        [
            ({"continuationToken": "#"}, 2048),
            ({"executionDetails": {"summary": "#"}}, 2048),
            ({"executionDetails": {"externalExecutionId": "#"}}, 1500),
            ({"currentRevision": {"revision": "#", "changeIdentifier": "c"}}, 1500),
            ({"currentRevision": {"revision": "r", "changeIdentifier": "#"}}, 100),
            ({"currentRevision": {"revision": "r", "changeIdentifier": "c", "revisionSummary": "#"}}, 2048),
        ],
    )
    def test_each_text_of_a_success_has_its_length(self, scene: Scene, member: dict, most: int) -> None:
        scene.line()
        job = scene.take()
        for length, code in ((most + 1, "ValidationException"), (most, "")):
            given = json.loads(json.dumps(member).replace("#", "x" * length))
            answer = Wire(scene.server, scene.region).call("PutJobSuccessResult", jobId=job["id"], **given)
            assert (answer.body and answer.code) == (code.encode() and code)

    def test_the_message_of_a_failure_has_5000_characters(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        fail = scene.aws.put_job_failure_result
        details = {"type": "JobFailed", "message": "x" * 5001}
        assert code_of(fail, jobId=job["id"], failureDetails=details) == "ValidationException"
        fail(jobId=job["id"], failureDetails=details | {"message": "x" * 5000})

    def test_output_variables_have_122880_bytes_together(self, scene: Scene) -> None:
        scene.line()
        job = scene.take()
        succeed = scene.aws.put_job_success_result
        many = {f"k{number:07}": "é" * 46 for number in range(1229)}
        assert code_of(succeed, jobId=job["id"], outputVariables=many) == "OutputVariablesSizeExceededException"
        many.popitem()
        assert sum(len((key + value).encode()) for key, value in many.items()) <= limits.OUTPUT_VARIABLES_BYTES_MAX
        succeed(jobId=job["id"], outputVariables=many)


class TestRequests:
    def test_a_poll_takes_at_most_a_hundred_jobs_however_many_it_asks_for(self, scene: Scene) -> None:
        scene.types()
        for size in (0, -1):
            kind = {"category": "Build", "owner": "Custom", "provider": "Builder", "version": "1"}
            assert code_of(scene.aws.poll_for_jobs, actionTypeId=kind, maxBatchSize=size) == "ValidationException"
        assert scene.poll(jobs_max=2**31 - 1) == []
        wire = Wire(scene.server, scene.region)
        for size in (2**31, 10**400):
            answer = wire.call("PollForJobs", actionTypeId=kind, maxBatchSize=size)
            assert (answer.status, answer.code in {"", "SerializationException", "ValidationException"}) != (500, True)

    @pytest.mark.parametrize(
        ("operation", "given", "most"),
        [
            ("ListPipelines", {}, 1000),
            ("ListPipelineExecutions", {"pipelineName": "line"}, 100),
            ("ListActionExecutions", {"pipelineName": "line"}, 100),
            ("ListRuleExecutions", {"pipelineName": "line"}, 100),
            ("ListTagsForResource", {}, 100),
        ],
    )
    def test_no_page_is_longer_than_it_may_be(self, scene: Scene, operation: str, given: dict, most: int) -> None:
        scene.line()
        if operation == "ListTagsForResource":
            given = {"resourceArn": f"arn:aws:codepipeline:{scene.region}:123456789012:line"}
        wire = Wire(scene.server, scene.region)
        assert wire.call(operation, **given, maxResults=most).status == 200
        for size in (most + 1, 0, -1):
            assert wire.call(operation, **given, maxResults=size).code == "ValidationException"

    def test_a_body_of_nothing_but_brackets_is_no_fault(self, scene: Scene) -> None:
        wire = Wire(scene.server, scene.region)
        for body in (b"[" * MIB, b'{"name":' * 100_000, b'{"pipeline":{"stages":[' + b"[" * 900_000):
            answer = wire.ask("CreatePipeline", body)
            assert (answer.status, answer.code) == (400, "SerializationException")

    def test_types_have_few_properties_and_short_names(self, scene: Scene) -> None:
        declared = custom_type("Much", query="Project")
        one = declared["configurationProperties"][0]
        many = [one | {"name": f"p{number}", "queryable": False} for number in range(11)]
        create = scene.aws.create_custom_action_type
        assert code_of(create, **declared | {"configurationProperties": many}) == "ValidationException"
        create(**declared | {"configurationProperties": many[:10]})

    def test_a_head_and_a_body_are_bounded_before_anybody_asks_whose_they_are(self, scene: Scene) -> None:
        wire = Wire(scene.server, scene.region)
        for sent, status in (
            (b"GET / HTTP/1.1\r\nhost: h\r\na: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
            (b"GET /?" + b"a&" * 2000 + b" HTTP/1.1\r\nhost: h\r\n\r\n", b"414"),
            (head({"Host": "h", "X-Amz-Target": "T"}, MIB + 1) + b"x" * (MIB + 1), b"413"),
        ):
            with wire.socket() as client:
                client.sendall(sent)
                assert client.recv(12) == b"HTTP/1.1 " + status


def test_the_page_has_a_row_for_each_of_these() -> None:
    told = {row[0]: row[1] for row in rows(PAGE)}
    for what, most in (
        ("head of a request", "64 KiB"),
        ("body of a call", "1 MiB"),
        ("parameters in an address", str(PARAMETERS_MAX)),
        ("log of an action", f"{limits.RUN_LOG_BYTES_MAX >> 20} MiB"),
        ("output variables of an action", f"{limits.OUTPUT_VARIABLES_BYTES_MAX:,} bytes"),
        ("tags of a resource", str(limits.TAGS_MAX)),
        ("jobs in an answer to a poll", "100"),
    ):
        assert told[what] == most
