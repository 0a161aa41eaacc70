"""RegisterWebhookWithThirdParty and its contrary, against a GitHub that is a small server of the test's own."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from declarations import action, pipeline, stage
from operations.faithful import Witness
from operations.hooks import SECRET, push, put
from operations.scene import Scene, build, code_of, message_of
from serving import Server, refusal

TOKEN = "gho_ownerstoken"


class GitHub:
    """Keeps what it was asked; `answers` are statuses that come in place of the next good answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, Any]] = []
        self.hooks: dict[str, Any] = {}
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/v3"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def answer(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, token, body))
        if self.answers:
            return self.answers.pop(0)
        known = path.rpartition("/")[2]
        if method == "POST":
            number = str(len(self.asked) + 100)
            self.hooks[number] = body["config"]
            return 201, {"id": int(number)}
        if known not in self.hooks:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            del self.hooks[known]
            return 204, None
        self.hooks[known] = body["config"]
        return 200, {"id": int(known)}

    def _handler(host: "GitHub") -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told = json.loads(body) if body else None
                status, answer = host.answer(self.command, self.path, self.headers.get("Authorization"), told)
                text = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PATCH = do_DELETE = do_GET = _serve  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def host() -> Iterator[GitHub]:
    github = GitHub()
    yield github
    github.close()


@pytest.fixture(scope="module")
def server(host: GitHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("registering")
    variables = (f"PENSTOCK_GITHUB_API_URL={host.url}/", "PENSTOCK_PUBLIC_URL=https://ci.example.org/")
    running = Server(folder / "data", prefix=("env", *variables))
    yield running
    running.stop()


@pytest.fixture
def github(host: GitHub) -> GitHub:
    host.asked, host.hooks, host.answers = [], {}, []
    return host


def line(scene: Scene) -> None:
    """The pipeline `line`, whose source Pull is a repository at GitHub."""
    where = {"Owner": "octo", "Repo": "app repo", "Branch": "main", "OAuthToken": TOKEN}
    source = action("Pull", "Source", "ThirdParty", "GitHub", where, outputs=("App",))
    scene.types()
    scene.aws.create_pipeline(pipeline=pipeline("line", stage("Source", source), stage("Build", build("Make"))))


@pytest.fixture
def scene(server: Server, witness: Witness, github: GitHub) -> Scene:
    scene = Scene(server, witness)
    line(scene)
    put(scene)
    return scene


def url_of(scene: Scene) -> str:
    url: str = scene.aws.list_webhooks()["webhooks"][0]["url"]
    return url


def test_registering_has_github_deliver_pushes_to_the_webhook(scene: Scene, github: GitHub) -> None:
    assert scene.aws.register_webhook_with_third_party(webhookName="hook")["ResponseMetadata"]["HTTPStatusCode"] == 200
    ((method, path, token, body),) = github.asked
    assert (method, path, token) == ("POST", "/api/v3/repos/octo/app%20repo/hooks", f"Bearer {TOKEN}")
    assert body["events"] == ["push"]
    url = url_of(scene)
    assert url.startswith("https://ci.example.org/_penstock/webhooks/")
    assert body["config"] == {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": SECRET}
    # GitHub would come through whatever stands in front of the server.
    assert push(scene.server.url + url.removeprefix("https://ci.example.org"))[1]["result"] == "started"


def test_registering_again_brings_it_up_to_date(scene: Scene, github: GitHub) -> None:
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    put(scene, authenticationConfiguration={"SecretToken": "fresh"})
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    assert [each[0] for each in github.asked] == ["POST", "PATCH"]
    assert [hook["secret"] for hook in github.hooks.values()] == ["fresh"]


def test_what_github_has_forgotten_is_registered_anew(scene: Scene, github: GitHub) -> None:
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    github.hooks.clear()
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    assert [each[0] for each in github.asked] == ["POST", "PATCH", "POST"]
    assert len(github.hooks) == 1


def test_deregistering_takes_it_away_there_and_is_remembered(scene: Scene, github: GitHub) -> None:
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    for _ in range(2):
        scene.aws.deregister_webhook_with_third_party(webhookName="hook")
    assert [each[0] for each in github.asked] == ["POST", "DELETE"]
    assert github.hooks == {}


def test_one_that_github_has_lost_is_deregistered_all_the_same(scene: Scene, github: GitHub) -> None:
    scene.aws.register_webhook_with_third_party(webhookName="hook")
    github.hooks.clear()
    scene.aws.deregister_webhook_with_third_party(webhookName="hook")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"message": "Bad credentials"}, "it answered 401: Bad credentials"),
        (422, {"message": "Validation Failed", "errors": [{"message": "Hook already exists"}]}, "Hook already exists"),
        (404, {"message": "Not Found"}, "octo/app repo does not exist, or the token may not administer it"),
        (500, {}, "it answered 500"),
        (200, {"no": "id"}, "what is no webhook"),
        (302, {}, "it answered 302"),
    ],
)
def test_what_github_does_not_do_is_said(
    scene: Scene, github: GitHub, status: int, body: dict[str, Any], said: str
) -> None:
    github.answers = [(status, body)] * 2
    message = message_of(scene.aws.register_webhook_with_third_party, webhookName="hook")
    assert said in message
    assert TOKEN not in message
    assert code_of(scene.aws.register_webhook_with_third_party, webhookName="hook") == "ValidationException"
    assert TOKEN not in scene.server.log()


def test_other_sources_cannot_be_registered(scene: Scene, github: GitHub) -> None:
    scene.pipeline("other")
    put(scene, "theirs", targetPipeline="other")
    for call in (scene.aws.register_webhook_with_third_party, scene.aws.deregister_webhook_with_third_party):
        assert code_of(call, webhookName="theirs") == "ValidationException"
        assert "not a GitHub (version 1) source action" in message_of(call, webhookName="theirs")
    assert github.asked == []


def test_an_unknown_webhook_is_not_found(scene: Scene) -> None:
    for call in (scene.aws.register_webhook_with_third_party, scene.aws.deregister_webhook_with_third_party):
        assert code_of(call, webhookName="never-there") == "WebhookNotFoundException"
        assert code_of(call) == "ValidationException"


@pytest.mark.parametrize("variable", ["PENSTOCK_GITHUB_API_URL", "PENSTOCK_PUBLIC_URL"])
def test_an_address_that_is_none_keeps_the_server_from_starting(tmp_path: Path, variable: str) -> None:
    code, said = refusal(tmp_path / "data", prefix=("env", f"{variable}=api.github.com"))
    assert (code != 0, variable in said, "Traceback" in said) == (True, True, False)


def test_without_an_api_of_github_the_server_says_what_it_needs(shared_server: Server, witness: Witness) -> None:
    scene = Scene(shared_server, witness)
    line(scene)
    put(scene)
    message = message_of(scene.aws.register_webhook_with_third_party, webhookName="hook")
    assert "PENSTOCK_GITHUB_API_URL" in message
    scene.aws.deregister_webhook_with_third_party(webhookName="hook")
