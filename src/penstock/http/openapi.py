"""The whole surface as an OpenAPI 3.1 document, made from the types that requests are decoded by: /_penstock/openapi.json.

OpenAPI tells operations apart by path and method, this API by a header or a parameter. As in other descriptions of such
services, what tells them apart stands behind the path as a fragment, `/#X-Amz-Target=CodePipeline_20150709.PollForJobs`:
that makes the paths differ, and clients do not send fragments. The header or the parameter itself is declared beside it
with its one value, so that what is generated from the document sends it.
"""

import asyncio

import msgspec

from penstock.http.asgi import Receive, Scope, Send, respond
from penstock.http.openapi_operations import Document, operation_paths, operation_responses, operation_schemas

__all__ = ["PATH", "OpenApi", "document"]

PATH = "/_penstock/openapi.json"
JSON = "application/json"

DESCRIPTION = """\
A self-hosted AWS CodePipeline. Each of the service's operations can be asked for in two forms: as JSON, the operation named by
the header `X-Amz-Target`, and as parameters of a query string or a form, the operation named by `Action`. Penstock's own
operations have the JSON form only. What stands behind a `#` in a path is not sent; it tells the operations apart.

Requests are signed with AWS Signature Version 4 for the service `codepipeline`, in the header `Authorization` or, presigned,
in the query string. What lies under `/_penstock/` is not signed.

The same port is an S3 endpoint for artifacts and sources (`/{bucket}/{key}`, signed for `s3`), and answers what clients need
of STS (a form with an `Action` of STS, signed for `sts`). Neither is described here: both are AWS's own, in part.
"""

TAGS = {
    "JSON form": "The service's operations, as SDKs and the AWS CLI ask for them",
    "Query form": "The same operations, by parameters",
    "Own operations": "What penstock offers beside them",
    "Pages": "What is not signed",
}

SECURITY = {
    "signature": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "AWS Signature Version 4, which may stand in the query string instead",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
}

# What a sender is told of its delivery, by status.
DELIVERIES = {
    "200": "Taken in and judged",
    "400": "The payload is not what the webhook or the connection takes",
    "403": "The delivery does not prove itself",
    "404": "Nobody has this address",
    "408": "The body did not come in time",
    "413": "The body is larger than 5 MiB",
    "500": "A fault of the server, which its log tells",
    "503": "Too many deliveries are under way",
}


class OpenApi:
    """ASGI: the document, made when it is first asked for. `version` is the server's."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._text: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._text is None:
            self._text = msgspec.json.encode(await asyncio.to_thread(document, self._version))
        await respond(send, 200, self._text, JSON.encode())


def document(version: str) -> Document:
    """The description of all operations and of the pages beside them."""
    schemas = operation_schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "penstock",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "security": [{"signature": []}],
        "paths": {**dict(operation_paths(schemas)), **_pages()},
        "components": {
            "schemas": schemas,
            "responses": operation_responses(),
            "headers": {"RequestId": {"description": "A name of this answer", "schema": {"type": "string"}}},
            "securitySchemes": SECURITY,
        },
    }


def _pages() -> Document:
    status = {
        "type": "object",
        "properties": {"status": {"type": "string", "enum": ["ok", "stopping"]}, "version": {"type": "string"}},
        "required": ["status", "version"],
    }
    health = {"200": _answer("It can serve", JSON, status), "503": _answer("It cannot serve", JSON, status)}
    metrics = _answer("Metrics as Prometheus reads them", "text/plain", {"type": "string"})
    itself = _answer("This document", JSON, {"type": "object"})
    return {
        "/_penstock/health": {"get": _page("Health", health)},
        "/_penstock/metrics": {"get": _page("Metrics", {"200": metrics})},
        PATH: {"get": _page("OpenApi", {"200": itself})},
        "/_penstock/webhooks/{token}": {"post": _delivery("DeliverToWebhook")},
        "/_penstock/webhooks/connections/{token}": {"post": _delivery("DeliverToConnection")},
    }


def _answer(about: str, content_type: str, schema: Document) -> Document:
    return {"description": about, "content": {content_type: {"schema": schema}}}


def _page(operation_id: str, answers: Document) -> Document:
    return {"operationId": operation_id, "tags": ["Pages"], "security": [], "responses": answers}


def _delivery(operation_id: str) -> Document:
    told = {"type": "object"}
    answers = {status: _answer(about, JSON, told) for status, about in DELIVERIES.items()}
    return {
        **_page(operation_id, answers),
        "parameters": [{"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {JSON: {"schema": {}}}},
    }
