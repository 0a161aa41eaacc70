"""Requests as text, which people can read and mutators can change:

    PUT /bucket/key?uploads
    host: 127.0.0.1
    cut: 3

    the body, in pieces of three bytes; with a header `leaves`, the client is gone before the last one

What is read goes through the HTTP parser of the server, so that nothing comes of it that could not come over a wire.
"""

import httptools

from fuzz.messages import Headers, Message

CUT = b"cut"
LEAVING = (b"leaves", b"early")
# How long the body is, is seen from the body.
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"upgrade", CUT, LEAVING[0]})


def script(message: Message, cut: int = 0) -> bytes:
    """The text of a message, whose body is to come in pieces of `cut` bytes."""
    headers = [*message.headers, *([(CUT, b"%d" % cut)] if cut else [])]
    lines = [b"%b %b" % (message.method.encode(), message.target), *(b"%b: %b" % header for header in headers)]
    return b"\n".join(lines) + b"\n\n" + message.body


def read_script(text: bytes) -> Message | None:
    """The message of a text, its length told and header names in lower case; None if it is no HTTP."""
    head, _, body = text.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    reader = _Reader()
    parser = httptools.HttpRequestParser(reader)
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in FRAMING]
    try:
        parser.feed_data(b"\r\n".join([first + b" HTTP/1.1", *kept, b"", b""]))
        url = httptools.parse_url(reader.url)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
        return None
    if not reader.is_whole:
        return None
    headers = [*reader.headers, (b"content-length", b"%d" % len(body))]
    return Message(parser.get_method().decode("ascii"), url.path or b"/", url.query or b"", headers, body)


def pieces(text: bytes, body: bytes) -> list[bytes]:
    """The body as the text wants it cut."""
    head = text.partition(b"\n\n")[0].lower()
    number = head.partition(b"\n" + CUT + b":")[2].partition(b"\n")[0].strip()
    size = int(number) if number.isdigit() and len(number) < 6 else 0
    if not size:
        return [body]
    size = max(size, len(body) // 100 + 1)
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


def leaves(text: bytes) -> bool:
    """Whether the client goes away in the middle of the body."""
    return b"\n" + LEAVING[0] + b":" in text.partition(b"\n\n")[0].lower()


class _Reader:
    """What the parser tells."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: Headers = []
        self.is_whole = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.is_whole = True
