"""Pages of other origins: not at all unless they were named, and then with no more than a signed request takes."""

import http.server
import json
import subprocess
import tempfile
import threading
from functools import partial
from pathlib import Path

import pytest

from operations.raw import Wire
from penstock.server.settings import SettingsError, load
from serving import Server, serving

PAGE = "https://app.example.org"
OTHER = "http://localhost:3000"
STRANGER = "https://evil.example"
CHROMIUM = Path("/usr/bin/chromium")
# Without a screen, as root too, and asking nothing of the world outside.
ALONE = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIGNING = (
    "authorization,content-type,x-amz-content-sha256,x-amz-date,x-amz-security-token,x-amz-target,x-amz-user-agent"
)
DOORS = {
    "API": ("/", "POST"),
    "query form": ("/?Action=ListPipelines", "GET"),
    "STS": ("/?Action=GetCallerIdentity&Version=2011-06-15", "GET"),
    "S3 object": ("/bucket/key", "PUT"),
    "S3 bucket": ("/bucket?list-type=2", "GET"),
}
OWN_PAGES = ("health", "metrics", "openapi.json", "console/", "webhooks/token", "nothing")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    options = ("--cors-origin", PAGE, "--cors-origin", f"https://b.example, {OTHER}")
    with serving(tmp_path_factory.mktemp("cors") / "data", *options) as made:
        yield made


@pytest.fixture
def wire(server):
    return Wire(server, "us-east-1")


def of_cors(answer):
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def preflight(wire, path, method, origin=PAGE, headers=SIGNING):
    named = {"Host": wire.address.netloc, "Origin": origin, "Access-Control-Request-Method": method}
    named |= {"Access-Control-Request-Headers": headers} if headers else {}
    return wire.send(named, b"", "OPTIONS", path)


class TestUnlessAsked:
    """The server that all tests share was started without an origin."""

    @pytest.fixture
    def wire(self, shared_server):
        return Wire(shared_server, "us-east-1")

    @pytest.mark.parametrize("door", DOORS)
    def test_a_browser_that_asks_is_refused_and_told_nothing(self, wire, door):
        answer = preflight(wire, *DOORS[door])
        assert answer.status >= 400
        assert (of_cors(answer), "vary" in answer.headers) == ({}, False)

    def test_answers_say_nothing_of_origins(self, wire):
        for answer in (wire.ask(Origin=PAGE), wire.ask("Nothing", Origin=PAGE)):
            assert (of_cors(answer), "vary" in answer.headers) == ({}, False)


class TestPreflights:
    @pytest.mark.parametrize("origin", [PAGE, "https://b.example", OTHER])
    @pytest.mark.parametrize("door", DOORS)
    def test_a_page_of_a_named_origin_may_send_what_a_signed_request_takes(self, wire, door, origin):
        answer = preflight(wire, *DOORS[door], origin=origin)
        assert (answer.status, answer.body) == (200, b"")
        granted = of_cors(answer)
        assert granted.pop("access-control-allow-origin") == origin
        assert granted.pop("access-control-allow-methods") == "GET, POST, PUT, DELETE, HEAD"
        assert set(SIGNING.split(",")) <= set(granted.pop("access-control-allow-headers").split(", "))
        assert granted.pop("access-control-max-age") == "600"
        assert granted == {}, "credentials of the browser, above all, are not allowed"
        assert answer.headers["vary"] == "origin, access-control-request-headers"

    @pytest.mark.parametrize(
        ("asked", "also"),
        [
            ("X-Amz-Meta-Mine, x-amz-checksum-crc32,amz-sdk-request", ["x-amz-checksum-crc32", "x-amz-meta-mine"]),
            ("x-evil, cookie, x-forwarded-for, x-penstock-wait-seconds, x-amzn-trace", []),
            ("x-amz-*, x-amz-, x-amz-meta-ü, x-amz-a b, x-amz-" + "a" * 200, []),
            ("", []),
        ],
    )
    def test_what_else_is_of_the_kind_is_allowed_as_it_is_asked_for_and_nothing_more(self, wire, asked, also):
        usual = of_cors(preflight(wire, "/", "POST", headers=""))["access-control-allow-headers"].split(", ")
        answer = preflight(wire, "/bucket/key", "PUT", headers=asked.encode().decode("latin-1"))
        assert of_cors(answer)["access-control-allow-headers"].split(", ") == [*usual, *also]

    @pytest.mark.parametrize("origin", [STRANGER, "null", "", f"{PAGE}.evil.example", "https://APP.example.org", "*"])
    @pytest.mark.parametrize("door", DOORS)
    def test_a_page_of_another_origin_may_nothing(self, wire, door, origin):
        answer = preflight(wire, *DOORS[door], origin=origin)
        assert (answer.status, of_cors(answer), answer.headers["vary"]) == (403, {}, "origin")

    def test_what_is_no_question_of_a_browser_is_answered_as_ever(self, wire):
        named = {"Host": wire.address.netloc, "Origin": PAGE}
        assert wire.send(named, b"", "OPTIONS", "/bucket/key").status == 403


