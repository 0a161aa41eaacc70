"""Deliveries to the webhooks and connections of the fuzzed server, which nobody signs: payloads of git hosts, and worse."""

from copy import deepcopy
from random import Random
from typing import Any

from fuzz.heads import Asked
from fuzz.messages import Message
from fuzz.pool import Pool
from fuzz.shapes import Answers, Operation, Shape
from fuzz.spoiling import spoil, spoil_text, written
from git_hosts import bitbucket_push, github_pull, github_push, gitlab_push, signature
from operations.hooks import SECRET

DELIVERY = Operation("DeliverToWebhook", "", Shape("object"), by_json=Answers())
PAYLOADS = (
    ("push", {"ref": "refs/heads/main"}),
    ("push", github_push("owner/app", "main", files=["src/a.py", "docs/b.md"])),
    ("pull_request", github_pull("owner/app", "main")),
    ("Tag Push Hook", gitlab_push("owner/app", "v1", kind="tag")),
    ("repo:push", bitbucket_push("owner/app", "main")),
)


def delivery(host: bytes, pool: Pool, secret: str, source: Random) -> Asked:
    """One to a hook of the pool, proved by the secret that it may have."""
    event, payload = source.choice(PAYLOADS)
    value: Any = deepcopy(payload)
    if source.random() < 0.5:
        value = spoil(value, shape_like(value), source)
    body = written(value, source)
    if source.random() < 0.1:
        body = spoil_text(body, source)
    path = pool.some(["hookPath"], source)["hookPath"]
    proof = signature(source.choice((SECRET, secret, "wrong")), body)
    headers = [
        (b"host", host),
        (b"content-type", source.choice((b"application/json", b"application/x-www-form-urlencoded", b"\xff"))),
        (b"x-github-event", event.encode()),
        (b"x-hub-signature-256", proof.encode()),
    ]
    message = Message(
        path=path.encode() + source.choice((b"", b"", b"", b"x", b"/../x", b"%00")), headers=headers, body=body
    )
    return Asked(DELIVERY, value, DELIVERY.by_json, message.wire(), is_odd=True)


def shape_like(value: Any) -> Shape:
    """The shape of a payload that has no other description than itself."""
    match value:
        case dict():
            return Shape("object", members={name: shape_like(each) for name, each in value.items()})
        case list():
            return Shape("array", item=shape_like(value[0]) if value else Shape("string"))
        case _:
            return Shape("string")
