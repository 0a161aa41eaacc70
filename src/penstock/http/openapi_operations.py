"""The operations in OpenAPI's terms: their schemas, their answers, and their two forms."""

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.http.api import RequestEntityTooLargeException
from penstock.operations.registry import HANDLERS, OWN_TARGET_PREFIX, Route
from penstock.wire import errors
from penstock.wire.errors import ApiError

__all__ = ["Document", "operation_paths", "operation_responses", "operation_schemas"]

Document = dict[str, Any]

API_JSON = "application/x-amz-json-1.1"
# The server takes JSON by its plain name as well, and more tools can write that.
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
SCHEMAS = "#/components/schemas/"
RESPONSES = "#/components/responses/"
REFERENCE = "https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_"
ANY_REFUSAL = "Refusal"
ANY_ARTIFACTS = "AnyArtifactDetails"

# What every operation may answer beside what it declares.
COMMON: tuple[type[ApiError], ...] = (
    errors.AccessDeniedException,
    errors.ExpiredTokenException,
    errors.IncompleteSignatureException,
    errors.InvalidSignatureException,
    errors.MissingAuthenticationTokenException,
    errors.SerializationException,
    errors.ThrottlingException,
    errors.UnrecognizedClientException,
    errors.ValidationException,
)
# The model declares no error for a pipeline that is not there.
UNDECLARED: dict[str, tuple[type[ApiError], ...]] = {"UpdatePipeline": (errors.PipelineNotFoundException,)}
# Those with a status of their own.
APART: tuple[tuple[type[ApiError], str], ...] = (
    (errors.DryRunOperation, "`DryRun` is true, and the request would have been carried out"),
    (RequestEntityTooLargeException, "The request is larger than 1 MiB"),
    (errors.InternalFailure, "A fault of the server, which its log tells"),
    (errors.ServiceUnavailable, "The server is stopping"),
)


def operation_schemas() -> Document:
    """What goes in and out, and every error, by name."""
    operations = [route.operation for route in HANDLERS.values()]
    types = [each for operation in operations for each in (operation.input, operation.output) if each is not None]
    _, components = msgspec.json.schema_components(types, ref_template=f"{SCHEMAS}{{name}}")
    # Docstrings speak of attributes, which are not called as the members are.
    schemas = {name: _plain({**schema, "description": None}) for name, schema in components.items()}
    _lift_limits(schemas)
    told = {error for route in HANDLERS.values() for error in _errors(route)} | {error for error, _ in APART}
    for error in sorted(told, key=lambda error: error.__name__):
        schemas[error.__name__] = _error({"type": "string", "enum": [error.__name__]})
    return {**schemas, ANY_REFUSAL: _error({"type": "string"})}


def operation_responses() -> Document:
    """The refusals of each operation, and those that all share."""
    shared = {error.__name__: _answer(about, _reference(error.__name__)) for error, about in APART}
    refusals = {
        _refused(route): _answer("Refused, for the reason that `__type` names", _refusal(route))
        for route in HANDLERS.values()
    }
    return shared | refusals


def operation_paths(schemas: Document) -> Iterator[tuple[str, Document]]:
    """Every operation's paths: the JSON form of all, and the query form of the service's own."""
    for target, route in HANDLERS.items():
        yield f"/#X-Amz-Target={target}", {"post": _json_form(target, route)}
        if not _is_own(route):
            yield f"/#Action={route.operation.name}", _query_form(route, schemas[route.operation.input.__name__])


def _is_own(route: Route) -> bool:
    return not route.iam_action.startswith("codepipeline:")


def _plain(schema: Any) -> Any:
    """A schema as other tools expect it: what may be left out is not null, enums are text, patterns are ECMAScript's."""
    match schema:
        case list():
            return [_plain(each) for each in schema]
        case {"anyOf": [there, {"type": "null"}], "default": None}:
            return _plain(there)
        case {"enum": _}:
            return {"type": "string", **schema}
        case {"pattern": str(pattern)}:
            return {**schema, "pattern": pattern.removeprefix("(?a)").removesuffix(r"\Z") + "$"}
        case dict():
            return {name: _plain(each) for name, each in schema.items() if each is not None}
        case _:
            return schema


