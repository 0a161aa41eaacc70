"""Files that describe pipelines: CloudFormation and CDK templates, and pipelines as the AWS CLI prints them, in JSON or YAML.

What is found in a file is given back as requests of the API, unchecked.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import Any

from msgspec import Struct, inspect

from penstock.cli.intrinsics import Resolver
from penstock.cli.properties import as_members
from penstock.wire import types as wire
from penstock.wire.arn import parse

__all__ = ["Described", "Document", "Unreadable", "read_action_types", "read_document"]

Json = dict[str, Any]

_PIPELINE = "AWS::CodePipeline::Pipeline"
_ACTION_TYPE = "AWS::CodePipeline::CustomActionType"
_NAME_LENGTH_MAX = 100
_OWNERS: dict[str, wire.ActionOwner] = {"AWS": "AWS", "ThirdParty": "ThirdParty"}
# More than any template has; YAML can say a great deal in a few lines.
_VALUES_MAX = 1_000_000


class Unreadable(Exception):
    """The file describes nothing that is known here; the text says why, in one line."""


class Described(Struct, frozen=True):
    """One thing that a file describes: the input of the operation that makes it, and its logical id in a template.

    An action type that is there already may be a partner's.
    """

    request: Json
    logical_id: str | None = None
    owner: wire.ActionOwner = "Custom"


class Document(Struct, frozen=True):
    """What a file describes, and the region in which, as far as it says so."""

    pipelines: tuple[Described, ...] = ()
    action_types: tuple[Described, ...] = ()
    region: str | None = None


def read_document(text: bytes, name: str, account: str, region: str) -> Document:
    """What a file describes. Account and region are put in where a template asks for them. Raises Unreadable."""
    parsed = _parsed(text, name)
    if not isinstance(parsed, dict):
        raise Unreadable(f"{name} is neither a pipeline nor a template")
    if isinstance(parsed.get("Resources"), dict):
        return _of_template(parsed["Resources"], account, region)
    if isinstance(parsed.get("pipeline"), dict):
        request = {key: parsed[key] for key in ("pipeline", "tags") if key in parsed}
        return Document((Described(request),), region=_region_of(parsed.get("metadata")))
    if "stages" in parsed:
        return Document((Described({"pipeline": parsed}),))
    raise Unreadable(f"{name} is neither a pipeline nor a template")


def read_action_types(text: bytes, name: str, account: str, region: str) -> tuple[Described, ...]:
    """The action types of a file: of a template, as list-action-types prints them, or as create-custom-action-type takes
    them, one or many. Those that are built in are left out. Raises Unreadable.
    """
    parsed = _parsed(text, name)
    if isinstance(parsed, dict) and isinstance(parsed.get("Resources"), dict):
        return _of_template(parsed["Resources"], account, region).action_types
    for key in ("actionTypes", "actionType"):
        if isinstance(parsed, dict) and key in parsed:
            parsed = parsed[key]
    listed = parsed if isinstance(parsed, list) else [parsed]
    if not all(isinstance(each, dict) and ("id" in each or "provider" in each) for each in listed):
        raise Unreadable(f"{name} describes no action types")
    return tuple(described for each in listed if (described := _as_created(each)).owner != "AWS")


def _as_created(listed: Json) -> Described:
    """The request that makes an action type, also one that is shown as it is there."""
    identity = listed.get("id")
    if not isinstance(identity, dict):
        return Described(listed)
    names = {"actionConfigurationProperties": "configurationProperties"}
    members = {names.get(key, key): value for key, value in listed.items() if key != "id"}
    request = {**members, **{key: value for key, value in identity.items() if key != "owner"}}
    return Described(request, owner=_OWNERS.get(str(identity.get("owner")), "Custom"))


def _region_of(metadata: Any) -> str | None:
    try:
        return parse(str(metadata["pipelineArn"])).region
    except (KeyError, TypeError, ValueError):
        return None


def _of_template(resources: Json, account: str, region: str) -> Document:
    resolver = Resolver(account, region)

    def requests(kind: str, make: Callable[[str, Json], Json]) -> Iterator[Described]:
        for logical_id, resource in resources.items():
            if isinstance(resource, dict) and resource.get("Type") == kind:
                properties = resolver.resolved(resource.get("Properties") or {})
                request = make(logical_id, properties if isinstance(properties, dict) else {})
                yield Described(_Plain().of(request), logical_id)

    def pipeline(logical_id: str, properties: Json) -> Json:
        # A pipeline without a name gets one that CloudFormation makes.
        named = {"Name": logical_id[:_NAME_LENGTH_MAX], **properties}
        declared = as_members(_kind(wire.PipelineDeclaration), named, account)
        tags = as_members(_kind(wire.CreatePipelineInput), {"Tags": properties.get("Tags")}, account)
        return {"pipeline": declared, **tags}

    def action_type(_: str, properties: Json) -> Json:
        members: Json = as_members(_kind(wire.CreateCustomActionTypeInput), properties, account)
        return members

    return Document(tuple(requests(_PIPELINE, pipeline)), tuple(requests(_ACTION_TYPE, action_type)))


@cache
def _kind(of: type[Struct]) -> inspect.Type:
    return inspect.type_info(of)


def _parsed(text: bytes, name: str) -> Any:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Unreadable(f"{name} is not text in UTF-8: {problem.reason}") from None
    try:
        return _Plain().of(_json_or_yaml(decoded, is_json=name.endswith(".json")))
    except RecursionError:
        raise Unreadable(f"{name} is nested too deeply, or within itself") from None
    except ValueError as problem:
        raise Unreadable(f"{name} is neither JSON nor YAML: {' '.join(str(problem).split())}") from None


def _json_or_yaml(text: str, *, is_json: bool) -> Any:
    if is_json or text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text)
        except ValueError:
            if is_json:
                raise
    return _yaml(text)


class _Plain:
    """Makes values as JSON would have them: YAML knows keys that are no text, and dates; placeholders become text."""

    def __init__(self) -> None:
        self._left = _VALUES_MAX

    def of(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError("it holds too much")
        match value:
            case str():
                # Halves of surrogate pairs, which JSON can spell, are no text.
                return value.encode().decode()
            case dict():
                return {str(key): self.of(item) for key, item in value.items()}
            case list() | tuple() | set():
                return [self.of(item) for item in value]
            case date():
                return value.isoformat()
            case bytes():
                return value.decode(errors="replace")
            case _:
                return value


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, _loader())  # noqa: S506 (a safe loader, with CloudFormation's tags)
    except yaml.YAMLError as problem:
        raise ValueError(str(problem)) from None


@cache
def _loader() -> Any:
    """A safe loader that reads `!Ref x` and `!Sub x` as the functions that they are short for."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    def function(loader: Any, suffix: str, node: Any) -> Json:
        if isinstance(node, yaml.ScalarNode):
            given: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            given = loader.construct_sequence(node, deep=True)
        else:
            given = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": given}

    Loader.add_multi_constructor("!", function)
    return Loader
