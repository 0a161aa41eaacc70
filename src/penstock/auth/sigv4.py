"""AWS Signature Version 4, seen from the server: is this request the one that the holder of the secret signed?

The problem
-----------
A client boils its request down to one canonical text, hashes it, and signs hash, time and scope with a key derived
from its secret. The server boils down what arrived and must come to the same text, although proxies and clients
write the same request in many ways; yet no two requests that mean different things may come to the same text.

The rule
--------
```
 request ──► Claim ───────────────────────────────► verified
   │          access key id, scope, stamp, token        ▲
   │          signature                                 │ HMAC(signing key, string to sign) = signature
   └──► canonical request ──► string to sign ───────────┘
        method                 AWS4-HMAC-SHA256            signing key = HMAC chain over secret, date,
        path                   stamp (20150830T123600Z)    region, service and `aws4_request`,
        query, sorted          scope (date/region/…)       kept for the day
        headers signed         SHA-256 of the canonical
        their names            request
        SHA-256 of the body
```
`read_claim` does everything that needs no secret, `verify` the rest: in between the caller finds the secret, wherever
that lies. Nothing here does IO or reads a clock.

- Headers: those that the request itself lists, since every SDK signs others. `host` and all `x-amz-*` that are there
  must be among them, or what the signature leaves open could be changed on the way.
- Values are trimmed and their inner spaces made one; headers that come twice are joined by a comma.
- Query: read, sorted by name and value, written again with only unreserved characters left bare. A `+` is a space.
- Path: S3 reads it and writes it once again, so that `%7E` and `~` are one. Elsewhere `.`, `..` and empty segments go
  first, and what is left is encoded on top of the encoding that it came in.
- Body: hashed here. On S3 the client says the hash in `x-amz-content-sha256`, for bodies are streamed; whether the
  bytes keep that promise is checked by `penstock.auth.payload`. A presigned S3 request promises nothing of its body.
- Presigned: the same with the parts in the query, `X-Amz-Signature` left out, good for `X-Amz-Expires` seconds.

What happens on each failure
----------------------------
In this order; all are ApiErrors with the service's words, and none tells more than the caller has said.

| what is wrong | error |
| --- | --- |
| no signature at all | MissingAuthenticationTokenException |
| parts missing or unreadable | IncompleteSignatureException, naming each missing part |
| region, service, terminator or date of the scope | InvalidSignatureException, one sentence each |
| `host` or an `x-amz-*` header is not signed | InvalidSignatureException naming it |
| the stamp is too old or too new | InvalidSignatureException with both times; on S3 its RequestTimeTooSkewed |
| a presigned S3 request is past its time | AccessDeniedException |
| the signature is another one | InvalidSignatureException |

The API takes five minutes of skew, S3 fifteen, each as its original does. A well-formed region is a good one.

Speed
-----
Every request of every worker comes through here, so what repeats is kept, each in a bounded cache: the signing key,
the front part of the `Authorization` header (a client sends the same one all day), and the stamp as a number.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

from penstock.auth.payload import UNSIGNED, declared_hash
from penstock.auth.signing import TERMINATOR, signature_of, signing_key
from penstock.ports.identity import SignedRequest
from penstock.wire.errors import (
    AccessDeniedException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)

__all__ = [
    "API",
    "S3",
    "STS",
    "Claim",
    "RequestTimeTooSkewed",
    "Rules",
    "canonical_request",
    "claimed_region",
    "joined_headers",
    "read_authorization",
    "read_claim",
    "string_to_sign",
    "verify",
]

ALGORITHM = b"AWS4-HMAC-SHA256"
# No region's name in any partition is of another form; a new one is right before anybody here has heard of it.
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
UNRESERVED = "-_.~"
# Longer headers are read like any other, but not remembered: the cache must stay small under hostile input.
REMEMBERED_BYTES_MAX = 1024
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
EXPIRES_SECONDS_MAX = 604_800


class RequestTimeTooSkewed(InvalidSignatureException):
    """S3's own name for a clock that is wrong; SDKs set theirs right by it."""

    status: ClassVar[int] = 403


class Rules(Struct, frozen=True):
    """In what the services differ."""

    service: str
    skew_seconds: int
    is_s3: bool = False


API = Rules(service="codepipeline", skew_seconds=300)
STS = Rules(service="sts", skew_seconds=300)
S3 = Rules(service="s3", skew_seconds=900, is_s3=True)