def _lift_limits(schemas: Document) -> None:
    """Answers go beyond the model in two ways: the types that come with the service have more artifacts and properties than a
    custom one, and the ids of partners' jobs tell whose they are."""
    counts = schemas["ArtifactDetails"]
    unbounded = {name: {**count, "maximum": 2**31 - 1} for name, count in counts["properties"].items()}
    schemas[ANY_ARTIFACTS] = {**counts, "title": ANY_ARTIFACTS, "properties": unbounded}
    for kind in ("ActionType", "RuleType"):
        for name in ("inputArtifactDetails", "outputArtifactDetails"):
            if name in schemas[kind]["properties"]:
                schemas[kind]["properties"][name] = _reference(ANY_ARTIFACTS)
    del schemas["ActionType"]["properties"]["actionConfigurationProperties"]["maxItems"]
    # The model has the pattern of a custom action's job here, and that of a partner's everywhere else.
    schemas["ThirdPartyJob"]["properties"]["jobId"] = schemas["ThirdPartyJobDetails"]["properties"]["id"]


def _error(kind: Document) -> Document:
    return {
        "type": "object",
        "properties": {"__type": kind, "message": {"type": "string"}},
        "required": ["__type"],
    }


def _errors(route: Route) -> list[type[ApiError]]:
    """All that it may answer with status 400, by name."""
    operation = route.operation
    declared = (getattr(errors, name) for name in operation.errors)
    found: set[type[ApiError]] = {*declared, *COMMON, *UNDECLARED.get(operation.name, ())}
    return sorted(found, key=lambda error: error.__name__)


def _refusal(route: Route) -> Document:
    # Penstock's own operations declare no errors.
    if _is_own(route):
        return _reference(ANY_REFUSAL)
    refs = [_reference(error.__name__) for error in _errors(route)]
    return {"oneOf": refs, "discriminator": {"propertyName": "__type"}}


def _refused(route: Route) -> str:
    return f"{_operation_id(route)}Refused"


def _operation_id(route: Route) -> str:
    return f"{OWN_TARGET_PREFIX}{route.operation.name}" if _is_own(route) else route.operation.name


def _reference(name: str) -> Document:
    return {"$ref": f"{SCHEMAS}{name}"}


def _answer(about: str, schema: Document | None) -> Document:
    answer = {"description": about, "headers": {"x-amzn-RequestId": {"$ref": "#/components/headers/RequestId"}}}
    return answer if schema is None else {**answer, "content": {API_JSON: {"schema": schema}}}


def _answers(route: Route) -> Document:
    output = route.operation.output
    done = _answer("Done", _reference(output.__name__)) if output else _answer("Done: the answer has no body", None)
    apart = {str(error.status): {"$ref": f"{RESPONSES}{error.__name__}"} for error, _ in APART}
    return {"200": done, "400": {"$ref": f"{RESPONSES}{_refused(route)}"}, **apart}


def _json_form(target: str, route: Route) -> Document:
    body = {"schema": _reference(route.operation.input.__name__)}
    answers = _answers(route)
    del answers[str(errors.DryRunOperation.status)]
    return {
        "operationId": _operation_id(route),
        "tags": ["Own operations" if _is_own(route) else "JSON form"],
        **_documentation(route),
        "parameters": [_parameter("X-Amz-Target", {"type": "string", "enum": [target]}, "header", is_required=True)],
        "requestBody": {"required": True, "content": {API_JSON: body, JSON: body}},
        "responses": answers,
    }


def _documentation(route: Route) -> Document:
    return {} if _is_own(route) else {"externalDocs": {"url": f"{REFERENCE}{route.operation.name}.html"}}


def _query_form(route: Route, schema: Document) -> Document:
    name = route.operation.name
    shared = {"tags": ["Query form"], **_documentation(route), "responses": _answers(route)}
    members: Document = {
        "Action": {"type": "string", "enum": [name]},
        "DryRun": {"type": "boolean", "description": "Check everything, do nothing, and answer with status 412"},
        **schema["properties"],
    }
    required = ["Action", *schema["required"]]
    parameters = [_parameter(each, kind, "query", is_required=each in required) for each, kind in members.items()]
    body = {"required": True, "content": {FORM: _form(members, required)}}
    return {
        "get": {"operationId": f"{name}ByQuery", "parameters": parameters, **shared},
        "post": {"operationId": f"{name}ByForm", "requestBody": body, **shared},
    }


def _parameter(name: str, schema: Document, place: str, *, is_required: bool) -> Document:
    written = {"content": {JSON: {"schema": schema}}} if _is_structured(schema) else {"schema": schema}
    return {"name": name, "in": place, "required": is_required, **written}


def _form(members: Document, required: list[str]) -> Document:
    structured = {name: {"contentType": JSON} for name, schema in members.items() if _is_structured(schema)}
    form = {"schema": {"type": "object", "properties": members, "required": required}}
    return {**form, "encoding": structured} if structured else form


def _is_structured(schema: Document) -> bool:
    return "$ref" in schema or schema["type"] in {"object", "array"}
