"""What a server would refuse of the pipelines and action types that a file describes, and in which words."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, inspect

from penstock.cli.templates import Described, Document
from penstock.core.action_types import ActionTypeRules, builtin, check_custom, type_key
from penstock.core.declaration import Surroundings, check
from penstock.operations.tags import as_mapping, check_tags
from penstock.wire import types as wire
from penstock.wire.arn import pipeline_arn
from penstock.wire.catalog import OPERATIONS
from penstock.wire.codec import decode
from penstock.wire.errors import ApiError, SerializationException, ValidationException
from penstock.wire.mending import mended
from penstock.worker.reading import built

__all__ = ["Finding", "Known", "Place", "check_pipelines", "check_types"]

CREATE_PIPELINE, CREATE_ACTION_TYPE = OPERATIONS["CreatePipeline"], OPERATIONS["CreateCustomActionType"]
# What the front end says nothing about
WRONG_FORM = "The value is not what the API takes here"

Known = dict[wire.ActionTypeId, ActionTypeRules]


class Place(Struct, frozen=True):
    """Where pipelines are taken to be; without a region, in the presumed one, unless their artifact stores say otherwise."""

    account: str
    presumed_region: str
    region: str | None = None

    def region_of(self, declared: wire.PipelineDeclaration) -> str:
        stores = declared.artifact_stores or {}
        if self.region is not None or not stores or self.presumed_region in stores:
            return self.region or self.presumed_region
        named = {action.region for stage in declared.stages for action in stage.actions}
        return next((region for region in stores if region not in named), next(iter(stores)))


class Finding(Struct, frozen=True, rename="camel"):
    """One thing that a server would refuse. In a file of one pipeline there is no logical id."""

    file: str
    logical_id: str | None
    pipeline: str | None
    error: str
    message: str

    def told(self) -> str:
        """The finding for people. Messages of several lines are indented."""
        where = ": ".join(filter(None, (self.file, self.logical_id or self.pipeline)))
        return f"{where}: {self.error}: {self.message}".replace("\n", "\n    ")


def check_types(described: tuple[Described, ...], name: str, known: Known) -> Iterator[Finding]:
    """What is wrong with action types; those that can be made are added to the known ones."""
    for each in described:
        try:
            request: Any = decode(CREATE_ACTION_TYPE, msgspec.json.encode(each.request))
            check_custom(request)
        except ApiError as problem:
            yield _finding(name, each, None, problem)
            continue
        rules = ActionTypeRules.of_custom(_made(request, each.owner))
        known[rules.id] = rules


def _finding(name: str, described: Described, pipeline: str | None, problem: ApiError) -> Finding:
    return Finding(name, described.logical_id, pipeline, problem.code, problem.message or WRONG_FORM)


def _made(request: wire.CreateCustomActionTypeInput, owner: wire.ActionOwner) -> wire.ActionType:
    identity = wire.ActionTypeId(
        category=request.category, owner=owner, provider=request.provider, version=request.version
    )
    return wire.ActionType(
        id=identity,
        action_configuration_properties=request.configuration_properties,
        input_artifact_details=request.input_artifact_details,
        output_artifact_details=request.output_artifact_details,
    )


def check_pipelines(document: Document, name: str, known: Known, place: Place) -> Iterator[Finding]:
    """What is wrong with pipelines: every broken constraint, and the first broken rule."""
    for each in document.pipelines:
        request, refusal = _read(each.request)
        problems = [refusal] if refusal is not None else []
        if request is not None:
            problems += _broken_rule(request, known, place.account, place.region_of(request.pipeline))
        given = each.request.get("pipeline")
        pipeline = given.get("name") if isinstance(given, dict) else None
        for problem in problems:
            yield _finding(name, each, pipeline if isinstance(pipeline, str) else None, problem)


def _read(request: dict[str, Any]) -> tuple[wire.CreatePipelineInput | None, ApiError | None]:
    """The request, and what the server would say of its form. Broken limits leave a request that can be looked at."""
    try:
        decoded: Any = decode(CREATE_PIPELINE, msgspec.json.encode(request))
    except SerializationException as problem:
        return None, problem
    except ValidationException as problem:
        try:
            return built(
                wire.CreatePipelineInput, mended(inspect.type_info(wire.CreatePipelineInput), request)
            ), problem
        except TypeError:
            # Something that is required is missing.
            return None, problem
    return decoded, None


def _broken_rule(request: wire.CreatePipelineInput, known: Known, account: str, region: str) -> list[ApiError]:
    declared = request.pipeline

    def find(identity: wire.ActionTypeId) -> ActionTypeRules | None:
        return known.get(identity) or builtin().get(type_key(identity, account, region))

    # What a server has printed is there already, with its secrets masked.
    previous = declared if declared.version is not None else None
    try:
        check_tags(pipeline_arn(region, account, declared.name), as_mapping(request.tags))
        check(declared, find, Surroundings(account, region, previous))
    except ApiError as problem:
        return [problem]
    return []
