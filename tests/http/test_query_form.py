"""Every operation by parameters instead of JSON: the same answers, and errors of its own for what only parameters can be."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import inspect, to_builtins

from operations.partner import Partner, user_keys
from operations.queries import FORM, Queries, written
from operations.raw import Answer, Wire, head
from operations.scene import UNKNOWN_ID, Scene, fresh_region, type_id
from penstock.http.query_form import PARAMETERS_MAX, STS_ACTIONS
from penstock.wire.catalog import OPERATIONS
from penstock.wire.mending import present
from serving import Server, serving
from waiting import eventually
from wire.samples import smallest, structures

WAYS = ("get", "post", "presigned")
JSON = "application/x-amz-json-1.1"


@pytest.fixture
def query(wire: Wire) -> Queries:
    return Queries(wire)


@pytest.fixture(scope="module")
def open_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A server that asks nobody for a signature."""
    with serving(tmp_path_factory.mktemp("open") / "data", "--auth", "off") as server:
        yield Wire(server, "us-east-1")


def told(answer: Answer) -> tuple[int, Any]:
    """The status, and what is told: of a success only its members, for times and ids are never the same."""
    told_json = json.loads(answer.body) if answer.body else None
    return answer.status, sorted(told_json) if answer.status == 200 and told_json else told_json


def outline(operation: str) -> inspect.StructType:
    kind = inspect.type_info(OPERATIONS[operation].input)
    assert isinstance(kind, inspect.StructType)
    return kind


def requests(operation: str) -> Iterator[dict[str, Any]]:
    """Nothing; the least that is valid; and that with each other member, good and bad."""
    least = smallest(outline(operation))
    yield {}
    yield least
    for field in outline(operation).fields:
        for value in values(present(field)):
            yield {**least, field.encode_name: value}


