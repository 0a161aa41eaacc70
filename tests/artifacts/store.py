"""A real object store behind a real HTTP server, for clients to talk to."""

import asyncio
import contextlib
import itertools
import socket
import sqlite3
import ssl
import threading
import time
from importlib.resources import files as resources

import boto3
from botocore.config import Config

from certificates import make_certificate
from penstock.artifacts.files import LocalFiles
from penstock.auth.door import make_door
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.http.listener import Listener
from penstock.http.objects import S3Surface
from penstock.ports.identity import AccessKey, Principal
from penstock.storage.catalogue import Catalogue
from penstock.storage.sqlite.statements import SqliteStatements, reads, statements

SESSION = boto3.session.Session()
ACCOUNTS = itertools.count(100000000000)
MIB = 1 << 20


class RealClock:
    def now(self):
        return time.time()


class Keys(dict):
    async def find(self, access_key_id):
        return self.get(access_key_id)

    async def principal(self, principal_id):
        return None


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


def catalogue_of(reader, commit, on_put=None):
    """The rows of one file; `commit` runs a function of its connection in a transaction."""
    sql = statements("objects")
    return Catalogue(
        reads(reader, sql), lambda work: commit(lambda connection: work(SqliteStatements(connection, sql))), on_put
    )


def migration():
    folder = resources("penstock.storage") / "sql" / "migrations" / "sqlite"
    return "".join((folder / name).read_text() for name in ("0002_pre_objects.sql", "0012_pre_upload_ages.sql"))


class Store:
    """The store, its rows and files, and a server at `url` and, encrypted, at `tls_url`."""

    def __init__(self, folder):
        self.root = folder
        self.announced = []
        self._clients = []
        self.files = LocalFiles(folder)
        self.database = Database(folder / "store.db")
        self.catalogue = catalogue_of(self.database.reader, self.database.commit, self._announce)
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
        secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secured.load_cert_chain(certificate, key)
        self.loop = loop = asyncio.new_event_loop()
        stopping, started = asyncio.Event(), threading.Event()
        serving = serve(self.surface, [(plain, None), (tls, secured)], stopping, started)
        thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
        thread.start()
        assert started.wait(10)
        yield self
        # An encrypted connection that its client keeps open would hold the server up for half a minute.
        for client in self._clients:
            client.close()
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
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

    def _announce(self, statements, row):
        assert statements.connection.in_transaction
        self.announced.append(row)


async def serve(surface, sockets, stopping, started):
    listeners = []
    for bound, secured in sockets:
        listeners.append(Listener(surface, None))
        await listeners[-1].open(bound, secured)
    started.set()
    await stopping.wait()
    for listener in listeners:
        await listener.drain(1.0)


def listening_socket():
    # Named as TCP, or asyncio does not turn delays off and each answer with a body takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener
