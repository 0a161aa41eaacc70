"""How a request is put on the wire: its form, who signs it, and what can be wrong with all that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

from fuzz.messages import Headers, Message
from fuzz.shapes import API_JSON, Answers, Operation
from fuzz.spoiling import ODD_TEXTS, as_json, spoil_text, written

FORM = b"application/x-www-form-urlencoded"
# Beyond it, a URL belongs into a form: the head of a request is bounded.
URL_LENGTH_MAX = 50_000
TARGET = b"x-amz-target"
TYPE = b"content-type"

Spoiler = Callable[[Message, Random], Message]


@dataclass(slots=True)
class Asked:
    """A request as it is sent, and what its answer may be.

    `is_odd` says that its head is not what clients send, `is_forged` that it is not what was signed, `ends` that the
    connection may end with it.
    """

    operation: Operation
    value: Any
    answers: Answers
    wire: bytes = b""
    is_head: bool = False
    is_odd: bool = False
    is_forged: bool = False
    ends: bool = False


def plain_form(operation: Operation, body: bytes, host: bytes) -> Message:
    return Message(headers=[(b"host", host), (TYPE, API_JSON.encode()), (TARGET, operation.target.encode())], body=body)


def json_form(operation: Operation, value: Any, host: bytes, source: Random) -> Message:
    """As SDKs write it, but for what is wrong with its text now and then."""
    body = written(value, source)
    if source.random() < 0.06:
        body = spoil_text(body, source)
    message = plain_form(operation, body, host)
    if operation.name.startswith("PollFor") and source.random() < 0.2:
        return message.adding(
            (b"x-penstock-wait-seconds", source.choice((b"0", b"0.01", b"-1", b"nan", b"1e9", b"\xff")))
        )
    return message


def query_form(operation: Operation, value: Any, host: bytes, source: Random) -> Message:
    """As a GET, or as a form, or partly in each."""
    pairs = [("Action", operation.name.encode())]
    if isinstance(value, dict):
        pairs += [(name, _text(each)) for name, each in value.items()]
    if source.random() < 0.08:
        pairs.append(("DryRun", source.choice((b"true", b"true", b"false", b"maybe", b""))))
    if source.random() < 0.06:
        pairs += source.choice(([pairs[-1]], [("unknown", b"1")], [(f"p{number}", b"") for number in range(101)]))
    parameters = [
        b"%b=%b" % (quote_from_bytes(_bytes(name)).encode(), quote_from_bytes(text).encode()) for name, text in pairs
    ]
    if source.random() < 0.04:
        parameters.append(source.choice((b"%", b"%zz=%", b"=", b"name=%ff%fe", b"&&", b"name", b"a=b;c=d", b"%00=%00")))
    cut = source.choice((0, len(parameters), 1))
    query, body = b"&".join(parameters[:cut]), b"&".join(parameters[cut:])
    headers = [(b"host", host)]
    if cut == len(parameters) and len(query) <= URL_LENGTH_MAX:
        return Message("GET", query=query, headers=headers)
    return Message(query=query if cut == 1 else b"", headers=[*headers, (TYPE, FORM)], body=body or query)


def _text(value: Any) -> bytes:
    return _bytes(value) if isinstance(value, str) else as_json(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _replaced(message: Message, name: bytes, value: bytes | None) -> Message:
    rest = message.without(name)
    return rest if value is None else rest.adding((name, value))


def _other_type(message: Message, source: Random) -> Message:
    kinds = (None, b"", b"text/plain", b"application/xml", FORM, b"application/json", b"application/x-amz-json-1.0")
    more = (
        API_JSON.upper().encode(),
        API_JSON.encode() + b"; charset=utf-16",
        b"multipart/form-data; boundary=x",
        b"\xff",
    )
    return _replaced(message, TYPE, source.choice((*kinds, *more)))


def _other_target(message: Message, source: Random) -> Message:
    given = message.header(TARGET) or b"CodePipeline_20150709.ListPipelines"
    others = (None, b"", given.lower(), given + b"x", given[1:], b"Penstock.Nothing", b"\xff\xfe", given * 300)
    return _replaced(message, TARGET, source.choice((*others, b"CodePipeline_20160101.ListPipelines", b".", b" ")))


def _other_method(message: Message, source: Random) -> Message:
    return replace(message, method=source.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")))


def _other_path(message: Message, source: Random) -> Message:
    paths = (
        b"/x",
        b"//",
        b"/../",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/%00",
        b"/%ff",
        b"/?",
        b"/a/b/c",
        b"/_penstock/x",
        b"*",
    )
    return replace(message, path=source.choice(paths))


def _missing_header(message: Message, source: Random) -> Message:
    return message.without(source.choice([name.lower() for name, _ in message.headers]))


def _doubled_header(message: Message, source: Random) -> Message:
    name, value = source.choice(message.headers)
    return message.adding((name, source.choice((value, b"", b"other"))))


def _more_headers(message: Message, source: Random) -> Message:
    return message.adding(*source.choice(MORE_HEADERS))


def _no_stamp(message: Message, source: Random) -> Message:
    stamps = (None, b"", b"now", b"20150830T123600Z", b"99991231T235959Z", b"20261122T184040", b"-" * 16, b"\xff" * 16)
    return _replaced(message, b"x-amz-date", source.choice(stamps))


MORE_HEADERS: tuple[Headers, ...] = (
    [(b"x-amz-security-token", b"penstock:v1:00000000:AAAA")],
    [(b"x-amz-security-token", b"")],
    [(b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")],
    [(b"origin", b"https://elsewhere.test"), (b"sec-fetch-site", b"cross-site")],
    [(b"x-penstock-continue-seconds", b"-1")],
    [(b"x-penstock-continue-seconds", b"0.1")],
    [(b"expect", b"100-continue")],
    [(b"expect", b"something else")],
    [(b"connection", b"keep-alive, te")],
    [(b"user-agent", b"\xff" * 4000)],
    [(b"x-forwarded-for", b"1.2.3.4"), (b"forwarded", b"for=x")],
    [(b"h%d" % number, b"v") for number in range(300)],
)
SPOILERS: tuple[Spoiler, ...] = (
    *(_other_type, _other_target, _other_method, _other_path),
    *(_missing_header, _doubled_header, _more_headers, _no_stamp),
)


def spoil_head(message: Message, source: Random) -> Message:
    return source.choice(SPOILERS)(message, source)


def forge(message: Message, source: Random) -> Message:
    """Something else than was signed."""
    match source.randrange(4):
        case 0:
            return replace(message, body=message.body + b" ")
        case 1 if message.header(TARGET) is not None:
            return _replaced(message, TARGET, _another_target(message.header(TARGET)))
        case 2:
            return replace(message, query=message.query + b"&extra=1" if message.query else b"extra=1")
        case _:
            return _with_other_signature(message, source)


def _another_target(given: bytes | None) -> bytes:
    targets = (b"CodePipeline_20150709.ListWebhooks", b"CodePipeline_20150709.ListPipelines")
    return targets[given == targets[0]]


def _with_other_signature(message: Message, source: Random) -> Message:
    authorization = message.header(b"authorization")
    if authorization is None:
        return replace(message, query=_one_hex_digit_off(message.query, source))
    return _replaced(message, b"authorization", _one_hex_digit_off(authorization, source))


def _one_hex_digit_off(text: bytes, source: Random) -> bytes:
    """Signatures stand at the end."""
    at = len(text) - source.randint(1, 64)
    return text[:at] + (b"0" if text[at : at + 1] != b"0" else b"1") + text[at + 1 :]


def break_wire(wire: bytes, source: Random) -> bytes:
    """No HTTP any more, or HTTP of another length than it says."""
    head, _, body = wire.partition(b"\r\n\r\n")
    first, _, rest = head.partition(b"\r\n")
    at = source.randint(0, len(head))
    odd = _bytes(source.choice(ODD_TEXTS))[:40]
    return source.choice(
        (
            head[:at] + bytes((source.randrange(256),)) + head[at + 1 :] + b"\r\n\r\n" + body,
            head[:at] + odd + head[at:] + b"\r\n\r\n" + body,
            wire[:at],
            first.replace(b"HTTP/1.1", source.choice((b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"")))
            + b"\r\n"
            + rest
            + b"\r\n\r\n",
            b"BREW" + wire,
            wire.replace(
                b"content-length: ",
                source.choice((b"content-length: -", b"content-length: 9", b"content-length: 0x")),
                1,
            ),
            wire.replace(b"content-length: ", b"transfer-encoding: chunked\r\ncontent-length: ", 1),
            wire.replace(b"content-length: ", b"transfer-encoding: chunked\r\nx: ", 1),
            first + b"\r\nlong: " + b"x" * 70_000 + b"\r\n" + rest + b"\r\n\r\n" + body,
            first + b"\r\n" + b"a: b\r\n" * 20_000 + rest + b"\r\n\r\n" + body,
            wire.replace(b"\r\n", b"\n"),
            b"\r\n\r\n" + wire,
            b"\x16\x03\x01\x02\x00\x01\x00" + odd,
        )
    )


def in_chunks(message: Message, source: Random) -> bytes:
    """The same request with its body in chunks."""
    pieces = []
    rest = message.body
    while rest:
        size = source.randint(1, max(len(rest), 1))
        pieces.append(b"%x\r\n%b\r\n" % (size, rest[:size]))
        rest = rest[size:]
    return (
        message.adding((b"transfer-encoding", b"chunked")).wire()[: -len(message.body) or None]
        + b"".join(pieces)
        + b"0\r\n\r\n"
    )