def values(kind: inspect.Type) -> list[Any]:
    match kind:
        case inspect.BoolType():
            return [True, False, 1, "yes"]
        case inspect.IntType():
            return [1, 0, -1, 2.5, 10**12, True, "one"]
        case inspect.StrType() | inspect.LiteralType():
            return [smallest(kind), "", "!" * 5000]
        case inspect.StructType():
            return [smallest(kind), {}, {"name": 7}, [], 7, True, None]
        case _:
            return [[], [7], ["a"], [{}], {}, {"a": "b"}, {"a": 7}, 7, True, None]


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_operation_answers_as_it_does_to_json(wire: Wire, query: Queries, operation: str) -> None:
    for members in requests(operation):
        expected = told(wire.call(operation, **members))
        for way in WAYS:
            assert told(getattr(query, way)(operation, **members)) == expected, (way, members)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_whatever_is_valid_as_json_is_valid_as_parameters(shared_server: Server, operation: str) -> None:
    query = Queries(Wire(shared_server, "us-east-1"))

    @settings(max_examples=3, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(structures(OPERATIONS[operation].input))
    def check(request: Any) -> None:
        members = to_builtins(request)
        for way in WAYS:
            answer = getattr(query, way)(operation, **members, DryRun="true")
            assert (answer.status, answer.code) == (412, "DryRunOperation"), members

    check()


class TestPartnerJobs:
    """The calls that the form was first described by, with parameters in them that belong to other services."""

    @pytest.fixture
    def partner(self, scene: Scene) -> Partner:
        partner = Partner(scene)
        scene.line("line", {"name": "Check", "actions": [partner.action()]})
        return partner

    def taken(self, query: Queries, partner: Partner) -> dict[str, str]:
        """A job that was polled, looked at and acknowledged, each by a GET: its id, and the client's token."""
        polled = eventually(lambda: self.poll(query, partner))
        known = {"jobId": polled[0]["jobId"], "clientToken": partner.token}
        details = query.get("GetThirdPartyJobDetails", **known, Domain="vpc", DryRun="false")
        job = json.loads(details.body)["jobDetails"]
        assert (details.status, job["id"]) == (200, known["jobId"])
        taken = query.get("AcknowledgeThirdPartyJob", **known, nonce=job["nonce"], DryRun="false", VolumeId="vol-1")
        assert (taken.status, json.loads(taken.body)) == (200, {"status": "InProgress"})
        return known

    def poll(self, query: Queries, partner: Partner) -> list[dict[str, str]]:
        answer = query.get(
            "PollForThirdPartyJobs",
            actionTypeId=partner.type_id,
            AssociationId="eipassoc-1",
            DryRun="false",
            maxBatchSize=1,
            PublicIp="192.0.2.1",
        )
        assert answer.status == 200
        found: list[dict[str, str]] = json.loads(answer.body)["jobs"]
        return found

    def test_one_is_worked_to_its_success(self, scene: Scene, query: Queries, partner: Partner) -> None:
        known = self.taken(query, partner)
        more = {"DeviceIndex": "0", "InstanceId": "i-1", "NetworkInterfaceId": "eni-1", "DryRun": "false"}
        token = query.get("PutThirdPartyJobSuccessResult", **known, continuationToken="half way", **more)
        assert (token.status, token.body) == (200, b"")
        known = self.taken(query, partner)
        done = query.get(
            "PutThirdPartyJobSuccessResult",
            **known,
            currentRevision={"revision": "abc", "changeIdentifier": "1"},
            executionDetails={"summary": "well & good = 100%", "percentComplete": 100},
            **more,
        )
        assert (done.status, done.body) == (200, b"")
        assert eventually(lambda: scene.statuses() == ["Succeeded"])
        assert scene.action("Check", "Check")["summary"] == "well & good = 100%"

    def test_one_is_worked_to_its_failure(self, scene: Scene, query: Queries, partner: Partner) -> None:
        known = self.taken(query, partner)
        failed = query.get(
            "PutThirdPartyJobFailureResult",
            **known,
            failureDetails={"type": "JobFailed", "message": "no good"},
            **{"AllowReassignment": "true", "PrivateIpAddress.N": "192.0.2.2", "SecondaryPrivateIpAddressCount": "2"},
        )
        assert (failed.status, failed.body) == (200, b"")
        assert eventually(lambda: scene.statuses() == ["Failed"])
        assert scene.action("Check", "Check")["errorDetails"]["message"] == "no good"

    def test_another_token_opens_nothing(self, query: Queries, partner: Partner) -> None:
        (job,) = self.poll(query, partner)
        answer = query.get("GetThirdPartyJobDetails", jobId=job["jobId"], clientToken="another")
        assert (answer.status, answer.code) == (400, "InvalidClientTokenException")

    def test_a_dry_run_takes_no_job(self, query: Queries, partner: Partner) -> None:
        (job,) = self.poll(query, partner)
        known = {"jobId": job["jobId"], "clientToken": partner.token}
        nonce = json.loads(query.get("GetThirdPartyJobDetails", **known).body)["jobDetails"]["nonce"]
        dry = query.get("AcknowledgeThirdPartyJob", **known, nonce=nonce, DryRun="true", VolumeId="vol-1")
        assert (dry.status, dry.code) == (412, "DryRunOperation")
        # An acknowledged job has no nonce left to tell.
        assert "nonce" in json.loads(query.get("GetThirdPartyJobDetails", **known).body)["jobDetails"]


def test_a_custom_job_is_acknowledged_once_it_is_polled(scene: Scene, query: Queries) -> None:
    scene.line()
    polled = query.post("PollForJobs", actionTypeId=type_id("Builder"))
    job = json.loads(polled.body)["jobs"][0]
    answer = query.get("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"], SnapshotId="snap-1")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "InProgress"})


def test_a_poll_is_held_as_long_as_it_asks_to_be(scene: Scene, query: Queries) -> None:
    scene.types()
    path = "/?" + written({"Action": "PollForJobs", "actionTypeId": type_id("Origin")})
    with ThreadPoolExecutor(1) as thread:
        held = thread.submit(query.send, "GET", path, headers={"x-penstock-wait-seconds": "15"})
        scene.pipeline()
        assert len(json.loads(held.result().body)["jobs"]) == 1
    refused = query.send("GET", path, headers={"x-penstock-wait-seconds": "21"})
    assert (refused.status, refused.code) == (400, "ValidationException")


