"""Webhooks of other implementations are records that nobody calls: these are called."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from operations.scene import Scene, code_of

ACCOUNT = "123456789012"


def definition(name: str = "hook", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "targetPipeline": "line",
        "targetAction": "Pull",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}],
        "authentication": "UNAUTHENTICATED",
        "authenticationConfiguration": {},
        **changes,
    }


def put(scene: Scene, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = scene.aws.put_webhook(webhook=definition(**changes))["webhook"]
    return answer


def begin(scene: Scene) -> dict[str, Any]:
    scene.types()
    scene.pipeline()
    return put(scene)


def deliver(scene: Scene, webhook: dict[str, Any], ref: str = "refs/heads/main") -> int:
    """The status that the sender gets."""
    address = scene.server.url + urlsplit(webhook["url"]).path
    body = json.dumps({"ref": ref}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_the_address_of_a_webhook_starts_its_pipeline(scene: Scene) -> None:
    webhook = begin(scene)
    assert deliver(scene, webhook, "refs/heads/other") == 200
    assert len(scene.executions()) == 1
    assert deliver(scene, webhook) == 200
    arn = f"arn:aws:codepipeline:{scene.region}:{ACCOUNT}:webhook:hook"
    assert webhook["arn"] == arn
    assert scene.executions()[0]["trigger"] == {"triggerType": "Webhook", "triggerDetail": arn}


def test_an_update_keeps_the_address_and_what_has_happened(scene: Scene) -> None:
    webhook = begin(scene)
    deliver(scene, webhook)
    before = scene.aws.list_webhooks()["webhooks"][0]["lastTriggered"]
    again = put(scene, filters=[{"jsonPath": "$.ref"}])
    assert (again["url"], again["lastTriggered"]) == (webhook["url"], before)
    assert deliver(scene, webhook, "refs/heads/other") == 200
    assert len(scene.executions()) == 3


def test_a_deleted_webhooks_address_starts_nothing_more(scene: Scene) -> None:
    webhook = begin(scene)
    for _ in range(2):
        scene.aws.delete_webhook(name="hook")
    assert deliver(scene, webhook) == 404
    assert scene.aws.list_webhooks()["webhooks"] == []
    assert put(scene)["url"] != webhook["url"]
    assert len(scene.executions()) == 1


def test_webhooks_are_listed_with_what_happened_to_them(scene: Scene) -> None:
    webhook = begin(scene)
    assert "lastTriggered" not in webhook
    deliver(scene, webhook)
    assert "lastTriggered" in scene.aws.list_webhooks()["webhooks"][0]
    scene.aws.delete_pipeline(name="line")
    deliver(scene, webhook)
    (shown,) = scene.aws.list_webhooks()["webhooks"]
    assert shown["errorCode"] == "PipelineNotFoundException"
    assert "'line'" in shown["errorMessage"]


def test_registering_what_cannot_be_registered_is_refused(scene: Scene) -> None:
    begin(scene)
    for operation in ("register_webhook_with_third_party", "deregister_webhook_with_third_party"):
        call = getattr(scene.aws, operation)
        assert code_of(call, webhookName="hook") == "ValidationException"
        assert code_of(call, webhookName="nobody") == "WebhookNotFoundException"


def test_a_webhook_has_tags(scene: Scene) -> None:
    arn = begin(scene)["arn"]
    scene.aws.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "blue"}])
    assert scene.aws.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "blue"}]
    assert scene.aws.list_webhooks()["webhooks"][0]["tags"] == [{"key": "team", "value": "blue"}]
    scene.aws.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert scene.aws.list_tags_for_resource(resourceArn=arn)["tags"] == []
