"""The OpenAPI document is valid, tells what the model tells, and a tool that reads it gets answers that are as it says."""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, Phase, given, settings
from msgspec import inspect

from penstock import __version__
from penstock.operations.registry import HANDLERS, OWN_TARGET_PREFIX
from penstock.wire import errors
from penstock.wire.catalog import OPERATIONS, TARGET_PREFIX
from serving import Server, serving

# One of each kind: text alone, structures, lists, maps, numbers, no answer; and one of penstock's own.
FEW = (
    "PollForJobs",
    "TagResource",
    "PutJobFailureResult",
    "ListActionTypes",
    "ListWebhooks",
    "PenstockExplainPipeline",
)
FORM = "application/x-www-form-urlencoded"
API_JSON = "application/x-amz-json-1.1"
# What is longer belongs into a form: the HTTP server turns it away before anybody has looked at it.
URL_LENGTH_MAX = 60_000
SIGNING = {"InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that nobody else uses: what a tool sends it may be anything."""
    with serving(tmp_path_factory.mktemp("openapi") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fetched(server)[1])
    return found


def fetched(server: Server) -> tuple[str, bytes]:
    with urllib.request.urlopen(f"{server.url}/_penstock/openapi.json") as answer:
        return answer.headers["content-type"], answer.read()


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part, or what it refers to."""
    for name in part.get("$ref", "#").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def operation_of(document: dict[str, Any], name: str, form: str) -> dict[str, Any]:
    path = f"/#X-Amz-Target={TARGET_PREFIX}.{name}" if form == "json" else f"/#Action={name}"
    found: dict[str, Any] = document["paths"][path]["get" if form == "query" else "post"]
    return found


def test_anybody_may_have_it_and_it_stays_the_same(server: Server) -> None:
    assert fetched(server) == fetched(server)
    assert fetched(server)[0] == "application/json"


def test_it_is_valid(document: dict[str, Any]) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator, validate

    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == __version__


def test_each_operation_is_there_once_in_each_of_its_forms(document: dict[str, Any]) -> None:
    targets = {path.partition("#X-Amz-Target=")[2] for path in document["paths"] if "#X-Amz-Target=" in path}
    actions = {path.partition("#Action=")[2] for path in document["paths"] if "#Action=" in path}
    assert targets == set(HANDLERS)
    assert actions == set(OPERATIONS)
    ids = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids)) == len(HANDLERS) + 2 * len(OPERATIONS) + 5
    assert {"GetPipeline", "GetPipelineByQuery", "GetPipelineByForm", "PenstockCreatePrincipal"} <= set(ids)


def test_the_header_and_the_action_have_the_one_value_that_they_must_have(document: dict[str, Any]) -> None:
    for target in HANDLERS:
        (header,) = document["paths"][f"/#X-Amz-Target={target}"]["post"]["parameters"]
        assert (header["name"], header["in"], header["required"]) == ("X-Amz-Target", "header", True)
        assert header["schema"]["enum"] == [target]
    for name in OPERATIONS:
        action = operation_of(document, name, "query")["parameters"][0]
        assert (action["name"], action["in"], action["required"]) == ("Action", "query", True)
        assert action["schema"]["enum"] == [name]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_members_are_those_of_the_operation_and_required_where_it_requires_them(
    document: dict[str, Any], name: str
) -> None:
    kind = inspect.type_info(OPERATIONS[name].input)
    assert isinstance(kind, inspect.StructType)
    members = {field.encode_name for field in kind.fields}
    required = {field.encode_name for field in kind.fields if field.required}
    body = resolved(document, operation_of(document, name, "json")["requestBody"]["content"][API_JSON]["schema"])
    assert (set(body["properties"]), set(body["required"])) == (members, required)
    form = operation_of(document, name, "form")["requestBody"]["content"][FORM]["schema"]
    assert set(form["properties"]) == {*members, "Action", "DryRun"}
    assert set(form["required"]) == {*required, "Action"}
    parameters = operation_of(document, name, "query")["parameters"]
    assert {each["name"] for each in parameters} == {*members, "Action", "DryRun"}
    assert {each["name"] for each in parameters if each["required"]} == {*required, "Action"}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_declared_error_is_told_with_its_status(document: dict[str, Any], name: str) -> None:
    for form in ("json", "query", "form"):
        responses = operation_of(document, name, form)["responses"]
        told = {status: types(document, resolved(document, answer)) for status, answer in responses.items()}
        for error in OPERATIONS[name].errors:
            assert error in told[str(getattr(errors, error).status)]
        assert {"AccessDeniedException", "InvalidSignatureException", "SerializationException"} <= told["400"]
        assert told["413"] == {"RequestEntityTooLargeException"}
        assert (told["500"], told["503"]) == ({"InternalFailure"}, {"ServiceUnavailable"})
        assert told.get("412") == (None if form == "json" else {"DryRunOperation"})


def test_an_error_that_the_model_forgets_is_told_as_well(document: dict[str, Any]) -> None:
    assert "PipelineNotFoundException" not in OPERATIONS["UpdatePipeline"].errors
    refused = resolved(document, operation_of(document, "UpdatePipeline", "json")["responses"]["400"])
    assert "PipelineNotFoundException" in types(document, refused)


def types(document: dict[str, Any], answer: dict[str, Any]) -> set[str]:
    """The errors that an answer may be."""
    schema = answer.get("content", {API_JSON: {"schema": {}}})[API_JSON]["schema"]
    shapes = [resolved(document, each) for each in schema.get("oneOf", [schema])]
    return (
        {name for shape in shapes for name in shape["properties"].get("__type", {}).get("enum", [])}
        if shapes[0]
        else set()
    )


def test_constraints_are_the_models(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["GetPipelineInput"]["properties"] == {
        "name": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^(?:[A-Za-z0-9.@\\-_]+)$"},
        "version": {"type": "integer", "minimum": 1, "maximum": 2147483647},
    }
    owner = schemas["ActionTypeId"]["properties"]["owner"]
    assert (owner["type"], set(owner["enum"])) == ("string", {"AWS", "ThirdParty", "Custom"})
    assert schemas["PollForJobsInput"]["properties"]["queryParam"]["maxProperties"] == 1
    assert schemas["TagResourceInput"]["properties"]["tags"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Tag"},
    }


def test_structures_stand_in_a_query_and_in_a_form_as_json_text(document: dict[str, Any]) -> None:
    parameters = {each["name"]: each for each in operation_of(document, "PollForJobs", "query")["parameters"]}
    assert set(parameters["actionTypeId"]["content"]) == {"application/json"}
    assert parameters["maxBatchSize"]["schema"]["type"] == "integer"
    form = operation_of(document, "PollForJobs", "form")["requestBody"]["content"][FORM]
    assert form["encoding"] == {name: {"contentType": "application/json"} for name in ("actionTypeId", "queryParam")}


def test_patterns_are_ones_that_other_languages_know(document: dict[str, Any]) -> None:
    patterns = set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(document)))
    assert len(patterns) > 10
    assert not [pattern for pattern in patterns if re.search(r"\\\\[AZz]|\(\?<|\(\?P|\(\?a", pattern)]


def test_pages_are_not_signed_and_operations_are(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for each in methods.values():
            assert (each.get("security") == []) is path.startswith("/_penstock/")
    assert document["security"] == [{"signature": []}]
    scheme = document["components"]["securitySchemes"]["signature"]
    assert (scheme["in"], scheme["name"], scheme["x-amazon-apigateway-authtype"]) == (
        "header",
        "Authorization",
        "awsSigv4",
    )


class Signed:
    """Signs what a tool is about to send."""

    def __init__(self, server: Server) -> None:
        keys = server.root_keys
        self._credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])

    def __call__(self, request: Any) -> Any:
        address, _, query = request.url.partition("#")[0].partition("?")
        request.url = f"{address}?{query.replace('+', '%20')}"
        kept = ("content-type", "x-amz-target")
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        signed = AWSRequest(request.method, request.url, data=request.body or b"", headers=headers)
        SigV4Auth(self._credentials, "codepipeline", "us-east-1").add_auth(signed)
        request.headers.update(signed.headers.items())
        return request


@pytest.fixture(scope="module")
def schema(server: Server) -> Any:
    """The document as schemathesis reads it, which is told the two media types that it does not know."""
    import schemathesis

    @schemathesis.deserializer(API_JSON)
    def read(_context: Any, response: Any) -> Any:
        return json.loads(response.content)

    @schemathesis.serializer(API_JSON)
    def write(_context: Any, value: Any) -> bytes:
        return json.dumps(value).encode()

    @schemathesis.serializer(FORM)
    def write_form(_context: Any, value: Any) -> bytes:
        texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in value.items()}
        return urlencode(texts).encode()

    return schemathesis.openapi.from_url(f"{server.url}/_penstock/openapi.json")


def answers_are_as_declared(server: Server, schema: Any, examples_max: int, wanted: Any) -> int:
    """How many requests were made up from the document, sent, and answered as it says."""
    sent = []
    signed = Signed(server)
    for found in schema.get_all_operations():
        operation = found.ok()
        if not wanted(operation.definition.raw["operationId"]):
            continue

        @settings(
            max_examples=examples_max,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def check(case: Any) -> None:
            answer = case.call(base_url=server.url, auth=signed)
            if len(answer.request.url) > URL_LENGTH_MAX:
                return
            assert str(answer.status_code) in case.operation.definition.raw["responses"], answer.text
            assert answer.status_code < 500
            assert answer.status_code != 400 or answer.json()["__type"] not in SIGNING
            case.operation.validate_response(answer)
            sent.append(case)

        check()
    return len(sent)


def test_a_tool_can_make_requests_of_it_and_is_answered_as_it_says(server: Server, schema: Any) -> None:
    few = {f"{name}{form}" for name in FEW for form in ("", "ByQuery", "ByForm")}
    assert answers_are_as_declared(server, schema, 3, few.__contains__) >= 3 * 16


@pytest.mark.long
def test_a_tool_can_do_so_for_every_operation(server: Server, schema: Any) -> None:
    everything = len(HANDLERS) + 2 * len(OPERATIONS)
    assert answers_are_as_declared(server, schema, 3, lambda name: not name.startswith("Deliver")) > 2 * everything


def test_the_names_of_own_operations_are_marked(document: dict[str, Any]) -> None:
    own = [target for target in HANDLERS if target.startswith(f"{OWN_TARGET_PREFIX}.")]
    for target in own:
        operation = document["paths"][f"/#X-Amz-Target={target}"]["post"]
        assert operation["operationId"] == target.replace(".", "")
        assert operation["tags"] == ["Own operations"]