def test_a_held_poll_that_hangs_up_takes_no_job_with_it(scene: Scene, query: Queries) -> None:
    scene.types()
    path = "/?" + written({"Action": "PollForJobs", "actionTypeId": type_id("Origin")})
    headers = query.signed("GET", path, headers={"x-penstock-wait-seconds": "15"})
    with query.wire.socket() as connection:
        connection.sendall(head({**headers, "Host": query.wire.address.netloc}, 0, "GET", path))
    for _ in range(3):
        query.get("ListPipelines")
    scene.pipeline()
    assert len(scene.poll("Origin")) == 1


@pytest.mark.parametrize("way", WAYS)
def test_text_arrives_as_it_was_sent(scene: Scene, query: Queries, way: str) -> None:
    scene.line()
    reason = 'Grüße, 100 % "wahr" + mehr & ein = 水 {"a": 1}\n\0'
    stop = {"pipelineName": "line", "pipelineExecutionId": scene.newest(), "reason": reason}
    assert getattr(query, way)("StopPipelineExecution", **stop).status == 200
    assert scene.executions()[0]["stopTrigger"]["reason"] == reason


class TestValues:
    @pytest.mark.parametrize("version", ["1", "1.0", "1e0"])
    def test_a_number_is_written_as_in_json(self, scene: Scene, query: Queries, version: str) -> None:
        scene.line()
        answer = query.get("GetPipeline", name="line", version=version)
        assert json.loads(answer.body)["pipeline"]["version"] == 1

    @pytest.mark.parametrize("version", ["one", "", "0x1", "1,0", "NaN", "null", "[1]", '"1"', "1 1", "١"])
    def test_what_is_no_number_is_a_text_where_none_belongs(self, query: Queries, version: str) -> None:
        answer = query.get("GetPipeline", name="line", version=version)
        assert (answer.status, answer.code) == (400, "SerializationException")
        assert answer.message == "STRING_VALUE can not be converted to an Integer"

    def test_a_boolean_is_true_or_false(self, scene: Scene, query: Queries) -> None:
        scene.line()
        stop = {"pipelineName": "line", "pipelineExecutionId": scene.newest()}
        for wrong in ("yes", "True", "TRUE", "", "1"):
            assert query.get("StopPipelineExecution", **stop, abandon=wrong).code == "SerializationException"
        assert query.get("StopPipelineExecution", **stop, abandon="true").status == 200
        assert eventually(lambda: scene.statuses() == ["Stopped"])

    @pytest.mark.parametrize(
        "text", ["", "Builder", "{", '{"category": }', "{}{}", '{}, "maxBatchSize": {}', "[" * 5000, '"\\ud800"']
    )
    def test_json_text_that_does_not_parse_is_named(self, query: Queries, text: str) -> None:
        answer = query.get("PollForJobs", actionTypeId=text)
        assert (answer.status, answer.code) == (400, "ValidationException")
        assert answer.message == "The parameter actionTypeId takes JSON text"

    def test_names_are_the_members_letter_by_letter(self, query: Queries) -> None:
        assert "at 'name'" in query.get("GetPipeline", Name="line").message
        assert query.get("ListWebhooks", maxResults="none").status == 200
        assert query.get("ListWebhooks", MaxResults="none").code == "SerializationException"

    def test_members_of_other_services_are_ignored_even_twice(self, query: Queries) -> None:
        path = "/?Action=ListPipelines&Version=1999-01-01&AWSAccessKeyId=a&VolumeId=1&VolumeId=2&version=x&=&x"
        assert query.send("GET", path).status == 200


