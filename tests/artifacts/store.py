"""A real object store behind a real HTTP server, for clients to talk to."""

import asyncio
import contextlib
import datetime as dt
import itertools
import socket
import sqlite3
import threading
import time
from importlib.resources import files as resources
from ipaddress import ip_address

import boto3
import uvicorn
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.artifacts.files import LocalFiles
from penstock.auth.door import make_door
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.http.objects import S3Surface
from penstock.ports.identity import AccessKey, Principal
from penstock.storage.sqlite.objects import SqliteObjects

SESSION = boto3.session.Session()
ACCOUNTS = itertools.count(100000000000)
MIB = 1 << 20


class RealClock:
    def now(self):
        return time.time()


class Keys(dict):
    async def find(self, access_key_id):
        return self.get(access_key_id)


class Database:
    """A file with the tables of the object store, a connection to read and a way to commit."""

    def __init__(self, path):
        self.reader = self._connect(path)
        self._writer = self._connect(path)
        self._writer.executescript(migration())
        self._lock = threading.Lock()

    async def commit(self, work):
        return await asyncio.to_thread(self._run, work)

    def close(self):
        self.reader.close()
        self._writer.close()

    def _run(self, work):
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                return work(self._writer)
            finally:
                self._writer.execute("COMMIT")

    def _connect(self, path):
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        return connection


def migration():
    folder = resources("penstock.storage") / "sql" / "migrations" / "sqlite"
    return (folder / "0002_pre_objects.sql").read_text()


class Store:
    """The store, its rows and files, and a server at `url` and, encrypted, at `tls_url`."""

    def __init__(self, folder):
        self.root = folder
        self.announced = []
        self._clients = []
        self.files = LocalFiles(folder)
        self.database = Database(folder / "store.db")
        self.catalogue = SqliteObjects(self.database.reader, self.database.commit, self._announce)
        self.keys = Keys()
        self.sessions = Sessions(Sealer(bytes(32)))
        root = AccessKey("AKIAROOT", "s" * 40, Principal("arn:aws:iam::1:root", "1", "root", "AKIAROOT"))
        self.door = make_door("sigv4", keys=self.keys, sessions=self.sessions, clock=RealClock(), roots=[root])
        self.surface = S3Surface(self.door, self.catalogue, self.files, RealClock())

    @contextlib.contextmanager
    def served(self):
        certificate, key = make_certificate(self.root)
        plain, tls = listening_socket(), listening_socket()
        self.url = f"http://127.0.0.1:{plain.getsockname()[1]}"
        self.tls_url = f"https://127.0.0.1:{tls.getsockname()[1]}"
        self.port = plain.getsockname()[1]
        self.certificate = str(certificate)
        servers = [
            (uvicorn.Server(config(self.surface)), plain),
            (uvicorn.Server(config(self.surface, ssl_certfile=certificate, ssl_keyfile=key)), tls),
        ]
        thread = threading.Thread(target=lambda: asyncio.run(serve(servers)))
        thread.start()
        while not all(server.started for server, _ in servers):
            time.sleep(0.005)
        yield self
        # An encrypted connection that its client keeps open would hold the server up for half a minute.
        for client in self._clients:
            client.close()
        for server, _ in servers:
            server.should_exit = True
        thread.join()
        self.database.close()

    def account(self, *policies, account=None):
        """A key of a new account: its root's, or that of a user whom the policies bind."""
        account = account or str(next(ACCOUNTS))
        key_id = f"AKIA{next(ACCOUNTS)}"
        kind = "user" if policies else "root"
        principal = Principal(f"arn:aws:iam::{account}:{kind}", account, kind, key_id, tuple(policies))
        self.keys[key_id] = AccessKey(key_id, "k" * 40, principal)
        return self.keys[key_id]

    def client(self, key, *, tls=False, region="us-east-1", token=None, **options):
        client = SESSION.client(
            "s3",
            endpoint_url=self.tls_url if tls else self.url,
            verify=self.certificate if tls else None,
            region_name=region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 1}, **options),
        )
        self._clients.append(client)
        return client

    def file_names(self):
        return {path.name for path in self.files.folder.glob("*/*")}

    def _announce(self, connection, row):
        assert connection.in_transaction
        self.announced.append(row)


def config(app, **options):
    return uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=75, **options)


async def serve(servers):
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))


def listening_socket():
    # Named as TCP, or asyncio does not turn delays off and each answer with a body takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def make_certificate(folder):
    """A certificate for this machine that signs itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "private.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(certificate.public_bytes(pem))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(private.private_bytes(pem, form, serialization.NoEncryption()))
    return paths
