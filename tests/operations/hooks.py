"""Webhooks and connections for tests: declaring them, delivering to them, reading what was logged."""

import json
from typing import Any

from declarations import action, pipeline, stage
from git_hosts import send, signature
from operations.partner import own_operation
from operations.scene import Scene

SECRET = "correct horse"
ACCOUNT = "123456789012"


def definition(name: str = "hook", **more: Any) -> dict[str, Any]:
    """A webhook of the pipeline `line` with its source `Pull`, signed by SECRET, for pushes to main."""
    return {
        "name": name,
        "targetPipeline": "line",
        "targetAction": "Pull",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}],
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": SECRET},
        **more,
    }


def put(scene: Scene, name: str = "hook", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = scene.aws.put_webhook(webhook=definition(name, **more))["webhook"]
    return made


def signed(body: bytes, secret: str = SECRET, **more: str) -> dict[str, str]:
    return {"X-Hub-Signature-256": signature(secret, body), **more}


def push(url: str, ref: str = "refs/heads/main", secret: str = SECRET, **headers: str) -> tuple[int, dict[str, Any]]:
    """Deliver a push, signed as GitHub signs."""
    body = json.dumps({"ref": ref}).encode()
    return send(url, body, signed(body, secret, **{name.replace("_", "-"): value for name, value in headers.items()}))


def deliveries(scene: Scene, **which: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = own(scene, "ListWebhookDeliveries", **(which or {"webhookName": "hook"}))[
        "deliveries"
    ]
    return found


def own(scene: Scene, operation: str, **parameters: Any) -> dict[str, Any]:
    return own_operation(scene.server.url, scene.server.root_keys, scene.region, operation, **parameters)


def webhook(scene: Scene, name: str = "hook") -> dict[str, Any]:
    found = [each for each in scene.aws.list_webhooks()["webhooks"] if each["definition"]["name"] == name]
    return found[0]


def connection_arn(scene: Scene, service: str = "codestar-connections") -> str:
    """One of its own for each scene."""
    return f"arn:aws:{service}:{scene.region}:{ACCOUNT}:connection/{scene.region}"


def git_source(scene: Scene, name: str = "Fetch", branch: str = "main", **configuration: str) -> dict[str, Any]:
    given = {"ConnectionArn": connection_arn(scene), "FullRepositoryId": "owner/app", "BranchName": branch}
    return action(name, "Source", "AWS", "CodeStarSourceConnection", {**given, **configuration}, outputs=(f"{name}ed",))


def git_line(scene: Scene, name: str, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Declare a pipeline of git sources; its first execution fails at once, since nobody serves them."""
    build = stage("Build", action("Make", "Build", "Custom", "Builder"))
    declared = pipeline(name, stage("Source", *(sources or (git_source(scene),))), build, **more)
    made: dict[str, Any] = scene.aws.create_pipeline(pipeline=declared)["pipeline"]
    return made


def trigger(source: str = "Fetch", **filters: Any) -> dict[str, Any]:
    return {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": source, **filters}}


def connect(scene: Scene, provider: str = "GitHub") -> tuple[str, str]:
    """The address and the secret of the scene's connection."""
    made = own(scene, "ConnectRepository", connectionArn=connection_arn(scene), provider=provider)
    return made["url"], made["secret"]