class TestTwice:
    def refused(self, answer: Answer, name: str) -> None:
        assert (answer.status, answer.code) == (400, "ValidationException")
        assert answer.message == f"The parameter {name} is given more than once"

    def test_a_parameter_that_is_given_twice_is_named(self, query: Queries) -> None:
        self.refused(query.send("GET", "/?Action=GetPipeline&name=a&name=a"), "name")
        self.refused(query.send("POST", "/", b"Action=GetPipeline&name=a&version=1&version=1"), "version")

    def test_so_is_one_that_is_in_the_query_and_in_the_form(self, query: Queries) -> None:
        self.refused(query.send("POST", "/?Action=GetPipeline&name=a", b"name=b"), "name")
        self.refused(query.send("POST", "/?Action=GetPipeline", b"Action=GetPipeline&name=b"), "Action")

    def test_the_action_and_the_dry_run_are_parameters_like_others(self, query: Queries) -> None:
        self.refused(query.send("GET", "/?Action=ListPipelines&Action=ListPipelines"), "Action")
        self.refused(query.send("GET", "/?Action=ListPipelines&DryRun=true&DryRun=true"), "DryRun")

    def test_query_and_form_together_make_one_request(self, scene: Scene, query: Queries) -> None:
        scene.line()
        assert query.send("POST", "/?Action=GetPipeline", b"name=line").status == 200
        assert query.send("POST", "/?name=line", b"Action=GetPipeline").status == 200
        assert query.send("POST", "/?Action=GetPipeline&name=line").status == 200


class TestDryRun:
    def started(self, query: Queries, **more: str) -> Answer:
        return query.get("StartPipelineExecution", name="line", **more)

    def test_everything_is_checked_and_nothing_is_done(self, scene: Scene, query: Queries) -> None:
        scene.line(executionMode="PARALLEL")
        answer = self.started(query, DryRun="true")
        assert (answer.status, answer.code) == (412, "DryRunOperation")
        assert answer.message == "Request would have succeeded, but DryRun flag is set."
        assert len(scene.executions()) == 1
        assert self.started(query, DryRun="false").status == 200
        assert len(scene.executions()) == 2

    @pytest.mark.parametrize("value", ["", "yes", "True", "1", "null"])
    def test_it_is_true_or_false(self, scene: Scene, query: Queries, value: str) -> None:
        scene.line()
        answer = self.started(query, DryRun=value)
        assert (answer.status, answer.code) == (400, "ValidationException")
        assert answer.message == "The parameter DryRun takes true or false"
        assert len(scene.executions()) == 1

    def test_who_may_not_is_told_so(self, wire: Wire) -> None:
        nobody = Queries(wire, user_keys(wire.server, f"dry-{wire.region}", ["codepipeline:ListPipelines"]))
        answer = self.started(nobody, DryRun="true")
        assert (answer.status, answer.code) == (400, "AccessDeniedException")
        assert "codepipeline:StartPipelineExecution" in answer.message
        assert nobody.get("ListPipelines", DryRun="true").code == "DryRunOperation"

    def test_what_is_not_valid_is_told_so(self, query: Queries) -> None:
        answer = query.get("StartPipelineExecution", DryRun="true")
        assert (answer.status, answer.code) == (400, "ValidationException")

    def test_who_does_not_sign_learns_nothing(self, wire: Wire) -> None:
        answer = wire.send({}, b"", "GET", "/?Action=ListPipelines&DryRun=true")
        assert (answer.status, answer.code) == (400, "MissingAuthenticationTokenException")


class TestSignatures:
    def test_none_at_all(self, wire: Wire) -> None:
        for method, path, body in (("GET", "/?Action=ListPipelines", b""), ("POST", "/", b"Action=ListPipelines")):
            answer = wire.send({}, body, method, path)
            assert (answer.status, answer.code) == (400, "MissingAuthenticationTokenException")

    def test_one_for_other_parameters(self, wire: Wire, query: Queries) -> None:
        link = query.link("GetPipeline", name="line")
        answer = wire.send({}, b"", "GET", link.replace("name=line", "name=other"))
        assert answer.code == "InvalidSignatureException"
        assert wire.send({}, b"", "GET", link + "&DryRun=false").code == "InvalidSignatureException"

    def test_one_for_another_method(self, wire: Wire, query: Queries) -> None:
        assert wire.send({}, b"", "POST", query.link("ListPipelines")).code == "InvalidSignatureException"

    def test_a_presigned_link_with_a_form_beside_it(self, wire: Wire, query: Queries) -> None:
        answer = wire.send({"Content-Type": FORM}, b"maxResults=1", "GET", query.link("ListPipelines"))
        assert answer.code == "InvalidSignatureException"

    def test_a_wrong_one_is_refused_before_the_parameters_are_looked_at(self, wire: Wire, query: Queries) -> None:
        link = query.link("GetPipeline", version="one", DryRun="maybe")
        answer = wire.send({}, b"", "GET", re.sub("Signature=.*", "Signature=" + "0" * 64, link))
        assert answer.code == "InvalidSignatureException"

    def test_the_region_is_that_of_the_signature(self, scene: Scene, wire: Wire) -> None:
        scene.line()
        elsewhere = Wire(wire.server, fresh_region())
        assert Queries(wire).presigned("GetPipeline", name="line").status == 200
        assert Queries(elsewhere).presigned("GetPipeline", name="line").code == "PipelineNotFoundException"