class Terms(Struct, frozen=True):
    """The part of an authorisation that a client repeats all day. What is missing or unreadable is empty."""

    credential: str
    signed_names: tuple[bytes, ...]
    signed_list: bytes
    template: bytes  # the canonical lines of these headers, a place left for each value
    access_key_id: str = ""
    date: str = ""
    region: str = ""
    service: str = ""
    terminator: str = ""
    scope: bytes = b""
    has_region: bool = False
    is_sound: bool = False  # by themselves, whatever the request
    date_stamp: bytes = b""
    signed_set: frozenset[bytes] = frozenset()


class Parts(Struct, frozen=True):
    """All that a request says of its signature, from its header or its query."""

    terms: Terms
    signature: bytes
    stamp: bytes
    token: bytes | None
    expires_seconds: int | None = None
    payload_hash: bytes | None = None


class Claim(Struct, frozen=True):
    """What a request says of its signature, and the text that must have been signed for it to be true."""

    terms: Terms
    stamp: bytes
    moment: int  # the stamp in seconds since the epoch
    token: str | None
    payload_hash: str
    string_to_sign: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"Claim({self.terms.credential!r}, ****)"


def read_claim(request: SignedRequest, rules: Rules, now: float) -> Claim:
    """The claim of a request whose form, scope, headers and time are right; raises as the module's page says."""
    headers = joined_headers(request.headers) if request.names is None else request.names
    read_parts = _parts_of_header if b"authorization" in headers else _parts_of_query
    parts = read_parts(request, headers)
    terms = parts.terms
    moment = _moment(parts.stamp)
    if not (terms.is_sound and terms.service == rules.service and parts.stamp.startswith(terms.date_stamp)):
        _check_scope(terms, rules, parts.stamp)
    _check_signed(headers, terms)
    _check_clock(parts, moment, rules, int(now))
    payload_hash = _payload_hash(request, headers, rules, parts)
    canonical = canonical_request(request, rules, headers=headers, terms=terms, payload_hash=payload_hash)
    return Claim(
        terms=terms,
        stamp=parts.stamp,
        moment=moment,
        token=None if parts.token is None else parts.token.decode("latin-1"),
        payload_hash=payload_hash,
        string_to_sign=string_to_sign(parts.stamp, terms.scope, canonical),
        signature=parts.signature,
    )


def verify(claim: Claim, secret_access_key: str) -> bytes:
    """The signing key, if the claim is true; else InvalidSignatureException."""
    terms = claim.terms
    key = signing_key(secret_access_key, terms.date, terms.region, terms.service)
    if not hmac.compare_digest(signature_of(key, claim.string_to_sign).encode(), claim.signature):
        raise InvalidSignatureException
    return key


def claimed_region(request: SignedRequest) -> str | None:
    """The region that a request names in its credential, signed or not; None if it names no well-formed one."""
    headers = joined_headers(request.headers)
    try:
        if b"authorization" in headers:
            terms = read_authorization(headers[b"authorization"])[0]
        else:
            terms = _terms(dict(_query_pairs(request.query_string)).get(b"X-Amz-Credential", b""), b"")
    except MissingAuthenticationTokenException:
        return None
    return terms.region if terms.has_region else None


def string_to_sign(stamp: bytes, scope: bytes, canonical: bytes) -> bytes:
    """What is signed for a canonical request."""
    return b"%b\n%b\n%b\n%b" % (ALGORITHM, stamp, scope, hashlib.sha256(canonical).hexdigest().encode())


def canonical_request(
    request: SignedRequest, rules: Rules, *, headers: Mapping[bytes, bytes], terms: Terms, payload_hash: str
) -> bytes:
    """The text that a request is boiled down to; InvalidSignatureException if a signed header is not there."""
    try:
        values = [b" ".join(headers[name].split()) for name in terms.signed_names]
    except KeyError:
        raise InvalidSignatureException from None
    return b"%b\n%b\n%b\n%b\n%b\n%b" % (
        request.method.encode(),
        canonical_path(request.raw_path, rules) if request.raw_path != b"/" else b"/",
        canonical_query(request.query_string) if request.query_string else b"",
        terms.template % tuple(values),
        terms.signed_list,
        payload_hash.encode(),
    )


