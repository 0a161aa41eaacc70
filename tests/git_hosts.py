"""What git hosts send: their payloads in short, their proofs, and sending them."""

import hmac
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

COMMIT = "a" * 40
BEFORE = "b" * 40
NOTHING = "0" * 40

Json = dict[str, Any]


def github_push(
    repository: str,
    name: str,
    *,
    kind: str = "branch",
    files: list[str] | None = None,
    created: bool = False,
    deleted: bool = False,
) -> Json:
    return {
        "ref": f"refs/{'heads' if kind == 'branch' else 'tags'}/{name}",
        "before": NOTHING if created else BEFORE,
        "after": NOTHING if deleted else COMMIT,
        "created": created,
        "deleted": deleted,
        "repository": {"id": 1, "full_name": repository},
        "head_commit": None if deleted else {"id": COMMIT, "message": "m"},
        "commits": [{"id": COMMIT, "added": files[:1], "modified": files[1:], "removed": []}] if files else [],
    }


def github_pull(repository: str, branch: str, action: str = "opened") -> Json:
    return {
        "action": action,
        "number": 7,
        "pull_request": {"head": {"ref": "topic", "sha": COMMIT}, "base": {"ref": branch}, "merged": False},
        "repository": {"full_name": repository},
    }


def gitlab_push(
    repository: str,
    name: str,
    *,
    kind: str = "branch",
    files: list[str] | None = None,
    created: bool = False,
    deleted: bool = False,
) -> Json:
    commits = [{"id": COMMIT, "added": [], "modified": files, "removed": []}] if files else []
    return {
        "object_kind": "push" if kind == "branch" else "tag_push",
        "ref": f"refs/{'heads' if kind == 'branch' else 'tags'}/{name}",
        "before": NOTHING if created else BEFORE,
        "after": NOTHING if deleted else COMMIT,
        "checkout_sha": None if deleted else COMMIT,
        "project": {"id": 1, "path_with_namespace": repository},
        "commits": commits,
        "total_commits_count": len(commits),
    }


def gitlab_merge(repository: str, branch: str, action: str = "open", **more: Any) -> Json:
    attributes = {"action": action, "target_branch": branch, "source_branch": "topic", "last_commit": {"id": COMMIT}}
    return {
        "object_kind": "merge_request",
        "project": {"path_with_namespace": repository},
        "object_attributes": {**attributes, **more},
    }


def bitbucket_push(
    repository: str, name: str, *, kind: str = "branch", created: bool = False, deleted: bool = False
) -> Json:
    ref = {"type": kind, "name": name, "target": {"hash": COMMIT}}
    change = {"new": None if deleted else ref, "old": None if created else {**ref, "target": {"hash": BEFORE}}}
    return {"push": {"changes": [change]}, "repository": {"full_name": repository}}


def bitbucket_pull(repository: str, branch: str) -> Json:
    return {
        "pullrequest": {
            "id": 7,
            "source": {"branch": {"name": "topic"}, "commit": {"hash": COMMIT}},
            "destination": {"branch": {"name": branch}, "commit": {"hash": BEFORE}},
        },
        "repository": {"full_name": repository},
    }


def signature(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.digest(secret.encode(), body, algorithm).hex()}"


def send(url: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST") -> tuple[int, Json]:
    """The status and what the answer tells."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    try:
        connection.request(method, address.path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else {}
    finally:
        connection.close()


def deliver(
    provider: str, url: str, secret: str, event: str, payload: Json, delivery_id: str | None = None
) -> tuple[int, Json]:
    """As that host delivers: its headers, its proof."""
    body = json.dumps(payload).encode()
    event_header, id_header, proof_header = {
        "GitHub": ("X-GitHub-Event", "X-GitHub-Delivery", "X-Hub-Signature-256"),
        "GitLab": ("X-Gitlab-Event", "X-Gitlab-Event-UUID", "X-Gitlab-Token"),
        "Bitbucket": ("X-Event-Key", "X-Request-UUID", "X-Hub-Signature"),
    }[provider]
    proof = secret if provider == "GitLab" else signature(secret, body)
    headers = {event_header: event, proof_header: proof}
    return send(url, body, headers | ({id_header: delivery_id} if delivery_id else {}))