class TestAnswers:
    def test_success_and_failure_may_be_read_by_a_page_of_a_named_origin(self, wire, server):
        s3 = Wire(server, "us-east-1", service="s3")
        form = {"Content_Type": "application/x-www-form-urlencoded", "X_Amz_Target": None}
        sts = Wire(server, "us-east-1", service="sts")
        who = b"Action=GetCallerIdentity&Version=2011-06-15"
        for answer, status in (
            (wire.ask(Origin=PAGE), 200),
            (wire.ask("Nothing", Origin=PAGE), 400),
            (wire.send({**wire.signed(), "Origin": PAGE}, b"[]"), 400),
            (wire.ask(body=b"x" * (1 << 20) + b"x", Origin=PAGE), 413),
            (sts.send(sts.signed(body=who, Origin=PAGE, **form), who), 200),
            (s3.send({"Host": wire.address.netloc, "Origin": PAGE}, b"", "GET", "/bucket/key"), 403),
        ):
            assert answer.status == status
            assert of_cors(answer) == {
                "access-control-allow-origin": PAGE,
                "access-control-expose-headers": "x-amzn-requestid, etag",
            }
            assert answer.headers["vary"] == "origin"

    @pytest.mark.parametrize("origin", [None, STRANGER, "null"])
    def test_others_get_their_answer_and_no_word_of_leave(self, wire, origin):
        answer = wire.ask(Origin=origin)
        assert (answer.status, of_cors(answer), answer.headers["vary"]) == (200, {}, "origin")

    @pytest.mark.parametrize("page", OWN_PAGES)
    def test_what_lies_under_penstocks_own_path_is_never_shared(self, wire, page):
        for path in (f"/_penstock/{page}", f"/%5Fpenstock/{page}"):
            named = {"Host": wire.address.netloc, "Origin": PAGE}
            for answer in (wire.send(named, b"", "GET", path), preflight(wire, path, "POST")):
                assert (of_cors(answer), "vary" in answer.headers) == ({}, False)

    def test_an_object_that_is_streamed_is_shared_too(self, wire, server):
        s3 = server.client("s3", signature_version="s3v4")
        s3.create_bucket(Bucket="streamed")
        s3.put_object(Bucket="streamed", Key="a", Body=b"text")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "streamed", "Key": "a"})
        answer = wire.send({"Host": wire.address.netloc, "Origin": PAGE}, b"", "GET", url.removeprefix(server.url))
        assert (answer.body, of_cors(answer)["access-control-allow-origin"]) == (b"text", PAGE)


def test_all_origins_are_named_by_a_star_and_by_nothing_else(tmp_path):
    with serving(tmp_path / "data", "--cors-origin", "*") as server:
        wire = Wire(server, "us-east-1")
        for answer in (wire.ask(Origin=STRANGER), wire.ask(), preflight(wire, "/", "POST", origin=STRANGER)):
            assert (answer.status, of_cors(answer)["access-control-allow-origin"]) == (200, "*")
            assert "access-control-allow-credentials" not in answer.headers
        assert (
            of_cors(wire.send({"Host": wire.address.netloc, "Origin": STRANGER}, b"", "GET", "/_penstock/health")) == {}
        )


