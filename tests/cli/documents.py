"""Pipelines and templates for tests of what reads them, and what is said of them."""

import json
from collections.abc import Callable
from typing import Any

from cli.running import Ended
from declarations import action, pipeline, stage

Validate = Callable[..., Ended]
Json = dict[str, Any]


def source(**more: Any) -> Json:
    place = {"S3Bucket": "bucket", "S3ObjectKey": "app.zip"}
    return action("Fetch", "Source", "AWS", "S3", place, outputs=("App",), **more)


def approval(**more: Any) -> Json:
    return action("Ask", "Approval", "AWS", "Manual", **more)


def line(*later: Json, **more: Any) -> Json:
    return {**pipeline("line", stage("Source", source()), *(later or (stage("Gate", approval()),))), **more}


def findings(ended: Ended) -> list[Json]:
    found: list[Json] = json.loads(ended.out)["findings"]
    return found


def resource(kind: str, **properties: Any) -> Json:
    return {"Type": f"AWS::CodePipeline::{kind}", "Properties": properties}


def capitals(value: Any) -> Any:
    """A declaration as CloudFormation's properties."""
    if isinstance(value, list):
        return [capitals(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key[0].upper() + key[1:]: item if key == "configuration" else capitals(item) for key, item in value.items()}


def template(declared: Json, **more: Any) -> Json:
    return {"Resources": {"Line": resource("Pipeline", **capitals(declared)), **more}}