class TestActions:
    @pytest.mark.parametrize("action", ["MakeCoffee", "getpipeline", "", "CreatePrincipal", "Penstock.CreatePrincipal"])
    def test_an_unknown_one_says_so(self, query: Queries, action: str) -> None:
        for way in WAYS:
            answer = getattr(query, way)(action)
            assert (answer.status, answer.code) == (400, "UnknownOperationException")

    def test_so_does_none_at_all(self, query: Queries) -> None:
        assert query.send("POST", "/", b"name=line").code == "UnknownOperationException"
        assert query.send("POST", "/").code == "UnknownOperationException"

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_so_does_another_method(self, query: Queries, method: str) -> None:
        assert query.send(method, "/?Action=ListPipelines").code == "UnknownOperationException"

    def test_a_body_that_is_no_form_is_refused(self, query: Queries) -> None:
        for content_type in (JSON, "text/plain", "multipart/form-data; boundary=x"):
            answer = query.send("POST", "/?Action=ListPipelines", b"{}", content_type)
            assert (answer.status, answer.code) == (400, "SerializationException")
            assert query.send("POST", "/", b"{}", content_type).code == "UnknownOperationException"

    @pytest.mark.parametrize("content_type", [f"{FORM}; charset=utf-8", FORM.upper(), None])
    def test_a_form_may_be_called_so_in_other_letters_or_not_at_all(
        self, query: Queries, content_type: str | None
    ) -> None:
        assert query.send("POST", "/", b"Action=ListPipelines", content_type).status == 200

    def test_answers_are_json_counted_by_operation_and_kept_by_nobody(self, wire: Wire, query: Queries) -> None:
        def counted() -> int:
            page = wire.send({}, b"", "GET", "/_penstock/metrics").body.decode()
            found = re.search(r'penstock_answers_total\{operation="ListRuleTypes",status="200"\} (\d+)', page)
            return int(found[1]) if found else 0

        before = counted()
        for way in WAYS:
            answer = getattr(query, way)("ListRuleTypes")
            assert answer.headers["content-type"] == JSON
            assert answer.headers["cache-control"] == "no-store"
            assert "x-amzn-requestid" in answer.headers
        assert counted() == before + len(WAYS)


class TestBounds:
    def test_a_hundred_parameters_are_taken_and_one_more_is_not(self, query: Queries) -> None:
        assert PARAMETERS_MAX == 100
        other = "&".join(f"x{number}=1" for number in range(99))
        assert query.send("GET", f"/?Action=ListPipelines&{other}").status == 200
        for path, form in ((f"/?Action=ListPipelines&{other}&y=1", b""), (f"/?{other}", b"Action=ListPipelines&y=1")):
            answer = query.send("POST", path, form)
            assert (answer.status, answer.code) == (400, "ValidationException")
            assert answer.message == "A request has at most 100 parameters"

    def test_a_form_may_have_one_mebibyte(self, query: Queries) -> None:
        start = b"Action=ListPipelines&x="
        assert query.send("POST", "/", start + b"a" * ((1 << 20) - len(start))).status == 200
        answer = query.send("POST", "/", start + b"a" * (1 << 20))
        assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException")

    def test_a_url_may_have_64_kibibytes(self, query: Queries) -> None:
        path = "/?Action=ListPipelines&x="
        assert query.send("GET", path + "a" * 65_000).status == 200
        assert query.send("GET", path + "a" * 70_000).status == 431

    def test_a_form_of_nothing_but_separators_takes_no_time(self, query: Queries) -> None:
        assert query.send("POST", "/?Action=ListPipelines", b"&" * (1 << 19)).code == "ValidationException"

    @pytest.mark.parametrize("text", ["%FF", "%C3%28", "%ED%A0%80", "%F8%88%80%80%80"])
    def test_what_is_no_utf_8_is_refused(self, query: Queries, text: str) -> None:
        for path in (f"/?Action=GetPipeline&name={text}", f"/?Action=GetPipeline&{text}=a&name=a"):
            answer = query.send("GET", path)
            assert (answer.status, answer.code) == (400, "SerializationException")

    def test_so_are_such_bytes_in_a_form(self, query: Queries) -> None:
        answer = query.send("POST", "/", b"Action=GetPipeline&name=\xff")
        assert (answer.status, answer.code) == (400, "SerializationException")
        plain = query.send("POST", "/", "Action=GetPipeline&name=ü".encode())
        assert plain.code == "ValidationException"

    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(st.binary(max_size=60), st.sampled_from(sorted(OPERATIONS)))
    def test_no_bytes_are_a_fault(self, shared_server: Server, noise: bytes, operation: str) -> None:
        query = Queries(Wire(shared_server, "us-east-1"))
        answer = query.send("POST", f"/?Action={operation}&DryRun=true", noise)
        assert answer.status in (400, 412)
        answer = query.send("GET", f"/?DryRun=true&Action={operation}&{quote(noise, safe='&=%+')}")
        assert answer.status in (400, 412)


