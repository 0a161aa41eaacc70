"""The OpenAPI document of a server, as a maker of requests wants it: operations, and shapes with their limits."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

JSON_FORM = "/#X-Amz-Target="
QUERY_FORM = "/#Action="
API_JSON = "application/x-amz-json-1.1"

Document = dict[str, Any]


@dataclass(slots=True)
class Shape:
    """What a value may be. `low` and `high` bound a text's, a list's or a map's length, or a number's value."""

    kind: str
    low: int | None = None
    high: int | None = None
    pattern: str = ""
    choices: tuple[str, ...] = ()
    members: "dict[str, Shape]" = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    item: "Shape | None" = None
    key: "Shape | None" = None

    @property
    def is_structured(self) -> bool:
        return self.kind in {"object", "map", "array"}


@dataclass(slots=True, frozen=True)
class Answers:
    """What one form of an operation may answer: statuses, names of errors, and the schema of success, if it has a body."""

    statuses: frozenset[int] = frozenset()
    errors: frozenset[str] = frozenset()
    success: Document | None = None


@dataclass(slots=True, frozen=True)
class Operation:
    """One operation; `by_query` is None if it has no query form."""

    name: str
    target: str
    request: Shape
    by_json: Answers
    by_query: Answers | None = None


def operations_of(document: Document) -> list[Operation]:
    """All that is asked for by a target, in the order of the document."""
    return list(_operations(document, Shapes(document)))


def _operations(document: Document, shapes: "Shapes") -> Iterator[Operation]:
    paths = document["paths"]
    for path, methods in paths.items():
        if path.startswith(JSON_FORM):
            target = path.removeprefix(JSON_FORM)
            name = target.partition(".")[2]
            asked = methods["post"]["requestBody"]["content"][API_JSON]["schema"]
            query = paths.get(f"{QUERY_FORM}{name}", {}).get("get")
            yield Operation(
                name, target, shapes.of(asked), _answers(document, methods["post"]), query and _answers(document, query)
            )


def _answers(document: Document, form: Document) -> Answers:
    responses = {int(status): resolved(document, answer) for status, answer in form["responses"].items()}
    return Answers(frozenset(responses), frozenset(_errors(document, responses)), _body(responses[200]))


def resolved(document: Document, part: Document) -> Document:
    """A part, or what it refers to."""
    found = document
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found if "$ref" in part else part


def _body(response: Document) -> Document | None:
    schema: Document | None = response.get("content", {}).get(API_JSON, {}).get("schema")
    return schema


def _errors(document: Document, responses: dict[int, Document]) -> Iterator[str]:
    """The names of all errors that it may answer with; those of any operation where it declares none."""
    for status, response in responses.items():
        schema = _body(response) or {}
        for each in schema.get("oneOf", [schema]) if status != 200 else ():
            kind = resolved(document, each)["properties"]["__type"]
            yield from kind.get("enum") or error_names(document)


def error_names(document: Document) -> Iterator[str]:
    """Every error that the document knows."""
    for schema in document["components"]["schemas"].values():
        yield from schema.get("properties", {}).get("__type", {}).get("enum", ())


class Shapes:
    """Shapes by their schemas, each made once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._made: dict[str, Shape] = {}

    def of(self, schema: Document) -> Shape:
        reference = schema.get("$ref")
        if reference is None:
            return self._made_of(schema)
        if reference not in self._made:
            self._made[reference] = self._made_of(resolved(self._document, schema))
        return self._made[reference]

    def _made_of(self, schema: Document) -> Shape:
        match schema.get("type"):
            case "object" if "properties" in schema:
                members = {name: self.of(each) for name, each in schema["properties"].items()}
                return Shape("object", members=members, required=frozenset(schema["required"]))
            case "object":
                key = self.of({"type": "string", **schema.get("propertyNames", {})})
                item = self.of(schema["additionalProperties"])
                return Shape("map", schema.get("minProperties"), schema.get("maxProperties"), key=key, item=item)
            case "array":
                return Shape("array", schema.get("minItems"), schema.get("maxItems"), item=self.of(schema["items"]))
            case "string":
                limits = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern", "")
                return Shape("string", *limits, tuple(schema.get("enum", ())))
            case "integer":
                return Shape("integer", schema.get("minimum"), schema.get("maximum"))
            case kind:
                assert kind in {"boolean", "number"}, f"a schema of an unknown kind: {schema}"
                return Shape(kind)
