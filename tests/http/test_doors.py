"""One port, many doors; who knocks without a right signature, and clients that are slow, rude or gone."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from operations.raw import JSON, Wire, head
from operations.scene import Scene
from waiting import eventually

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TestSignatures:
    def test_none_at_all(self, wire: Wire) -> None:
        answer = wire.send({"Content-Type": JSON, "X-Amz-Target": "CodePipeline_20150709.ListPipelines"})
        assert (answer.status, answer.code) == (400, "MissingAuthenticationTokenException")

    def test_one_made_with_another_secret(self, wire: Wire) -> None:
        headers = wire.signed()
        headers["Authorization"] = re.sub("Signature=.*", "Signature=" + "0" * 64, headers["Authorization"])
        answer = wire.send(headers)
        assert (answer.status, answer.code) == (400, "InvalidSignatureException")

    def test_one_for_another_body(self, wire: Wire) -> None:
        assert wire.send(wire.signed(), b'{"maxResults": 1}').code == "InvalidSignatureException"

    def test_one_for_another_operation(self, wire: Wire) -> None:
        headers = {**wire.signed(), "X-Amz-Target": "CodePipeline_20150709.GetPipeline"}
        assert wire.send(headers).code == "InvalidSignatureException"

    def test_one_by_nobody_known(self, wire: Wire) -> None:
        headers = wire.signed()
        headers["Authorization"] = re.sub("Credential=[A-Z0-9]+", "Credential=AKIANOBODY", headers["Authorization"])
        assert wire.send(headers).code == "UnrecognizedClientException"

    @pytest.mark.parametrize(
        "text",
        [
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=",
            "Basic dXNlcjpwYXNz",
            "x" * 10_000,
            "AWS4-HMAC-SHA256 =,=,=",
        ],
    )
    def test_one_that_is_garbled(self, wire: Wire, text: str) -> None:
        answer = wire.send({**wire.signed(), "Authorization": text})
        codes = ("IncompleteSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException")
        assert (answer.status, answer.code in codes) == (400, True)
        assert answer.message

    def test_one_that_is_too_old(self, wire: Wire) -> None:
        headers = {**wire.signed(), "X-Amz-Date": "20200101T000000Z"}
        assert wire.send(headers).code == "InvalidSignatureException"

    def test_a_session_token_beside_lasting_keys(self, wire: Wire) -> None:
        headers = wire.signed(x_amz_security_token="made-up")
        assert wire.send(headers).code == "UnrecognizedClientException"

    def test_a_wrong_one_is_refused_before_the_request_is_looked_at(self, wire: Wire) -> None:
        headers = {**wire.signed("CreatePipeline", b"nonsense"), "X-Amz-Date": "20200101T000000Z"}
        assert wire.send(headers, b"nonsense").code == "InvalidSignatureException"


class TestHeaders:
    def test_every_answer_has_a_request_id_of_its_own_and_a_date(self, wire: Wire) -> None:
        answers = [
            wire.ask(),
            wire.ask(),
            wire.ask("GetPipeline"),
            wire.ask("Nothing"),
            wire.send({}, b"", "GET", "/_penstock/health"),
            wire.send({}, b"", "GET", "/_penstock/nothing"),
            wire.send({}, b"Action=GetCallerIdentity", "POST"),
        ]
        ids = [answer.headers["x-amzn-requestid"] for answer in answers]
        assert len(set(ids)) == len(ids)
        assert all(UUID.fullmatch(each) for each in ids)
        assert all(answer.headers["date"].endswith(" GMT") for answer in answers)

    def test_nothing_says_what_the_server_is_made_of(self, wire: Wire) -> None:
        assert not {"server", "x-powered-by"} & wire.ask().headers.keys()


class TestDoors:
    def test_health_says_ok_and_the_version_to_anybody(self, wire: Wire) -> None:
        from penstock import __version__

        answer = wire.send({}, b"", "GET", "/_penstock/health")
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok", "version": __version__})

    def test_metrics_count_answers_and_commits(self, wire: Wire) -> None:
        wire.ask()
        answer = wire.send({}, b"", "GET", "/_penstock/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.body.decode()
        assert re.search(r'penstock_answers_total\{operation="ListPipelines",status="200"\} \d', text)
        assert re.search(r"penstock_commits_total \d", text)

    def test_made_up_operations_do_not_swell_the_metrics(self, wire: Wire) -> None:
        wire.ask("Nothing-of-the-kind")
        assert b"Nothing-of-the-kind" not in wire.send({}, b"", "GET", "/_penstock/metrics").body

    def test_the_api_and_s3_share_the_port(self, scene: Scene) -> None:
        scene.types()
        s3 = scene.server.client("s3")
        bucket = f"door-{scene.region}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a", Body=b"1")
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
        assert scene.aws.list_pipelines()["pipelines"] == []

    def test_s3_answers_strangers_in_xml(self, wire: Wire) -> None:
        answer = wire.send({}, b"", "GET", "/some-bucket/some-key")
        assert answer.status == 403
        assert answer.headers["content-type"] == "application/xml"
        assert answer.body.startswith(b"<?xml")

    def test_sts_tells_who_one_is(self, scene: Scene) -> None:
        identity = scene.server.client("sts").get_caller_identity()
        assert (identity["Account"], identity["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:root")

    def test_a_browser_is_led_to_the_console(self, wire: Wire) -> None:
        answer = wire.send({"Accept": "text/html"}, b"", "GET", "/")
        assert (answer.status, answer.headers["location"]) == (302, "/_penstock/console/")

    def test_an_action_is_the_apis_and_a_query_without_one_is_not(self, wire: Wire) -> None:
        for path in ("/?Action=ListPipelines", "/?name=x&Action=GetPipeline"):
            answer = wire.send({}, b"", "GET", path)
            assert (answer.status, answer.code) == (400, "MissingAuthenticationTokenException")
        for path in ("/", "/?OtherAction=ListPipelines", "/?action=ListPipelines"):
            assert wire.send({}, b"", "GET", path).headers["content-type"] == "application/xml"

    @pytest.mark.parametrize(
        "path", ["/_penstock/", "/_penstock/../../etc/passwd", "/_penstock/health/x", "/_penstock/%00"]
    )
    def test_there_is_nothing_else_below_penstocks_own_path(self, wire: Wire, path: str) -> None:
        assert wire.send({}, b"", "GET", path).status == 404


class TestRudeClients:
    def is_well(self, wire: Wire) -> bool:
        return wire.ask().status == 200

    def test_one_that_sends_half_and_hangs_up_changes_nothing(self, scene: Scene, wire: Wire) -> None:
        scene.types()
        scene.pipeline()
        body = json.dumps({"name": "line"}).encode()
        first = head(wire.signed("DeletePipeline", body), len(body))
        for sent in range(0, len(first) + len(body), 97):
            with wire.socket() as connection:
                connection.sendall((first + body)[:sent])
        assert self.is_well(wire)
        assert scene.statuses() == ["InProgress"]
        assert "Traceback" not in scene.server.log()

    def test_one_that_hangs_up_before_its_answer_is_carried_out_all_the_same(self, scene: Scene, wire: Wire) -> None:
        scene.types()
        scene.pipeline(executionMode="PARALLEL")
        body = json.dumps({"name": "line"}).encode()
        for _ in range(10):
            with wire.socket() as connection:
                connection.sendall(head(wire.signed("StartPipelineExecution", body), len(body)) + body)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        assert self.is_well(wire)
        eventually(lambda: len(scene.executions()) > 1)
        assert "Traceback" not in scene.server.log()

    def test_slow_ones_do_not_keep_others_waiting(self, wire: Wire) -> None:
        slow = [wire.socket() for _ in range(50)]
        try:
            for connection in slow:
                connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
            with ThreadPoolExecutor(4) as threads:
                assert list(threads.map(lambda _: self.is_well(wire), range(8))) == [True] * 8
        finally:
            for connection in slow:
                connection.close()

    def test_held_polls_that_hang_up_take_no_job_with_them(self, scene: Scene, wire: Wire) -> None:
        scene.types()
        given = {"category": "Source", "owner": "Custom", "provider": "Origin", "version": "1"}
        body = json.dumps({"actionTypeId": given}).encode()
        headers = wire.signed("PollForJobs", body, x_penstock_wait_seconds="15")
        with wire.socket() as connection:
            connection.sendall(head(headers, len(body)) + body)
        scene.pipeline()
        # At the worst it is handed out again when nobody has acknowledged it.
        assert scene.wait_for_job("Origin")

    @pytest.mark.parametrize(
        "garbage",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET\r\n\r\n",
            b"\x00" * 4096,
            b"POST / HTTP/9.9\r\n\r\n",
            b"A" * 200_000,
        ],
    )
    def test_what_is_no_http_is_turned_away(self, wire: Wire, garbage: bytes) -> None:
        with wire.socket() as connection, suppress(OSError):
            answer = b""
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read(65_536)
        assert not answer or answer.startswith(b"HTTP/1.1 400")
        assert b"Traceback" not in answer
        assert self.is_well(wire)

    def test_a_chunked_body_is_read_like_any_other(self, wire: Wire) -> None:
        headers = wire.signed()
        lines = [f"{name}: {value}" for name, value in headers.items()]
        with wire.socket() as connection:
            start = "\r\n".join(["POST / HTTP/1.1", *lines, "Transfer-Encoding: chunked", "Connection: close", "", ""])
            connection.sendall(start.encode() + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
            assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")

    def test_a_chunked_body_without_end_is_cut_off_at_the_limit(self, wire: Wire) -> None:
        lines = [f"{name}: {value}" for name, value in wire.signed().items()]
        piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        with wire.socket() as connection:
            connection.sendall("\r\n".join(["POST / HTTP/1.1", *lines, "Transfer-Encoding: chunked", "", ""]).encode())
            try:
                for _ in range(400):
                    connection.sendall(piece)
            except OSError:
                return
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413")
        assert self.is_well(wire)

    def test_requests_in_one_go_are_answered_in_order(self, wire: Wire) -> None:
        one = head(wire.signed("ListPipelines"), 2) + b"{}"
        other = head({**wire.signed("GetPipeline"), "Connection": "close"}, 2) + b"{}"
        with wire.socket() as connection:
            connection.sendall(one + other)
            answers = connection.makefile("rb").read()
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"400"]