class TestSts:
    def test_what_is_unsigned_and_named_as_in_sts_is_answered_by_it(self, wire: Wire) -> None:
        for method, path, body in (
            ("GET", "/?Action=GetCallerIdentity", b""),
            ("POST", "/", b"Action=AssumeRole&Version=2011-06-15"),
        ):
            answer = wire.send({}, body, method, path)
            assert answer.headers["content-type"] == "text/xml"
            assert ET.fromstring(answer.body).find(".//{*}Code").text == "MissingAuthenticationToken"  # type: ignore[union-attr]

    def test_what_is_signed_for_sts_is_too(self, query: Queries) -> None:
        answer = query.send("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", service="sts")
        assert b"arn:aws:iam::123456789012:root" in answer.body

    def test_what_is_signed_for_the_api_is_an_unknown_operation(self, query: Queries) -> None:
        for way in WAYS:
            assert getattr(query, way)("GetCallerIdentity").code == "UnknownOperationException"

    def test_no_action_of_sts_is_forgotten_and_none_is_the_apis(self) -> None:
        model = botocore.session.get_session().get_service_model("sts")
        assert set(model.operation_names) <= STS_ACTIONS
        assert not STS_ACTIONS & set(OPERATIONS)


class TestWithoutSignatures:
    """With `--auth off` a web page elsewhere could make a browser send any of these."""

    PATH = "/?Action=ListPipelines"

    def test_anybody_here_may_call(self, open_wire: Wire) -> None:
        assert open_wire.send({}, b"", "GET", self.PATH).status == 200
        assert open_wire.send({"Content-Type": FORM}, b"Action=ListPipelines", "POST").status == 200
        assert b"<Account>123456789012" in open_wire.send({}, b"Action=GetCallerIdentity", "POST").body

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://elsewhere.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "elsewhere.example"},
        ],
    )
    def test_pages_elsewhere_may_not(self, open_wire: Wire, headers: dict[str, str]) -> None:
        for method, path, body in (("GET", self.PATH, b""), ("POST", "/", b"Action=ListPipelines")):
            answer = open_wire.send({"Content-Type": FORM, **headers}, body, method, path)
            assert (answer.status, answer.code) == (400, "AccessDeniedException")


def test_a_presigned_link_opens_no_more_than_its_operation(scene: Scene, query: Queries) -> None:
    """As it is handed to somebody who has no keys."""
    scene.line()
    answer = query.presigned("GetPipelineExecution", pipelineName="line", pipelineExecutionId=scene.newest())
    assert json.loads(answer.body)["pipelineExecution"]["status"] == "InProgress"
    unknown = query.presigned("GetPipelineExecution", pipelineName="line", pipelineExecutionId=UNKNOWN_ID)
    assert unknown.code == "PipelineExecutionNotFoundException"
