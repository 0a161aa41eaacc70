"""Pipeline declarations and action types for tests, as boto3 takes them."""

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/pipeline"


def custom_type(provider: str = "Builder", *, category: str = "Build", query: str | None = None) -> dict[str, Any]:
    """A CreateCustomActionType request; `query` names its queryable property."""
    request: dict[str, Any] = {
        "category": category,
        "provider": provider,
        "version": "1",
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5},
    }
    if query is not None:
        request["configurationProperties"] = [
            {"name": query, "required": True, "key": True, "secret": False, "queryable": True}
        ]
    return request


def action(
    name: str,
    category: str,
    owner: str,
    provider: str,
    configuration: dict[str, str] | None = None,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "configuration": configuration or {},
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **more,
    }


def custom_source(name: str = "Pull", provider: str = "Origin", **more: Any) -> dict[str, Any]:
    """A source action of a custom type: it needs no bucket and its worker is the test."""
    return action(name, "Source", "Custom", provider, outputs=("App",), **more)


def pipeline(name: str, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": "artifact-bucket"},
        "stages": list(stages),
        **more,
    }


def stage(name: str, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "actions": list(actions)}
