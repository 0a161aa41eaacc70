"""HTTP requests as their parts, and their signatures by Signature Version 4."""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
# Hop by hop, or added on the way: no signer covers these.
NOT_SIGNED = frozenset({b"connection", b"content-length", b"expect", b"transfer-encoding", b"authorization"})

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Message:
    """A request before it is on the wire; `path` and `query` are as they will be written."""

    method: str = "POST"
    path: bytes = b"/"
    query: bytes = b""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    version: bytes = b"1.1"

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def without(self, *names: bytes) -> "Message":
        return replace(self, headers=[pair for pair in self.headers if pair[0].lower() not in names])

    def adding(self, *headers: tuple[bytes, bytes]) -> "Message":
        return replace(self, headers=[*self.headers, *headers])

    @property
    def target(self) -> bytes:
        return self.path + (b"?" + self.query if self.query else b"")

    def wire(self) -> bytes:
        """All of it as bytes; its length is told unless the headers tell one, or that it comes in chunks."""
        lines = [b"%b %b HTTP/%b" % (self.method.encode("latin-1"), self.target, self.version)]
        lines += [b"%b: %b" % header for header in self.headers]
        if not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.headers):
            lines.append(b"content-length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body])


@dataclass(frozen=True)
class Keys:
    """Who signs, for what. `stamp` is a time like 20150830T123600Z."""

    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"
    service: str = "codepipeline"
    token: str = ""

    def scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"


def signed(message: Message, keys: Keys, stamp: str) -> Message:
    """The message with its signature in a header. On S3, `x-amz-content-sha256` says what is promised of the body."""
    extra = [(b"x-amz-date", stamp.encode())]
    if keys.token:
        extra.append((b"x-amz-security-token", keys.token.encode()))
    message = message.adding(*extra)
    names = sorted({name.lower() for name, _ in message.headers} - NOT_SIGNED)
    listed = b";".join(names).decode("latin-1")
    signature = _signature(message, keys, stamp, names)
    credential = f"{keys.access_key_id}/{keys.scope(stamp)}"
    authorization = f"{ALGORITHM} Credential={credential}, SignedHeaders={listed}, Signature={signature}"
    return message.adding((b"authorization", authorization.encode("latin-1")))


def presigned(message: Message, keys: Keys, stamp: str, expires_seconds: int = 300) -> Message:
    """The message with its signature in the query."""
    names = [b"host"]
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key_id}/{keys.scope(stamp)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires_seconds),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": keys.token} if keys.token else {}),
    }
    added = b"&".join(b"%b=%b" % (name.encode(), _encoded(value.encode())) for name, value in parameters.items())
    message = replace(message, query=b"&".join(part for part in (message.query, added) if part))
    signature = _signature(message, keys, stamp, names).encode()
    return replace(message, query=message.query + b"&X-Amz-Signature=" + signature)


def _signature(message: Message, keys: Keys, stamp: str, names: list[bytes]) -> str:
    is_s3 = keys.service == "s3"
    promised = (message.header(b"x-amz-content-sha256") or UNSIGNED.encode()).decode("latin-1")
    values: dict[bytes, list[bytes]] = {}
    for name, value in message.headers:
        values.setdefault(name.lower(), []).append(b" ".join(value.split()))
    canonical = b"\n".join(
        (
            message.method.encode("latin-1"),
            _encoded(unquote_to_bytes(message.path), "/") if is_s3 else message.path,
            _sorted(message.query),
            *(b"%b:%b" % (name, b",".join(values.get(name, []))) for name in names),
            b"",
            b";".join(names),
            promised.encode() if is_s3 else hashlib.sha256(message.body).hexdigest().encode(),
        )
    )
    text = f"{ALGORITHM}\n{stamp}\n{keys.scope(stamp)}\n{hashlib.sha256(canonical).hexdigest()}"
    return hmac.digest(_signing_key(keys, stamp[:8]), text.encode(), "sha256").hex()


def _sorted(query: bytes) -> bytes:
    parts = (part.partition(b"=") for part in query.replace(b"+", b" ").split(b"&") if part)
    pairs = sorted((_encoded(unquote_to_bytes(name)), _encoded(unquote_to_bytes(value))) for name, _, value in parts)
    return b"&".join(b"%b=%b" % pair for pair in pairs)


def _encoded(text: bytes, bare: str = "") -> bytes:
    return quote_from_bytes(text, "-_.~" + bare).encode()


@lru_cache(64)
def _signing_key(keys: Keys, date: str) -> bytes:
    key = b"AWS4" + keys.secret_access_key.encode()
    for part in (date, keys.region, keys.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