def joined_headers(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Each header once; those that came more often with their values joined by commas, in the order they came."""
    joined = dict(headers)
    if len(joined) == len(headers):
        return joined
    joined.clear()
    for name, value in headers:
        joined[name] = joined[name] + b"," + value if name in joined else value
    return joined


def canonical_path(raw_path: bytes, rules: Rules) -> bytes:
    """A path as it is signed; `raw_path` is as it came over the wire."""
    if raw_path in {b"/", b""}:
        return b"/"
    if rules.is_s3:
        return _encode(unquote_to_bytes(raw_path), "/")
    kept: list[bytes] = []
    for segment in raw_path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in {b"", b"."}:
            kept.append(segment)
    ending = b"/" if kept and raw_path.endswith((b"/", b"/.", b"/..")) else b""
    return _encode(b"/" + b"/".join(kept) + ending, "/")


def canonical_query(query_string: bytes) -> bytes:
    """A query as it is signed: sorted, encoded in one way, without the signature itself."""
    if not query_string:
        return b""
    pairs = _query_pairs(query_string)
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs if name != b"X-Amz-Signature")
    return b"&".join(b"%b=%b" % pair for pair in encoded)


def _query_pairs(query_string: bytes) -> list[tuple[bytes, bytes]]:
    pairs = []
    for part in query_string.replace(b"+", b" ").split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def _encode(text: bytes, also_bare: str = "") -> bytes:
    return quote_from_bytes(text, UNRESERVED + also_bare).encode()


def _parts_of_header(request: SignedRequest, headers: Mapping[bytes, bytes]) -> Parts:
    if b"X-Amz-Algorithm=" in request.query_string:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    authorization = headers[b"authorization"]
    terms, signature = read_authorization(authorization)
    stamp = headers.get(b"x-amz-date") or _stamp_of_date(headers.get(b"date"))
    if not (terms.credential and signature and terms.signed_list and stamp):
        raise IncompleteSignatureException(_missing(terms, signature, stamp, authorization))
    return Parts(terms, signature, stamp, headers.get(b"x-amz-security-token"))


def _missing(terms: Terms, signature: bytes, stamp: bytes, authorization: bytes) -> str:
    parameters = {"Credential": terms.credential, "Signature": signature, "SignedHeaders": terms.signed_list}
    sentences = [
        f"Authorization header requires '{name}' parameter." for name, value in parameters.items() if not value
    ]
    if not stamp:
        sentences.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return f"{' '.join(sentences)} Authorization={authorization.decode('latin-1')}"


def read_authorization(header: bytes) -> tuple[Terms, bytes]:
    """The terms and the signature of an `Authorization` header, whatever their order."""
    front, _, signature = header.rpartition(b"Signature=")
    if b"," in signature or not front.endswith((b" ", b",")):
        parameters = _parameters(header)
        return _terms_of_front(header), parameters.get(b"Signature", b"")
    if len(front) > REMEMBERED_BYTES_MAX:
        return _terms_of_front(front), signature.strip()
    return _remembered_terms(front), signature.strip()


@lru_cache(maxsize=512)
def _remembered_terms(front: bytes) -> Terms:
    return _terms_of_front(front)


def _terms_of_front(front: bytes) -> Terms:
    parameters = _parameters(front)
    return _terms(parameters.get(b"Credential", b""), parameters.get(b"SignedHeaders", b""))


def _parameters(header: bytes) -> dict[bytes, bytes]:
    algorithm, _, rest = header.partition(b" ")
    if algorithm != ALGORITHM:
        raise MissingAuthenticationTokenException
    pairs = (part.strip().partition(b"=") for part in rest.split(b","))
    return {name: value for name, _, value in pairs}


def _terms(credential: bytes, signed_list: bytes) -> Terms:
    text = credential.decode("latin-1")
    names = tuple(signed_list.split(b";"))
    template = b"".join(name.replace(b"%", b"%%") + b":%b\n" for name in names)
    elements = text.split("/")
    if len(elements) != 5:
        return Terms(text, names, signed_list, template)
    access_key_id, date, region, service, terminator = elements
    has_region = REGION.fullmatch(region) is not None
    return Terms(
        credential=text,
        signed_names=names,
        signed_list=signed_list,
        template=template,
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        scope=credential.partition(b"/")[2],
        has_region=has_region,
        is_sound=has_region and terminator == TERMINATOR and len(date) == 8,
        date_stamp=date.encode("latin-1"),
        signed_set=frozenset(names),
    )


def _parts_of_query(request: SignedRequest, headers: Mapping[bytes, bytes]) -> Parts:
    query = dict(_query_pairs(request.query_string))
    if not any(name.startswith(b"X-Amz-") for name in query):
        raise MissingAuthenticationTokenException
    wanted = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
    missing = [name for name in wanted if not query.get(name.encode())]
    if missing or query[b"X-Amz-Algorithm"] != ALGORITHM:
        sentences = [f"AWS query-string parameters must include '{name}'." for name in missing or wanted[:1]]
        raise IncompleteSignatureException(f"{' '.join(sentences)} Re-examine the query-string parameters.")
    return Parts(
        terms=_terms(query[b"X-Amz-Credential"], query[b"X-Amz-SignedHeaders"]),
        signature=query[b"X-Amz-Signature"],
        stamp=query[b"X-Amz-Date"],
        token=query.get(b"X-Amz-Security-Token") or headers.get(b"x-amz-security-token"),
        expires_seconds=_expires(query.get(b"X-Amz-Expires")),
        payload_hash=query.get(b"X-Amz-Content-Sha256", UNSIGNED.encode()),
    )


def _expires(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise IncompleteSignatureException("X-Amz-Expires must be a non-negative number")
    if len(value) > 6 or int(value) > EXPIRES_SECONDS_MAX:
        raise IncompleteSignatureException(
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {EXPIRES_SECONDS_MAX} seconds"
        )
    return int(value)


def _check_scope(terms: Terms, rules: Rules, stamp: bytes) -> None:
    if not terms.scope:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{terms.credential}'"
        )
    wrong = ""
    if not terms.has_region:
        wrong = f"Credential should be scoped to a valid region, not '{terms.region}'. "
    if terms.service != rules.service:
        wrong += f"Credential should be scoped to correct service: '{rules.service}'. "
    if terms.terminator != TERMINATOR:
        wrong += f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terms.terminator}'. "
    if not stamp.startswith(terms.date.encode("latin-1")) or len(terms.date) != 8:
        given = stamp.decode("latin-1")
        wrong += (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{terms.date}' != '{given[:8]}', from '{given}'."
        )
    if wrong:
        raise InvalidSignatureException(wrong)


def _check_signed(headers: Mapping[bytes, bytes], terms: Terms) -> None:
    if len(terms.signed_set) != len(terms.signed_names):
        raise InvalidSignatureException
    if b"host" not in terms.signed_set:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        if name not in terms.signed_set and name.startswith(b"x-amz-"):
            title = name.decode("latin-1").title()
            raise InvalidSignatureException(f"'{title}' must be a 'SignedHeader' in the AWS Authorization.")


def _check_clock(parts: Parts, moment: int, rules: Rules, now: int) -> None:
    life = rules.skew_seconds if parts.expires_seconds is None else parts.expires_seconds
    if now - life <= moment <= now + rules.skew_seconds:
        return
    stamp = parts.stamp.decode()
    refusal = RequestTimeTooSkewed if rules.is_s3 else InvalidSignatureException
    if moment > now:
        raise refusal(
            f"Signature not yet current: {stamp} is still later than {_stamp(now + rules.skew_seconds)} "
            f"({_stamp(now)} + {_span(rules.skew_seconds)})"
        )
    if rules.is_s3 and parts.expires_seconds is not None:
        raise AccessDeniedException("Request has expired")
    raise refusal(
        f"Signature expired: {stamp} is now earlier than {_stamp(now - life)} ({_stamp(now)} - {_span(life)})"
    )


def _payload_hash(request: SignedRequest, headers: Mapping[bytes, bytes], rules: Rules, parts: Parts) -> str:
    if not rules.is_s3:
        return hashlib.sha256(request.body).hexdigest()
    if parts.payload_hash is None or b"x-amz-content-sha256" in headers:
        return declared_hash(headers)
    return declared_hash({b"x-amz-content-sha256": parts.payload_hash})


def _stamp_of_date(date: bytes | None) -> bytes:
    """The stamp that a `Date` header stands for, which may be written as HTTP or as a stamp."""
    if not date or date.endswith(b"Z"):
        return date or b""
    from email.utils import parsedate_to_datetime

    try:
        return _stamp(int(parsedate_to_datetime(date.decode("latin-1")).timestamp())).encode()
    except (ValueError, OverflowError):
        return date


def _stamp(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=128)
def _moment(stamp: bytes) -> int:
    """Seconds since the epoch of a stamp like 20150830T123600Z."""
    try:
        moment = int(datetime.strptime(stamp.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
        # The parser takes single digits as well, and no text may have two meanings.
        if _stamp(moment).encode() != stamp:
            raise ValueError
    except ValueError:
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{stamp.decode('latin-1')}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
    return moment


def _span(seconds: int) -> str:
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} sec."