class TestSettings:
    def test_origins_come_from_options_the_environment_and_the_file(self, tmp_path):
        config = tmp_path / "penstock.toml"
        config.write_text(f'cors-origin = ["{PAGE}", "{OTHER}"]\n')
        assert load({}, {}, config).cors_origin == (PAGE, OTHER)
        environment = {"PENSTOCK_CORS_ORIGIN": f"{OTHER} , https://[::1]:8443,"}
        assert load({"cors_origin": ()}, environment, config).cors_origin == (OTHER, "https://[::1]:8443")
        assert load({"cors_origin": (PAGE, OTHER)}, environment, config).cors_origin == (PAGE, OTHER)
        assert load({}, {}).cors_origin == ()

    @pytest.mark.parametrize(
        "origin",
        ["null", "app.example.org", f"{PAGE}/", "HTTPS://app.example.org", "https://*.example.org", "https://"],
    )
    def test_what_no_browser_would_send_is_told_in_a_line(self, origin):
        with pytest.raises(SettingsError, match="--cors-origin takes"):
            load({"cors_origin": (origin,)}, {})

    def test_all_and_some_are_not_said_in_one_breath(self):
        with pytest.raises(SettingsError, match=r"--cors-origin \* stands for all origins"):
            load({"cors_origin": ("*", PAGE)}, {})

    def test_a_file_that_holds_something_else_is_told_in_a_line(self, tmp_path):
        config = tmp_path / "penstock.toml"
        config.write_text("cors-origin = [1]\n")
        with pytest.raises(SettingsError, match="--cors-origin"):
            load({}, {}, config)


class Site(http.server.BaseHTTPRequestHandler):
    """A site of another origin: its page, and where that tells what came of its calls."""

    def __init__(self, *arguments, page, results, told, **more):
        self.page, self.results, self.told = page, results, told
        super().__init__(*arguments, **more)

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def do_POST(self):
        self.results.update(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()
        self.told.set()

    def log_message(self, *_):
        pass


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}")
def test_a_browser_lets_a_page_call_the_server_that_named_it_and_no_other(shared_server: Server, tmp_path):
    results, told = {}, threading.Event()
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    origin = f"http://127.0.0.1:{site.server_port}"
    with serving(tmp_path / "data", "--cors-origin", origin) as server:
        for each in (server, shared_server):
            each.client("s3").create_bucket(Bucket="pages")
        calls = {name: call_of(each) for name, each in (("named", server), ("silent", shared_server))}
        text = Path(__file__).with_name("page.html").read_text().replace("CALLS_AS_JSON", json.dumps(calls))
        site.RequestHandlerClass = partial(Site, page=text.encode(), results=results, told=told)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        with tempfile.TemporaryDirectory() as profile:
            browser = subprocess.Popen(
                [CHROMIUM, *ALONE, f"--user-data-dir={profile}", "--remote-debugging-port=0", origin],
                stderr=subprocess.DEVNULL,
            )
            try:
                assert told.wait(60), "the page has not told what came of its calls"
            finally:
                browser.kill()
                browser.wait()
                site.shutdown()
                site.server_close()
    named, silent = results["named"], results["silent"]
    assert (named["list"]["status"], named["list"]["body"]) == (200, '{"pipelines":[]}')
    assert "x-amzn-requestid" in named["list"]["names"]
    assert (named["put"]["status"], named["get"]["body"]) == (200, "from a page")
    assert "etag" in named["get"]["names"]
    assert all("failed" in each for each in silent.values())


def call_of(server):
    keys = server.root_keys
    return {"url": server.url, "id": keys["aws_access_key_id"], "secret": keys["aws_secret_access_key"]}
