"""The door of webhooks: strangers, methods, bodies that are too large, no JSON, or a form."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from git_hosts import github_push, send, signature
from operations.hooks import SECRET, connect, connection_arn, deliveries, git_line, push, put, signed
from operations.raw import Wire
from operations.scene import Scene
from penstock.http.hooks import BODY_BYTES_MAX, UNDER_WAY_MAX
from waiting import eventually

MAIN = json.dumps({"ref": "refs/heads/main"}).encode()


@pytest.fixture
def url(scene: Scene) -> str:
    scene.types()
    scene.pipeline(executionMode="PARALLEL")
    found: str = put(scene)["url"]
    return found


@pytest.mark.parametrize(
    "path", ["", "x", "connections/", "connections/x", "a/b/c", "%00", "x" * 5000, "../health", "\u00fc".encode().hex()]
)
def test_an_address_that_is_none_is_not_found(scene: Scene, path: str) -> None:
    assert send(f"{scene.server.url}/_penstock/webhooks/{path}", MAIN, signed(MAIN)) == (404, {"message": "Not found"})


def test_a_webhooks_address_is_no_connections(scene: Scene, url: str) -> None:
    assert send(url.replace("webhooks/", "webhooks/connections/"), MAIN, signed(MAIN))[0] == 404
    address, secret = connect(scene)
    body = json.dumps(github_push("owner/app", "main")).encode()
    assert send(address.replace("connections/", ""), body, signed(body, secret))[0] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "OPTIONS"])
def test_deliveries_are_posted(url: str, method: str) -> None:
    assert send(url, b"", method=method)[0] == 405


def test_a_signature_of_aws_is_not_asked_for_and_opens_nothing(scene: Scene, url: str) -> None:
    wire = Wire(scene.server, scene.region)
    headers = {**wire.signed(body=MAIN), "X-Amz-Target": "CodePipeline_20150709.ListPipelines"}
    assert send(url, MAIN, headers)[0] == 403


def test_a_form_has_the_event_in_its_field(scene: Scene, url: str) -> None:
    form = urlencode({"payload": MAIN.decode()}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert send(url, form, {**signed(form), **kind})[1]["result"] == "started"
    assert send(url, form, {**signed(MAIN), **kind})[0] == 403


def test_what_calls_itself_a_form_and_is_json_is_read_as_json(url: str) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert send(url, MAIN, {**signed(MAIN), **kind})[1]["result"] == "started"


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000, b"payload=%7B"])
def test_a_body_that_is_no_json_is_refused_and_logged(scene: Scene, url: str, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body.startswith(b"payload") else {}
    status, told = send(url, body, {**signed(body), **kind})
    assert (status, "not JSON" in told["message"]) == (400, True)
    assert (deliveries(scene)[0]["verdict"], "Traceback" in scene.server.log()) == ("Refused", False)


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"[]", b"{}", b'{"ref": {"ref": []}}'])
def test_json_of_another_form_is_ignored(url: str, body: bytes) -> None:
    status, told = send(url, body, signed(body))
    assert (status, told["result"]) == (200, "ignored")


def test_a_large_body_is_taken_up_to_the_limit(scene: Scene, url: str) -> None:
    filling = BODY_BYTES_MAX - len('{"ref":"refs/heads/main","x":""}')
    body = b'{"ref":"refs/heads/main","x":"' + b"x" * filling + b'"}'
    assert len(body) == BODY_BYTES_MAX
    assert send(url, body, signed(body))[1]["result"] == "started"
    status, told = send(url, body + b" ", signed(body + b" "))
    assert (status, told["message"]) == (413, "The body is larger than is taken")
    assert deliveries(scene)[0]["verdict"] == "Refused"


def test_a_stranger_cannot_make_the_server_read_a_large_body(scene: Scene) -> None:
    address = urlsplit(scene.server.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    connection.putrequest("POST", "/_penstock/webhooks/nobody")
    connection.putheader("Content-Length", str(2**40))
    connection.endheaders()
    assert connection.getresponse().status == 404
    connection.close()


def test_a_delivery_that_is_cut_off_leaves_nothing(scene: Scene, url: str) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    connection.putrequest("POST", address.path)
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    connection.send(b"{")
    connection.close()
    assert push(url, "refs/heads/dev")[1]["result"] == "ignored"
    assert len(deliveries(scene)) == 1
    assert "Traceback" not in scene.server.log()


def test_a_filter_that_takes_long_does_not_keep_others_waiting(scene: Scene, url: str) -> None:
    put(scene, filters=[{"jsonPath": "$" + "[0,0,0,0]" * 15 + ".q"}])
    value: object = []
    for _ in range(20):
        value = [value]
    body = json.dumps(value).encode()
    answered = 0
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(send, url, body, signed(body))
        while not slow.done():
            scene.aws.list_pipelines()
            answered += 1
    status, told = slow.result()
    assert (status, told["result"], "were not done" in told["reason"]) == (200, "ignored", True)
    assert answered > 5


def test_more_deliveries_at_once_than_memory_is_kept_for_are_turned_away(scene: Scene, url: str) -> None:
    address = urlsplit(url)
    begun = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1000\r\n\r\n{{".encode()
    waiting = [Wire(scene.server, scene.region).socket() for _ in range(UNDER_WAY_MAX)]
    try:
        for connection in waiting:
            connection.sendall(begun)
        eventually(lambda: push(url, "refs/heads/dev")[0] == 503)
        assert scene.aws.list_webhooks()["webhooks"]
    finally:
        for connection in waiting:
            connection.close()
    eventually(lambda: push(url, "refs/heads/dev")[0] == 200)


def test_a_very_long_header_is_cut_in_the_log(scene: Scene, url: str) -> None:
    push(url, X_GitHub_Delivery="d" * 5000, X_GitHub_Event="e" * 5000)
    assert (len(deliveries(scene)[0]["deliveryId"]), len(deliveries(scene)[0]["event"])) == (200, 200)


def test_a_connection_takes_a_form_as_well(scene: Scene) -> None:
    scene.types()
    git_line(scene, "line")
    address, secret = connect(scene)
    form = urlencode({"payload": json.dumps(github_push("owner/app", "main"))}).encode()
    headers = {"X-Hub-Signature-256": signature(secret, form), "X-GitHub-Event": "push"}
    status, told = send(address, form, {**headers, "Content-Type": "application/x-www-form-urlencoded"})
    assert (status, told["result"]) == (200, "started")
    assert deliveries(scene, connectionArn=connection_arn(scene))[0]["verdict"] == "Started"


def test_every_answer_has_a_request_id_and_no_secret(scene: Scene, url: str) -> None:
    wire = Wire(scene.server, scene.region)
    answer = wire.send({"Content-Type": "application/json"}, b"{}", "POST", urlsplit(url).path)
    assert (answer.status, answer.headers["content-type"]) == (403, "application/json")
    assert answer.headers["x-amzn-requestid"]
    assert SECRET.encode() not in answer.body
