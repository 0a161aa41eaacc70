"""Ten thousand requests that somebody signed and somebody else changed: in a header, presigned, in chunks. None is taken.

The published vectors, which show that what is right is taken, are in tests/auth/test_sigv4_vectors.py.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from fuzz.messages import Message
from fuzz.signatures import CHUNKS, NOW, RULES, SECRET, UNSIGNED_CHUNKS, Signed, api_requests, s3_requests
from penstock.auth import sigv4
from penstock.auth.payload import Seed, body_check
from penstock.ports.identity import SignedRequest
from penstock.wire.errors import ApiError

MUTANTS = 10_000
HEX = b"0123456789abcdef"
AUTHORIZATION = b"authorization"
# Whatever comes with these was not promised to be anything.
OPEN_BODIES = (b"UNSIGNED-PAYLOAD", UNSIGNED_CHUNKS.encode())

Change = Callable[[Message, Random], Message]


def is_taken(given: Signed, message: Message) -> bool:
    """Whether the request and its body pass all checks of the service that it was signed for."""
    rules = RULES[given.keys.service]
    headers = [(name.lower(), value) for name, value in message.headers]
    request = SignedRequest(message.method, message.path, message.query, headers, message.body)
    try:
        claim = sigv4.read_claim(request, rules, NOW)
        key = sigv4.verify(claim, SECRET)
        if claim.token != (given.keys.token or None) or claim.terms.access_key_id != given.keys.access_key_id:
            return False
        if rules.is_s3:
            seed = Seed(key, claim.stamp, claim.terms.scope, claim.signature)
            check = body_check(claim.payload_hash, sigv4.joined_headers(headers), seed)
            check.feed(message.body)
            check.finish()
    except ApiError:
        return False
    return True


def other_byte(text: bytes, source: Random, among: bytes = bytes(range(33, 127))) -> bytes:
    """The text with another byte somewhere."""
    at = source.randrange(len(text))
    return text[:at] + bytes((source.choice([byte for byte in among if byte != text[at]]),)) + text[at + 1 :]


def of_header(message: Message, name: bytes, change: Callable[[bytes], bytes]) -> Message:
    headers = [(key, change(value) if key == name else value) for key, value in message.headers]
    return replace(message, headers=headers)


def of_terms(message: Message, change: Callable[[bytes], bytes]) -> Message:
    """A change of what the request says of its signature, wherever that stands."""
    if message.header(AUTHORIZATION) is not None:
        return of_header(message, AUTHORIZATION, change)
    front, mark, terms = message.query.partition(b"X-Amz-Algorithm=")
    return replace(message, query=front + change(mark + terms))


def other_signature(message: Message, source: Random) -> Message:
    def change(terms: bytes) -> bytes:
        front, mark, signature = terms.rpartition(b"Signature=")
        return front + mark + other_byte(signature, source, HEX)

    return of_terms(message, change)


def odd_signature(message: Message, source: Random) -> Message:
    def change(terms: bytes) -> bytes:
        front, mark, signature = terms.rpartition(b"Signature=")
        odd = (
            b"",
            signature[:-1],
            signature + b"0",
            signature.upper(),
            signature[::-1],
            b"0" * 64,
            signature[:32],
            b"%00",
        )
        return front + mark + source.choice(odd)

    return of_terms(message, change)


def other_scope(message: Message, source: Random) -> Message:
    """Signed for another day, region, service or by another key."""
    changes = ((b"20260830", b"20260831"), (b"us-east-1", b"us-east-2"), (b"aws4_request", b"aws4_reques"))
    more = ((b"AKIDEXAMPLE", b"AKIDEXAMPLF"), (b"s3", b"codepipeline"), (b"codepipeline", b"sts"), (b"sts", b"s3"))
    return of_terms(message, lambda terms: terms.replace(*source.choice((*changes, *more))))


def fewer_names(message: Message, source: Random) -> Message:
    """One header less is signed."""

    def change(terms: bytes) -> bytes:
        front, mark, rest = terms.partition(b"SignedHeaders=")
        names = rest.partition(b",")[0].partition(b"&")[0]
        kept = names.split(b";")
        kept.remove(source.choice(kept))
        return front + mark + b";".join(kept) + rest[len(names) :]

    return of_terms(message, change)


def other_value(message: Message, source: Random) -> Message:
    """Of any header, all of which are signed."""
    name, value = source.choice([pair for pair in message.headers if pair[0] != AUTHORIZATION])
    return of_header(message, name, lambda _: other_byte(value, source))


def one_header_less(message: Message, source: Random) -> Message:
    return message.without(source.choice([name for name, _ in message.headers]))


def one_header_more(message: Message, source: Random) -> Message:
    names = [name for name, _ in message.headers if name != AUTHORIZATION]
    added = source.choice((*names, b"x-amz-acl", b"x-amz-security-token", b"x-amz-copy-source"))
    return message.adding((added, b"other"))


def other_method(message: Message, source: Random) -> Message:
    return replace(
        message, method=source.choice([each for each in ("GET", "PUT", "POST", "DELETE") if each != message.method])
    )


def other_path(message: Message, source: Random) -> Message:
    return replace(message, path=message.path + source.choice((b"x", b"/x", b"%20", b"x/", b"%2e%2e", b"/../x")))


def other_query(message: Message, source: Random) -> Message:
    if source.random() < 0.5 or not message.query:
        return replace(message, query=b"&".join(part for part in (message.query, b"a=b") if part))
    parts = message.query.split(b"&")
    at = source.randrange(len(parts))
    parts[at] = other_byte(parts[at], source, b"abcdefghijklmnopqrstuvwxyz0123456789")
    return replace(message, query=b"&".join(parts))


def other_body(message: Message, source: Random) -> Message:
    """One byte is another, or missing, or one too many; what only frames a chunk may be written in capitals."""
    body = message.body
    at = source.randint(0, len(body))
    return replace(
        message,
        body=source.choice((other_byte(body, source) if body else b"x", body[:at], body[:at] + b"x" + body[at:])),
    )


CHANGES: tuple[Change, ...] = (
    *(other_signature, odd_signature, other_scope, fewer_names, other_value, one_header_less, one_header_more),
    *(other_method, other_path, other_query, other_body),
)


def is_another(given: Signed, message: Message, change: Change) -> bool:
    """Whether the change has changed what was signed."""
    if message == given.message:
        return False
    promised = given.message.header(b"x-amz-content-sha256")
    is_open = given.keys.service == "s3" and (promised is None or promised in OPEN_BODIES)
    return change is not other_body or not (is_open or message.body.lower() == given.message.body.lower())


def test_of_ten_thousand_changed_requests_none_is_taken() -> None:
    source = Random(4570)
    signed = [*api_requests(), *s3_requests()]
    assert all(is_taken(each, each.message) for each in signed)
    tried: Counter[str] = Counter()
    taken = []
    while tried.total() < MUTANTS:
        given, change = source.choice(signed), source.choice(CHANGES)
        mutant = change(given.message, source)
        if is_another(given, mutant, change):
            tried[f"{given.keys.service} {change.__name__}"] += 1
            taken += [(change.__name__, mutant)] if is_taken(given, mutant) else []
    assert not taken, taken[:3]
    assert len(tried) == 3 * len(CHANGES)
    assert min(tried.values()) > 30, tried


def test_no_signature_is_good_for_another_request() -> None:
    signed = [*api_requests(), *s3_requests()]
    for one in signed:
        for other in signed:
            own, foreign = one.message.header(AUTHORIZATION), other.message.header(AUTHORIZATION)
            if one is not other and own is not None and foreign is not None:
                assert not is_taken(one, one.message.without(AUTHORIZATION).adding((AUTHORIZATION, foreign)))


def test_chunks_of_one_upload_are_not_good_for_another() -> None:
    chunked = [
        each for each in s3_requests() if CHUNKS.encode() in (each.message.header(b"x-amz-content-sha256") or b"")
    ]
    one, other = chunked
    assert one.message.body != other.message.body
    assert not is_taken(one, replace(one.message, body=other.message.body))
    assert not is_taken(other, replace(other.message, body=one.message.body))
