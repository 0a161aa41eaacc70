"""TLS: which pairs a server takes, how it is found by those who check its certificate, and how a new one takes its place."""

import asyncio
import http.client
import json
import signal
import socket
import ssl
import subprocess
import warnings
from urllib.parse import urlsplit

import pytest

from certificates import make_certificate
from cli.running import PENSTOCK, penstock, plain
from penstock.cli.client import Server as Caller
from penstock.http.listener import Listener, Pace
from penstock.server.credentials import RootKeys
from penstock.server.settings import SettingsError
from penstock.server.tls import Certificate
from penstock.worker import HttpBoard, Success, Worker, worker
from providers.served import commands, deploy, source, zipped
from providers.served import serving as served
from serving import Server, refusal
from waiting import eventually


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def pair(folder):
    return make_certificate(folder)


@pytest.fixture
def trusted(pair, monkeypatch):
    """What AWS clients of this test trust."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(pair[0]))


def options(pair):
    return "--tls-cert", str(pair[0]), "--tls-key", str(pair[1])


@pytest.fixture(scope="module")
def files(folder, pair):
    other, locked = make_certificate(folder, "other"), make_certificate(folder, "locked", password=b"secret")
    rsa, junk = make_certificate(folder, "rsa", kind="rsa"), folder / "junk"
    junk.write_text("no certificate")
    made = {"other": other, "locked": locked, "rsa": rsa, "junk": (junk, junk), "none": (folder / "none",) * 2}
    return made | {"good": pair, "folder": (folder, folder)}


class TestPairs:
    @pytest.mark.parametrize(
        ("certificate", "key", "said"),
        [
            ("none", "good", "--tls-cert {0} cannot be read: no such file or directory"),
            ("good", "none", "--tls-key {1} cannot be read: no such file or directory"),
            ("folder", "good", "--tls-cert {0} cannot be read: is a directory"),
            ("good", "other", "--tls-key {1} is not the key of --tls-cert {0}"),
            ("good", "rsa", "--tls-key {1} is not the key of --tls-cert {0}"),
            ("junk", "good", "--tls-cert {0} and --tls-key {1} must be a certificate and its key, each in PEM form"),
            ("good", "junk", "--tls-cert {0} and --tls-key {1} must be a certificate and its key, each in PEM form"),
            ("locked", "locked", "--tls-key {1} cannot be used: the key is locked by a password"),
        ],
    )
    def test_one_that_is_no_good_is_told_in_a_line(self, files, certificate, key, said):
        named = files[certificate][0], files[key][1]
        with pytest.raises(SettingsError) as refused:
            Certificate(*named)
        assert str(refused.value) == said.format(*named)

    @pytest.mark.parametrize(
        ("called", "addresses", "host", "name"),
        [
            ((), ("127.0.0.1",), "127.0.0.1", "127.0.0.1"),
            ((), ("::1",), "[::1]", "[::1]"),
            (("localhost", "ci.example.org"), ("127.0.0.1",), "127.0.0.1", "127.0.0.1"),
            (("ci.example.org", "localhost"), (), "127.0.0.1", "localhost"),
            (("*.example.org", "ci.example.org"), (), "127.0.0.1", "ci.example.org"),
            (("*.example.org",), (), "127.0.0.1", "127.0.0.1"),
            (("ci.example.org",), (), "www.example.org", "www.example.org"),
            ((), (), "127.0.0.1", "127.0.0.1"),
        ],
    )
    def test_the_server_is_called_what_the_certificate_is_made_out_to(self, tmp_path, called, addresses, host, name):
        certificate = Certificate(*make_certificate(tmp_path, called=called, addresses=addresses))
        assert certificate.name_for(host) == name

    def test_a_server_does_not_start_with_one_that_is_no_good(self, tmp_path, files):
        code, said = refusal(tmp_path / "data", *options((files["good"][0], files["other"][1])))
        assert (code, said.startswith("penstock: --tls-key ")) == (2, True)
        assert "Traceback" not in said
        code, said = refusal(tmp_path / "data", *options(files["good"])[:2])
        assert (code, "--tls-cert and --tls-key are given together or not at all" in said) == (2, True)


@pytest.fixture(scope="module")
def server(tmp_path_factory, pair):
    made = Server(tmp_path_factory.mktemp("tls") / "data", *options(pair))
    yield made
    made.stop()


def shaken(server, context):
    """A connection over TLS, which its caller closes."""
    address = urlsplit(server.url)
    plain_socket = socket.create_connection((address.hostname, address.port), timeout=10)
    try:
        return context.wrap_socket(plain_socket, server_hostname=address.hostname)
    except BaseException:
        plain_socket.close()
        raise


def trusting(certificate, version=None):
    context = ssl.create_default_context(cafile=certificate)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


class TestServing:
    def test_every_aws_client_that_trusts_the_certificate_can_call(self, server, trusted):
        assert server.url.startswith("https://127.0.0.1:")
        assert server.client("codepipeline").list_pipelines()["pipelines"] == []
        assert server.client("sts").get_caller_identity()["Arn"].endswith(":root")
        s3 = server.client("s3")
        s3.create_bucket(Bucket="over-tls")
        s3.put_object(Bucket="over-tls", Key="a", Body=b"text" * 100_000)
        assert s3.get_object(Bucket="over-tls", Key="a")["Body"].read() == b"text" * 100_000

    def test_commands_find_it_and_trust_what_aws_clients_trust(self, server, pair):
        found = json.loads(penstock("env", "--json", "--data-dir", server.data_dir).out)
        assert found["AWS_ENDPOINT_URL"] == server.url
        listing = ("access", "list", "--data-dir", server.data_dir)
        assert penstock(*listing, environment=plain(AWS_CA_BUNDLE=str(pair[0]))).code == 0
        refused = penstock(*listing)
        assert refused.code == 1
        assert refused.line.startswith(f"penstock: no answer from {server.url}: SSL validation failed")

    def test_who_does_not_trust_it_or_speaks_no_tls_gets_nothing(self, server):
        with pytest.raises(ssl.SSLCertVerificationError):
            shaken(server, ssl.create_default_context())
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        connection.request("GET", "/_penstock/health")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            connection.getresponse()
        connection.close()

    @pytest.mark.parametrize(
        ("version", "is_spoken"),
        [
            (ssl.TLSVersion.TLSv1, False),
            (ssl.TLSVersion.TLSv1_1, False),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_3, True),
        ],
    )
    def test_the_oldest_version_is_1_2(self, server, pair, version, is_spoken):
        context = trusting(pair[0], version)
        if is_spoken:
            shaken(server, context).close()
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                shaken(server, context)

    def test_a_remote_worker_does_a_job_and_writes_its_log(self, server, trusted):
        aws = server.client("codepipeline")
        aws.create_custom_action_type(
            category="Build",
            provider="Logger",
            version="1",
            inputArtifactDetails={"minimumCount": 0, "maximumCount": 1},
            outputArtifactDetails={"minimumCount": 0, "maximumCount": 1},
        )

        @worker(category="Build", provider="Logger")
        async def build(job):
            await job.log("over TLS\n")
            return Success()

        s3 = server.client("s3")
        s3.create_bucket(Bucket="sources")
        s3.put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="sources", Key="app.zip", Body=zipped(a_txt="a"))
        kind = {"category": "Build", "owner": "Custom", "provider": "Logger", "version": "1"}
        work = {"name": "Work", "actionTypeId": kind, "inputArtifacts": [{"name": "Sources"}]}
        stages = [{"name": each["name"], "actions": [each]} for each in (source("sources", "app.zip"), work)]
        declared = {"name": "remote", "roleArn": "arn:aws:iam::123456789012:role/p", "stages": stages}
        aws.create_pipeline(pipeline=declared | {"artifactStore": {"type": "S3", "location": "artifacts"}})

        def ended():
            found = aws.list_action_executions(pipelineName="remote")["actionExecutionDetails"]
            return [each for each in found if each["actionName"] == "Work" and each["status"] == "Succeeded"]

        async def working():
            made = Worker(build, HttpBoard(session_of(server), endpoint_url=server.url))
            running = asyncio.create_task(made.run())
            try:
                return await asyncio.to_thread(eventually, ended)
            finally:
                await made.stop()
                await running

        (done,) = asyncio.run(working())
        keys = RootKeys(*server.root_keys.values())
        log = Caller(server.url, "us-east-1", keys).call("GetActionLog", actionExecutionId=done["actionExecutionId"])
        assert [piece["text"] for piece in log["pieces"]] == ["over TLS\n"]


def session_of(server):
    import boto3

    return boto3.Session(**server.root_keys, region_name="us-east-1")


@pytest.mark.long
def test_the_servers_own_workers_need_not_trust_the_certificate(tmp_path, monkeypatch):
    """It is made out to a name that leads nowhere, and nobody has signed it."""
    pair = make_certificate(tmp_path, called=("ci.example.invalid",), addresses=())
    with served(tmp_path / "data", *options(pair)) as found:
        assert found.url.startswith("https://127.0.0.1:")
        left = json.loads(penstock("env", "--json", "--data-dir", tmp_path / "data").out)["AWS_ENDPOINT_URL"]
        assert left == found.url.replace("127.0.0.1", "ci.example.invalid")
        for client in (found.codepipeline, found.s3):
            client._endpoint.http_session._verify = False
            client._endpoint.http_session._manager.connection_pool_kw |= {"cert_reqs": "CERT_NONE"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bucket, target = found.bucket(), found.bucket()
            found.s3.put_object(Bucket=bucket, Key="app.zip", Body=zipped(a_txt="a"))
            build = commands("mkdir dist && cp a.txt dist", files=["dist/*"])
            pipeline = found.pipeline(source(bucket, "app.zip"), build, deploy(target, ObjectKey="site"))
            assert found.ended(pipeline) == "Succeeded"
            assert found.s3.get_object(Bucket=target, Key="site/dist/a.txt")["Body"].read() == b"a"


class TestRenewal:
    def shown(self, server):
        """The name of the certificate that a new client gets to see."""
        address = urlsplit(server.url)
        pem = ssl.get_server_certificate((address.hostname, address.port), timeout=10)
        from cryptography import x509

        return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()

    def test_a_new_pair_is_shown_after_a_signal_and_no_connection_ends(self, tmp_path):
        live = tmp_path / "live.pem", tmp_path / "live.key"

        def put(pair):
            for file, new in zip(live, pair, strict=True):
                new.replace(file)

        put(make_certificate(tmp_path, "first", kind="rsa"))
        server = Server(tmp_path / "data", *options(live))
        try:
            kept = http.client.HTTPSConnection(urlsplit(server.url).netloc, context=trusting(live[0]), timeout=10)
            self.ask(kept)
            put(make_certificate(tmp_path, "second"))
            assert self.shown(server) == "CN=first"
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: self.shown(server) == "CN=second")
            # Who knows no other kind of key is not shown the old certificate either.
            old_fashioned = trusting(live[0], ssl.TLSVersion.TLSv1_2)
            old_fashioned.check_hostname, old_fashioned.verify_mode = False, ssl.CERT_NONE
            old_fashioned.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                shaken(server, old_fashioned)
            live[1].write_text("broken")
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: "the certificate is not replaced" in server.log())
            assert self.shown(server) == "CN=second"
            self.ask(kept)
            kept.close()
        finally:
            assert server.stop() == 0

    def ask(self, connection):
        connection.request("GET", "/_penstock/health")
        assert connection.getresponse().read().startswith(b'{"status":"ok"')


class TestHandshakes:
    """A client counts from its first packet on."""

    def run(self, pair, work, **more):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        async def served_by():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            listener = Listener(app, None, **more)
            bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            await listener.open(bound, context)
            try:
                return await asyncio.wait_for(work(listener, port), 10)
            finally:
                await listener.drain(0.1)

        return asyncio.run(served_by())

    async def ask(self, pair, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(pair[0]))
        writer.write(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer[:15]

    async def emptied(self, listener):
        while listener._seats._taken:  # noqa: ASYNC110 - the seats tell nobody
            await asyncio.sleep(0.005)
        return listener._seats._taken

    def test_one_that_does_not_shake_hands_is_cut_off_and_gives_its_place_back(self, pair):
        async def work(listener, port):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            ends = await asyncio.gather(*(reader.read() for reader, _ in silent))
            for _, writer in silent:
                writer.close()
            answer = await self.ask(pair, port)
            return ends, answer, await self.emptied(listener)

        pace = Pace(head_seconds=0.3)
        assert self.run(pair, work, pace=pace, connections_max=3) == ([b""] * 3, b"HTTP/1.1 200 OK", 0)

    def test_those_beyond_the_most_are_refused_before_they_may_shake_hands(self, pair):
        async def work(listener, port):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await self.ask(pair, port)
            for _, writer in silent:
                writer.transport.abort()
            await self.emptied(listener)
            return await self.ask(pair, port)

        assert self.run(pair, work, connections_max=3) == b"HTTP/1.1 200 OK"

    def test_garbage_and_mistrust_do_no_harm(self, pair):
        async def work(listener, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            await reader.read()
            writer.close()
            with pytest.raises(ssl.SSLError):
                await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
            answer = await self.ask(pair, port)
            return answer, await self.emptied(listener), len(listener)

        assert self.run(pair, work) == (b"HTTP/1.1 200 OK", 0, 0)


class TestWarning:
    @pytest.mark.parametrize(("host", "is_warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
    def test_an_address_that_others_reach_is_not_served_in_the_clear_without_a_word(self, tmp_path, host, is_warned):
        server = Server(tmp_path / "data", "--host", host)
        server.stop()
        assert ("everybody on the way can read what is sent" in server.log()) is is_warned

    def test_with_a_certificate_there_is_nothing_to_warn_of(self, tmp_path, pair):
        server = Server(tmp_path / "data", "--host", "0.0.0.0", *options(pair))
        server.stop()
        assert "everybody on the way" not in server.log()


def test_a_signal_that_asks_for_a_new_certificate_ends_a_server_that_has_none(tmp_path):
    """As it ends any program that has not asked to be told."""
    process = subprocess.Popen(
        [PENSTOCK, "serve", "--port", "0", "--data-dir", tmp_path / "data"], stdout=subprocess.PIPE, env=plain()
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert process.wait(20) == -signal.SIGHUP
    process.stdout.close()
